"""Tables that make a worthless or a miraculous model: ``churnstream train`` refuses it the alias, and its end says why.

One store for all, with a model of its own for each table.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.models.registry import find_version, registry_client
from contract.settings import Settings
from contract.split.held_out import held_out
from tests.support.mlflow.store import store_in
from training.defaults import NOT_PROMOTED
from training.registered import tags
from training.registered.promotion import promote
from training.registered.versions import describe

ROWS = 700
FEATURES = ("visits", "spent", "months")
Trained = Callable[..., tuple[int, str, Settings]]


def table(seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    """Customers of whom about a third left, by a rule with noise."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(100, 20, rows).round(2) for name in FEATURES})
    odds = (frame["visits"] + frame["spent"] - 210) / 12
    left = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
    return frame.assign(member=[f"M{number}" for number in range(rows)], left=left)


def schema(*more: str, id_column: str = "member", positive: str = "1", negative: str = "0") -> str:
    features = "".join(f'[features.{name}]\nkind = "numeric"\nmissing = true\n' for name in (*FEATURES, *more))
    label = f'[label]\ncolumn = "left"\npositive = {positive}\nnegative = {negative}\n'
    return f'name = "t"\nversion = 1\nid = "{id_column}"\n{label}{features}'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return store_in(tmp_path_factory.mktemp("traps"))


@pytest.fixture
def trained(store: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Trained:
    """Train by the command: exit code, the verdict's line, and settings of the model. It stands last but for "Next"."""

    def run(frame: pd.DataFrame, toml: str, *flags: str) -> tuple[int, str, Settings]:
        frame.to_csv(tmp_path / "table.csv", index=False)
        (tmp_path / "schema.toml").write_text(toml, encoding="utf-8")
        model = str(request.node.originalname)
        own = {"model_name": model, "dataset": str(tmp_path / "schema.toml")}
        arguments = ["train", "--data", str(tmp_path / "table.csv"), "--dataset", own["dataset"], "--model-name", model]
        done = CliRunner().invoke(app, [*arguments, "--tracking-uri", store.mlflow_tracking_uri, *flags])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        *_, verdict, following = done.stdout.strip().splitlines()
        assert following.startswith("Next: churnstream "), done.stdout
        return done.exit_code, verdict, store.model_copy(update=own)

    return run


def refused(ran: tuple[int, str, Settings]) -> str:
    """The reason; no version has the alias."""
    code, verdict, settings = ran
    assert code == NOT_PROMOTED, verdict
    start, end = f"{settings.model_name} v1 does not take @champion: ", "; --force gives it the alias"
    assert verdict.startswith(start)
    assert verdict.endswith(end)
    assert find_version(registry_client(settings), settings) is None
    return verdict.removeprefix(start).removesuffix(end)


def test_random_labels(trained: Trained) -> None:
    guessed = table().assign(left=np.random.default_rng(9).integers(0, 2, ROWS))
    ran = trained(guessed, schema())
    reason = refused(ran)
    assert "which is no better than guessing" in reason

    settings = ran[2]
    client = registry_client(settings)
    assert describe(client, settings, 1).objections == (reason,)
    again = promote(settings, "1")
    assert (again.promoted, again.reason) == (False, ran[1]), "a later promotion says the same"
    forced = promote(settings, "1", force=True)
    assert forced.promoted
    assert forced.reason.endswith(f"as --force says, despite this: {reason}")
    assert client.get_model_version(settings.model_name, "1").tags[tags.FORCED] == forced.reason

    code, verdict, _ = trained(guessed, schema(), "--force")
    assert code == 0
    assert "v2 takes @champion, as --force says, despite this: its ROC AUC" in verdict


def test_a_leak_alone(trained: Trained) -> None:
    frame = table()
    noise = np.random.default_rng(1).normal(size=ROWS)
    reason = refused(trained(frame.assign(calls=frame["left"] * 10 + noise), schema("calls")))
    assert reason.startswith("feature calls alone tells the label (ROC AUC")
    assert "beyond belief" in reason


def test_a_leak_in_a_pair(trained: Trained) -> None:
    frame = table()
    flag = np.random.default_rng(2).integers(0, 2, ROWS)
    reason = refused(trained(frame.assign(one=flag, other=flag ^ frame["left"]), schema("one", "other")))
    assert reason.startswith("features one and other together tell the label (ROC AUC 1.000), and neither does alone")


def test_a_sentinel_that_tells_who_left(trained: Trained) -> None:
    frame = table()
    asked = np.random.default_rng(3).normal(50, 9, ROWS).round()
    reason = refused(trained(frame.assign(asked=np.where(frame["left"] == 1, -999, asked)), schema("asked")))
    assert reason.startswith("feature asked alone tells the label")


def test_a_sentinel_that_tells_nothing(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(4)
    asked = np.where(rng.random(ROWS) < 0.1, -999, rng.normal(50, 9, ROWS).round())
    code, verdict, _ = trained(table().assign(asked=asked), schema("asked"))
    assert (code, verdict.endswith("v1 is the first @champion")) == (0, True)
    assert "feature asked is -999 in" in caplog.text, "a warning will do"


def of_months(labels_of: int = 60, rows_each: int = 12) -> pd.DataFrame:
    """A row a month of customers whose labels are drawn, so that nothing can be learned but who they are."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(labels_of), rows_each)
    frame = pd.DataFrame({name: rng.normal(100, 20, len(who)).round(2) for name in FEATURES})
    left = rng.permutation(np.arange(labels_of) % 2)[who]
    return frame.assign(snapshot=[f"S{number}" for number in range(len(who))], customer=who + 1_000, left=left)


def test_ids_that_repeat_as_a_feature(trained: Trained) -> None:
    reason = refused(trained(of_months(), schema("customer", id_column="snapshot")))
    assert reason.startswith("rows with the same customer nearly always have the same label")
    assert "make it the schema's id" in reason


def test_ids_that_repeat_as_the_id(trained: Trained) -> None:
    frame = of_months()
    reason = refused(trained(frame.assign(own=frame["customer"] % 1_000), schema("own", id_column="customer")))
    assert "no better than guessing" in reason, "all rows of a customer are on one side"


def test_few_who_left(trained: Trained) -> None:
    frame = table(rows=1_200)
    left = frame.index[frame["left"] == 1]
    reason = refused(trained(frame.drop(index=left[30:]), schema()))
    assert "of the held-out rows are of customers who left, too few to tell how good it is" in reason


def test_one_label_in_a_fold(trained: Trained) -> None:
    """Three customers have all the rows of label 1, so some folds have none of it, and maybe a side of the split."""
    frame = of_months()
    frame = frame.assign(left=(frame["customer"] < 1_003).astype(int))
    left = np.array(["1000", "1001", "1002"], dtype=object)
    sides = {seed: int(held_out(left, seed).sum()) for seed in range(99)}
    both, none = (next(seed for seed in sides if sides[seed] == count) for count in (1, 0))
    reason = refused(trained(frame, schema(id_column="customer"), "--split-seed", str(both)))
    assert "no better than guessing" in reason
    with pytest.raises(AssertionError, match="all held-out rows have the same label"):
        trained(frame, schema(id_column="customer"), "--split-seed", str(none))


def test_labels_as_text_in_the_second_column_give_the_same_model(trained: Trained) -> None:
    frame = table()
    plain = trained(frame, schema())
    named = frame.assign(left=np.where(frame["left"] == 1, "Attrited Customer", "Existing Customer"))
    first, *others = [name for name in named if name != "left"]
    toml = schema(positive='"Attrited Customer"', negative='"Existing Customer"')
    text = trained(named[[first, "left", *others]], toml, "--force")
    assert (plain[0], text[0]) == (0, 0)
    client = registry_client(plain[2])
    runs = [client.get_run(client.get_model_version(plain[2].model_name, number).run_id) for number in ("1", "2")]
    figures = [{name: value for name, value in run.data.metrics.items() if name.startswith("test_")} for run in runs]
    assert figures[0] == figures[1]
    assert figures[0]["test_roc_auc_low"] > 0.6
