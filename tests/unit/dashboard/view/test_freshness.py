"""What says that something stands still, and the line of facts."""

from typing import Any

from contract.durations import HOUR
from contract.panes import JoinProgress
from contract.versions import Reign, ServingVersions
from dashboard.stream.received import Positions
from dashboard.view.model import Fact, Page
from tests.support.dashboard.told import NOW, ToldStream, incident, progress, serving, verdict
from tests.support.messages import DAY, START
from tests.support.windows import final


def fact(page: Page, label: str) -> Fact:
    return next(one for one in page.facts if one.label == label)


def texts(page: Page) -> str:
    return " ".join(banner.text for banner in page.banners)


def reached(*partitions: JoinProgress) -> tuple[str, str]:
    page = ToldStream(*partitions).page()
    return fact(page, "Data until").value, fact(page, "Labels until").value


def test_data_have_come_as_far_as_the_slowest_partition() -> None:
    assert reached(progress(0), progress(1, watermark=START, label_watermark=START + HOUR)) == (
        "1 Jan 2025",
        "1 Jan 2025 01:00 UTC",
    )


def test_partitions_that_are_silent_or_at_their_end_hold_nobody_back() -> None:
    silent: dict[str, Any] = {"watermark": START, "label_watermark": START}
    assert reached(progress(0), progress(1, idle=True, **silent), progress(2, ended=True, **silent)) == (
        "9 Jan 2025",
        "7 Jan 2025",
    )
    assert reached(progress(0), progress(1, labels_idle=True, label_watermark=None)) == ("9 Jan 2025", "7 Jan 2025")


def test_a_partition_without_a_record_holds_the_others_back() -> None:
    assert reached(progress(0), progress(1, watermark=None, label_watermark=None)) == ("–", "–")


def test_a_stream_at_its_end_says_so() -> None:
    assert reached(progress(0, ended=True)) == ("9 Jan 2025, ended", "7 Jan 2025, ended")


def test_lag_by_group_and_partition() -> None:
    lag = {"scorer": {"customers": {0: 0, 1: 0}}, "join": {"predictions": {0: 1_000, 1: 234}, "labels": {0: 0}}}
    page = ToldStream(final()).page(positions=Positions(lag=lag, members={"join": 2, "scorer": None}, at=NOW))
    lagging = fact(page, "Lag")
    assert lagging.value == "1,234"
    assert "join 1,234 (predictions-0: 1,000, predictions-1: 234); scorer 0" in lagging.detail
    assert fact(page, "Workers").value == "2 join"
    assert fact(page, "Partitions").value == "0/2"


def test_a_standing_alert_on_lag_gives_its_tone() -> None:
    told = ToldStream(final(), incident("lag", model=None, severity="critical", title="scorer is behind"))
    lagging = fact(told.page(positions=Positions(at=NOW)), "Lag")
    assert (lagging.tone, "Scorer is behind." in lagging.detail) == ("bad", True)


def test_workers_in_words() -> None:
    none = Positions(members={"scorer": 0, "join": 0, "timeline": 0}, at=NOW)
    workers = fact(ToldStream(final(), progress()).page(positions=none), "Workers")
    assert (workers.value, workers.tone) == ("none running", "notice")
    assert workers.detail == "To start: `churnstream join`, `churnstream score`, `churnstream monitor`."
    some = Positions(members={"scorer": 2, "join": 0, "timeline": 1}, at=NOW)
    assert fact(ToldStream(final()).page(positions=some), "Workers").value == "no join, 2 scorer, 1 monitor"
    ended = ToldStream(final(), progress(ended=True)).page(positions=none)
    assert fact(ended, "Workers").tone == "unknown"


def test_who_serves_since_when_and_who_waits() -> None:
    page = ToldStream(final(), serving(2, 3, challengers=(4, 5))).page()
    assert fact(page, "Serving").value == "v3 champion since 2 Jan 2025 09:00 UTC (v2 before)"
    assert fact(page, "Challengers").value == "v4, v5"
    assert fact(ToldStream(final()).page(), "Serving").value == "v3"
    seen = ServingVersions(name="churn", alias="champion", champions=(Reign(3, None, START),))
    page = ToldStream(final(), seen).page()
    assert fact(page, "Serving").value == "v3 champion since 1 Jan 2025 00:00 UTC or before"


def test_mlflow_that_does_not_answer() -> None:
    assert fact(ToldStream(final()).page(), "MLflow").value == "ok"
    away = incident("mlflow", model=None, start=NOW - DAY)
    assert fact(ToldStream(final(), away).page(), "MLflow").value == "down since 4 Feb 2026 00:00 UTC"


def test_dead_letters_of_today_by_the_clock() -> None:
    told = ToldStream(final())
    told.reject("not-json", at=NOW - 1)
    told.reject("not-json", at=NOW)
    found = fact(told.page(positions=Positions(letters={0: 10, 1: 2}, at=NOW)), "Dead letters today")
    assert (found.value, "12 dead letters in all" in found.detail) == ("1", True)
    assert "ever" not in fact(told.page(), "Dead letters today").detail


def test_records_wait_and_no_worker_is_there() -> None:
    positions = Positions(lag={"scorer": {"customers": {0: 5}}}, members={"scorer": 0}, at=NOW)
    page = ToldStream(final(), verdict()).page(positions=positions)
    assert "No scorer is running, and 5 messages wait" in texts(page)
    busy = Positions(lag={"scorer": {"customers": {0: 5}}}, members={"scorer": 1}, at=NOW)
    assert ToldStream(final(), verdict()).page(positions=busy).banners == ()


def test_a_monitor_that_is_behind() -> None:
    """Data have come a slide past the window, which would have closed."""
    told = ToldStream(final(), verdict(), progress(watermark=START + 8 * DAY))
    assert "The monitor is behind" not in texts(told.page(now=NOW + 60_000))
    assert "The monitor is behind" in texts(told.page(now=NOW + 60_001))
    told.tell(progress(watermark=START + 8 * DAY - 1))
    assert told.page(now=NOW + 60_001).banners == ()


def test_a_stream_by_the_clock_that_has_stopped() -> None:
    ends = START + 7 * DAY
    told = ToldStream(verdict(), progress(watermark=ends))
    told.tell(final(), at=ends + HOUR)
    assert told.page(now=ends + 2 * DAY).banners == ()
    assert "No window has come for 3 days" in texts(told.page(now=ends + 3 * DAY + 2 * HOUR))
    told.tell(progress(watermark=ends, ended=True))
    assert told.page(now=ends + 3 * DAY + 2 * HOUR).banners == ()


def test_a_replay_that_is_over_is_not_called_stale_by_the_clock() -> None:
    told = ToldStream(final(), verdict(), progress(watermark=START + 7 * DAY))
    assert told.page(now=NOW + 90 * DAY).banners == ()
