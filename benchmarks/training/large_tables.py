"""How long ``churnstream train`` takes on large tables, and how much memory: by step, from the file to the version.

    python benchmarks/training/large_tables.py --rows 165000 1000000

Each size is trained on in a process of its own, with a store of its own below ``--out``. The table (CSV, drawn by a
seed, with the columns of the bank's) is made there unless it exists. A step is what the command's bar shows.
``peak`` is the most resident memory of the process during the step, ``whole`` the most of all of it, with Python and
its libraries. On a busy machine, read the CPU seconds: two threads fit the folds, everything else is one.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

LIMITS = {165_000: (30.0, None), 1_000_000: (300.0, 4_096.0)}
"""Seconds and MB that a quiet machine of two cores is to keep to, by rows."""
Step = tuple[str, float, float, float]
BLOCK = 100_000
_RESET_PEAK = b"5"  # what the kernel takes for "forget the highest resident size so far"


class Stopwatch:
    """A training's listener that prints the time and the memory of each step, as it ends, in a line of JSON."""

    def __init__(self) -> None:
        self._doing = "loading libraries"
        self._wall, self._cpu = time.perf_counter(), 0.0

    def started(self, kind: str, sampling: str) -> None:
        pass

    def tried(self, trial: object) -> None:
        pass

    def finished(self, candidate: object, trials: int) -> None:
        pass

    def progress(self, _done: float, doing: str) -> None:
        """Ends the step before, and begins the one that is told."""
        wall, cpu = time.perf_counter(), time.process_time()
        print(json.dumps([self._doing, wall - self._wall, cpu - self._cpu, peak()]), flush=True)
        Path("/proc/self/clear_refs").write_bytes(_RESET_PEAK)
        self._doing, self._wall, self._cpu = doing, wall, cpu


def peak() -> float:
    """The process's highest resident size since it was last reset, in MB (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1_024


def write_table(path: Path, rows: int, seed: int) -> None:
    """Customers whose churn depends on age, activity, country, products and balance, some of it by two together."""
    rng = np.random.default_rng(seed)
    written = path.with_suffix(".part")
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        age = rng.integers(18, 80, count)
        active = rng.integers(0, 2, count)
        country = rng.choice(["France", "Germany", "Spain"], count)
        products = rng.choice([1, 2, 3, 4], count, p=[0.5, 0.45, 0.04, 0.01])
        balance = np.where(rng.random(count) < 0.36, 0.0, rng.normal(120_000, 30_000, count).clip(0, 250_000))
        logit = -2.4 + (age - 39) / 11 - active + 0.8 * (country == "Germany") + 1.8 * (products > 2)
        logit += -1.1 * (products == 2) * (balance > 0) - ((age - 55) / 15).clip(0) ** 2
        frame = pd.DataFrame(
            {
                "RowNumber": np.arange(start + 1, start + count + 1),
                "CustomerId": rng.permutation(count) + 15_000_000 + start,
                "Surname": rng.choice(["Smith", "Scott", "Martin", "Walker", "Brown"], count),
                "CreditScore": rng.normal(650, 96, count).clip(350, 850).round().astype(int),
                "Geography": country,
                "Gender": rng.choice(["Female", "Male"], count),
                "Age": age,
                "Tenure": rng.integers(0, 11, count),
                "Balance": balance.round(2),
                "NumOfProducts": products,
                "HasCrCard": rng.integers(0, 2, count),
                "IsActiveMember": active,
                "EstimatedSalary": rng.uniform(10, 200_000, count).round(2),
                "Exited": (rng.random(count) < 1 / (1 + np.exp(-logit))).astype(int),
            }
        )
        frame.to_csv(written, index=False, header=start == 0, mode="w" if start == 0 else "a")
    written.replace(path)


def main() -> None:
    arguments = _arguments()
    if arguments.one is not None:
        _train(arguments.one)
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    print("| rows | step | seconds | s CPU | peak, MB |")
    print("|--:|---|--:|--:|--:|", flush=True)
    for rows in arguments.rows:
        table = arguments.out / f"customers-{rows}-{arguments.seed}.csv"
        if not table.exists():
            write_table(table, rows, arguments.seed)
        steps = []
        for name, seconds, cpu, memory in _measured(table, arguments.out):
            steps.append((name, seconds, cpu, memory))
            print(f"| {rows:,} | {name} | {seconds:.1f} | {cpu:.1f} | {memory:,.0f} |", flush=True)
        wall, cpu, memory = sum(s[1] for s in steps), sum(s[2] for s in steps), max(s[3] for s in steps)
        print(f"| {rows:,} | **whole** | **{wall:.1f}** | **{cpu:.1f}** | **{memory:,.0f}** |", flush=True)
        if rows in LIMITS:
            seconds, most = LIMITS[rows]
            said = f"within {seconds:.0f} s" + ("" if most is None else f" and {most:,.0f} MB")
            kept = wall <= seconds and (most is None or memory <= most)
            print(f"| | {said}: {'yes' if kept else 'no'} | | | |", flush=True)


def _measured(table: Path, out: Path) -> Iterator[Step]:
    """The steps of a training in a process of its own, from its start to its end."""
    started = time.perf_counter()
    store = out / f"mlflow-{os.getpid()}-{table.stem}.db"
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{store.resolve()}"}
    command = [sys.executable, __file__, "--one", str(table.resolve())]
    spent = 0.0
    with subprocess.Popen(command, cwd=out, env=environment, stdout=subprocess.PIPE, text=True) as training:
        for line in training.stdout or ():
            name, seconds, cpu, memory = json.loads(line)
            spent += seconds
            yield name, seconds, cpu, memory
    if training.returncode:
        raise SystemExit(training.returncode)
    yield "starting and ending Python", time.perf_counter() - started - spent, 0.0, 0.0


def _train(table: Path) -> None:
    watch = Stopwatch()
    from contract.settings import load_settings
    from training.train import train

    train(load_settings(), table, listener=watch, figures=True)  # as the command does
    watch.progress(1.0, "nothing more")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(LIMITS), help="sizes of the tables")
    parser.add_argument("--seed", type=int, default=0, help="seed of the tables")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/large_tables"))
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
