"""Where the page gets what it shows."""

from typing import Protocol

from dashboard.view.model import Page
from dashboard.view.selected import Selected


class PageSource(Protocol):
    """What is known of the stream. Several pages in several threads may ask at once."""

    @property
    def revision(self) -> int:
        """Rises when there is something new to show. Cheap: it is looked at some times a second by each open page."""

    def page(self, selected: Selected) -> Page:
        """What is to be shown now. May take a while; it is called in a thread."""
