"""How often luck takes the alias, and how soon a better challenger does: on held-out rows, and on the stream.

Models and rows are synthetic, and their distance from the truth is known: a fifth of the customers churn, a good model
has a Brier score of 0.102, and the better challenger is better by 0.005 on average. The product's own functions decide
everything. Shares are printed with their standard error. Nothing here was used to choose a rule or a number.

    python benchmarks/training/promotion.py [--quick] [--histories N] [--only held-out|stream] [--data TABLE]

Takes a few minutes on one core, or half a minute with ``--quick``.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from contract.arrays import Floats, Integers, Labels, Mask
from contract.schema import Schema, load_schema
from contract.split.held_out import held_out
from tests.support.simulated.challengers import BETTER, GAIN, WORSE, TrueRows
from training.quality.evaluate import compare
from training.quality.sequential import STAKES
from training.registered.tries import confidence
from training.selection.develop import develop
from training.table.prepare import read_table

TRIES = 30
KINDS = {"trained again": BETTER, "another kind": WORSE}
"""By how challengers of a history differ: the error of each of its own (standard deviation, log-odds)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="200 histories")
    parser.add_argument("--data", type=Path, help="the public table: a challenger with Geography, a champion without")
    parser.add_argument("--only", choices=("held-out", "stream"))
    given = parser.parse_args()
    histories = 200 if given.quick else given.histories
    if given.only != "stream":
        _equal(histories)
        _better(histories)
    if given.only != "held-out":
        _stream(histories)
    if given.data:
        _table(given.data, histories)


def _equal(histories: int) -> None:
    print(f"\n{TRIES} challengers that are no better than the champion, {histories:,} histories: the alias moves in\n")
    print("| held-out rows | challengers | each at 95 % | error spent over all |")
    print("|--:|---|--:|--:|")
    for count in (500, 1_500, 5_000):
        for name, error in KINDS.items():
            unspent, spent = 0, 0
            for rng in _streams(1, histories):
                rows = TrueRows.drawn(rng, count)
                champion = rows.model(rng, error)
                models = [rows.model(rng, error) for _ in range(TRIES)]
                unspent += _taken(rows.y, champion, ((model, 1) for model in models))
                spent += _taken(rows.y, champion, ((model, number) for number, model in enumerate(models, 1)))
            print(f"| {count:,} | {name} | {_share(unspent, histories)} | {_share(spent, histories)} |", flush=True)


def _better(histories: int) -> None:
    print(f"\nA challenger better by {GAIN} in the Brier score, trained up to three times: it takes the alias in\n")
    before = (0, 2, 9)
    print("| held-out rows | " + " | ".join(f"after {count} others" if count else "at once" for count in before) + " |")
    print("|--:|" + "--:|" * len(before))
    for count in (1_000, 1_500, 2_000, 3_000, 5_000, 15_000):
        cells = []
        for others in before:
            taken = 0
            for rng in _streams(2, histories):
                rows = TrueRows.drawn(rng, count)
                champion = rows.model(rng, WORSE)
                taken += _taken(rows.y, champion, ((rows.model(rng, BETTER), others + each) for each in (1, 2, 3)))
            cells.append(_share(taken, histories))
        print(f"| {count:,} | " + " | ".join(cells) + " |", flush=True)


def _taken(y: Labels, champion: Floats, tries: Iterator[tuple[Floats, int]]) -> bool:
    return any(compare(y, model, champion, confidence=confidence(number)).better for model, number in tries)


def _stream(histories: int) -> None:
    most, every = 15_000, 250
    looks = np.arange(every, most + 1, every)
    print(f"\nOn the stream, looked at after every {every} of {most:,} customers, {histories:,} streams\n")
    print("| challenger | stated error | no better: takes the alias in | a plain 95 % interval would in |")
    print("|--:|--:|--:|--:|")
    numbers = (1, 2, 3)
    capital, plain = _paths(histories, most, looks, WORSE)
    for number in numbers:
        alpha = (1 - confidence(number)) / 2
        wrong = int((capital.max(axis=1) >= -np.log(alpha)).sum())
        print(
            f"| {number} | {100 * alpha:.2f} % | {_share(wrong, histories)} | {_share(int(plain.sum()), histories)} |"
        )
    print(f"\nCustomers until a challenger better by {GAIN} takes it: median, and nine of ten\n")
    print("| challenger | median | 90 % |")
    print("|--:|--:|--:|")
    capital, _ = _paths(histories, most, looks, BETTER)
    for number in numbers:
        reached = capital >= -np.log((1 - confidence(number)) / 2)
        first = np.where(reached.any(axis=1), looks[reached.argmax(axis=1)], most + every)
        print(
            f"| {number} | {_customers(np.quantile(first, 0.5), most)} | {_customers(np.quantile(first, 0.9), most)} |"
        )


def _table(path: Path, histories: int) -> None:
    """Real models: rows are drawn from those of the table, with the probabilities that each has out of fold."""
    schema = load_schema("bank_churn")
    without = replace(schema, features=tuple(each for each in schema.features if each.name != "Geography"))
    y, champion = _out_of_fold(path, without, 0)
    challengers = [_out_of_fold(path, schema, seed)[1] for seed in (0, 1, 2)]
    gains = (champion - y) ** 2 - (challengers[0] - y) ** 2
    print(f"\nOn {path.name}: with Geography better by {gains.mean():.4f} (standard deviation {gains.std():.3f}); the")
    print("challenger, trained up to three times, takes the alias in\n")
    print("| held-out rows | at once |")
    print("|--:|--:|")
    for count in (1_000, 1_500, 2_000):
        taken = 0
        for rng in _streams(4, histories):
            drawn = rng.integers(0, len(y), count)
            tries = ((model[drawn], number) for number, model in enumerate(challengers, 1))
            taken += _taken(y[drawn], champion[drawn], tries)
        print(f"| {count:,} | {_share(taken, histories)} |", flush=True)


def _out_of_fold(path: Path, schema: Schema, seed: int) -> tuple[Labels, Floats]:
    """Labels of all rows but few, and what the default model says of each that has not learned from it."""
    rows = read_table(path, schema)
    test = held_out(rows.customers, share=0.01)
    return rows.y[~test], develop(rows, test, schema, seed).candidate.validated.as_served


def _paths(histories: int, most: int, looks: Integers, challenger: float) -> tuple[Floats, Mask]:
    """Logarithm of the bets' capital at each look, one row a stream; and whether a plain interval ever leaves out 0."""
    capital, plain = np.empty((histories, len(looks))), np.empty(histories, dtype=bool)
    for place, rng in enumerate(_streams(3, histories)):
        rows = TrueRows.drawn(rng, most)
        gains = rows.gains(rows.model(rng, WORSE), rows.model(rng, challenger))
        made = np.log1p(np.outer(STAKES, gains)).cumsum(axis=1)[:, looks - 1]
        capital[place] = np.logaddexp.reduce(made, axis=0) - np.log(len(STAKES))
        means = gains.cumsum()[looks - 1] / looks
        spread = np.sqrt((gains**2).cumsum()[looks - 1] / looks - means**2)
        plain[place] = bool((means > 1.96 * spread / np.sqrt(looks)).any())
    return capital, plain


def _streams(part: int, count: int) -> Iterator[np.random.Generator]:
    yield from (np.random.default_rng([2026, part, number]) for number in range(count))


def _share(taken: int, of: int) -> str:
    share = taken / of
    return f"{100 * share:.1f} ± {100 * np.sqrt(max(share * (1 - share), 1 / of) / of):.1f} %"


def _customers(count: float, most: int) -> str:
    return f"{count:,.0f}" if count <= most else f"over {most:,}"


if __name__ == "__main__":
    main()
