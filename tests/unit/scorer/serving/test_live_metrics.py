"""What is counted of labelled queries: as scikit-learn counts, all of a call or nothing, in bounded memory."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from contract.messages import ModelRef
from contract.models.confusion import Confusion
from contract.settings import Settings
from scorer.serving.live_metrics import LiveMetrics
from tests.support.polling import eventually

V3, V4 = ModelRef("churn", 3), ModelRef("churn", 4)
BINARY = st.integers(0, 1)


@dataclass(frozen=True)
class Query:
    record_id: str
    predicted: int
    model: ModelRef = V3


@pytest.fixture
def live() -> LiveMetrics:
    return LiveMetrics(Settings())


def queries(*predicted: int, model: ModelRef = V3) -> list[Query]:
    return [Query(f"q{number}", decision, model) for number, decision in enumerate(predicted)]


def expected(truth: Sequence[int], predicted: Sequence[int]) -> Confusion:
    return Confusion(*sk.confusion_matrix(truth, predicted, labels=[0, 1]).ravel().tolist())


def defined(value: float) -> float | None:
    return None if value != value else value


@given(
    decisions=st.lists(st.tuples(BINARY, st.sampled_from([V3, V4])), min_size=1, max_size=30),
    calls=st.lists(st.lists(st.tuples(st.integers(0, 29), BINARY), max_size=5), max_size=20),
)
def test_counts_are_those_of_the_last_label_of_each_query(
    decisions: list[tuple[int, ModelRef]], calls: list[list[tuple[int, int]]]
) -> None:
    live = LiveMetrics(Settings())
    live.predicted([Query(f"q{number}", *decision) for number, decision in enumerate(decisions)])
    last: dict[int, int] = {}
    for call in calls:
        unknown = [number for number, _ in call if number >= len(decisions)]
        assert live.labelled([(f"q{number}", label) for number, label in call]) == [
            f"q{number}" for number in dict.fromkeys(unknown)
        ]
        if not unknown:
            last |= dict(call)
    for model in (V3, V4):
        labelled = [(label, decisions[number][0]) for number, label in last.items() if decisions[number][1] == model]
        if not labelled:
            assert model not in live.counts
            continue
        truth, predicted = zip(*labelled, strict=True)
        counts = live.counts[model]
        assert counts == expected(truth, predicted)
        assert counts.labelled == len(truth)
        assert counts.accuracy == pytest.approx(sk.accuracy_score(truth, predicted), abs=1e-12)
        for metric, score in (
            (counts.precision, sk.precision_score),
            (counts.recall, sk.recall_score),
            (counts.f1, sk.f1_score),
        ):
            wanted = defined(float(score(truth, predicted, zero_division=float("nan"))))
            assert metric is None if wanted is None else metric == pytest.approx(wanted, abs=1e-12)


def test_a_contradicting_label_moves_its_query_and_a_repeated_one_does_not(live: LiveMetrics) -> None:
    live.predicted(queries(1, 0))
    assert live.labelled([("q0", 1), ("q1", 1), ("q0", 1)]) == []
    assert live.counts == {V3: Confusion(fn=1, tp=1)}
    assert live.labelled([("q0", 0), ("q0", 0)]) == []
    assert live.counts == {V3: Confusion(fp=1, fn=1)}


def test_a_call_with_an_unknown_record_counts_nothing(live: LiveMetrics) -> None:
    live.predicted(queries(1, 0))
    assert live.labelled([("q0", 1), ("x", 0), ("y", 1), ("x", 1), ("q1", 0)]) == ["x", "y"]
    assert live.counts == {}
    assert live.labelled([("q0", 1)]) == []
    assert live.counts == {V3: Confusion(tp=1)}


def test_of_several_answers_to_one_record_the_first_counts(live: LiveMetrics) -> None:
    live.predicted(queries(1))
    live.predicted(queries(0, model=V4))
    live.labelled([("q0", 1)])
    live.predicted(queries(0))
    live.labelled([("q0", 1)])
    assert live.counts == {V3: Confusion(tp=1)}


def test_the_oldest_answers_are_forgotten_and_what_was_counted_of_them_stays() -> None:
    live = LiveMetrics(Settings(), remembered=100)
    for number in range(250):
        live.predicted([Query(f"q{number}", 1)])
        if number < 50:
            live.labelled([(f"q{number}", 1)])
    remembered = [number for number in range(250) if live.labelled([(f"q{number}", 0)]) == []]
    assert remembered == list(range(150, 250))
    assert live.counts == {V3: Confusion(fp=100, tp=50)}


def test_labels_wait_neither_for_mlflow_nor_for_its_thread() -> None:
    gate, connecting = threading.Event(), threading.Event()

    def connect(_settings: Settings) -> NoReturn:
        connecting.set()
        gate.wait()
        raise OSError("gone")

    live, stop = LiveMetrics(Settings(), connect=connect), threading.Event()
    thread = threading.Thread(target=live.run, args=(stop,), daemon=True)
    thread.start()
    try:
        live.predicted(queries(1, 0, 1))
        live.labelled([("q0", 1)])
        assert connecting.wait(30)
        live.labelled([("q1", 1)])
        assert live.counts == {V3: Confusion(fn=1, tp=1)}
    finally:
        stop.set()
        gate.set()
        thread.join(30)
    assert not thread.is_alive()


def test_without_a_labelled_query_mlflow_is_not_asked_for() -> None:
    def connect(_settings: Settings) -> NoReturn:
        raise AssertionError("asked for")

    live, stop = LiveMetrics(Settings(), connect=connect), threading.Event()
    live.predicted(queries(1))
    stop.set()
    live.run(stop)
    assert live.counts == {}


def test_calls_from_many_threads_lose_nothing(live: LiveMetrics) -> None:
    def work(name: int) -> None:
        for number in range(500):
            live.predicted([Query(f"{name}-{number}", number % 2)])
            assert live.labelled([(f"{name}-{number}", 1)]) == []

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: not any(thread.is_alive() for thread in threads), timeout=60)
    assert live.counts == {V3: Confusion(fn=1_000, tp=1_000)}
