"""``churnstream schema``."""

from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import Dataset


def schema(
    topic: Annotated[
        str | None, typer.Argument(help="Print the schema of this topic: customers, labels, predictions …")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the schemas of all topics into this folder.")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a valid message instead of the schema (customers, labels).")
    ] = False,
    dataset: Dataset = None,
) -> None:
    """Print the JSON Schema of a topic's messages, derived from the data set's schema.

    It serves producers and readers in any language. docs/your-stream.md has one message of each kind, and producers in
    Python, Java and kcat.

    \b
    Examples:
      churnstream schema customers
      churnstream schema customers --example
      churnstream schema --dataset cards.toml --out schemas
    """
    import msgspec

    from contract.described.messages import DESCRIBED, SENT, example_message, message_schema
    from contract.errors import UserError
    from contract.schema import load_schema
    from contract.settings import load_settings

    known = SENT if example else DESCRIBED
    if (topic is None) == (out is None):
        raise UserError(f"give either one topic ({', '.join(known)}) or --out FOLDER for all")
    if topic is not None and topic not in known:
        written = "is written only by churnstream" if topic in DESCRIBED else "has no JSON Schema"
        raise UserError(f"topic {topic!r} {written}; take one of {', '.join(known)}")
    data = load_schema(load_settings(dataset=dataset).dataset)
    make = example_message if example else message_schema
    if topic is not None:
        print(msgspec.json.format(msgspec.json.encode(make(topic, data))).decode())
        return
    ending = "example" if example else "schema"
    for name in known:
        text = msgspec.json.format(msgspec.json.encode(make(name, data))) + b"\n"
        path = (out or Path()) / f"{name}.{ending}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); give another folder with --out") from None
        print(path)
