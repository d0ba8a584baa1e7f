"""Tables of many shapes: each draft is right or says its doubt, loads as a schema, and trains on its own table."""

import tomllib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from churnstream.cli import app
from contract.schema import load_schema, parse_schema
from tests.support.tables.own import SHAPES, TableShape
from training.infer.columns import read_columns
from training.infer.draft import Draft
from training.infer.infer import infer
from training.infer.toml import draft_toml
from training.kinds.kinds import KINDS, build
from training.table.prepare import read_table
from training.table.split import folds

DECIDED = [shape for shape in SHAPES if shape.right.label]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
every_decided_shape = pytest.mark.parametrize("shape", DECIDED, ids=lambda shape: shape.name)


@cache
def drafted(shape: TableShape) -> tuple[Draft, str]:
    with TemporaryDirectory() as folder:
        path = shape.written(Path(folder))
        draft = infer(read_columns(path))
        return draft, draft_toml(draft, "drafted", path.name)


@every_shape
def test_roles_are_guessed_rightly(shape: TableShape) -> None:
    draft, right = drafted(shape)[0], shape.right
    label = draft.label and (draft.label.column, draft.label.positive, draft.label.negative)
    assert (draft.id_column, label) == (right.id, right.label and (right.label, right.positive, right.negative))
    assert set(draft.private) == right.private
    assert (draft.time, draft.label_time) == (right.time, right.label_time)
    assert draft.open == (() if right.label else ("[label]",))


@every_shape
def test_features_are_guessed_rightly_or_doubted(shape: TableShape) -> None:
    draft, right = drafted(shape)[0], shape.right
    kinds = {each.feature.table_column: str(each.feature.kind) for each in draft.features}
    unused = {each.column for each in draft.ignored}
    assert unused == right.ignored
    assert kinds.keys() == right.features.keys()
    assert {column: kind for column, kind in right.features.items() if kind not in ("either", kinds[column])} == {}


@every_shape
def test_what_may_be_wrong_is_doubted(shape: TableShape) -> None:
    said = drafted(shape)[0].all_doubts
    assert [words for words in shape.right.doubts if not any(words in doubt for doubt in said)] == []


@every_shape
def test_all_doubts_are_in_the_file_and_counted(shape: TableShape) -> None:
    draft, toml = drafted(shape)
    assert toml.count("# DOUBT: ") == len(draft.all_doubts)
    assert len(set(draft.all_doubts)) == len(draft.all_doubts)


@every_decided_shape
def test_the_draft_loads_and_trains_on_its_own_table(shape: TableShape, tmp_path: Path) -> None:
    (tmp_path / "drafted.toml").write_text(drafted(shape)[1], encoding="utf-8")
    schema = load_schema(str(tmp_path / "drafted.toml"))
    path = shape.written(tmp_path)

    rows = read_table(path, schema)

    assert len(rows.y) >= 0.9 * rows.rows_read
    train, test = folds(rows.customers, rows.y, 0)[0]
    model = build(KINDS["tree"], "plain", schema, 0, {}, ratio=1.0)
    model.fit(rows.X.iloc[train], rows.y[train])
    assert roc_auc_score(rows.y[test], model.predict_proba(rows.X.iloc[test])[:, 1]) > 0.55


@pytest.mark.parametrize("shape", DECIDED[:1], ids=lambda shape: shape.name)
def test_the_terminal_says_every_doubt_and_their_number(shape: TableShape, tmp_path: Path) -> None:
    path, out = shape.written(tmp_path), tmp_path / "drafted.toml"

    done = CliRunner().invoke(app, ["data", "infer", str(path), "--out", str(out)], catch_exceptions=False)

    draft = drafted(shape)[0]
    assert [line for line in done.stderr.splitlines() if line.startswith("doubt: ")] == [
        f"doubt: {doubt}" for doubt in draft.all_doubts
    ]
    assert done.stderr.splitlines()[-1].endswith(f"doubts: {out.read_text(encoding='utf-8').count('# DOUBT')}")


def test_silence_means_no_where_only_those_who_left_have_a_date() -> None:
    snapshots = next(shape for shape in SHAPES if shape.name == "monthly_snapshots")
    draft, toml = drafted(snapshots)
    label = parse_schema(tomllib.loads(toml)).label
    assert (label.absent, label.horizon) == ("negative", "27d")
    assert any("27 days without it" in doubt for doubt in draft.all_doubts)


def test_the_same_table_gives_the_same_draft(tmp_path: Path) -> None:
    for shape in SHAPES[:2]:
        again = draft_toml(infer(read_columns(path := shape.written(tmp_path))), "drafted", path.name)
        assert again == drafted(shape)[1]
