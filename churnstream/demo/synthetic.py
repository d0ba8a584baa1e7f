"""The demo's own plan: the story of the synthetic bank."""

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


def synthetic_plan(rows: int, seed: int) -> RunPlan:
    """Replay ``rows`` customers of the synthetic bank of this ``seed``, to whom the story happens."""

    def prepare(folder: Path) -> tuple[list[str], list[str]]:
        # takes a second or two, which the first lines need not wait for
        from producer.synthetic import write_csv

        table = folder / "training.csv"
        # customers of the same bank, but not those that are replayed
        write_csv(table, TRAINING_ROWS, seed=seed + 1)
        return ["--data", str(table), "--split", "customer"], _replay(rows, seed)

    variables = {
        "CHURNSTREAM_WINDOW": WINDOW,
        "CHURNSTREAM_SLIDE": SLIDE,
        "CHURNSTREAM_LABEL_LATENESS": LABEL_LATENESS,
        # nobody waits for a single answer, and 150 transactions a second would keep both cores of a laptop busy
        "CHURNSTREAM_LINGER_MS": "200",
    }
    return RunPlan(prepare, variables, acts=ACTS)


def _replay(rows: int, seed: int) -> list[str]:
    source = ["--rows", str(rows), "--seed", str(seed)]
    drifts = [argument for drift in DRIFTS for argument in ("--drift", drift)]
    pace = ["--period", PERIOD, "--rate", str(rate_of(rows, REPLAY_SECONDS))]
    delays = ["--label-delay", LABEL_DELAY, "--positive-label-delay", POSITIVE_LABEL_DELAY]
    return [*source, *pace, *delays, "--label-share", str(LABEL_SHARE), *drifts]
