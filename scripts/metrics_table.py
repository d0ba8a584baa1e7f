"""Write the table of metrics into docs/observability.md from the metrics themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics import MetricWrapperBase

import contract.signals
import dashboard.signals
import monitor.join.signals
import monitor.signals
import scorer.models.challenger_signals
import scorer.signals
from scorer.rest.instruments import Instruments

PAGE = Path(__file__).resolve().parent.parent / "docs" / "observability.md"
BEGIN, END = "<!-- metrics, by scripts/metrics_table.py -->\n", "<!-- end of metrics -->\n"
_MODULES = {
    "all": contract.signals,
    "score, serve": scorer.signals,
    "score": scorer.models.challenger_signals,
    "join": monitor.join.signals,
    "monitor": monitor.signals,
    "dashboard": dashboard.signals,
}


class Family(NamedTuple):
    """A metric: who has it, its name without a suffix, its type, labels, and what it is."""

    workers: str
    name: str
    type: str
    labels: tuple[str, ...]
    help: str


def families() -> Iterator[Family]:
    """Every metric of ours."""
    for workers, module in _MODULES.items():
        found = (one for one in vars(module).values() if isinstance(one, MetricWrapperBase))
        # what a module takes from another is that one's
        own = [one for one in found if workers == "all" or one not in vars(contract.signals).values()]
        yield from (_family(workers, one) for one in own)
    instruments = vars(Instruments()).values()
    yield from (_family("serve", one) for one in instruments if isinstance(one, MetricWrapperBase))


def page(before: str) -> str:
    """The page with the table as it should be."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + "\n".join(_table()) + "\n" + END + tail


def _table() -> Iterator[str]:
    yield "| metric | type | labels | worker | what it is |"
    yield "|---|---|---|---|---|"
    for one in families():
        name = f"{one.name}_total" if one.type == "counter" else one.name
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{name}` | {one.type} | {labels} | {one.workers} | {one.help} |"


def _family(workers: str, metric: MetricWrapperBase) -> Family:
    (described,) = metric.describe()
    return Family(workers, described.name, described.type, tuple(metric._labelnames), described.documentation)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
