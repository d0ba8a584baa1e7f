"""Which version scores beside the champion: the alias ``challenger``, given and taken away."""

from typing import TYPE_CHECKING

from contract.errors import UserError
from contract.models.aliases import CHALLENGER
from contract.models.registry import find_version, model_title, out_of_reach, registry_client
from contract.schema import load_schema
from contract.settings import Settings
from training.registered.promotion import promotable
from training.registered.versions import find

if TYPE_CHECKING:
    from mlflow import MlflowClient


def challenge(settings: Settings, text: str) -> str:
    """Give the alias to a version that could be champion, and say so in a sentence.

    Raises:
        UserError: there is no such version, it is the champion, or the scorer would refuse it. MLflow does not answer.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    try:
        version = find(client, settings, text)
        settings = version.settings
        champion = find_version(client, settings)
        if champion is None:
            raise UserError(
                f"no version of model {settings.model_name!r} has @{settings.model_alias}, so there is nothing to "
                f"challenge; give it to one with `churnstream promote {version.number}`"
            )
        if champion == version.number:
            raise UserError(
                f"{version.title} is the champion and scores already; name another version, or end the challenge "
                f"with `churnstream challenge --end`"
            )
        promotable(version, schema)
        before = _holder(client, settings)
        if before == version.number:
            return f"{version.title} has @{CHALLENGER} already."
        client.set_registered_model_alias(settings.model_name, CHALLENGER, str(version.number))
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    instead = "" if before is None else f", in place of v{before}"
    return f"{version.title} scores beside {model_title(settings, champion)} from now on, as @{CHALLENGER}{instead}."


def end_challenge(settings: Settings) -> str:
    """Take the alias away, and say so in a sentence.

    Raises:
        UserError: MLflow does not answer.
    """
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    try:
        before = _holder(client, settings)
        if before is None:
            return f"No version of model {settings.model_name} has @{CHALLENGER}."
        client.delete_registered_model_alias(settings.model_name, CHALLENGER)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return f"{model_title(settings, before)} no longer has @{CHALLENGER}; the champion scores alone."


def _holder(client: "MlflowClient", settings: Settings) -> int | None:
    return find_version(client, settings.model_copy(update={"model_alias": CHALLENGER}))
