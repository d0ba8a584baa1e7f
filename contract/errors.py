"""The error for a mistake of the user's, shown as one line and never as a traceback."""


class UserError(Exception):
    """A mistake that the user can mend: the message names the field or setting, the value's kind and the remedy."""
