"""The largest, smallest, longest and oddest that a schema admits, through drift, report and MLflow."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from contract.panes import SampleRow
from contract.records import LARGEST_INTEGER, LARGEST_NUMBER
from contract.schema import Schema, load_schema
from contract.settings import Settings
from contract.testing import ManualClock
from contract.windows import Drift, Window
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.mlflow_sink.sink import MlflowSink
from monitor.reports.process import ReportProcess
from monitor.timeline.drift import sample_frame
from monitor.timeline.samples import Sample
from tests.support.mlflow.sinking import fill
from tests.support.polling import eventually
from tests.support.sizes import size
from tests.support.windows import window

ROWS = 300
NUMBERS: tuple[tuple[float | None, ...], ...] = (
    (LARGEST_NUMBER, -LARGEST_NUMBER),
    (LARGEST_NUMBER, 0.0, 1.0),
    (0.1 + 0.2, 0.3),
    (5e-324, 1e-323, 0.0),
    (None, 1.0),
    (None,),
    (-0.0, 0.0),
    (1.7e18, 1.7e18 + 256),
)
INTEGERS: tuple[tuple[float | None, ...], ...] = (
    (LARGEST_INTEGER, -LARGEST_INTEGER),
    (LARGEST_INTEGER, LARGEST_INTEGER - 1),
    (0, 1),
    (None,),
)
TEXTS: tuple[tuple[str | None, ...], ...] = (
    tuple("x" * 5_000 + str(i) for i in range(ROWS)),
    ("</script>", "<!--", "\ud800", "\x00", "", " ", "$x^$"),
    ("other", "(other)", *map(str, range(40))),
    ("nan", "None", "NaN", "1", "1.0"),
    (None, "a"),
)
KINDS = {"numeric": NUMBERS, "ordinal": INTEGERS, "categorical": TEXTS}


def wide_schema(path: Path, columns: int) -> Schema:
    """A schema of as many columns, each kind in turn, names as odd as a schema takes them."""
    parts = ['name = "extremes"', 'id = "id"', 'on_violation = "score"', "[label]", 'column = "y"']
    for i in range(columns):
        kind = tuple(KINDS)[i % len(KINDS)]
        name = ("share", "\u5e74", "Share", "A" * 60)[i] if i < 4 else f"f{i}"
        parts += [f'[features."{name}"]', f'kind = "{kind}"', "missing = true"]
        parts += ['categories = ["a"]'] if kind == "categorical" else []
    path.write_text("\n".join(parts))
    return load_schema(str(path))


def sampled(schema: Schema, random: np.random.Generator) -> Sample:
    """Records whose columns are drawn from one set of extremes each."""
    columns: list[list[Any]] = []
    for feature in schema.features:
        sets = KINDS[str(feature.kind)]
        values = sets[random.integers(len(sets))]
        columns.append([values[i] for i in random.integers(len(values), size=ROWS)])
    scores = random.choice([0.0, 1.0, 5e-324, 0.5], ROWS)
    rows = [
        SampleRow(i, f"r{i}", float(scores[i]), 0, None, values) for i, values in enumerate(zip(*columns, strict=True))
    ]
    return Sample.of_rows(rows, ROWS)


def judged(schema: Schema, current: Sample, reference: pd.DataFrame) -> Drift:
    return judge(sample_frame(schema, current), InputReference.of(reference, schema), rule=InputRule(min_records=10))


@pytest.fixture
def settings(store: Settings, tmp_path: Path) -> Settings:
    schema = tmp_path / "extremes.toml"
    return store.model_copy(update={"dataset": str(schema), "state_dir": tmp_path / "state"})


@pytest.fixture
def reports(settings: Settings) -> Iterator[ReportProcess]:
    process = ReportProcess(settings)
    yield process
    process.close()


@pytest.mark.timeout(600)
def test_extremes_become_a_report_and_finite_metrics(
    settings: Settings, reports: ReportProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = wide_schema(Path(settings.dataset), 60)
    sink = MlflowSink(settings, ManualClock(1_800_000_000_000))
    windows: list[Window] = []
    for seed in range(size(ci=2, full=40)):
        random = np.random.default_rng(seed)
        then, now = sampled(schema, random), sampled(schema, random)
        reference = sample_frame(schema, then)
        path = tmp_path / f"{seed}.parquet"
        # Parquet holds no lone surrogate, and no training table either
        clean = {name: [_clean(value) for value in reference[name]] for name in schema.categorical}
        reference.assign(**clean, label=0).to_parquet(path)
        each = window(seed, drift=judged(schema, now, reference), missing=dict.fromkeys(schema.names, LARGEST_INTEGER))
        assert json.loads(json.dumps([feature.distance for feature in each.drift.features.values()]))
        reports.request(each, now, path)
        fill(sink, each)
        windows.append(each)
    assert sink.drain() == len(windows)
    assert sink.refused == 0
    eventually(lambda: len(list(settings.state_dir.glob("reports/*/*.html"))) + reports.failed == len(windows), 500)
    assert reports.failed == 0, caplog.text
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    for run in client.search_runs([experiment.experiment_id]):
        assert all(math.isfinite(value) for value in run.data.metrics.values())
        if run.info.run_name == "v3 inputs":
            assert sum(name.startswith("drift/") for name in run.data.metrics) == len(schema.names) + 2
            assert run.data.metrics["drift/share"] == windows[-1].drift.share


def _clean(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
