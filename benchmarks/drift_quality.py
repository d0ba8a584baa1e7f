"""How often the input rule cries wolf, and what it finds, beside what others do as they come. One table each.

Nothing has changed: windows of 200, 1,000 and 5,000 records of the synthetic bank, and of customers of a table whom the
model has not seen, against ten references each. The share of windows that are called drifted, times the windows in 30
days, is the number of false alerts a month, with the 95 % interval of the share (Clopper and Pearson; too narrow for a
table, whose windows share customers, and which has few windows of 5,000 to give). Then each
change, in two windows of 1,000 records after fifteen undrifted ones, or in sixteen.

    python benchmarks/drift_quality.py --data Churn_Modelling.csv --nannyml PYTHON --alibi PYTHON

``--data`` is left out where there is no table; ``--nannyml`` and ``--alibi`` are interpreters of environments in which
these are installed. ``--quick`` takes a tenth of the windows, and no peers that are slow.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from input_rules import Product, alarmed, corrected, elsewhere, evidently, plain
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
    repeated,
)
from scipy import stats

from contract.durations import DAY, HOUR
from contract.windows import Drift
from monitor.budget import levels
from monitor.inputs.rule import LONGEST_SPAN

FALSE_ALERTS = 0.5
SIZES = (200, 1_000, 5_000)
PACES = {"hourly": HOUR, "7 d each day": DAY, "weekly": 7 * DAY}
LEVELS = {pace: levels(FALSE_ALERTS, slide).inputs for pace, slide in PACES.items()}
REFERENCES = 10
POWER_SIZE = 1_000
MONTH_MS = 30 * DAY
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

    def monthly(self, slide: int) -> str:
        """As alerts a month, with the interval."""
        windows = MONTH_MS / slide
        low, high = (windows * end for end in self.interval)
        return f"{windows * self.found / self.tried:.2f} ({low:.2f} to {high:.2f})"

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.found / self.tried:.0%} ({low:.0%} to {high:.0%})"


def undrifted(streams: Sequence[ScoredStream], size: int, windows: int, seed: int) -> list[Drift]:
    """Verdicts on ``windows`` undrifted windows, as many of each stream, one after another."""
    found: list[Drift] = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, size, number])
        drawn = [stream.draw(size, generator) for _ in range(min(windows // len(streams), stream.windows(size)))]
        found += Product(stream).verdicts(drawn)
    return found


def same_customers(streams: Sequence[ScoredStream], size: int, times: int, windows: int, seed: int) -> list[Drift]:
    """As ``undrifted``, of customers who come several times a window and again in the next, then of others."""
    found: list[Drift] = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, size, times, number])
        for _ in range(windows // len(streams) // 2):
            found += Product(stream).verdicts([repeated(stream, size, times, generator)] * 2)
    return found


@dataclass(frozen=True)
class Prepared:
    """A stream with fifteen verdicts on undrifted windows of it, the newest first."""

    stream: ScoredStream
    product: Product
    history: list[Drift]


def prepare(streams: Sequence[ScoredStream], seed: int) -> list[Prepared]:
    """Each of the streams, ready to change."""
    prepared = []
    for number, stream in enumerate(streams):
        generator = np.random.default_rng([seed, number])
        product = Product(stream)
        before = product.verdicts([stream.draw(POWER_SIZE, generator) for _ in range(LONGEST_SPAN - 1)])
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
    peers = _peers(arguments)
    _print_undrifted(sources, peers, arguments.windows // part, arguments.peer_windows // part)
    _print_repeated(sources["synthetic"], arguments.windows // part)
    _print_power(sources, peers, arguments.runs // part, arguments.peer_runs // part)
    print(f"\n{time.monotonic() - started:,.0f} s")


def _print_undrifted(
    sources: dict[str, list[ScoredStream]], peers: dict[str, Peer], windows: int, peer_windows: int
) -> None:
    print(f"\nFalse alerts a month, {FALSE_ALERTS} asked for; {windows} windows a row ({peer_windows} of the peers)\n")
    print("| source | records | rule | " + " | ".join(PACES) + " |")
    print("|---|--:|---|" + "--:|" * len(PACES))
    totals = {pace: Rate(0, 0) for pace in PACES}
    for source, streams in sources.items():
        for size in SIZES:
            verdicts = undrifted(streams, size, windows, SEED)
            shares = {
                pace: Rate(sum(alarmed(one, level) for one in verdicts), len(verdicts))
                for pace, level in LEVELS.items()
            }
            totals = {
                pace: Rate(total.found + shares[pace].found, total.tried + shares[pace].tried)
                for pace, total in totals.items()
            }
            _print_months(source, size, Product.name, shares)
            for name, peer in peers.items():
                found: list[bool] = []
                for number, stream in enumerate(streams):
                    generator = np.random.default_rng([SEED, size, number])
                    count = min(max(peer_windows // len(streams), 1), stream.windows(size))
                    drawn = [stream.draw(size, generator) for _ in range(count)]
                    found += peer(stream, drawn)
                _print_months(source, size, name, dict.fromkeys(PACES, Rate(sum(found), len(found))))
    _print_months("all", 0, Product.name, totals)


def _print_months(source: str, size: int, name: str, shares: dict[str, Rate]) -> None:
    cells = " | ".join(shares[pace].monthly(slide) for pace, slide in PACES.items())
    print(f"| {source} | {size or ''} | {name} | {cells} |", flush=True)


def _print_repeated(streams: Sequence[ScoredStream], windows: int) -> None:
    print("\nThe same 1,000 customers several times a window and again in the next: false alerts a month\n")
    print("| times | " + " | ".join(PACES) + " |\n|--:|" + "--:|" * len(PACES))
    for times in (1, 3, 7):
        verdicts = same_customers(streams, POWER_SIZE, times, windows // 3, SEED)
        cells = [
            Rate(sum(alarmed(one, level) for one in verdicts), len(verdicts)).monthly(PACES[pace])
            for pace, level in LEVELS.items()
        ]
        print(f"| {times} | " + " | ".join(cells) + " |", flush=True)


def _print_power(sources: dict[str, list[ScoredStream]], peers: dict[str, Peer], runs: int, peer_runs: int) -> None:
    print(f"\nFound within two windows of {POWER_SIZE} records; {runs} runs ({peer_runs} of the peers)\n")
    print("| source | change | hourly | daily | " + " | ".join(peers) + " |")
    print("|---|---|--:|--:|" + "--:|" * len(peers))
    ready = {source: prepare(streams, SEED) for source, streams in sources.items()}
    for source, streams in sources.items():
        for name in (*CHANGES, SCORE_CHANGE):
            pairs = list(found_after(ready[source], name, 2, runs, SEED))
            verdicts = [each for each, _ in pairs]
            cells = [str(caught(verdicts, LEVELS[pace])) for pace in ("hourly", "7 d each day")]
            for peer in peers.values():
                found = [
                    any(peer(streams[run % len(streams)], drawn)) for run, (_, drawn) in enumerate(pairs[:peer_runs])
                ]
                cells.append(str(Rate(sum(found), len(found))))
            print(f"| {source} | {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nFound within 16 windows of {POWER_SIZE} records; {runs} runs\n")
    print("| source | change | hourly | daily | median windows until found, hourly |\n|---|---|--:|--:|--:|")
    for source in sources:
        for name in SMALL_CHANGES:
            verdicts = [each for each, _ in found_after(ready[source], name, LONGEST_SPAN, runs, SEED)]
            cells = [str(caught(verdicts, LEVELS[pace])) for pace in ("hourly", "7 d each day")]
            first = [
                next((i for i, one in enumerate(run, 1) if alarmed(one, LEVELS["hourly"])), 99) for run in verdicts
            ]
            print(f"| {source} | {name} | " + " | ".join(cells) + f" | {np.median(first):.0f} |", flush=True)


def _peers(arguments: argparse.Namespace) -> dict[str, Peer]:
    if not arguments.peer_windows:
        return {}
    peers: dict[str, Peer] = {"KS 0.05": plain, "Holm 0.01, distance 0.05": corrected}
    if not arguments.quick:
        # half of the columns, its own verdict, is never reached by one change; so it is asked for any column alone
        peers["Evidently, any column"] = lambda stream, drawn: evidently(stream, drawn)[1]
    for name in ("nannyml", "alibi"):
        python: Path | None = getattr(arguments, name)
        if python is not None:
            peers[name] = lambda stream, drawn, name=name, python=python: elsewhere(name, python, stream, drawn)  # type: ignore[misc]
    return peers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a table of the schema, beside the synthetic bank")
    parser.add_argument("--dataset", default="bank_churn", help="its schema")
    parser.add_argument("--windows", type=int, default=3_000, help="undrifted windows a row")
    parser.add_argument("--runs", type=int, default=200, help="runs a change")
    parser.add_argument("--peer-windows", type=int, default=100, help="of the peers; 0 leaves them out")
    parser.add_argument("--peer-runs", type=int, default=10)
    parser.add_argument("--nannyml", type=Path, help="Python of an environment with nannyml")
    parser.add_argument("--alibi", type=Path, help="Python of an environment with alibi-detect")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, without the slow peers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
