"""The rules that ``drift_quality`` compares: the product's, and what others do as they come.

Each looks at windows of one reference, one after another, and says which are drifted.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from input_streams import Drawn, ScoredStream
from scipy import stats

from contract.models.bundle import SCORE_COLUMN
from contract.schema import Schema
from contract.windows import Drift
from monitor.inputs.rule import LONGEST_SPAN, InputReference, InputRule, judge

PEERS = Path(__file__).with_name("peer_libraries.py")
_LEVEL = 0.05


class Product:
    """The monitor's own rule; ``history`` are windows that came before, so that pooling has what to pool."""

    name = "churnstream"

    def __init__(self, stream: ScoredStream, rule: InputRule | None = None) -> None:
        self._reference = InputReference.of(stream.reference, stream.schema)
        self._rule = rule or InputRule()

    def verdicts(self, windows: Iterable[Drawn], history: Sequence[Drift] = (), slides: int = 1) -> list[Drift]:
        """The verdict on each window, one a slide and ``slides`` long, given those before it.

        ``history`` has the newest first, disjoint from the windows.
        """
        before = list(history)
        count = 0
        for window in windows:
            verdict = judge(
                window.rows,
                self._reference,
                before[slides - 1 :: slides][: LONGEST_SPAN - 1],
                rule=self._rule,
                customers=window.customers,
            )
            before.insert(0, verdict)
            count += 1
        return before[:count][::-1]


def alarmed(verdict: Drift, level: float) -> bool:
    """Whether a verdict would have been an alarm at a level below that which it was made with."""
    dependence = verdict.dependence
    if dependence is not None and dependence.drifted and dependence.p_adjusted < level:
        return True
    return any(one.drifted and one.p_adjusted < level for one in verdict.features.values())


def plain(stream: ScoredStream, windows: Sequence[Drawn]) -> list[bool]:
    """A test a column, Kolmogorov-Smirnov or chi-square, at 0.05, and nothing else: any column that rejects."""
    return [any(p < _LEVEL for p, _ in _tests(stream, window.rows)) for window in windows]


def corrected(stream: ScoredStream, windows: Sequence[Drawn]) -> list[bool]:
    """The same with Holm's correction at 0.01 and a distance of 0.05: this product's rule in releases before."""
    found = []
    for window in windows:
        tests = sorted(_tests(stream, window.rows))
        adjusted = np.maximum.accumulate([p * (len(tests) - rank) for rank, (p, _) in enumerate(tests)])
        found.append(any(p < 0.01 and distance >= 0.05 for p, (_, distance) in zip(adjusted, tests, strict=True)))
    return found


def _tests(stream: ScoredStream, rows: pd.DataFrame) -> list[tuple[float, float]]:
    """P-value and distance of each column."""
    found = []
    for name in (*stream.schema.names, SCORE_COLUMN):
        now, then = rows[name].dropna(), stream.reference[name].dropna()
        if then.nunique() > 20:
            result = stats.ks_2samp(now, then, method="asymp")
            found.append((float(result.pvalue), float(result.statistic)))
            continue
        counts = pd.DataFrame({"now": now.value_counts(), "then": then.value_counts()}).fillna(0.0).to_numpy().T
        shares = counts / counts.sum(axis=1, keepdims=True)
        distance = float(np.abs(shares[0] - shares[1]).sum()) / 2
        found.append((float(stats.chi2_contingency(counts, correction=False).pvalue), distance))
    return found


def evidently(stream: ScoredStream, windows: Sequence[Drawn]) -> tuple[list[bool], list[bool]]:
    """Evidently's ``DataDriftPreset`` as it comes: half of the columns drifted (its verdict), and any column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    schema = stream.schema
    columns = [*schema.names, SCORE_COLUMN]
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name not in schema.categorical],
        categorical_columns=list(schema.categorical),
    )
    then = Dataset.from_pandas(stream.reference[columns].reset_index(drop=True), data_definition=definition)
    drifted, any_column = [], []
    for window in windows:
        now = Dataset.from_pandas(window.rows[columns].reset_index(drop=True), data_definition=definition)
        result = Report([DataDriftPreset()]).run(now, then).dict()
        [count] = [one["value"] for one in result["metrics"] if "DriftedColumnsCount" in str(one["metric_name"])]
        drifted.append(count["share"] >= 0.5)
        any_column.append(count["count"] >= 1)
    return drifted, any_column


class Elsewhere:
    """A library in an environment of its own, whose interpreter is ``python``; loaded once."""

    def __init__(self, peer: str, python: Path, schema: Schema) -> None:
        self._name = peer
        self._columns = [*schema.names, SCORE_COLUMN]
        self._process = subprocess.Popen(
            [str(python), str(PEERS), peer, "-", *schema.categorical],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, stream: ScoredStream, windows: Sequence[Drawn]) -> list[bool]:
        """Its verdicts on the windows.

        Raises:
            RuntimeError: it has ended; run ``peer_libraries.py`` by hand to see why.
        """
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise RuntimeError(f"{self._name} has no pipes")
        with tempfile.TemporaryDirectory(prefix="churnstream-drift-") as folder:
            stream.reference[self._columns].to_csv(Path(folder) / "reference.csv", index=False)
            frames = [window.rows[self._columns].assign(_window=number) for number, window in enumerate(windows)]
            pd.concat(frames).to_csv(Path(folder) / "windows.csv", index=False)
            print(folder, file=asked, flush=True)
            for line in answers:
                if line.startswith("answer "):
                    verdicts: list[bool] = json.loads(line.removeprefix("answer "))
                    return verdicts
        raise RuntimeError(f"{self._name} has ended; run benchmarks/peer_libraries.py by hand to see why")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
