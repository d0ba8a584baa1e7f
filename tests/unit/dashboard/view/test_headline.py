"""The headline: the monitor's verdict, in its own words; and what is said before there is one."""

import pytest

from contract.messages import ModelRef
from dashboard.stream.received import Positions, Reach
from dashboard.view.places import Places
from dashboard.view.selected import Selected
from tests.support.dashboard.told import NOW, ToldStream, progress, serving, verdict
from tests.support.messages import DAY, START
from tests.support.windows import final, performance, window

V4 = ModelRef("churn", 4)
MINUTE = 60_000


def test_the_headline_is_the_monitors_verdict_and_nothing_else() -> None:
    headline = ToldStream(final(), verdict("worse", START)).page().headline
    assert (headline.subject, headline.word, headline.since) == ("churn v3 champion", "WORSE", "1 Jan 2025")
    assert (headline.tone, headline.sign) == ("bad", "✖")
    assert headline.why == "It is so since 1 Jan 2025; labels go with its scores."
    assert headline.remedy == "Train on newer customers."


def test_figures_stand_apart_from_what_everybody_understands() -> None:
    """As ``monitor.verdicts.verdict`` puts it."""
    message = (
        "churn v3: customers differ from those of training, since 2025-01-01T00:00:00Z: drift in IsActiveMember "
        "(distance 0.383), Age (distance 0.294); by chance alone p < 1e-12; what moves the scores, in mean log-odds: "
        "Age (+0.79); performance holds, by the labels of windows until 2025-01-22T00:00:00Z; alerts besides: coverage "
        "since 2025-01-03T00:00:00Z"
    )
    headline = ToldStream(final(), verdict("customers_changed", message=message)).page().headline
    assert headline.why == (
        "Since 1 Jan 2025, customers differ from those of training: IsActiveMember, Age. "
        "Performance holds, by the labels of windows until 22 Jan 2025."
    )
    assert headline.evidence == (
        "Drift in IsActiveMember (distance 0.383), Age (distance 0.294); by chance alone p < 1e-12; what moves the "
        "scores, in mean log-odds: Age (+0.79)."
    )


def test_the_way_to_where_one_sees_more() -> None:
    links = ToldStream(final(0), final(1), verdict("worse")).page(Selected(metric="recall")).headline.links
    assert [link.address for link in links] == [
        "/?metric=recall&window=2025-01-02",
        f"/report?model=churn&version=3&role=champion&start={START + DAY}",
    ]
    assert ToldStream(final(), verdict()).page().headline.links == ()


def test_the_metric_shown_is_the_one_that_the_verdict_rests_on_unless_one_is_asked_for() -> None:
    for state, metric in (
        ("worse", "brier"),
        ("probably_worse", "brier"),
        ("relation_changed", "f1"),
        ("customers_changed", "f1"),
    ):
        told = ToldStream(final(), verdict(state))
        assert told.page().course.metric == metric
        assert told.page(Selected(metric="f1")).course.metric == "f1"


def test_a_healthy_model_needs_nothing_and_says_so() -> None:
    page = ToldStream(final(), verdict()).page()
    assert (page.headline.tone, page.headline.sign, page.headline.remedy) == ("good", "✓", "Nothing needs to be done.")
    assert page.title == "✓ HEALTHY since 1 Jan 2025 – churn v3 champion"
    assert page.banners == ()


def test_silence_is_dated_by_the_clock() -> None:
    assert ToldStream(final(), verdict("silent")).page().headline.since == "1 Jan 2025 by the clock"


@pytest.mark.parametrize("state", ["silent", "worse", "probably_worse", "relation_changed", "customers_changed"])
def test_no_wrong_state_looks_good(state: str) -> None:
    headline = ToldStream(final(), verdict(state)).page().headline
    assert headline.tone in ("bad", "notice")
    assert headline.sign != "✓"


def test_of_several_champions_the_one_at_work_counts() -> None:
    told = ToldStream(
        serving(3, 4), final(0), final(1, model=V4), verdict("worse"), verdict("customers_changed", model=V4)
    )
    assert told.page().headline.word == "CUSTOMERS CHANGED"
    assert told.page(Selected(version=3)).headline.word == "WORSE"


def test_without_word_of_the_registry_the_newest_window_tells_who_is_at_work() -> None:
    told = ToldStream(final(0), final(1, model=V4), verdict("worse"), verdict("customers_changed", model=V4))
    assert told.page().headline.word == "CUSTOMERS CHANGED"


def test_a_challengers_verdict_is_not_the_champions() -> None:
    challenger = ModelRef("churn", 4, "challenger")
    told = ToldStream(final(0), final(0, model=challenger), verdict(), verdict("worse", model=challenger))
    assert told.page().headline.word == "HEALTHY"
    assert told.page(Selected(version=4, role="challenger")).headline.word == "WORSE"


def test_a_version_that_has_just_taken_over_is_not_measured_yet() -> None:
    headline = ToldStream(serving(3, 4), final(), verdict()).page().headline
    assert (headline.word, headline.tone) == ("NOT MEASURED YET", "unknown")
    assert "v4" in headline.subject


def test_a_broker_that_was_never_reached() -> None:
    reach = Reach(away_since=NOW - 5 * MINUTE, reason="connection to 127.0.0.1:9092 refused")
    page = ToldStream().page(reach=reach)
    assert (page.stage, page.headline.word) == ("unreachable", "NO ANSWER FROM KAFKA")
    assert page.headline.why == "Connection to 127.0.0.1:9092 refused. The page has been trying for 5 minutes."
    assert "KAFKA_BOOTSTRAP_SERVERS" in page.headline.remedy


def test_topics_that_are_not_there() -> None:
    reach = Reach(caught_up=True, missing=("windows", "panes"))
    page = ToldStream().page(reach=reach, places=Places(topic_prefix="a."))
    assert (page.stage, page.headline.word) == ("no_stream", "NO STREAM YET")
    assert "a.panes, a.windows" in page.headline.why
    assert "churnstream init" in page.headline.remedy


def test_no_version_has_the_alias() -> None:
    page = ToldStream(serving(without=True)).page()
    assert (page.stage, page.headline.word) == ("no_model", "NO MODEL YET")
    assert "churnstream train" in page.headline.remedy


def test_an_alias_that_was_taken_away_is_said_beside_what_is_known() -> None:
    page = ToldStream(final(), verdict(), serving(3, without=True)).page()
    assert (page.stage, page.headline.word) == ("alive", "HEALTHY")
    assert [(banner.tone, "nothing is scored" in banner.text) for banner in page.banners] == [("bad", True)]


def test_records_flow_and_no_window_has_closed() -> None:
    page = ToldStream(serving(3), progress(watermark=START + 8 * DAY + 1)).page()
    assert (page.stage, page.headline.word) == ("no_windows", "NOTHING MEASURED YET")
    assert "until 9 Jan 2025" in page.headline.why
    assert "ends 10 Jan 2025" in page.headline.why


def test_records_wait_and_nobody_scores() -> None:
    headline = ToldStream(serving(3)).page(positions=Positions(lag={"scorer": {"customers": {0: 7}}}, at=NOW)).headline
    assert (headline.word, "7 records wait" in headline.why) == ("NO RECORDS YET", True)


def test_labels_have_not_come_yet() -> None:
    told = ToldStream(
        window(labelled=0, performance=performance(None, 0)), progress(label_watermark=None), verdict("unjudged", None)
    )
    page = told.page()
    assert page.stage == "young"
    assert "No label has come yet" in page.headline.why
    assert "by 9 Mar 2025" in page.headline.why
    assert page.tiles[0].now == "–"
    assert page.tiles[2].now == "0.700 (0.660–0.740)"


def test_windows_without_a_verdict() -> None:
    assert ToldStream(final()).page().headline.word == "NOT JUDGED YET"


def test_a_page_that_still_reads_says_so() -> None:
    page = ToldStream(final(), verdict()).page(reach=Reach())
    assert ["still reading" in banner.text for banner in page.banners] == [True]
    assert ToldStream().page(reach=Reach()).headline.word == "READING"


def test_what_was_known_stays_when_the_broker_is_away_and_is_not_called_good_after_a_minute() -> None:
    told = ToldStream(final(), verdict())
    for away, tone in ((MINUTE - 1, "good"), (MINUTE, "unknown")):
        page = told.page(reach=Reach(caught_up=True, away_since=NOW - away, reason="timed out"))
        assert (page.headline.word, page.headline.tone) == ("HEALTHY", tone)
        assert [
            "timed out" in banner.text and "continues automatically" in banner.remedy for banner in page.banners
        ] == [True]
    assert page.headline.why.startswith("As of ")


def test_a_verdict_of_somebody_elses_making_is_text() -> None:
    headline = ToldStream(final(), verdict(title="", message="<b>x</b>\n" * 2_000, remedy="\x00")).page().headline
    assert headline.word == "HEALTHY"
    assert len(headline.why) < 1_100
    assert "\n" not in headline.why


def test_the_model_at_work_last_is_shown_unless_another_is_asked_for() -> None:
    other = ModelRef("other", 1)
    told = ToldStream(final(5), verdict(), final(0, model=other), verdict("worse", model=other))
    assert told.page().headline.subject == "churn v3 champion"
    assert told.page(Selected(model="other")).headline.subject == "other v1 champion"
    page = told.page(Selected(model="<none>"))
    assert page.headline.subject == "churn v3 champion"
    assert ["no model <none>" in banner.text for banner in page.banners] == [True]
