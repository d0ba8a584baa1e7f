"""The verdicts of all models: what is on ``alerts`` of them, and what is to be said next."""

from collections.abc import Iterable, Mapping

from contract.alerts import NO_PREDICTIONS, Alert, ModelVerdict
from contract.messages import ModelRef
from monitor.verdicts.distrust import untrusted_now
from monitor.verdicts.incidents import History
from monitor.verdicts.verdict import is_news, verdict_of

MOST_MODELS = 1_000
"""Models whose last verdict is remembered; of others it is said again when they get a window."""


class VerdictsTold:
    """Knows what was published last. A verdict stays on the topic when its model has no windows any more."""

    def __init__(self, verdicts: Iterable[ModelVerdict] = ()) -> None:
        self._told: dict[ModelRef, ModelVerdict] = {}
        self._silences: dict[str, Alert] = {}
        for verdict in verdicts:
            self._tell(verdict)

    @property
    def newest(self) -> list[ModelVerdict]:
        """The last that was told of each model."""
        return list(self._told.values())

    def take_stream(self, alert: Alert) -> None:
        """Take in an alert that is the stream's; of these only that no predictions come matters to a model."""
        if not alert.key.startswith(f"{NO_PREDICTIONS}/"):
            return
        if alert.standing:
            self._silences[alert.key] = alert
        else:
            self._silences.pop(alert.key, None)

    def due(self, models: Iterable[ModelRef], histories: Mapping[ModelRef, History]) -> list[ModelVerdict]:
        """The verdicts on these models that are news; each counts as told from here on."""
        found = []
        for model in models:
            history = histories.get(model)
            looked = None if history is None else history.looked()
            if history is None or looked is None:
                continue
            before = self._told.get(model)
            verdict = verdict_of(
                model,
                history.incidents(),
                looked,
                silence=self._silence(looked.until, histories.values()),
                before=before,
                untrusted_since=untrusted_now(history.distrust()),
            )
            if is_news(verdict, before):
                self._tell(verdict)
                found.append(verdict)
        return found

    def _silence(self, until: int, histories: Iterable[History]) -> Alert | None:
        """The silence that stands, for a model at work: one whose newest window is as new as that of any other, but for
        the length of a window.
        """
        if not self._silences:
            return None
        looked = [one for one in (history.looked() for history in histories) if one is not None]
        if any(until < one.until - one.size for one in looked):
            return None
        return min(self._silences.values(), key=lambda alert: alert.start)

    def _tell(self, verdict: ModelVerdict) -> None:
        self._told.pop(verdict.model, None)
        self._told[verdict.model] = verdict
        if len(self._told) > MOST_MODELS:
            del self._told[next(iter(self._told))]
