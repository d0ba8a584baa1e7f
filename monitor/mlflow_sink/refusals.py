"""What MLflow said no to, told from what failed on the way: a refusal comes again however often one asks."""

import re

from contract.masking import without_secrets

_STATUSES = {400, 413, 414, 422}
_IN_TEXT = re.compile(r"failed with error code (\d{3})\b")


def is_refusal(error: Exception) -> bool:
    """Whether MLflow, or a proxy before it, refused what was sent. An outage, a lack of rights or a run that is gone
    is none, because the same thing may be taken later.
    """
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return False
    # an answer that is not MLflow's own has its status in the text only
    told = _IN_TEXT.search(str(error))
    status: int = int(told.group(1)) if told else error.get_http_status_code()  # type: ignore[no-untyped-call]
    return status in _STATUSES


def first_line(error: Exception) -> str:
    """What an error says, on one line and without secrets."""
    return without_secrets(str(error).strip().partition("\n")[0]) or type(error).__name__
