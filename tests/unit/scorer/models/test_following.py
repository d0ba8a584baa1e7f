"""What the garbage collector does beside a model."""

import gc
from collections.abc import Iterator

import pytest

from scorer.models.following import set_apart


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """Those that begin and end while a test runs."""
    seen: list[str] = []

    def note(phase: str, _about: dict[str, int]) -> None:
        seen.append(phase)

    before = gc.get_threshold()
    set_apart()
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_messages_of_two_batches_are_not_searched_for_garbage(collections: list[str]) -> None:
    batches = [[[number] for number in range(10_000)] for _ in range(2)]
    assert batches
    assert not collections


def test_garbage_does_not_pile_up(collections: list[str]) -> None:
    for _ in range(200_000):
        loop: list[object] = []
        loop.append(loop)
    assert collections
