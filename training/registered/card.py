"""The model card: what a registered version is, what it was made from, and how good it honestly is. Pure.

After Mitchell et al., Model Cards for Model Reporting (2019), as far as a table of customers can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.schema import Schema
from training.quality.evaluate import METRIC_TITLES


@dataclass(frozen=True)
class CardFacts:
    """All that the card says; ``metrics`` and ``intervals`` are of the held-out rows, ``validation`` out-of-fold."""

    title: str
    kind: str
    sampling: str
    parameters: Mapping[str, str]
    threshold: float
    threshold_rule: str
    calibration: str
    train_rows: int
    test_rows: int
    churn_rate: float
    data_hash: str
    divided: str
    split_hash: str
    excluded_rows: int
    chosen: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    validation: Mapping[str, float]
    suspicions: tuple[str, ...]
    versions: Mapping[str, str]


def model_card(facts: CardFacts, schema: Schema) -> str:
    """The card in Markdown."""
    return "\n\n".join(
        part
        for part in (
            f"# {facts.title}",
            f"Says how probable it is that a customer churns ({schema.label.column} = {schema.label.positive}), from "
            f"{len(schema.features)} features of schema {schema.name} v{schema.version}: "
            f"{', '.join(schema.names)}.",
            f"## Model\n\n{_model(facts)}",
            f"## Data\n\n{_data(facts)}",
            f"## How good it is\n\n{_figures(facts)}",
            f"## Threshold and calibration\n\n{_threshold(facts)}",
            f"## Limits\n\n{_limits(facts)}",
            f"## Made with\n\n{', '.join(f'{name} {version}' for name, version in facts.versions.items())}",
        )
    )


def _model(facts: CardFacts) -> str:
    sampling = {
        "plain": "on the training rows as they are",
        "weights": "with both classes weighted equally",
        "smote": "with synthetic churners (SMOTE) beside the training rows",
    }[facts.sampling]
    parameters = "\n".join(f"| {name} | {value} |" for name, value in facts.parameters.items())
    table = f"\n\n| parameter | value |\n|---|---|\n{parameters}" if parameters else ""
    return f"{facts.kind}, trained {sampling}. {facts.chosen}{table}"


def _data(facts: CardFacts) -> str:
    left_out = f" {facts.excluded_rows:,} rows violated the schema and were left out." if facts.excluded_rows else ""
    looked = "".join(f"\n- {suspicion}" for suspicion in facts.suspicions)
    return (
        f"{facts.train_rows + facts.test_rows:,} rows, {facts.churn_rate:.1%} of them churned.{left_out} "
        f"They were {facts.divided}; no part of the training has seen what is held out.\n\n"
        f"- data hash `{facts.data_hash}`\n- split hash `{facts.split_hash}`"
        + (f"\n\nTo look at:\n{looked}" if looked else "")
    )


def _figures(facts: CardFacts) -> str:
    rows = []
    for name, title in METRIC_TITLES.items():
        low, high = facts.intervals[name]
        validation = f"{facts.validation[name]:.3f}" if name in facts.validation else ""
        rows.append(f"| {title} | {facts.metrics[name]:.3f} | {low:.3f} to {high:.3f} | {validation} |")
    counts = ", ".join(f"{name.upper()} {facts.metrics[name]:,.0f}" for name in ("tn", "fp", "fn", "tp"))
    return (
        f"On the {facts.test_rows:,} held-out rows, measured once, with 95 % bootstrap intervals; and on validation "
        "folds, where the choices were made.\n\n"
        "| metric | held out | 95 % interval | validation |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nConfusion matrix: {counts}."
    )


def _threshold(facts: CardFacts) -> str:
    calibrated = {
        "none": "Probabilities are the model's own: no calibration lowered the Brier score on validation folds.",
        "sigmoid": "Probabilities are calibrated by Platt's sigmoid, which had the lowest Brier score on validation "
        "folds.",
        "isotonic": "Probabilities are calibrated by isotonic regression, which had the lowest Brier score on "
        "validation folds; customers can share a probability exactly.",
    }[facts.calibration]
    return (
        f"A customer with a probability of {facts.threshold:.4f} or more counts as a churner. {facts.threshold_rule} "
        f"{calibrated}"
    )


def _limits(facts: CardFacts) -> str:
    return (
        "- The figures hold for customers like those of the table. When they change, so does the model's quality: that "
        "is what the monitor watches.\n"
        f"- F1 depends on the share of churners, here {facts.churn_rate:.1%}, and on the threshold.\n"
        "- Selection and error rates of groups of customers are in the review (`churnstream review`); look before "
        "decisions affect people.\n"
        "- It finds who resembles those who left, not why they left, nor whom an offer would keep."
    )
