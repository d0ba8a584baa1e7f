"""Tests that prove a guarantee never fail for want of time: they wait on progress, and hang for good at most once."""

import pytest

SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A longer time-out for each test of this folder, in which a first one makes what the others are compared with."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.timeout(SECONDS))
