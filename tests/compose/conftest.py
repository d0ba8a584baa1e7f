"""The tests of the compose stack: skipped, with the reason, where there is no Docker."""

from pathlib import Path

import pytest

from tests.support.stack import docker_problem

# an image is built, and a stack of nine containers comes up, on a machine that others may use, too
TIMEOUT = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    problem = docker_problem() if ours else None
    for item in ours:
        item.add_marker(pytest.mark.timeout(TIMEOUT))
        if problem:
            item.add_marker(pytest.mark.skip(reason=problem))
