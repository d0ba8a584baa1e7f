"""The demo's own plan: the story of the synthetic bank; or a table with its columns, in which nothing is changed."""

from pathlib import Path

from churnstream.demo.plan import RunPlan
from churnstream.demo.scenario import (
    ACTS,
    DRIFTS,
    LABEL_DELAY,
    LABEL_LATENESS,
    LABEL_SHARE,
    PERIOD,
    POSITIVE_LABEL_DELAY,
    REPLAY_SECONDS,
    SLIDE,
    TRAINING_ROWS,
    WINDOW,
    rate_of,
)
from contract.schema import load_schema
from producer.sources import open_table
from producer.synthetic import write_csv


def synthetic_plan(data: Path | None, rows: int, seed: int) -> RunPlan:
    """Replay ``data``, or ``rows`` customers of the synthetic bank of this ``seed``, to whom the story happens."""

    def prepare(folder: Path) -> tuple[list[str], list[str]]:
        return _training(folder, data, seed), _replay(data, rows, seed)

    variables = {
        "CHURNSTREAM_WINDOW": WINDOW,
        "CHURNSTREAM_SLIDE": SLIDE,
        "CHURNSTREAM_LABEL_LATENESS": LABEL_LATENESS,
    }
    return RunPlan(prepare, variables, acts=ACTS if data is None else ())


def _training(folder: Path, data: Path | None, seed: int) -> list[str]:
    if data is not None:
        return ["--data", str(data)]
    table = folder / "training.csv"
    # customers of the same bank, but not those that are replayed
    write_csv(table, TRAINING_ROWS, seed=seed + 1)
    return ["--data", str(table)]


def _replay(data: Path | None, rows: int, seed: int) -> list[str]:
    count = len(open_table(data, load_schema("bank_churn"))) if data is not None else rows
    source = ["--data", str(data)] if data is not None else ["--rows", str(count), "--seed", str(seed)]
    drifts = [argument for drift in DRIFTS for argument in ("--drift", drift)] if data is None else []
    pace = ["--period", PERIOD, "--rate", str(rate_of(count, REPLAY_SECONDS))]
    delays = ["--label-delay", LABEL_DELAY, "--positive-label-delay", POSITIVE_LABEL_DELAY]
    return [*source, *pace, *delays, "--label-share", str(LABEL_SHARE), *drifts]
