"""Which version has the alias: the judgement of a challenger, promotion, and the way back.

A version takes the alias if its Brier score on held-out rows is lower than the champion's by more than noise. The Brier
score is a proper one, uses what every row says and not only those at a threshold, and calibrated probabilities are what
the stream's estimates rest on; F1 at two thresholds needs many more rows to tell two models apart.

The alias changes in one call, and its history is written before: a crash between the two leaves the champion as it was,
and an entry in the history that `rollback` passes over. Since when a version has it is noted after: a crash before that
leaves it unknown, and never wrong.
"""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import UserError
from contract.models.aliases import CHALLENGER, history_text, read_history, with_reign
from contract.models.registry import (
    Registered,
    find_version,
    load_registered,
    model_title,
    out_of_reach,
    positive_probabilities,
    registry_client,
    registry_outages,
)
from contract.schema import Schema, load_schema
from contract.settings import Settings
from training.quality.evaluate import compare
from training.registered import tags
from training.registered.tries import MOST_COMPARISONS, Note, confidence, live_rows, rows_name, spend
from training.registered.unlearned import unlearned
from training.registered.verdict import (
    USED_UP,
    Names,
    PairJudged,
    Verdict,
    incomparable,
    judged_text,
    objected,
    read_judged,
    verdict_of,
)
from training.registered.versions import Version, describe, find, reference_rows
from training.selection.develop import HeldOut

if TYPE_CHECKING:
    from mlflow import MlflowClient

HISTORY_LENGTH = 100
_log = logging.getLogger("churnstream.promotion")


@dataclass(frozen=True)
class RolledBack:
    """The alias went back from one version to an earlier one; ``passed_over`` could not have it, and why."""

    before: int
    now: int
    passed_over: tuple[str, ...]


def judge(
    client: "MlflowClient",
    settings: Settings,
    schema: Schema,
    version: int,
    champion: int | None,
    held: HeldOut | None,
    *,
    force: bool,
) -> Verdict:
    """Whether ``version`` takes the alias from ``champion``, on rows held out from the version's training.

    ``held`` has the version's probabilities for them; None will do where there is no champion. What the champion has
    learned from of these rows is left out (``training.registered.unlearned``); one that has learned from most of them,
    and one for another schema, which cannot score them, are not compared. What was found is kept with the version, and
    said again when it is asked for once more, as one comparison (``training.registered.tries``).

    A version that its training has objections to (``training.quality.objections``) takes the alias by ``force`` alone,
    the first one not excepted, and is not compared.
    """
    challenger = describe(client, settings, version)
    if challenger.objections:
        return objected(challenger.title, f"@{settings.model_alias}", challenger.objections, force=force)
    if champion is None or held is None:
        return Verdict(True, f"{challenger.title} is the first @{settings.model_alias}")
    names = Names.of(settings, version, champion)
    reigning = describe(client, settings, champion)
    before = read_judged(challenger.tags.get(tags.JUDGED, ""))
    if before is not None and before.champion == champion:
        return verdict_of(before, names, force=force)
    try:
        loaded = load_registered(settings, champion, schema)
        held = unlearned(client, reigning, challenger, held, schema)
    except UserError as error:
        return incomparable(names, str(error), force=force)
    number = spend(client, settings, Note(rows_name(challenger), version, champion))
    if number is None:
        return incomparable(names, USED_UP, force=force)
    other = positive_probabilities(loaded.classifier, held.X)
    found = compare(held.y, held.scores, other, held.customers, confidence=confidence(number))
    judged = PairJudged(champion, number, len(held.y), found.gain, found.low, found.high, found.confidence)
    client.set_model_version_tag(settings.model_name, str(version), tags.JUDGED, judged_text(judged))
    return verdict_of(judged, names, force=force)


def give_alias(client: "MlflowClient", settings: Settings, version: int, verdict: Verdict) -> None:
    """Make ``version`` the one that scores, remember who had the alias, and tag the version if it was forced."""
    current = find_version(client, settings)
    if current is not None and current != version:
        _write_history(client, settings, [*_history(client, settings), current][-HISTORY_LENGTH:])
    if verdict.forced:
        client.set_model_version_tag(settings.model_name, str(version), tags.FORCED, verdict.reason)
    _set_alias(client, settings, version)


def promote(settings: Settings, text: str, *, force: bool = False, live: bool | None = None) -> Verdict:
    """Give a registered version the alias if it is better than the champion by more than noise, or if ``force``.

    With ``live`` its answers on the stream count as well (``training.registered.live``). Where nothing is said of that,
    they do if it is named as ``@challenger``, and if Kafka cannot be reached then, the held-out rows decide alone.

    Raises:
        UserError: there is no such version, or one that can never be champion: made by the report's protocol, or one
            that the scorer would refuse. MLflow does not answer, or with ``live`` Kafka does not.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    try:
        version = find(client, settings, text)
        settings = version.settings
        loaded = promotable(version, schema)
        champion = find_version(client, settings)
        if champion == version.number:
            return Verdict(True, f"{version.title} has @{settings.model_alias} already")
        held = None
        if champion is not None:
            kept = reference_rows(client, version, schema)
            scores = positive_probabilities(loaded.classifier, kept.X)
            held = HeldOut(kept.X, kept.y, scores, kept.customers, kept.times)
        verdict = judge(client, settings, schema, version.number, champion, held, force=force)
        asked = live or (live is None and text.strip().endswith(f"@{CHALLENGER}"))
        if asked and champion is not None and not version.objections:
            pair = version, describe(client, settings, champion)
            verdict = _with_stream(client, schema, pair, verdict, force=force, must=live is True)
        if verdict.promoted:
            give_alias(client, settings, version.number, verdict)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return verdict


def _with_stream(
    client: "MlflowClient", schema: Schema, pair: tuple[Version, Version], verdict: Verdict, *, force: bool, must: bool
) -> Verdict:
    """The verdict, and what the answers of challenger and champion on the stream add to it; ``must``: or an error."""
    from training.registered.live import evidence, read_pairs, with_live

    version, champion = pair
    settings = version.settings
    try:
        rows = read_pairs(client, settings, schema, pair)
    except UserError as error:
        if must:
            raise
        return verdict.saying(f"its answers on the stream could not be counted: {error}")
    number = spend(client, settings, Note(live_rows(champion.number), version.number, champion.number))
    if number is None:
        return verdict.saying(f"{MOST_COMPARISONS} challengers of {champion.title} have been compared on the stream")
    found = evidence(rows, (version, champion), number, confidence(number))
    return with_live(verdict, found, Names.of(settings, version.number, champion.number), force=force)


def rollback(settings: Settings) -> RolledBack:
    """Give the alias back to the version that had it before the present one.

    Versions that are gone or can no longer be champion are passed over. The version that loses the alias is not
    remembered: a second rollback goes one further back.

    Raises:
        UserError: no version has the alias, none had it before, or none of those can have it. MLflow does not answer.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    alias = f"@{settings.model_alias}"
    from mlflow.exceptions import MlflowException

    try:
        current = find_version(client, settings)
        if current is None:
            raise UserError(
                f"no version of model {settings.model_name!r} has {alias}, so there is nothing to roll back; give it "
                f"to one with `churnstream promote VERSION`"
            )
        earlier = [number for number in _history(client, settings) if number != current]
        passed_over: list[str] = []
        while earlier:
            number = earlier.pop()
            reason = _refused(client, settings, schema, number)
            if reason is None:
                _set_alias(client, settings, number)
                _write_history(client, settings, earlier)
                return RolledBack(current, number, tuple(passed_over))
            passed_over.append(reason)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    why = "".join(f" ({reason})" for reason in passed_over)
    raise UserError(
        f"no version that had {alias} before {model_title(settings, current)} can have it again{why}; choose one "
        f"with `churnstream promote VERSION`"
    )


def promotable(version: Version, schema: Schema) -> Registered:
    """The version, loaded as the scorer loads it; raises ``UserError`` if it must not be champion."""
    if version.tags.get(tags.PROTOCOL) == tags.STUDY:
        raise UserError(
            f"{version.title} was made by the report's protocol, whose figures come from synthetic rows in its test "
            f"set; it never becomes champion, even with --force: train one with `churnstream train`"
        )
    return load_registered(version.settings, version.number, schema)


def _refused(client: "MlflowClient", settings: Settings, schema: Schema, number: int) -> str | None:
    """Why a version cannot have the alias, None if it can."""
    if find_version(client, settings, number) is None:
        return f"{model_title(settings, number)} is gone"
    try:
        promotable(describe(client, settings, number), schema)
    except UserError as error:
        return str(error)
    return None


def _set_alias(client: "MlflowClient", settings: Settings, version: int) -> None:
    """Give the alias, and note since when the version has it."""
    since = int(time.time() * 1_000)
    client.set_registered_model_alias(settings.model_name, settings.model_alias, str(version))
    name = tags.REIGNS + settings.model_alias
    try:
        client.set_registered_model_tag(
            settings.model_name, name, with_reign(_tag(client, settings, name), version, since)
        )
    except registry_outages() as error:
        # what was asked for is done
        _log.warning(
            "%s has @%s, but the time of the change could not be noted (%s)",
            model_title(settings, version),
            settings.model_alias,
            error,
        )


def _tag(client: "MlflowClient", settings: Settings, name: str) -> str:
    return str(client.get_registered_model(settings.model_name).tags.get(name, ""))


def _history(client: "MlflowClient", settings: Settings) -> list[int]:
    return read_history(_tag(client, settings, tags.HISTORY + settings.model_alias))


def _write_history(client: "MlflowClient", settings: Settings, versions: list[int]) -> None:
    client.set_registered_model_tag(settings.model_name, tags.HISTORY + settings.model_alias, history_text(versions))
