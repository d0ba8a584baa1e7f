"""The command that a user may want next, as it has to be typed."""

import shlex

from contract.settings import Settings, load_settings


def promote_anyway(settings: Settings, version: int | str) -> str:
    """How a version that does not take the alias gets it all the same."""
    named = shlex.quote(str(version))
    return f"churnstream promote {named}{_flags(settings)} --force, if it should score anyway"


def _flags(settings: Settings) -> str:
    """Settings that came by a flag: without them, the next command would look for another model or another schema."""
    usual = load_settings()
    stream = settings.stream if settings.stream != usual.stream else None
    if stream is not None:
        usual = load_settings(stream=stream)
    model = settings.model_name if settings.model_name != usual.model_name else None
    schema = settings.dataset if settings.dataset != usual.dataset else None
    given = (("--stream", stream), ("--model-name", model), ("--dataset", schema))
    return "".join(f" {flag} {shlex.quote(str(value))}" for flag, value in given if value is not None)
