"""How often the input rule gives false alarms and what it finds, compared with other tools. One table each.

Nothing has changed: tumbling windows of 200, 1,000 and 5,000 records of the synthetic bank, and of customers of a
table whom the model has not seen, against ten references each; then customers who come again in overlapping windows,
and a weekly pattern. Alerts a month: the mean of all references with its standard error between them, the worst
reference, and in brackets how many windows a month are called drifted. (Windows of a table share customers, and it
has few of 5,000.) Then each change, in two windows of 1,000 records after fifteen undrifted ones, or in sixteen.

    python benchmarks/drift_quality.py --data Churn_Modelling.csv --nannyml PYTHON --alibi PYTHON

Leave out ``--data`` if there is no table. ``--nannyml`` and ``--alibi`` are interpreters of environments in which
these are installed. ``--quick`` takes a tenth of the windows, and leaves out slow peers. ``--only`` takes some of the
tables.
"""

import argparse
import atexit
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from input_rules import Elsewhere, Product, alarmed, corrected, evidently, plain
from input_streams import (
    CHANGES,
    SCORE_CHANGE,
    SMALL_CHANGES,
    Drawn,
    ScoredStream,
    SyntheticStream,
    TableStream,
    changed,
    read,
)
from months import MONTH, Months, by_weekday, coming_again, months
from scipy import stats

from contract.durations import DAY, HOUR
from contract.schema import Schema
from contract.windows import Drift
from monitor.budget import levels
from monitor.inputs.rhythm import RhythmWatch
from monitor.inputs.rule import LONGEST_SPAN, InputRule

FALSE_ALERTS = 0.5
SIZES = (200, 1_000, 5_000)
PACES = {"hourly": HOUR, "daily": DAY, "weekly": 7 * DAY}
LEVELS = {pace: levels(FALSE_ALERTS, slide).inputs for pace, slide in PACES.items()}
REFERENCES = 10
POWER_SIZE = 1_000
INPUTS = levels(FALSE_ALERTS, HOUR).inputs * MONTH / HOUR
SEED = 20_000
"""Seeds from here on: none of them had a part in choosing the rule."""


@dataclass(frozen=True)
class Rate:
    """``found`` of ``tried``."""

    found: int
    tried: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, after Clopper and Pearson."""
        low = stats.beta.ppf(0.025, self.found, self.tried - self.found + 1) if self.found else 0.0
        high = stats.beta.ppf(0.975, self.found + 1, self.tried - self.found) if self.found < self.tried else 1.0
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.found / self.tried:.0%} ({low:.0%} to {high:.0%})"


def undrifted(streams: Sequence[ScoredStream], size: int, windows: int, seed: int) -> list[list[Drift]]:
    """Verdicts on ``windows`` undrifted windows, one after another, as many of each stream: a list a stream."""
    found: list[list[Drift]] = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, size, number])
        drawn = (stream.draw(size, generator) for _ in range(min(windows // len(streams), stream.windows(size))))
        found.append(Product(stream).verdicts(drawn))
    return found


def same_customers(
    streams: Sequence[ScoredStream], size: int, times: int, slides: int, windows: int, seed: int
) -> list[list[Drift]]:
    """As ``undrifted``, of windows of seven days and ``slides`` to which customers come again and again."""
    found: list[list[Drift]] = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, size, times, slides, number])
        drawn = coming_again(stream, size, times, slides, windows // len(streams), generator)
        found.append(Product(stream).verdicts(drawn, slides=slides))
    return found


def weekly(
    streams: Sequence[ScoredStream], a_week: int, days: int, windows: int, seed: int
) -> tuple[list[list[Drift]], list[bool]]:
    """Verdicts as ``undrifted``, of windows of so many days, one each day, with a weekly pattern, and whether each
    stream's pattern is noticed.
    """
    found: list[list[Drift]] = []
    noticed: list[bool] = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, a_week, days, number])
        verdicts = Product(stream).verdicts(
            by_weekday(stream, a_week, days, windows // len(streams), generator), slides=days
        )
        watch = RhythmWatch(days * DAY, DAY)
        noticed.append(any(watch.put(day * DAY, one) and watch.rhythm() for day, one in enumerate(verdicts)))
        found.append(verdicts)
    return found, noticed


@dataclass(frozen=True)
class Prepared:
    """A stream with fifteen verdicts on undrifted windows of it, the newest first."""

    stream: ScoredStream
    product: Product
    history: list[Drift]


def prepare(streams: Sequence[ScoredStream], seed: int, level: float) -> list[Prepared]:
    """Each of the streams, ready to change. By the level a window that shows a change by itself is pooled no more."""
    prepared = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, number])
        product = Product(stream, InputRule(level))
        before = product.verdicts(stream.draw(POWER_SIZE, generator) for _ in range(LONGEST_SPAN - 1))
        prepared.append(Prepared(stream, product, before[::-1]))
    return prepared


def found_after(
    prepared: Sequence[Prepared], name: str, windows: int, runs: int, seed: int
) -> Iterator[tuple[list[Drift], list[Drawn]]]:
    """For each run the verdicts on ``windows`` windows with a change, after fifteen without, and the windows."""
    for run in range(runs):
        one = prepared[run % len(prepared)]
        generator = np.random.default_rng([seed, len(prepared), run])
        after = [changed(one.stream, name, POWER_SIZE, generator) for _ in range(windows)]
        yield one.product.verdicts(after, one.history), after


def caught(verdicts: Sequence[Sequence[Drift]], level: float) -> Rate:
    """Runs in which a window was called drifted."""
    return Rate(sum(any(alarmed(one, level) for one in run) for run in verdicts), len(verdicts))


Peer = Callable[[ScoredStream, Sequence[Drawn]], list[bool]]


def main() -> None:
    arguments = _arguments()
    part = 10 if arguments.quick else 1
    started = time.monotonic()
    sources: dict[str, list[ScoredStream]] = {
        "synthetic": [SyntheticStream(SEED + number) for number in range(REFERENCES)],
    }
    if arguments.data:
        table, schema = read(arguments.data, arguments.dataset)
        sources["table"] = [TableStream(table, schema, SEED + number) for number in range(REFERENCES)]
    peers = _peers(arguments, sources["synthetic"][0].schema)
    tables = {
        "undrifted": lambda: _print_undrifted(
            sources, peers, arguments.windows // part, arguments.peer_windows // part
        ),
        "repeated": lambda: _print_repeated(sources["synthetic"], arguments.windows // part),
        "weekly": lambda: _print_weekly(sources["synthetic"], arguments.windows // part),
        "power": lambda: _print_power(sources, peers, arguments.runs // part, arguments.peer_runs // part),
    }
    for name in arguments.only or tables:
        begun = time.monotonic()
        tables[name]()
        print(f"\n{name}: {time.monotonic() - begun:,.0f} s", flush=True)
    print(f"\n{time.monotonic() - started:,.0f} s")


def _at(verdicts: Sequence[Sequence[Drift]], pace: str, slides: int = 1) -> Months:
    level = LEVELS[pace]
    return months(PACES[pace], [[alarmed(one, level) for one in each] for each in verdicts], slides)


def _print_undrifted(
    sources: dict[str, list[ScoredStream]], peers: dict[str, Peer], windows: int, peer_windows: int
) -> None:
    print(
        f"\nNothing has changed: alerts a month, {FALSE_ALERTS} asked for of all kinds, {INPUTS:.2f} of them for "
        f"inputs; {windows} windows a row ({peer_windows} of the peers)\n"
    )
    print("| source | records | rule | " + " | ".join(PACES) + " |")
    print("|---|--:|---|" + "--:|" * len(PACES))
    totals: dict[str, Months] = {}
    for source, streams in sources.items():
        for size in SIZES:
            verdicts = undrifted(streams, size, windows, SEED)
            rows = {pace: _at(verdicts, pace) for pace in PACES}
            totals = {pace: totals[pace] + row if totals else row for pace, row in rows.items()}
            _print_row(source, f"{size:,}", Product.name, rows.values())
            for name, peer in peers.items():
                found: list[list[bool]] = []
                for number, stream in enumerate(streams):
                    generator = np.random.default_rng([SEED, size, number])
                    count = min(max(peer_windows // len(streams), 1), stream.windows(size))
                    found.append(peer(stream, [stream.draw(size, generator) for _ in range(count)]))
                _print_row(source, f"{size:,}", name, [months(slide, found) for slide in PACES.values()])
    _print_row("all", "", Product.name, totals.values())
    bounds = ", ".join(f"{pace} {one.at_most():.2f}" for pace, one in totals.items())
    print(f"\nUpper ends of one-sided 95 % intervals of all (Poisson): {bounds}")


def _print_row(source: str, size: str, name: str, rows: Iterable[Months]) -> None:
    print(f"| {source} | {size} | {name} | " + " | ".join(map(str, rows)) + " |", flush=True)


def _print_repeated(streams: Sequence[ScoredStream], windows: int) -> None:
    print(f"\n1,000 customers who come again, windows of 7 d: alerts a month; {windows} windows a row\n")
    print("| times a week | slide | alerts |\n|--:|---|--:|")
    for times in (1, 3, 7):
        for pace, slides in (("daily", 7), ("hourly", 168)):
            verdicts = same_customers(streams, POWER_SIZE, times, slides, windows, SEED)
            print(f"| {times} | {pace} | {_at(verdicts, pace, slides)} |", flush=True)


def _print_weekly(streams: Sequence[ScoredStream], windows: int) -> None:
    print(f"\nA weekly pattern, 1,000 records a week, a slide a day: alerts a month; {windows} windows a row\n")
    print("| days a window | alerts | streams whose pattern is noticed |\n|--:|--:|--:|")
    for days in (7, 14, 3, 1):
        verdicts, noticed = weekly(streams, 2_000 if days < 7 else 1_000, days, windows, SEED)
        print(f"| {days} | {_at(verdicts, 'daily', days)} | {sum(noticed)} of {len(noticed)} |", flush=True)


def _print_power(sources: dict[str, list[ScoredStream]], peers: dict[str, Peer], runs: int, peer_runs: int) -> None:
    print(f"\nFound within two windows of {POWER_SIZE} records; {runs} runs ({peer_runs} of the peers)\n")
    print("| source | change | hourly | daily | " + " | ".join(peers) + " |")
    print("|---|---|--:|--:|" + "--:|" * len(peers))
    paces = ("hourly", "daily")
    ready = {
        (source, pace): prepare(streams, SEED, LEVELS[pace]) for source, streams in sources.items() for pace in paces
    }
    for source, streams in sources.items():
        for name in (*CHANGES, SCORE_CHANGE):
            pairs = {pace: list(found_after(ready[source, pace], name, 2, runs, SEED)) for pace in paces}
            cells = [str(caught([each for each, _ in pairs[pace]], LEVELS[pace])) for pace in paces]
            for peer in peers.values():
                found = [
                    any(peer(streams[run % len(streams)], drawn))
                    for run, (_, drawn) in enumerate(pairs["daily"][:peer_runs])
                ]
                cells.append(str(Rate(sum(found), len(found))))
            print(f"| {source} | {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nFound within 16 windows of {POWER_SIZE} records; {runs} runs\n")
    print("| source | change | hourly | daily | median windows until found, hourly |\n|---|---|--:|--:|--:|")
    for source in sources:
        for name in SMALL_CHANGES:
            verdicts = {
                pace: [each for each, _ in found_after(ready[source, pace], name, LONGEST_SPAN, runs, SEED)]
                for pace in paces
            }
            cells = [str(caught(verdicts[pace], LEVELS[pace])) for pace in paces]
            first = [
                next((i for i, one in enumerate(run, 1) if alarmed(one, LEVELS["hourly"])), 99)
                for run in verdicts["hourly"]
            ]
            print(f"| {source} | {name} | " + " | ".join(cells) + f" | {np.median(first):.0f} |", flush=True)


def _peers(arguments: argparse.Namespace, schema: Schema) -> dict[str, Peer]:
    if not arguments.peer_windows:
        return {}
    peers: dict[str, Peer] = {"KS 0.05": plain, "Holm 0.01, distance 0.05": corrected}
    if not arguments.quick:
        # half of the columns, its own verdict, is never reached by one change; so it is asked for any column alone
        peers["Evidently, any column"] = lambda stream, drawn: evidently(stream, drawn)[1]
    for name in ("nannyml", "alibi"):
        python: Path | None = getattr(arguments, name)
        if python is not None:
            peers[name] = elsewhere = Elsewhere(name, python, schema)
            atexit.register(elsewhere.close)
    return peers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a table of the schema, beside the synthetic bank")
    parser.add_argument("--dataset", default="bank_churn", help="its schema")
    parser.add_argument("--windows", type=int, default=3_000, help="undrifted windows a row")
    parser.add_argument("--runs", type=int, default=200, help="runs a change")
    parser.add_argument("--peer-windows", type=int, default=100, help="windows a row for the peers; 0 leaves them out")
    parser.add_argument("--peer-runs", type=int, default=10)
    parser.add_argument("--nannyml", type=Path, help="Python of an environment with nannyml")
    parser.add_argument("--alibi", type=Path, help="Python of an environment with alibi-detect")
    parser.add_argument("--only", nargs="+", choices=("undrifted", "repeated", "weekly", "power"))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, without the slow peers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
