"""The schema of one's own table: taken as given, or drafted, with all doubts shown and, on a terminal, asked about."""

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from churnstream.demo.kept import SCHEMA
from contract.errors import UserError
from contract.schema import ROW_NUMBER, load_schema, schema_text
from contract.tables.options import AS_FOUND, ReadOptions
from training.infer.columns import read_columns
from training.infer.draft import Draft
from training.infer.infer import infer
from training.infer.toml import draft_toml, plain

_UNDECIDED = "# DECIDE"


@dataclass(frozen=True)
class Dialogue:
    """How the user is spoken to. ``asks``: whether there is somebody to answer; ``ask`` shows a question and reads a
    line. ``again`` is the command that goes on with the draft once it is filled in.
    """

    console: Console
    asks: bool
    ask: Callable[[str], str] = input
    again: Callable[[Path], str] = field(default=lambda path: f"churnstream backtest TABLE --schema {path}")

    def answer(self, question: str) -> str:
        """The line that is answered; ``q`` for the end of input, as Ctrl-D gives it."""
        try:
            return self.ask(question)
        except EOFError:
            self.say("")
            return "q"

    def say(self, line: str) -> None:
        """Print a line as it stands: what comes from a table is no markup."""
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)


def keep_schema(schema: str, folder: Path) -> Path:
    """A copy of a schema, given by name or path, in a run's folder.

    Raises:
        UserError: there is none.
    """
    load_schema(schema)
    kept = folder / SCHEMA
    kept.write_text(schema_text(schema), encoding="utf-8")
    return kept


def draft_schema(table: Path, folder: Path, dialogue: Dialogue, options: ReadOptions = AS_FOUND) -> Path:
    """Draft the table's schema into a run's folder, show what is doubtful, and ask about it where somebody can answer.

    Raises:
        UserError: the table cannot be read, something must be decided and nobody is asked, or the user gives up.
    """
    draft = infer(read_columns(table, options))
    path = folder / SCHEMA
    path.write_text(draft_toml(draft, _name(table), table.name), encoding="utf-8")
    _show(draft, table, path, dialogue)
    if dialogue.asks and (draft.all_doubts or undecided(path)):
        _ask(path, dialogue)
    elif undecided(path):
        raise UserError(_must_decide(path, dialogue))
    return path


def undecided(path: Path) -> list[tuple[int, str]]:
    """The lines (from 1) of a draft that say what must be decided."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(number, line) for number, line in enumerate(lines, 1) if line.startswith(_UNDECIDED)]


def _show(draft: Draft, table: Path, path: Path, dialogue: Dialogue) -> None:
    dialogue.say(f"no schema was given, so one was drafted from {table.name}: {path}")
    dialogue.say("  id: the row number" if draft.id_column == ROW_NUMBER else f"  id: {draft.id_column!r}")
    if draft.label is not None:
        label = draft.label
        dialogue.say(f"  label: {label.column!r}, where {label.positive!r} means that a customer left")
    if draft.time is not None:
        known = f"; labels were known at {draft.label_time!r}" if draft.label_time is not None else ""
        dialogue.say(f"  time: {draft.time!r}{known}")
    names = ", ".join(one.feature.table_column for one in draft.features)
    dialogue.say(f"  {len(draft.features)} features: {names}")
    if draft.private:
        dialogue.say(f"  private, never sent: {', '.join(draft.private)}")
    if draft.ignored:
        dialogue.say(f"  left out: {', '.join(unused.column for unused in draft.ignored)}")
    for repair in draft.repairs:
        dialogue.say(f"  note: {plain(repair)}")
    for doubt in draft.all_doubts:
        dialogue.say(f"  DOUBT: {plain(doubt)}")


def _ask(path: Path, dialogue: Dialogue) -> None:
    """Until the draft is accepted and is a schema."""
    while True:
        open_lines = undecided(path)
        for number, line in open_lines:
            dialogue.say(f"  line {number}: {line.removeprefix('# ')}")
        choices = "[e]dit it, or [q]uit" if open_lines else "[a]ccept it, [e]dit it, or [q]uit"
        answer = dialogue.answer(f"The draft: {choices}? ").strip().lower()[:1]
        if answer == "q":
            raise UserError(f"nothing was run; to continue with the draft, run: {dialogue.again(path)}")
        if answer == "e":
            _edit(path, dialogue)
        elif answer != "a" or open_lines:
            continue
        try:
            load_schema(str(path))
        except UserError as error:
            dialogue.say(f"  {error}")
            continue
        if answer == "a":
            return


def _edit(path: Path, dialogue: Dialogue) -> None:
    """In the user's editor, where one is set; else the user says when it has been done."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if editor:
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=False)
        except (OSError, ValueError) as error:
            dialogue.say(f"  editor {editor!r} cannot be started ({error}); edit {path} with another program")
        else:
            return
    dialogue.answer(f"Edit {path}, then press Enter ")


def _must_decide(path: Path, dialogue: Dialogue) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    told = []
    for number, line in undecided(path):
        below = next(
            (at for at in range(number, len(lines)) if lines[at].startswith("# ") and "=" in lines[at]), number
        )
        told.append(f"line {below + 1} ({lines[below].removeprefix('# ')}…): {line.removeprefix('# ')}")
    return (
        f"the draft {path} must be completed first: fill in these lines and remove the # before them: "
        f"{'; '.join(told)} Then run: {dialogue.again(path)}"
    )


def _name(table: Path) -> str:
    """The file's name as a data set's: lower case, digits and underscores."""
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in table.stem.lower())
    return "_".join(words.split()) or "customers"
