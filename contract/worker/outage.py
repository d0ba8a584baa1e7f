"""An outage in the log: one warning when it begins, one line when it is over, however often it is met meanwhile."""

import logging


class Outage:
    """Of one thing that is tried again and again, from one thread. ``lasts`` while the last attempt failed."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self.lasts = False

    def begin(self, message: str, *values: object) -> None:
        """An attempt has failed."""
        if not self.lasts:
            self._log.warning(message, *values)
        self.lasts = True

    def end(self, message: str) -> None:
        """An attempt has succeeded."""
        if self.lasts:
            self._log.info(message)
        self.lasts = False
