"""Models are got ready each for itself, again and again, in a bounded number of threads."""

import threading

import pytest

from contract.messages import ModelRef
from monitor.timeline import preparation
from monitor.timeline.preparation import Preparation
from tests.support.polling import eventually
from tests.support.timeline.following import KnownReferences

FIRST, *OTHERS = [ModelRef("churn", version) for version in range(1, 9)]


def test_a_model_that_fails_is_tried_again_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(preparation, "_RETRY_SECONDS", 0.01)
    references, told = KnownReferences(away={FIRST}), threading.Semaphore(0)
    preparing = Preparation(references, told.release)
    for _ in range(3):
        preparing.want([FIRST, *OTHERS])
    assert all(told.acquire(timeout=10) for _ in OTHERS)
    assert references.ready == set(OTHERS)
    references.away.clear()
    assert told.acquire(timeout=10)
    assert references.is_ready(FIRST)
    assert [line for line in caplog.messages if line.startswith("no reference of churn v1 yet")] == [
        "no reference of churn v1 yet (MLflow is away); its windows wait, those of other models do not"
    ]
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "references"])


def test_models_that_hang_take_a_bounded_number_of_threads_and_none_after_the_end() -> None:
    hangs, count = threading.Event(), threading.Semaphore(0)

    class Hanging(KnownReferences):
        def prepare(self, model: ModelRef) -> None:
            count.release()
            assert hangs.wait(10)
            super().prepare(model)

    references = Hanging()
    preparing = Preparation(references, lambda: None)
    preparing.want(OTHERS)
    assert all(count.acquire(timeout=10) for _ in range(4))
    assert len([thread for thread in threading.enumerate() if thread.name == "references"]) == 4
    preparing.close()
    hangs.set()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "references"])
    assert len(references.ready) == 4
