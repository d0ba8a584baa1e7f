"""What ``churnstream train`` prints: the candidates, the chosen one on the held-out rows, the verdict, what is next."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.settings import Settings
from training.kinds.kinds import KINDS
from training.making import Selection
from training.quality.evaluate import METRIC_TITLES
from training.registered.next_step import promote_anyway
from training.selection.rule import RULE
from training.train import TrainingResult

_VALIDATION = {"f1": "F1", "roc_auc": "ROC AUC", "average_precision": "AP", "brier": "Brier"}


def show(result: TrainingResult, judged_with: Settings | None = None) -> None:
    """Print candidates, if there were several, metrics of the held-out rows, the verdict, and what to do next; these
    two not unless the settings are given that it was judged with."""
    console = Console()
    if result.selection is not None:
        _show_candidates(console, result.selection)
    _show_held_out(console, result)
    candidate = result.candidate
    console.print(
        f"{KINDS[candidate.kind].title} ({candidate.sampling}), trained on {result.train_rows:,} rows, threshold "
        f"{result.threshold:.3f}, calibration {result.calibration}. Split {result.split_hash[:12]}.",
        highlight=False,
        soft_wrap=True,
    )
    said = result.division.said
    console.print(f"{said[0].upper()}{said[1:]}.", highlight=False, markup=False, soft_wrap=True)
    if judged_with is None:
        return
    console.print(result.verdict.reason, highlight=False, markup=False, soft_wrap=True)
    after = "churnstream score" if result.verdict.promoted else promote_anyway(judged_with, result.version)
    console.print(f"Next: {after}", highlight=False, markup=False, soft_wrap=True)


def _show_candidates(console: Console, selection: Selection) -> None:
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1),
        title=f"{len(selection.candidates)} candidates on validation folds, best first",
        title_justify="left",
    )
    table.add_column("kind")
    table.add_column("sampling")
    for heading in (*_VALIDATION.values(), "ms/1,000"):
        table.add_column(heading, justify="right")
    for place, candidate in enumerate(selection.ordered):
        table.add_row(
            candidate.kind,
            candidate.sampling,
            *(f"{candidate.metrics[name]:.4f}" for name in _VALIDATION),
            f"{candidate.metrics['score_1000_ms']:.0f}",
            style="bold" if place == 0 else None,
            end_section=place + 1 == selection.ranking.equal,
        )
    console.print(table)
    chosen = selection.ordered[0]
    made_of = f" (of {', '.join(chosen.members)})" if chosen.members else ""
    console.print(
        f"{_searched(selection)}Chosen: {chosen.name}{made_of}: {selection.ranking.reason}. The rule: {RULE}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _searched(selection: Selection) -> str:
    """Which grids were not tried whole, as ``20 of 96``; empty where none was cut short."""
    cut: dict[str, list[str]] = {}
    for each in selection.ordered:
        if each.searched is not None and each.searched.limited:
            said = cut.setdefault(each.kind, [])
            if str(each.searched) not in said:
                said.append(str(each.searched))
    listed = ", ".join(f"{kind} {' and '.join(sorted(said))}" for kind, said in cut.items())
    return f"Points of the grids that were tried, drawn at random: {listed}. " if cut else ""


def _show_held_out(console: Console, result: TrainingResult) -> None:
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1),
        title=f"{result.model_name} v{result.version} on {result.test_rows:,} held-out rows",
        title_justify="left",
    )
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, title in METRIC_TITLES.items():
        low, high = result.intervals[name]
        table.add_row(title, f"{result.metrics[name]:.3f}", f"{low:.3f} to {high:.3f}")
    console.print(table)
    counts = ", ".join(f"{name.upper()} {result.metrics[name]:,.0f}" for name in ("tn", "fp", "fn", "tp"))
    console.print(f"Confusion matrix: {counts}.", highlight=False)
