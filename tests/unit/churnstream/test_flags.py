"""A setting has one flag, spelled and explained alike on every command that goes by it."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from churnstream.cli import app

STREAM = {"--bootstrap-servers", "--stream", "--topic-prefix"}
NEEDS: dict[str, set[str]] = {
    "train": {"--stream", "--dataset", "--tracking-uri", "--model-name", "--model-alias"},
    "retrain": STREAM | {"--dataset", "--tracking-uri", "--model-name", "--model-alias"},
    "explore": {"--stream", "--dataset", "--tracking-uri"},
    "compare": {"--stream", "--dataset", "--tracking-uri", "--model-name"},
    "review": {"--stream", "--tracking-uri", "--model-name"},
    "promote": STREAM | {"--dataset", "--tracking-uri", "--model-name", "--model-alias"},
    "rollback": {"--stream", "--dataset", "--tracking-uri", "--model-name", "--model-alias"},
    "challenge": {"--stream", "--dataset", "--tracking-uri", "--model-name", "--model-alias"},
    "replay": STREAM | {"--dataset", "--partitions"},
    "score": STREAM | {"--dataset", "--partitions", "--tracking-uri", "--model-name", "--model-alias"},
    "serve": STREAM | {"--dataset", "--partitions", "--tracking-uri", "--model-name", "--model-alias"},
    "join": STREAM | {"--dataset", "--partitions", "--state-dir"},
    "monitor": STREAM | {"--dataset", "--partitions", "--tracking-uri", "--state-dir"},
    "report": STREAM | {"--dataset", "--tracking-uri", "--state-dir"},
    "dashboard": STREAM | {"--tracking-uri", "--model-alias"},
    "alerts": STREAM | {"--alert-rules"},
    "doctor": STREAM
    | {"--dataset", "--partitions", "--replication-factor", "--tracking-uri", "--model-name", "--model-alias"}
    | {"--state-dir", "--alert-rules"},
    "status": STREAM,
    "windows": STREAM | {"--model-name"},
    "dead-letters": STREAM | {"--dataset"},
    "redrive": STREAM | {"--dataset"},
    "reset": STREAM | {"--state-dir"},
    "init": STREAM | {"--dataset", "--partitions", "--tracking-uri", "--model-name", "--model-alias"},
}
"""What each command goes by."""
SHARED = set.union(*NEEDS.values()) | {"--verbose", "--log-format", "--metrics-port", "--instance"}


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    group = typer.main.get_command(app) if group is None else group
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from commands(command, (*path, name))
    else:
        yield " ".join(path), group


def options(command: Any) -> dict[str, str]:
    """The flags of a command, each with how it is shown."""
    return {
        flag: str(getattr(parameter, "help", None))
        for parameter in command.params
        for flag in parameter.opts
        if flag.startswith("--")
    }


@pytest.mark.parametrize("name", NEEDS)
def test_a_command_has_a_flag_for_each_setting_that_it_goes_by(name: str) -> None:
    assert NEEDS[name] - options(dict(commands())[name]).keys() == set()


def test_a_flag_means_the_same_on_all_commands() -> None:
    ways: dict[str, set[str]] = defaultdict(set)
    for _, command in commands():
        for flag, shown in options(command).items():
            if flag in SHARED:
                ways[flag].add(shown)
    assert {flag: shown for flag, shown in ways.items() if len(shown) > 1} == {}


def test_whoever_reads_a_stream_can_be_told_which_and_where() -> None:
    """Commands that come later, too."""
    for name, command in commands():
        flags = options(command).keys()
        assert not flags & {"--bootstrap-servers", "--topic-prefix"} or flags >= STREAM, name
        assert "--model-alias" not in flags or flags >= {"--stream", "--tracking-uri"}, name
