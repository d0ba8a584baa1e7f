"""``churnstream data infer``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import Encoding, Sheet


def infer(
    table: Annotated[Path, typer.Argument(help="CSV, Excel or Parquet table.", show_default=False)],
    sheet: Sheet = None,
    encoding: Encoding = None,
    out: Annotated[Path | None, typer.Option(help="TOML file to write.", show_default="stdout")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set.", show_default="the file's")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Draft the schema of a table: its id, label, private columns and features, with all doubts as comments.

    Read the draft through, because it is guessed. Each guess that could be wrong is a DOUBT, in the draft and on the
    terminal. What could not be guessed is marked DECIDE. The draft is not a schema until you have filled that in.

    \b
    Example:
      churnstream data infer customers.csv --out customers.toml
      churnstream train --data customers.csv --dataset customers.toml
    """
    from contract.errors import UserError
    from contract.tables.options import ReadOptions
    from training.commands.progress import Bar
    from training.infer.columns import read_columns
    from training.infer.infer import infer as guess
    from training.infer.toml import draft_toml, plain
    from training.steps import part

    if out is not None and out.exists() and not force:
        raise UserError(f"--out {out} exists already; give another path, or --force to replace it")
    with Bar("looking at the table") as bar:
        draft = guess(read_columns(table, ReadOptions(sheet, encoding)), part(bar.progress, 0.5, 1.0))
    text = draft_toml(draft, name or _name(table), table.name)
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"--out {out} cannot be written: {error.strerror}; give a path in an existing folder"
            ) from None
    if out is not None or not sys.stdout.isatty():  # else they are on the screen already
        for repair in draft.repairs:
            typer.echo(f"note: {plain(repair)}", err=True)
        for doubt in draft.all_doubts:
            typer.echo(f"doubt: {plain(doubt)}", err=True)
    for what in draft.open:
        typer.echo(f"decide: the draft has no {what}; see DECIDE in it", err=True)
    if out is not None:
        typer.echo(f"{out}: {len(draft.features)} features; doubts: {len(draft.all_doubts)}", err=True)


def _name(table: Path) -> str:
    """The file's name as a data set's: lower case, digits and underscores."""
    words = "".join(
        character if character.isascii() and character.isalnum() else " " for character in table.stem.lower()
    )
    return "_".join(words.split()) or "customers"
