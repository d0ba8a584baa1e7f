"""Which windows there are, and which panes they are made of."""

from dataclasses import dataclass

from contract.errors import UserError


@dataclass(frozen=True)
class WindowSpec:
    """Windows of ``size`` ms, one beginning at each multiple of ``slide`` ms since the epoch.

    Raises:
        UserError: ``size`` is not a positive multiple of ``slide``.
    """

    size: int
    slide: int

    def __post_init__(self) -> None:
        if self.slide <= 0 or self.size <= 0 or self.size % self.slide:
            raise UserError(
                f"window ({self.size} ms) must be a positive multiple of slide ({self.slide} ms); e.g. 7d and 1d"
            )

    def windows_of(self, pane: int) -> range:
        """Starts of the ``size / slide`` windows that the pane starting at ``pane`` is part of."""
        return range(pane - self.size + self.slide, pane + self.slide, self.slide)

    def panes_of(self, window: int) -> range:
        """Starts of the panes that make up the window starting at ``window``."""
        return range(window, window + self.size, self.slide)
