"""What goes wrong, as exceptions. All of ours are ``ChurnstreamError``s, and their names end in ``Error``."""

from contract.masking import without_secrets


class ChurnstreamError(Exception):
    """Anything that churnstream raises on purpose."""


class UserError(ChurnstreamError):
    """A mistake that the user can mend, shown as one line and never as a traceback.

    The message names the field or setting, the value's kind and the remedy. Passwords and tokens in it are hidden,
    also those in what a library has said.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))
