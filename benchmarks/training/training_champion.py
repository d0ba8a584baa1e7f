"""How much better the chosen model is than the default one, on the same held-out customers, over several splits.

For each split seed, both are made from the training rows alone: the default of ``churnstream train``, and the winner
of ``churnstream train --all`` without a search (every kind with its defaults, the rule in ``training.selection.rule``).
Both are then scored once on the held-out 15 %. Differences are paired by split; their interval is Student's over the
splits. The splits share customers, so it is a little too narrow.

    python benchmarks/training/training_champion.py --data Churn_Modelling.csv

Needs about two minutes per split on two cores with all samplings, or half a minute with ``--samplings plain``.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
from scipy import stats

from contract.schema import load_schema
from contract.split.held_out import held_out
from training.kinds.kinds import KINDS
from training.kinds.sampling import SAMPLINGS, Sampling
from training.quality.evaluate import evaluate
from training.selection.develop import HeldOut, develop, finish
from training.selection.listening import Listeners
from training.selection.measure import Candidate
from training.selection.rule import rank
from training.selection.search import Plan, Searcher
from training.table.prepare import Table, outside, read_table

SHOWN = ("roc_auc", "f1", "average_precision", "brier")
CONFIDENCE = 0.95
SEED = 42


def main() -> None:
    arguments = _arguments()
    schema = load_schema(arguments.dataset)
    rows = read_table(arguments.data, schema)
    plan = Plan(kinds=tuple(arguments.kinds), samplings=_samplings(arguments.samplings), trials=0, seed=SEED)
    print(f"{'split':>5} {'model':<36} {'threshold':>9} " + " ".join(f"{name:>17}" for name in SHOWN), flush=True)
    pairs = [_compare(rows, arguments.dataset, plan, seed, arguments.jobs) for seed in range(arguments.seeds)]
    default, chosen = (np.array([[pair[side][name] for name in SHOWN] for pair in pairs]) for side in (0, 1))
    _print_row("mean", "default", None, dict(zip(SHOWN, default.mean(axis=0), strict=True)))
    _print_row("mean", "chosen", None, dict(zip(SHOWN, chosen.mean(axis=0), strict=True)))
    print(f"\nchosen minus default, mean over {len(pairs)} splits, {CONFIDENCE:.0%} interval:")
    for place, name in enumerate(SHOWN):
        differences = (chosen - default)[:, place]
        mean, spread = differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * spread
        each = ", ".join(f"{difference:+.4f}" for difference in differences)
        print(f"  {name:<18} {mean:+.4f} ({mean - reach:+.4f} to {mean + reach:+.4f}); by split {each}")


def _compare(rows: Table, dataset: str, plan: Plan, seed: int, jobs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Held-out metrics of the default and of the chosen model."""
    schema = load_schema(dataset)
    test = held_out(rows.customers, seed)
    default = develop(rows, test, schema, SEED)
    X, y = outside(rows, test)
    searcher = Searcher(X, y, rows.customers[~test], schema, Plan(**{**vars(plan), "jobs": jobs}), Listeners(()))
    candidates = searcher.run()
    best = candidates[rank(y, candidates).winner]
    chosen = finish(best, rows, test, searcher.splits, jobs)
    return (
        _measured(seed, "default", default.candidate, default.held_out),
        _measured(seed, "chosen", best, chosen.held_out),
    )


def _measured(seed: int, role: str, candidate: Candidate, held: HeldOut) -> dict[str, float]:
    metrics = evaluate(held.y, held.scores, candidate.threshold)
    made_of = f" ({'+'.join(candidate.members)})" if candidate.members else ""
    name = f"{role}: {candidate.name}{made_of}" if role == "default" else f"{candidate.name}{made_of}"
    _print_row(str(seed), name, candidate.threshold, metrics, candidate.metrics)
    return metrics


def _print_row(
    split: str,
    name: str,
    threshold: float | None,
    metrics: dict[str, float],
    validation: dict[str, float] | None = None,
) -> None:
    """Held-out figures, those of the validation folds in brackets."""
    cells = [
        f"{metrics[key]:.4f}" + (f" [{validation[key]:.4f}]" if validation is not None else " " * 9) for key in SHOWN
    ]
    shown = "" if threshold is None else f"{threshold:.3f}"
    print(f"{split:>5} {name:<36} {shown:>9} " + " ".join(f"{cell:>17}" for cell in cells), flush=True)


def _samplings(names: list[str]) -> tuple[Sampling, ...]:
    return tuple(sampling for sampling in SAMPLINGS if sampling in names)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the table")
    parser.add_argument("--dataset", default="bank_churn", help="its schema")
    parser.add_argument("--seeds", type=int, default=5, help="split seeds, from 0")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--samplings", nargs="+", choices=list(SAMPLINGS), default=list(SAMPLINGS))
    parser.add_argument("--jobs", type=int, default=joblib.cpu_count(), help="folds fitted at a time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
