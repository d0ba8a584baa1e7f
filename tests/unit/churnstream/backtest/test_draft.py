"""The schema of one's own table: what is shown of a draft, and what is asked."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from churnstream.backtest.draft import Dialogue, draft_schema, keep_schema
from churnstream.demo.kept import SCHEMA
from contract.errors import UserError
from contract.schema import load_schema


def table(folder: Path, **columns: object) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number}" for number in range(300)],
            "age": rng.integers(18, 90, 300),
            "churn": rng.integers(0, 2, 300),
        }
    ).assign(**columns)
    path = folder / "my table.csv"
    frame.drop(columns=[name for name, values in columns.items() if values is None]).to_csv(path, index=False)
    return path


class _Answering:
    """A dialogue with answers at hand."""

    def __init__(self, *answers: str, asks: bool = True) -> None:
        self._screen = io.StringIO()
        self._answers = iter(answers)
        self.asked: list[str] = []
        self.dialogue = Dialogue(Console(file=self._screen, width=200), asks, self._ask)

    def _ask(self, question: str) -> str:
        self.asked.append(question)
        return next(self._answers)

    @property
    def lines(self) -> str:
        return self._screen.getvalue()


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


def test_a_draft_without_a_doubt_is_taken_and_shown(tmp_path: Path) -> None:
    said = _Answering()
    path = draft_schema(table(tmp_path), tmp_path, said.dialogue)
    assert path == tmp_path / SCHEMA
    schema = load_schema(str(path))
    assert (schema.name, schema.id_column, schema.names) == ("my_table", "customer_id", ("age",))
    assert "label: 'churn', where 1 means that a customer left" in said.lines
    assert str(path) in said.lines
    assert said.asked == []


def doubtful(folder: Path) -> Path:
    """Which of the two values means that a customer left is not to be seen."""
    return table(folder, churn=np.where(np.arange(300) % 3 == 0, "red", "blue"))


def test_doubts_are_shown_and_asked_about(tmp_path: Path) -> None:
    said = _Answering("x", "", "a")
    draft_schema(doubtful(tmp_path), tmp_path, said.dialogue)
    assert "DOUBT: the rarer value of 'churn'" in said.lines
    assert len(said.asked) == 3
    assert "[a]ccept it" in said.asked[0]


def test_where_nobody_can_answer_doubts_are_shown_and_the_run_goes_on(tmp_path: Path) -> None:
    said = _Answering(asks=False)
    draft_schema(doubtful(tmp_path), tmp_path, said.dialogue)
    assert "DOUBT: the rarer value of 'churn'" in said.lines


def test_whoever_quits_is_told_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing was run; to continue .* --schema .*schema\.toml"):
        draft_schema(doubtful(tmp_path), tmp_path, _Answering("q").dialogue)
    assert (tmp_path / SCHEMA).is_file()


def test_the_end_of_input_quits(tmp_path: Path) -> None:
    def ask(_question: str) -> str:
        raise EOFError

    dialogue = Dialogue(Console(file=io.StringIO()), asks=True, ask=ask)
    with pytest.raises(UserError, match="nothing was run"):
        draft_schema(doubtful(tmp_path), tmp_path, dialogue)


def undecided(folder: Path) -> Path:
    return table(folder, churn=None)


def test_what_must_be_decided_is_refused_with_the_line_to_fill_in(tmp_path: Path) -> None:
    with pytest.raises(UserError) as found:
        draft_schema(undecided(tmp_path), tmp_path, _Answering(asks=False).dialogue)
    lines = (tmp_path / SCHEMA).read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if line == "# [label]")
    assert f"line {number + 1} (column =" in str(found.value)
    assert f"--schema {tmp_path / SCHEMA}" in str(found.value)
    assert lines[number] == "# column = "


def test_what_must_be_decided_cannot_be_accepted_but_edited(tmp_path: Path) -> None:
    path = tmp_path / SCHEMA
    answers: list[str] = []

    def ask(question: str) -> str:
        answers.append(question)
        if question.startswith("Edit"):
            text = path.read_text().replace("# [label]\n# column = \n", '[label]\ncolumn = "churn"\n')
            path.write_text(text.replace("# DECIDE", "# decided"))
        return ("a", "e", "", "a")[len(answers) - 1]

    dialogue = Dialogue(Console(file=io.StringIO()), asks=True, ask=ask)
    draft_schema(undecided(tmp_path), tmp_path, dialogue)
    assert load_schema(str(path)).label.column == "churn"
    assert "[a]ccept" not in answers[0]
    assert "[a]ccept" in answers[3]


def test_a_mistake_in_an_edited_draft_is_said_and_asked_about_again(tmp_path: Path) -> None:
    path = tmp_path / SCHEMA
    answers = iter(["e", "broken", "a", "e", "whole", "a"])
    whole: list[str] = []

    def ask(_question: str) -> str:
        answer = next(answers)
        if answer == "broken":
            whole.append(path.read_text())
            path.write_text(whole[0].replace('kind = "numeric"', 'kind = "numric"'))
        if answer == "whole":
            path.write_text(whole[0])
        return answer

    screen = io.StringIO()
    draft_schema(doubtful(tmp_path), tmp_path, Dialogue(Console(file=screen, width=200), asks=True, ask=ask))
    assert "numric" in screen.getvalue()
    assert load_schema(str(path)).names == ("age",)


def test_the_users_editor_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/version = 1/version = 7/" "$2"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"{editor} --wait")
    path = draft_schema(doubtful(tmp_path), tmp_path, _Answering("e", "a").dialogue)
    assert load_schema(str(path)).version == 7


def test_an_editor_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    said = _Answering("e", "", "a")
    draft_schema(doubtful(tmp_path), tmp_path, said.dialogue)
    assert "editor '/nowhere/editor' cannot be started" in said.lines


def test_a_schema_that_is_given_is_kept_as_it_is(tmp_path: Path) -> None:
    kept = keep_schema("bank_churn", tmp_path)
    assert load_schema(str(kept)).fingerprint == load_schema("bank_churn").fingerprint


def test_a_schema_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml"):
        keep_schema("nowhere.toml", tmp_path)
