"""Who has had the alias and since when, whoever has moved it, and however often the monitor starts."""

from collections.abc import Mapping, Sequence

import pytest

from contract.models.aliases import HISTORY, PROTOCOL, REIGNS, STUDY
from contract.versions import MOST_CHAMPIONS, Reign, ServingVersions
from monitor.model_facts.serving import CHALLENGER, ListedModel, ListedVersion, serving_versions

NOW = 1_000


def model(
    champion: int | None = None,
    reigns: str = "",
    history: str = "",
    newest: Sequence[ListedVersion] = (),
    aliases: Mapping[str, int] | None = None,
) -> ListedModel:
    given = {} if champion is None else {"champion": champion}
    return ListedModel(
        given | dict(aliases or {}), {REIGNS + "champion": reigns, HISTORY + "champion": history}, newest
    )


def told(found: ListedModel | None, said: ServingVersions | None = None, now: int = NOW) -> ServingVersions:
    message = serving_versions("churn", "champion", found, said, now)
    assert message is not None
    assert serving_versions("churn", "champion", found, message, now + 5_000) == message, "a next look says the same"
    assert serving_versions("churn", "champion", found, message, now + 10**12) == message
    return message


def test_what_the_tag_says_counts() -> None:
    first = told(model(1, "1:100"))
    assert first.champions == (Reign(1, 100),)
    assert first.champion == Reign(1, 100)
    second = told(model(2, "1:100,2:900", "1"), first)
    assert second.champions == (Reign(1, 100), Reign(2, 900))
    back = told(model(1, "1:100,2:900,1:950"), second)
    assert back.champions[-1] == Reign(1, 950)
    # a monitor that was away, or a topic that was lost
    assert told(model(1, "1:100,2:900,1:950"), first) == back
    assert told(model(1, "1:100,2:900,1:950")) == back


def test_versions_from_before_the_tag_are_known_without_a_time() -> None:
    found = told(model(4, "4:900", "1,2,3"))
    assert found.champions == (Reign(1), Reign(2), Reign(3), Reign(4, 900))
    found = told(model(5, "4:800,5:900", "1,2,3,4"))
    assert found.champions == (Reign(1), Reign(2), Reign(3), Reign(4, 800), Reign(5, 900))


def test_an_alias_that_was_there_before_the_first_look_is_not_dated() -> None:
    found = told(model(3, "", "1,2"))
    assert found.champions == (Reign(1), Reign(2), Reign(3, None, NOW))
    later = told(model(5, "5:2000", "1,2,3"), found, 3_000)
    assert later.champions[-2:] == (Reign(3, None, NOW), Reign(5, 2_000))


def test_an_alias_moved_by_another_tool_counts_since_it_was_seen() -> None:
    first = told(model(2, "2:100"))
    moved = told(model(3, "2:100"), first, 5_000)
    assert moved.champions == (Reign(2, 100), Reign(3, 5_000))
    # and back again: the tag is of the time before
    back = told(model(2, "2:100"), moved, 6_000)
    assert back.champions[-1] == Reign(2, 6_000)
    again = told(model(4, "2:100,4:7000", "2"), back, 7_500)
    assert again.champions[-1] == Reign(4, 7_000)


def test_an_alias_that_was_taken_away_is_of_none_and_comes_back_later() -> None:
    first = told(model(2, "2:100"))
    without = told(model(None, "2:100"), first)
    assert (without.champion, without.without, without.champions) == (None, True, (Reign(2, 100),))
    by_hand = told(model(2, "2:100"), without, 2_000)
    assert by_hand.champion == Reign(2, 2_000)
    by_us = told(model(2, "2:100,2:1500"), without, 2_000)
    assert by_us.champion == Reign(2, 1_500)


def test_a_model_that_is_gone_has_no_champion_and_one_that_never_was_says_nothing() -> None:
    assert serving_versions("churn", "champion", None, None, NOW) is None
    first = told(model(2, "2:100"))
    gone = told(None, first)
    assert (gone.champion, gone.champions) == (None, (Reign(2, 100),))
    anew = told(model(1, "1:5000"), gone, 6_000)
    assert anew.champion == Reign(1, 5_000)
    assert told(model()).champion is None


def test_a_clock_that_is_ahead_dates_nothing_into_the_future() -> None:
    first = told(model(1, "1:100"))
    ahead = serving_versions("churn", "champion", model(2, "1:100,2:9000"), first, NOW)
    assert ahead is not None
    assert ahead.champions == (Reign(1, 100), Reign(2, NOW))
    for now in (NOW + 1, 9_001, 10**9):
        assert serving_versions("churn", "champion", model(2, "1:100,2:9000"), ahead, now) == ahead
    young = told(model(2, "2:9000"))
    assert young.champion == Reign(2, None, NOW)


def test_the_last_hundred_are_kept() -> None:
    said = told(model(1, "1:1"))
    for number in range(2, 150):
        said = told(model(number, f"{number}:{number}"), said)
    assert len(said.champions) == MOST_CHAMPIONS
    assert (said.champions[0], said.champion) == (Reign(50, 50), Reign(149, 149))


def test_who_waits_was_registered_after_the_champion_or_has_the_alias() -> None:
    newest = [
        ListedVersion(7, 700, {PROTOCOL: STUDY}),
        ListedVersion(6, 600),
        ListedVersion(5, 500),
        ListedVersion(4, 400),
        ListedVersion(2, 200),
    ]
    # 5 was champion, and was rolled back
    found = told(model(4, "5:600,4:700", newest=newest, aliases={CHALLENGER: 2}))
    assert found.challengers == (2, 6)
    assert told(model(None, newest=newest)).challengers == (2, 4, 5, 6)
    assert told(model(6, newest=newest, aliases={CHALLENGER: 6})).challengers == ()


def test_another_alias_has_a_history_of_its_own() -> None:
    first = told(model(2, "2:100"))
    other = serving_versions("churn", "best", ListedModel({"best": 3}, {}), first, NOW)
    assert other is not None
    assert other.champions == (Reign(3, None, NOW),)


@pytest.mark.parametrize("text", ["", ",", "a:b,3", "3:", ":5", "-1:5", "²:5", "3:5:7", "9" * 50 + ":1"])
def test_a_tag_that_is_none_of_ours_says_nothing(text: str) -> None:
    assert told(model(2, text)).champions == (Reign(2, None, NOW),)
