"""What of the stream a page shows. Its address in the browser names it, so that it can be sent to a colleague."""

from typing import Literal, get_args

import msgspec

from contract.messages import Role

Metric = Literal["f1", "brier", "roc_auc", "precision", "recall", "accuracy"]
METRICS: tuple[Metric, ...] = get_args(Metric)


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """``model`` is a registered model's name, None: the one that was at work last. ``version`` None: all versions that
    have been champion, one after the other; with ``role`` one version alone. ``metric`` None: the one that the verdict
    rests on. ``window`` (its start) and ``feature`` are what is open beside the whole. ``since`` and ``until`` bound
    what is seen of the time axis. Times are event time in ms. ``ignored`` are the parts of an address that could not be
    understood.
    """

    model: str | None = None
    version: int | None = None
    role: Role = "champion"
    metric: Metric | None = None
    window: int | None = None
    feature: str | None = None
    since: int | None = None
    until: int | None = None
    embed: bool = False
    ignored: tuple[str, ...] = ()
