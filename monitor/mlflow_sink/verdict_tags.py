"""The verdict on a model where its owners look: tags of its realised and estimated run, and the former's description.

Only the newest matters, so nothing is spooled: what waits is in memory, and a monitor that starts is told all verdicts
again. Setting a tag twice changes nothing.
"""

import re
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from contract.alerts import ModelVerdict
from contract.messages import ModelRef
from monitor.naming import iso_time

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERDICT_TAG = "churnstream.verdict"
"""Of the realised run: the verdict with its date."""
MESSAGE_TAG = "churnstream.verdict_message"
"""Of the realised run: why, and what to do. So does the run's description, unless somebody has written another."""
ESTIMATE_TAG = "churnstream.estimate"
"""Of the estimated run: whether estimates are to be trusted, and since when not."""
_DESCRIPTION_TAG = "mlflow.note.content"
_OURS = "*Written by churnstream. To keep a text of your own here, delete this line.*"
_MOST_CHARACTERS = 4_000
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+.!|<>~&-])")


class WaitingVerdicts:
    """The newest verdict of each model that MLflow has not got. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[ModelRef, ModelVerdict] = {}

    def put(self, verdicts: Iterable[ModelVerdict]) -> None:
        """Let the last of each model wait."""
        with self._lock:
            self._waiting.update((verdict.model, verdict) for verdict in verdicts)

    def waiting(self) -> list[ModelVerdict]:
        """Those that wait now."""
        with self._lock:
            return list(self._waiting.values())

    def done(self, verdict: ModelVerdict) -> None:
        """MLflow has it; a newer one that has come since waits on."""
        with self._lock:
            if self._waiting.get(verdict.model) is verdict:
                del self._waiting[verdict.model]


def tag_verdict(client: "MlflowClient", verdict: ModelVerdict, *, realised: str, estimated: str) -> None:
    """Write a verdict to a model's runs of these ids. Raises what MLflow raises."""
    remedy = f"; what to do: {verdict.remedy}" if verdict.remedy else ""
    message = f"{verdict.message}{remedy}"[:_MOST_CHARACTERS]
    written = client.get_run(realised).data.tags.get(_DESCRIPTION_TAG)
    if not written or written.endswith(_OURS):
        description = f"**{_plain(verdict.title)}**\n\n{_plain(message)}\n\n{_OURS}"
        client.set_tag(realised, _DESCRIPTION_TAG, description)
    client.set_tag(realised, VERDICT_TAG, verdict.title)
    client.set_tag(realised, MESSAGE_TAG, message)
    since = verdict.untrusted_since
    told = "trusted" if since is None else f"not to be trusted since {iso_time(since)}"
    client.set_tag(estimated, ESTIMATE_TAG, told)


def _plain(text: str) -> str:
    """As text in Markdown: names from data are no markup."""
    return _MARKUP.sub(r"\\\1", text)
