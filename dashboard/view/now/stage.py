"""How far the stream is, and what to say before there is a verdict."""

from contract.topics import WINDOWS
from dashboard.stream.received import Positions, Reach
from dashboard.view.chosen import Chosen
from dashboard.view.model import Headline, Stage
from dashboard.view.now.freshness import data_reached, labels_reached
from dashboard.view.places import Places
from dashboard.view.words import SIGNS, count, lasting, moment, named, sentence, short_moment


def stage_of(choice: Chosen, reach: Reach) -> Stage:
    """The first that applies."""
    known = choice.known
    if choice.windows:
        return "alive" if any(window.labelled for window in choice.windows) else "young"
    if reach.away_since is not None and not known.progress and not known.verdicts and not known.versions:
        return "unreachable"
    if WINDOWS in reach.missing:
        return "no_stream"
    serving = known.serving.values()
    if serving and all(one.champion is None for one in serving):
        return "no_model"
    return "no_windows"


def early_headline(
    choice: Chosen, stage: Stage, reach: Reach, positions: Positions, now_ms: int, places: Places
) -> Headline:
    """The headline of a stream that has no verdict yet."""
    subject = "churnstream" if choice.name is None else named(choice.name)
    if stage == "unreachable":
        since = reach.away_since
        return Headline(
            subject=subject,
            word="NO ANSWER FROM KAFKA",
            tone="bad",
            sign=SIGNS["bad"],
            since=moment(since),
            why=f"{sentence(named(reach.reason, 300)) or 'The broker does not answer.'} "
            f"The page has been trying for {lasting(now_ms - (since or now_ms))}.",
            remedy="Start Kafka (`churnstream kafka start` runs one here), or set KAFKA_BOOTSTRAP_SERVERS to its "
            "address. This page continues automatically.",
        )
    if not reach.caught_up and stage in ("no_windows", "no_stream", "no_model") and not reach.missing:
        return _unknown(subject, "READING", "The page has just started and is still reading the topics.", "")
    if stage == "no_stream":
        return _unknown(
            subject,
            "NO STREAM YET",
            f"Kafka answers, but {'topics are' if len(reach.missing) > 1 else 'a topic is'} missing: "
            f"{', '.join(f'{places.topic_prefix}{one}' for one in sorted(reach.missing))}.",
            "Run `churnstream init` to create them, or `churnstream demo` for an example with data. If your topics "
            "have a prefix, set CHURNSTREAM_TOPIC_PREFIX.",
        )
    if stage == "no_model":
        return _unknown(
            subject,
            "NO MODEL YET",
            f"No version of the model has the alias {named(places.alias)}, so nothing can be scored.",
            "Run `churnstream train --data customers.csv`; the first version gets the alias. A later one gets it "
            "with `churnstream promote`.",
        )
    if stage == "no_windows":
        return _nothing_measured(choice, subject, positions, places)
    return _not_judged(choice, subject, places)


def _nothing_measured(choice: Chosen, subject: str, positions: Positions, places: Places) -> Headline:
    data = data_reached(choice.known.progress.values())
    if data.until is None:
        lag = sum(sum(one.values()) for one in positions.lag.get("scorer", {}).values())
        waiting = f"{count(lag, 'record')} {'waits' if lag == 1 else 'wait'} for a scorer. " if lag else ""
        return _unknown(
            subject,
            "NO RECORDS YET",
            f"{waiting}No record has been scored and joined yet.",
            "Send records to the topic customers, for example with `churnstream replay --data customers.csv`, and "
            "start `churnstream score`, `join` and `monitor`.",
        )
    if places.slide > 0:
        # the first window that holds a record ends with the slide that the record lies in
        ends = data.until - data.until % places.slide + places.slide
        closes = f"The first one ends {short_moment(ends)} in event time, and closes when all partitions are past that."
    else:
        closes = ""
    return _unknown(
        subject,
        "NOTHING MEASURED YET",
        f"There are records until {short_moment(data.until)}, but no window has closed yet. {closes}".strip(),
        "Wait until the first window closes. If there are data past its end, see that `churnstream monitor` runs.",
    )


def _not_judged(choice: Chosen, subject: str, places: Places) -> Headline:
    """There are windows, but nobody has said anything of the model yet."""
    model = choice.model
    shown = subject if model is None else f"{subject} v{model.version}"
    has_own = model is not None and any(window.model == model for window in choice.windows)
    if model is not None and not has_own:
        return _unknown(
            f"{shown} {model.role}",
            "NOT MEASURED YET",
            f"v{model.version} has no window yet. The charts show the versions before it.",
            "Wait until its first window closes.",
        )
    return _unknown(
        shown,
        "NOT JUDGED YET",
        f"There {'is' if len(choice.windows) == 1 else 'are'} {count(len(choice.windows), 'window')}, but no verdict. "
        f"{label_outlook(choice, places)}".strip(),
        "Check that `churnstream monitor` is running. It publishes a verdict with each window.",
    )


def label_outlook(choice: Chosen, places: Places) -> str:
    """When labels can be expected, as far as that is known; nothing where some have come."""
    if any(window.labelled for window in choice.windows) or not choice.windows:
        return ""
    reached = labels_reached(choice.known.progress.values())
    first = choice.windows[0].start
    latest = f"by {short_moment(first + places.window + places.label_lateness)} (event time) at the latest"
    if reached.until is None:
        return f"No label has come yet. If labels come at all, they come {latest}."
    until = short_moment(reached.until)
    return f"There are labels until {until}, but none for the records of these windows. They come {latest}."


def _unknown(subject: str, word: str, why: str, remedy: str) -> Headline:
    return Headline(subject=subject, word=word, tone="unknown", sign=SIGNS["unknown"], why=why, remedy=remedy)
