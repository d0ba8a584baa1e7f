"""Parts of the page that are drawn by files of JavaScript beside this one."""

from collections.abc import Callable, Mapping

import msgspec
import nicegui.elements.echart  # noqa: F401  # registers ECharts, which the package brings
from nicegui.element import Element

from dashboard.charts.overview import Overview, changes


class TimeCharts(Element, component="charts.js"):
    """An ``overview``, charts on one time axis. Sends ``pick`` with ``window row``, -1 for none, and ``zoomed``."""

    def merge(self, old: Overview | None, new: Overview | None) -> None:
        """Sends what is different; the charts keep their zoom."""
        changed = changes(old, new) if old is not None and new is not None else {}
        if changed:
            self.run_method("merge", msgspec.json.encode(changed).decode())


class ColumnBars(Element, component="charts.js"):
    """A small chart alone: ``options`` of ECharts."""


class NumberTable(Element, component="number_table.js"):
    """A ``TableTexts`` that is opened by its summary."""


class PageKeys(Element, component="page_keys.js"):
    """Keys for the whole page, and light or dark as it was chosen before. Sends ``key``."""


COMPONENTS: Mapping[str, Callable[[], Element]] = {
    "time-charts": TimeCharts,
    "column-bars": ColumnBars,
    "number-table": NumberTable,
    "page-keys": PageKeys,
}
