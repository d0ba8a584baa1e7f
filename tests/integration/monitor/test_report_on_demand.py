"""``churnstream report``: from the topics and the reference in MLflow alone, on a real broker and a real store."""

import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.errors import UserError
from contract.kafka.stream_identity import STREAM_HEADER, stream_identity
from contract.messages import ModelRef, encode
from contract.models.bundle import TRAINING_SAMPLE_ARTIFACT
from contract.models.mlflow_access import mlflow_client
from contract.panes import PaneSample
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import PANES, WINDOWS
from contract.windows import Window
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.mlflow_sink.runs import Runs, open_axis
from monitor.on_demand.making import make_report
from monitor.on_demand.samples import read_sample
from monitor.on_demand.window import AskedWindow, find_window
from monitor.timeline.drift import sample_frame
from monitor.timeline.samples import Sample, merge_samples
from tests.support.kafka.topics import environment, send, stream_settings
from tests.support.messages import DAY, START
from tests.support.mlflow.store import store_in
from tests.support.tables.bank_inputs import bank
from tests.support.windows import window

SCHEMA = load_schema("bank_churn")
MODEL = ModelRef("churn", 3)
MARKUP = "<img src=x onerror=alert(1)>"
GONE, SHORT = 20, 40
"""Days whose windows lack samples: compacted away, and one not published yet."""


def pane_sample(day: int, partition: int, frame: pd.DataFrame) -> PaneSample:
    rng = np.random.default_rng((day, partition))
    values = frame[list(SCHEMA.names)].astype(object).where(frame[list(SCHEMA.names)].notna(), None)
    return PaneSample(
        partition=partition,
        start=START + day * DAY,
        slide=DAY,
        model=MODEL,
        records=len(frame),
        hashes=sorted(rng.integers(0, 2**53, len(frame)).tolist()),
        probabilities=frame["score"].tolist(),
        columns=[values[name].tolist() for name in SCHEMA.names],
        rows=[1] * len(frame),
    )


def customers(size: int, seed: int) -> pd.DataFrame:
    return bank(np.random.default_rng(seed), size)


def older(frame: pd.DataFrame) -> pd.DataFrame:
    """Other customers, of whom one is of a country that would be an element of the page."""
    return frame.assign(Age=frame["Age"] + 10, Geography=[MARKUP, *frame["Geography"][1:]])


def days(first: int, older_from: int = 99) -> list[PaneSample]:
    """Of a window's seven days, of two partitions."""
    return [
        pane_sample(day, partition, older(frame) if day >= older_from else frame)
        for day in range(first, first + 7)
        for partition in (0, 1)
        for frame in [customers(150, seed=10 * day + partition)]
    ]


def judged(day: int, samples: Sequence[PaneSample], reference: pd.DataFrame, **changed: object) -> Window:
    merged = merge_samples(map(Sample.of, samples), 5_000)
    against = InputReference.of(reference, SCHEMA)
    drift = judge(sample_frame(SCHEMA, merged), against, [], rule=InputRule(), customers=merged.hashes.tolist())
    found = window(day, records=merged.records, drift=drift, slide=DAY)
    return msgspec.structs.replace(found, **changed)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return customers(3_000, seed=1).assign(label=0)


@pytest.fixture(scope="module")
def settings(broker: str, tmp_path_factory: pytest.TempPathFactory, reference: pd.DataFrame) -> Settings:
    """A stream with windows and samples, and the version in MLflow. Nothing was trained, scored or joined for it."""
    folder = tmp_path_factory.mktemp("on-demand")
    store = store_in(folder)
    made = stream_settings(
        broker,
        f"t{uuid.uuid4().hex[:12]}.",
        folder / "state",
        partitions=2,
        mlflow_tracking_uri=store.mlflow_tracking_uri,
    )
    _register(made, folder, reference)
    stream = stream_identity(made)
    drifted, gone, short = days(0, older_from=3), days(GONE), days(SHORT)
    windows = [
        judged(0, drifted, reference),
        judged(1, drifted, reference),
        judged(GONE, gone, reference, status="final"),
        judged(SHORT, short, reference),
        window(60, slide=DAY, drift=msgspec.structs.replace(window().drift, judged=False, features={})),
    ]
    stale = msgspec.structs.replace(drifted[3], records=1, hashes=[1], probabilities=[0.5], rows=[1])
    stale.columns = [column[:1] for column in stale.columns]
    others = [pane_sample(day, 0, customers(10, seed=day)) for day in (7, 8, 9)]
    panes = [stale, *drifted, *days(1, older_from=3)[-2:], *others, *short[:-1]]
    send(made, PANES, [(one.key.encode(), encode(one)) for one in panes])
    # deleted, and not yet let go of
    send(made, PANES, [(one.key.encode(), None) for one in drifted])
    send(made, PANES, [(b"noise", b"{"), (f"{MODEL.key}/{START}/0".encode(), b"no pane")])
    header = [(STREAM_HEADER, stream.encode())]
    send(made, WINDOWS, [(one.key.encode(), encode(one)) for one in windows], headers=header)
    later = msgspec.structs.replace(windows[0], start=START + 90 * DAY, end=START + 97 * DAY)
    send(made, WINDOWS, [(later.key.encode(), encode(later))], headers=[(STREAM_HEADER, b"an earlier stream")])
    return made


def _register(settings: Settings, folder: Path, reference: pd.DataFrame) -> None:
    client = mlflow_client(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name("churn training")
    assert experiment is not None
    run = client.create_run(experiment.experiment_id).info.run_id
    file = folder / Path(TRAINING_SAMPLE_ARTIFACT).name
    reference.to_parquet(file)
    client.log_artifact(run, str(file), str(Path(TRAINING_SAMPLE_ARTIFACT).parent))
    client.create_registered_model(MODEL.name)
    for _ in range(MODEL.version):
        client.create_model_version(MODEL.name, source=str(folder), run_id=run)


def asked(start: int | None, version: int | None = None) -> AskedWindow:
    return AskedWindow("churn", version, "champion", start)


@pytest.mark.timeout(400)
def test_the_report_says_what_the_window_says(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    command = [sys.executable, "-m", "churnstream", "report", "2025-01-01", "--out", str(out)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(settings), capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    page = out.read_text(encoding="utf-8")
    assert "<title>" in page
    for said in ("2025-01-01T00:00:00Z", "2100 records", "Drifted", "Age", "onerror"):
        assert said in page.replace("\\\\", ""), said
    assert "<img src=x" not in page
    assert out.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_sample_is_the_one_that_was_judged(settings: Settings) -> None:
    found = find_window(settings, asked(START, version=3))
    sample = read_sample(settings, found)
    expected = merge_samples(map(Sample.of, days(0, older_from=3)), 5_000)
    assert sample.records == found.records == 14 * 150
    assert sample.hashes.tolist() == expected.hashes.tolist()
    pd.testing.assert_frame_equal(sample_frame(SCHEMA, sample), sample_frame(SCHEMA, expected))


def test_the_latest_is_the_latest_of_this_stream(settings: Settings) -> None:
    assert find_window(settings, asked(None)).start == START + 60 * DAY


def refusal(settings: Settings, day: float, out: Path, version: int | None = None) -> str:
    with pytest.raises(UserError) as raised:
        make_report(settings, SCHEMA, asked(START + round(day * DAY), version), out)
    assert not out.exists()
    return str(raised.value)


def test_what_cannot_be_made_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert refusal(settings, 0.5, out) == (
        "no window of churn starts at 2025-01-01T12:00:00Z; the nearest start at 2025-01-01T00:00:00Z and "
        "2025-01-02T00:00:00Z"
    )
    assert "there is no window of churn v9" in refusal(settings, 0, out, version=9)
    assert "because its columns were not judged" in refusal(settings, 60, out)
    assert refusal(settings, SHORT, out) == (
        "no report can be made of the window of churn v3 that starts at 2025-02-10T00:00:00Z, because not all samples "
        "of its customers are on Kafka; MLflow has none either"
    )


def test_where_samples_are_gone_the_report_in_mlflow_is_named(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    said = "because it is final, and the samples of its customers are no longer on Kafka; "
    assert said + "MLflow has none either" in refusal(settings, GONE, out)
    client = mlflow_client(settings.mlflow_tracking_uri)
    axis = open_axis(client, settings, window(), 0)
    run = Runs(client, axis.experiment_id).get(MODEL, "inputs", START)
    made = tmp_path / "20250121T000000Z_stable.html"
    made.write_text("made in time")
    client.log_artifact(run, str(made), "reports")
    assert refusal(settings, GONE, out).endswith(said + f"MLflow has it: reports/{made.name} of run {run}")
