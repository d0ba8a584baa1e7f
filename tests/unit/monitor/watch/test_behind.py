"""Workers that are behind with no end in sight, and windows that wait for MLflow."""

from dataclasses import dataclass

from contract.alert_rules import StreamRules
from monitor.watch.behind import MlflowLag, ReadUntil, WorkerLag
from monitor.watch.findings import StreamFinding

RULES = StreamRules(lag_seconds=300.0, mlflow_seconds=3_600.0)
PLACE = ("p.customers", 0)
WELL = StreamFinding("lag", "scorer", False)


def lag() -> WorkerLag:
    return WorkerLag("scorer", "scorer", RULES)


def look(of: WorkerLag, now: float, end: int, done: int) -> None:
    of.look(now, {PLACE: ReadUntil(end, done)})


def found(of: WorkerLag, now: float, members: int | None = 1) -> list[StreamFinding]:
    return list(of.findings(now, members))


def test_a_worker_that_keeps_up_is_well() -> None:
    worker = lag()
    for second in range(0, 2_000, 2):
        look(worker, float(second), 10 * second + 5, 10 * second)
        assert not any(one.wrong for one in found(worker, float(second)))
    assert found(worker, 2_000.0) == [WELL]


def test_nobody_at_work_is_told_as_that() -> None:
    worker = lag()
    look(worker, 0.0, 100, 100)
    look(worker, 10.0, 160, 100)
    assert found(worker, 310.0) == [WELL]
    (one,) = found(worker, 311.0, members=0)
    assert (one.title, one.severity, one.wrong) == ("no scorer is running", "critical", True)
    assert one.message.startswith("60 messages of p.customers wait, some for 5 minutes or longer; start one with")
    (one,) = found(worker, 311.0, members=2)
    assert (one.title, one.severity) == ("the scorer is behind", "warning")
    look(worker, 312.0, 160, 160)
    assert found(worker, 312.0) == [WELL]


def test_a_worker_that_is_always_ten_minutes_behind_is_told() -> None:
    worker = lag()
    told = []
    for second in range(0, 1_000, 10):
        look(worker, float(second), 10_000 + 10 * second, 4_000 + 10 * second)
        told.append(any(one.wrong for one in found(worker, float(second))))
    assert told.index(True) == 31


def test_one_that_catches_up_soon_is_not() -> None:
    worker = lag()
    for second in range(0, 620, 10):
        look(worker, float(second), 100_000, 200 * second)
        assert not any(one.wrong for one in found(worker, float(second)))
    slow = lag()
    for second in range(0, 620, 10):
        look(slow, float(second), 100_000, 20 * second)
    assert [one.wrong for one in found(slow, 610.0)] == [True]


def test_ends_of_transactions_are_no_messages() -> None:
    worker = lag()
    look(worker, 0.0, 101, 100)
    look(worker, 400.0, 101, 100)
    assert worker.suspects(400.0) == {PLACE: ReadUntil(101, 100)}
    worker.nothing_left(PLACE)
    assert found(worker, 400.0) == [WELL]
    look(worker, 800.0, 101, 100)
    assert worker.suspects(1_200.0) == {}
    look(worker, 1_300.0, 105, 100)
    look(worker, 1_700.0, 105, 100)
    assert worker.suspects(1_700.0) == {PLACE: ReadUntil(105, 100)}


def test_after_a_restart_nothing_is_well_before_it_has_been_seen() -> None:
    worker = lag()
    look(worker, 0.0, 160, 100)
    assert found(worker, 10.0) == []


@dataclass
class WaitingWindows:
    first_offset: int | None = None
    count: int = 0
    full: bool = False

    def __len__(self) -> int:
        return self.count


def test_windows_that_wait_too_long_are_told_until_they_go() -> None:
    spool = WaitingWindows()
    mlflow = MlflowLag(spool, RULES)
    mlflow.look(0.0)
    assert [one.wrong for one in mlflow.findings(0.0)] == [False]
    spool.first_offset, spool.count = 7, 3
    mlflow.look(10.0)
    mlflow.look(3_610.0)
    assert [one.wrong for one in mlflow.findings(3_610.0)] == [False]
    (one,) = mlflow.findings(3_611.0)
    assert (one.title, one.severity) == ("windows wait for MLflow", "warning")
    assert one.message.startswith("3 windows wait, the oldest for 60 minutes")
    spool.full = True
    (one,) = mlflow.findings(3_611.0)
    assert (one.title, one.severity) == ("windows wait for MLflow, and the monitor with them", "critical")
    spool.first_offset = 9
    mlflow.look(3_620.0)
    assert [one.wrong for one in mlflow.findings(3_620.0)] == [False]


def test_after_a_restart_mlflow_is_not_called_well_before_a_window_has_gone() -> None:
    mlflow = MlflowLag(WaitingWindows(first_offset=7, count=1), RULES)
    mlflow.look(0.0)
    mlflow.look(100.0)
    assert list(mlflow.findings(100.0)) == []
