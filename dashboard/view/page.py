"""The page: all that it shows, from what is known of the stream. Pure."""

from collections.abc import Iterator

import msgspec

from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.address import address_of
from dashboard.view.chosen import Chosen, chosen
from dashboard.view.incidents import incident_lines
from dashboard.view.letters import letters_of
from dashboard.view.model import Banner, Headline, Link, Page, TimeAxis, VersionChoice
from dashboard.view.now.changes import changes_of
from dashboard.view.now.facts import facts_of
from dashboard.view.now.freshness import staleness
from dashboard.view.now.headline import headline_of, metric_of
from dashboard.view.now.stage import stage_of
from dashboard.view.now.tiles import tiles_of
from dashboard.view.opened.window import window_of
from dashboard.view.over_time.course import course_of
from dashboard.view.over_time.feature import feature_of
from dashboard.view.over_time.flow import flow_of
from dashboard.view.over_time.heat import heat_of
from dashboard.view.places import CSV_ADDRESS, JSON_ADDRESS, Places
from dashboard.view.selected import Selected
from dashboard.view.terms import TERMS
from dashboard.view.words import count, day, named, short_moment, span, version_title


def page_of(
    known: StreamState, reach: Reach, positions: Positions, selected: Selected, now_ms: int, places: Places
) -> Page:
    """What is shown of ``known`` at ``now_ms`` (wall time), whatever ``selected`` asks for. Raises nothing."""
    choice = chosen(known, selected)
    stage = stage_of(choice, reach)
    metric = metric_of(choice, selected)
    headline = headline_of(choice, stage, reach, positions, now_ms, places)
    headline = msgspec.structs.replace(headline, links=tuple(_look_at(choice, selected, places)))
    window = window_of(choice, selected, places)
    feature = None if selected.feature is None else feature_of(choice, selected.feature)
    banners = [
        *_stale(choice, reach, positions, now_ms, places, stage == "unreachable"),
        *_without_alias(choice),
        *_not_found(choice, selected, window is not None, feature is not None),
    ]
    return Page(
        title=_title(headline),
        revision=known.revision,
        stage=stage,
        banners=tuple(banners),
        headline=headline,
        facts=facts_of(choice, positions, now_ms),
        tiles=tiles_of(choice, metric),
        changes=changes_of(choice),
        axis=TimeAxis(
            starts=tuple([one.start for one in choice.windows]),
            ends=tuple([one.end for one in choice.windows]),
            versions=tuple([one.model.version for one in choice.windows]),
        ),
        course=course_of(choice, metric),
        heat=heat_of(choice, places.min_distance, selected.feature),
        flow=flow_of(choice),
        incidents=incident_lines(choice),
        letters=letters_of(known),
        choices=tuple(_choices(choice)),
        terms=TERMS,
        links=tuple(_links(choice, selected, places)),
        window=window,
        feature=feature,
    )


def _title(headline: Headline) -> str:
    """The browser's, with the verdict first, because tabs are narrow."""
    since = f" since {headline.since}" if headline.since else ""
    return f"{headline.sign} {headline.word}{since} – {headline.subject}"


def _stale(
    choice: Chosen, reach: Reach, positions: Positions, now_ms: int, places: Places, unreachable: bool
) -> list[Banner]:
    # the headline says it already
    if unreachable:
        return []
    newest = choice.windows[-1] if choice.windows else None
    return staleness(choice.known, reach, positions, now_ms, places, newest)


def _without_alias(choice: Chosen) -> Iterator[Banner]:
    serving = choice.serving
    if serving is not None and serving.champion is None and choice.windows:
        yield Banner(
            text=f"No version has the alias {named(serving.alias)} any more, so nothing is scored.",
            tone="bad",
            remedy="`churnstream promote` or `churnstream rollback` gives it to a version.",
        )


def _not_found(choice: Chosen, selected: Selected, has_window: bool, has_feature: bool) -> Iterator[Banner]:
    """What of the address could not be shown."""
    if selected.ignored:
        yield Banner(
            text=f"Parts of the address were not understood and are ignored: {', '.join(selected.ignored)}.",
            tone="notice",
        )
    if "model" in choice.unknown and selected.model is not None:
        yield Banner(
            text=f"There is no model {named(selected.model)}. The page shows the last active one.", tone="notice"
        )
    if "version" in choice.unknown:
        yield Banner(
            text=f"v{selected.version} has no window as {selected.role}. The page shows all champions in turn.",
            tone="notice",
        )
    if selected.window is not None and not has_window:
        yield Banner(
            text=f"The window from {short_moment(selected.window)} is not known, or no longer known.", tone="notice"
        )
    if selected.feature is not None and not has_feature:
        yield Banner(text=f"No window has a column {named(selected.feature)}.", tone="notice")
    if choice.misplaced:
        yield Banner(
            text=f"{count(choice.misplaced, 'window')} left out because of impossible times or counts.",
            tone="notice",
            remedy="Another program may be writing to the topic windows.",
        )


def _choices(choice: Chosen) -> Iterator[VersionChoice]:
    models = sorted(choice.known.models(), key=lambda one: (one.name, -one.version, one.role))
    names = dict.fromkeys(one.name for one in models)
    for name in names:
        yield VersionChoice(model=name, version=None, role="champion", text=f"{named(name)}: all champions in turn")
        for model in models:
            windows = choice.known.windows(model)
            if model.name == name and windows:
                when = f"{day(windows[0].start)} – {day(windows[-1].end)}"
                text = f"{named(name)} {version_title(model)}, {when}"
                yield VersionChoice(model=name, version=model.version, role=model.role, text=text)


def _look_at(choice: Chosen, selected: Selected, places: Places) -> Iterator[Link]:
    """The newest window, where a verdict is told from."""
    if not choice.windows or choice.verdict is None or choice.verdict.state == "healthy":
        return
    newest = choice.judged or choice.windows[-1]
    address = address_of(msgspec.structs.replace(selected, window=newest.start))
    yield Link(text="Open the newest window", address=f"/{address}", note=span(newest.start, newest.end))
    if places.own_reports:
        report = places.report_of(newest.model, newest.start)
        yield Link(text="Its drift report", address=report, note="Made on demand, which takes some seconds.")


def _links(choice: Chosen, selected: Selected, places: Places) -> Iterator[Link]:
    address = address_of(selected)
    if choice.windows:
        yield Link(text="CSV", address=f"{CSV_ADDRESS}{address}", note="One row per window.")
    yield Link(text="JSON", address=f"{JSON_ADDRESS}{address}", note="Everything on this page.")
    trained = None if choice.champion is None else choice.trained(choice.champion)
    experiment = None if trained is None or trained.experiment is None else trained.experiment
    if experiment is not None and (mlflow := places.mlflow_experiment(experiment)) is not None:
        yield Link(text="MLflow", address=mlflow, note="Curves of all versions.")
