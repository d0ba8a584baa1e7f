"""What the registry says of a version now: its aliases, when it was made, and its tags."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contract.settings import Settings
from training.quality.objections import read_objections
from training.registered import tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_TAGS = 60
LONGEST_TAG = 400
_OURS = "churnstream."


@dataclass(frozen=True)
class RegistryFacts:
    """A version in the registry.

    ``forced`` is the reason for which it took the alias all the same, empty if none; ``objections`` is what speaks
    against it.
    """

    model: str
    version: int
    made: str
    aliases: tuple[str, ...]
    forced: str
    objections: tuple[str, ...]
    told: dict[str, str]

    @property
    def title(self) -> str:
        return f"{self.model} v{self.version}"


def standing(client: "MlflowClient", settings: Settings, version: int) -> RegistryFacts:
    """Of a version that there is.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer, or there is no such version.
    """
    found = client.get_model_version(settings.model_name, str(version))
    registered = client.get_registered_model(settings.model_name)
    # the version's own list of aliases is empty in some stores
    aliases = tuple(sorted(alias for alias, number in registered.aliases.items() if int(number) == version))
    ours = {name: str(value) for name, value in sorted(found.tags.items()) if name.startswith(_OURS)}
    return RegistryFacts(
        settings.model_name,
        version,
        datetime.fromtimestamp(int(found.creation_timestamp) / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        aliases,
        _cut(ours.get(tags.FORCED, "")),
        read_objections(ours.get(tags.OBJECTIONS)),
        {name: _cut(value) for name, value in list(ours.items())[:MOST_TAGS]},
    )


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_TAG else value[: LONGEST_TAG - 1] + "…"
