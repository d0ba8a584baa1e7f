"""Whether a model has drifted, and what to do, from its champion's verdict."""

from churnstream.live.view import champions
from churnstream.live.watch import Snapshot
from contract.alerts import BY_WALL_TIME, VerdictState
from dashboard.view.words import plain_times, sentence
from monitor.naming import day, model_title

_ANSWERS: dict[VerdictState, str] = {
    "healthy": "No, it has held up",
    "customers_changed": "Its customers did; the model has held up as far as labels show",
    "relation_changed": "Yes: the same scores now mean a different risk",
    "probably_worse": "Probably: it is expected to be worse once all labels are in",
    "worse": "Yes: it has become worse",
    "unjudged": "Not known: no window has enough customers and labels for a verdict",
    "silent": "Not known: nothing was scored at the end",
}


def conclusion(snapshot: Snapshot) -> str:
    """The answer to "did my model drift?", with the verdict and its reason; what to do has a line of its own."""
    verdicts = champions(snapshot)
    if not verdicts:
        return "Did the model drift? Not known: no window has been measured"
    verdict = verdicts[0]
    subject = model_title(verdict.model)
    over = ""
    passed = sorted(
        (
            alert
            for alert in snapshot.alerts.values()
            if alert.state == "closed" and alert.kind not in BY_WALL_TIME and alert.model == verdict.model
        ),
        key=lambda alert: alert.start,
    )
    if verdict.state == "healthy" and passed:
        first = passed[0]
        told = first.title.removeprefix(f"{subject}: ") or f"{first.kind} from {day(first.start)} to {day(first.end)}"
        many = f"{len(passed)} past incidents, the first"
        over = f", after {'a past incident' if len(passed) == 1 else many} ({told})"
    reason = verdict.message.removeprefix(f"{subject}: ")
    answer = f"Did {subject} drift? {_ANSWERS[verdict.state]}{over}. {verdict.title}: {plain_times(reason)}"
    return f"{answer}\nWhat to do: {sentence(verdict.remedy)}" if verdict.remedy else answer
