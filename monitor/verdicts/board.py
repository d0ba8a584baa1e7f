"""The alerts and verdicts of all models: what is on ``alerts``, and what each window adds to it."""

from collections.abc import Iterable

from contract.alert_rules import DEFAULT_RULES, AlertRules
from contract.alerts import Alert, ModelVerdict
from contract.messages import ModelRef
from contract.windows import Window
from monitor.verdicts.alerts import due_alerts
from monitor.verdicts.distrust import Distrust
from monitor.verdicts.incidents import Detectors, History
from monitor.verdicts.verdicts_told import VerdictsTold


class AlertBoard:
    """Filled from the topics ``alerts`` and ``windows``, in this order; then told of each window.

    Args:
        detectors: as of ``History``.
        alerts: the last of each key.
        rules: which kinds are published, and how severe they are.
        verdicts: the last of each model.
    """

    def __init__(
        self,
        detectors: Detectors,
        alerts: Iterable[Alert] = (),
        rules: AlertRules = DEFAULT_RULES,
        verdicts: Iterable[ModelVerdict] = (),
    ) -> None:
        self._detectors = detectors
        self._rules = rules
        self._published: dict[ModelRef, dict[str, Alert]] = {}
        self._histories: dict[ModelRef, History] = {}
        self._verdicts = VerdictsTold(verdicts)
        for alert in alerts:
            if alert.model is None:
                # the stream's own, which follow from no window
                self._verdicts.take_stream(alert)
                continue
            self._published.setdefault(alert.model, {})[alert.key] = alert

    def restore(self, window: Window) -> None:
        """Take in a window that has been published with its alerts; of each the newest revision, in any order."""
        self._history(window.model).put(window)

    def unsaid(self) -> list[Alert]:
        """What follows from the windows that it was filled with and has not been published; counts as said."""
        return [alert for model in sorted(self._histories) for alert in self._said(model)]

    def after(self, window: Window) -> list[Alert]:
        """What is to be published with a window, or with a revision of one; counts as said."""
        self._history(window.model).put(window)
        return self._said(window.model)

    @property
    def models(self) -> list[ModelRef]:
        """Those that have windows."""
        return sorted(self._histories)

    def distrust(self, model: ModelRef) -> Distrust:
        """Where the model's estimates without labels are not to be trusted."""
        history = self._histories.get(model)
        return () if history is None else history.distrust()

    def of_stream(self, alert: Alert) -> list[ModelVerdict]:
        """What an alert that is the stream's, and published as well, changes in verdicts; counts as said."""
        self._verdicts.take_stream(alert)
        return self.verdicts_due()

    def verdicts_due(self, model: ModelRef | None = None) -> list[ModelVerdict]:
        """The verdicts, or that on one model, that are not those published; they count as said."""
        return self._verdicts.due(self.models if model is None else [model], self._histories)

    @property
    def standing(self) -> list[Alert]:
        """The models' alerts that stand."""
        return [alert for found in self._published.values() for alert in found.values() if alert.standing]

    @property
    def verdicts(self) -> list[ModelVerdict]:
        """The last that was said of each model."""
        return self._verdicts.newest

    def forget(self, model: ModelRef, until: int) -> None:
        """Forget the windows that end by then, which nothing can change any more, and alerts about them, but those
        that stand.
        """
        if model in self._histories:
            self._histories[model].forget(until)
        published = self._published.get(model, {})
        for key in [key for key, alert in published.items() if alert.end <= until and not alert.standing]:
            del published[key]

    def _said(self, model: ModelRef) -> list[Alert]:
        # nothing is decided by a challenger's answers, and its customers are the champion's; its verdict tells of it
        if model.role == "challenger":
            return []
        published = self._published.setdefault(model, {})
        due = due_alerts(model, self._histories[model], published.values(), self._rules)
        published.update((alert.key, alert) for alert in due)
        return due

    def _history(self, model: ModelRef) -> History:
        found = self._histories.get(model)
        if found is None:
            found = History(self._detectors, self._published.get(model, {}).values(), self._rules.stream)
            self._histories[model] = found
        return found
