"""Tables with ratios, and a plot, of what was measured."""

from collections.abc import Sequence
from pathlib import Path

from cases import TRANSACTIONAL
from running import MeasuredCase

_COPY_OF_QUIX = "Quix Streams, copy, exactly once"


def tables(sections: dict[str, list[MeasuredCase]], batch: int) -> str:
    """A table a section; a ratio is to the transactional copy of the same stream, or to Quix Streams' copy."""
    lines = []
    for name, found in sections.items():
        lines += [f"### {name} (batches of {batch:,})", ""]
        lines += [
            "| worker | partitions | workers | records | bytes | records/s | ÷ transactional copy | ÷ Quix' copy "
        ]
        lines[-1] += "| µs CPU a record | MB |"
        lines += ["|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
        for one in found:
            case = one.case
            lines.append(
                f"| {case.name} | {case.partitions} | {case.workers} | {one.records:,} | {one.length:.0f} "
                f"| {one.rate:,.0f} | {_ratio(one, base_of(one, found))} | {_ratio(one, _named(found, _COPY_OF_QUIX))} "
                f"| {one.cpu:.1f} | {one.resident:,.0f} |"
            )
        lines.append("")
    return "\n".join(lines)


def base_of(one: MeasuredCase, found: Sequence[MeasuredCase]) -> MeasuredCase | None:
    """The transactional copy of the same stream; of another number of partitions or workers where there is no such."""
    copies = [each for each in found if each.case.name == TRANSACTIONAL]
    same = [each for each in copies if _stream(each) == _stream(one)]
    return next(iter(same or copies), None)


def plot(sections: dict[str, list[MeasuredCase]], path: Path) -> None:
    """Bars of records a second, a panel a section, with the slowest and the fastest run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [max(1, len(found)) for found in sections.values()]
    figure, panels = pyplot.subplots(
        len(sections), 1, figsize=(10, 1.2 + 0.42 * sum(rows)), height_ratios=rows, squeeze=False, layout="constrained"
    )
    for (name, found), panel in zip(sections.items(), panels[:, 0], strict=True):
        titles = [_title(one) for one in found]
        rates = [one.rate for one in found]
        spread = [[one.rate - one.slowest for one in found], [one.fastest - one.rate for one in found]]
        colours = ["tab:blue" if one.case.job == "score" else "tab:grey" for one in found]
        panel.barh(range(len(found)), rates, xerr=spread, color=colours)
        panel.set_yticks(range(len(found)), titles, fontsize=8)
        panel.invert_yaxis()
        panel.set_title(name, loc="left", fontsize=9)
        panel.xaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    panels[-1, 0].set_xlabel("records/s")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _title(one: MeasuredCase) -> str:
    case = one.case
    more = [f"{case.partitions} partitions"] if case.partitions > 1 else []
    more += [f"{case.workers} workers"] if case.workers > 1 else []
    more += [case.length] if case.length != "277 B" else []
    more += [f"{one.records:,} records"] if case.records else []
    return ", ".join([case.name, *more])


def _stream(one: MeasuredCase) -> tuple[int, int, str, int | None]:
    case = one.case
    return case.partitions, case.workers, case.length, case.records


def _named(found: Sequence[MeasuredCase], name: str) -> MeasuredCase | None:
    return next((one for one in found if one.case.name == name), None)


def _ratio(one: MeasuredCase, base: MeasuredCase | None) -> str:
    return "" if base is None else f"{one.rate / base.rate:.2f}"
