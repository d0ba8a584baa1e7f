"""From panes to alerts: labels that stop going with scores open an incident, and those that do again close it."""

import msgspec
import numpy as np

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.settings import Settings
from contract.topics import ALERTS, WINDOWS
from contract.windows import Cumulative, Window, window_message_type
from monitor.budget import levels
from monitor.timeline.emission import Emission
from monitor.timeline.state import TimelineState, empty_board
from monitor.verdicts.judging import Verdicts
from tests.support.scores import calibrated, draw_scores, flipped, held_out_bins
from tests.support.timeline.following import RecordingSink, book_of
from tests.support.timeline.panes import ScoredRecord, numeric_schema, pane_of, progress
from tests.unit.monitor.timeline.test_room import ListingWriter, small_settings

DAYS, FLIPPED = 30, range(6, 9)


def told(settings: Settings, writer: ListingWriter) -> tuple[list[Window], list[Alert], list[ModelVerdict]]:
    """What has been published, in order."""
    windows, alerts, verdicts = [], [], []
    for message in (one for transaction in writer.transactions for one in transaction):
        if message.topic == settings.topic(ALERTS) and message.value is not None:
            if alert_message_type(message.key.encode()) is ModelVerdict:
                verdicts.append(msgspec.json.decode(message.value, type=ModelVerdict))
            else:
                alerts.append(msgspec.json.decode(message.value, type=Alert))
        elif message.topic == settings.topic(WINDOWS) and window_message_type(message.key.encode()) is not Cumulative:
            windows.append(msgspec.json.decode(message.value or b"", type=Window))
    return windows, alerts, verdicts


def test_a_relation_that_changes_for_three_days_is_one_incident_with_an_end() -> None:
    # so few false alarms that none comes in sixteen days
    settings = small_settings().model_copy(update={"false_alerts_per_month": 0.01})
    rng = np.random.default_rng(42)
    stored = held_out_bins(rng, 10_000)
    judging = Verdicts(lambda _model: stored, levels(settings.false_alerts_per_month, settings.slide), 200)
    book = book_of(settings, complete=judging)
    writer = ListingWriter(settings)
    emission = Emission(settings, writer, RecordingSink(), lambda _seconds: None)
    state = TimelineState(book, empty_board(settings))
    schema = numeric_schema(1)
    for day in range(DAYS):
        scores = draw_scores(rng, 500)
        labels = rng.random(500) < (flipped(0.3) if day in FLIPPED else calibrated)(scores)
        book.update(
            pane_of(
                [
                    ScoredRecord(f"{day}/{number}", day, score, int(label))
                    for number, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True))
                ],
                schema,
            )
        )
        book.update(progress(day + 1, ended=day == DAYS - 1))
        emission.run(state)
    said, alerts, verdicts = told(settings, writer)
    windows = [one for _, one in sorted({window.start: window for window in said}.items())]
    assert [window.status for window in said[:DAYS]] == ["final"] * DAYS
    changed = [day for day, window in enumerate(windows) if window.relation and window.relation.changed]
    assert changed == list(FLIPPED)
    # what was believed of the estimate is taken back where labels contradict it, and nowhere else
    untrusted = [day for day, window in enumerate(windows) if window.untrusted_since is not None]
    assert untrusted == list(range(FLIPPED.start, untrusted[-1] + 1))
    assert FLIPPED.stop - 1 <= untrusted[-1] < DAYS - 2
    assert {windows[day].untrusted_since for day in untrusted} == {windows[6].start}
    assert [day for day, window in enumerate(windows) if window.estimated.f1 is None] == untrusted
    assert list(dict.fromkeys(one.title for one in verdicts)) == [
        "HEALTHY since 1 Jan 2025",
        "WORSE since 7 Jan 2025",
        # some windows after the third day are neither wrong nor clean
        "RELATION CHANGED since 7 Jan 2025",
        "HEALTHY since 10 Jan 2025",
    ]
    assert (verdicts[1].untrusted_since, verdicts[-1].untrusted_since) == (windows[6].start, None)
    assert all(window.performance.intervals["f1"][0] < window.performance.intervals["f1"][1] for window in windows)
    relation = [alert for alert in alerts if alert.kind == "relation"]
    assert [alert.state for alert in relation] == ["opened", "closed"]
    assert len({alert.key for alert in relation}) == 1
    assert (relation[1].start, relation[1].end) == (windows[6].start, windows[8].end)
    # a monitor that takes over has nothing to add
    board = empty_board(settings, {alert.key: alert for alert in alerts}.values(), verdicts=verdicts[-1:])
    for window in windows:
        board.restore(window)
    assert board.unsaid() == []
    assert board.verdicts_due() == []
    assert [one.title for one in empty_board(settings).verdicts_due()] == []
