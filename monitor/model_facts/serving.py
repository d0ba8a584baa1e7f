"""Which versions have had an alias, from what MLflow says now and what has been said before. Pure.

MLflow stores no time for an alias. Where a tag says since when (``contract.models.aliases``), that counts. Where
another tool has moved the alias, it is the time at which the monitor saw that first; this stands on the topic from then
on, so a monitor that starts does not change it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contract.models.aliases import CHALLENGER, HISTORY, PROTOCOL, REIGNS, STUDY, read_history, read_reigns
from contract.versions import MOST_CHAMPIONS, Reign, ServingVersions


@dataclass(frozen=True)
class ListedVersion:
    """A version as the registry lists it: ``created`` in ms, UTC."""

    number: int
    created: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedModel:
    """A model as the registry has it now: version by alias, its tags, and its newest versions in any order."""

    aliases: Mapping[str, int]
    tags: Mapping[str, str]
    newest: Sequence[ListedVersion] = ()


def serving_versions(
    name: str, alias: str, model: ListedModel | None, said: ServingVersions | None, now: int
) -> ServingVersions | None:
    """What is to stand on the topic at ``now`` (ms); ``model`` None: MLflow has none. None: there is nothing to say.

    ``said``: what stands there.
    """
    if said is not None and said.alias != alias:
        said = None
    holder = None if model is None else model.aliases.get(alias)
    if model is None:
        return None if said is None else _of(name, alias, said.champions, (), without=True)
    champions = _champions(alias, model, holder, said, now)
    return _of(name, alias, champions, _challengers(model, holder, champions), without=holder is None)


def _of(
    name: str, alias: str, champions: Sequence[Reign], challengers: Sequence[int], *, without: bool
) -> ServingVersions:
    return ServingVersions(
        name=name,
        alias=alias,
        champions=tuple(champions[-MOST_CHAMPIONS:]),
        challengers=tuple(challengers),
        without=without,
    )


def _champions(
    alias: str, model: ListedModel, holder: int | None, said: ServingVersions | None, now: int
) -> list[Reign]:
    # a time to come is of a wrong clock
    noted = [each for each in read_reigns(model.tags.get(REIGNS + alias, "")) if (each.since or 0) <= now]
    if said is None:
        champions = [*_before(alias, model, noted), *noted]
        if holder is not None and (not champions or champions[-1].version != holder):
            champions.append(Reign(holder, None, now))
        return champions
    champions = list(said.champions)
    known = max((each.since or each.seen or 0 for each in champions), default=0)
    again = said.without
    for each in noted:
        if (each.since or 0) > known and (again or not champions or champions[-1].version != each.version):
            champions.append(each)
            again = False
    if holder is not None and (again or not champions or champions[-1].version != holder):
        champions.append(Reign(holder, now))
    return champions


def _before(alias: str, model: ListedModel, noted: Sequence[Reign]) -> list[Reign]:
    """Versions that had the alias before the first noted time. Each noted entry but the first has its forerunner among
    the noted ones.
    """
    history = read_history(model.tags.get(HISTORY + alias, ""))
    return [Reign(version) for version in history[: len(history) - max(len(noted) - 1, 0)]]


def _challengers(model: ListedModel, holder: int | None, champions: Sequence[Reign]) -> list[int]:
    """Versions with the alias, and those registered after the champion that have not been champion themselves."""
    found = {model.aliases[CHALLENGER]} if CHALLENGER in model.aliases else set()
    held = {each.version for each in champions}
    created = {each.number: each.created for each in model.newest}.get(holder or 0)
    for each in model.newest:
        newer = holder is None or (each.number > holder and (created is None or each.created >= created))
        if newer and each.number not in held and each.tags.get(PROTOCOL) != STUDY:
            found.add(each.number)
    return sorted(found - {holder})
