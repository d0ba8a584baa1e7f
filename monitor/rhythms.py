"""Warns once a model that its windows differ by the day of the week, because then they see drift each week."""

import logging
from collections import OrderedDict

from contract.durations import format_duration
from contract.messages import ModelRef
from contract.windows import Window
from monitor.inputs.rhythm import WEEK, RhythmWatch
from monitor.naming import model_title

MOST_MODELS = 8
"""Models whose windows are kept, those seen last."""
_log = logging.getLogger("churnstream.rhythms")


class Rhythms:
    """Of the windows of all models, which are ``window`` ms long, one each ``slide`` ms."""

    def __init__(self, window: int = WEEK, slide: int = WEEK) -> None:
        self._window = window
        self._slide = slide
        self._watches: OrderedDict[ModelRef, RhythmWatch] = OrderedDict()
        self._told: set[ModelRef] = set()

    def take_up(self, window: Window) -> None:
        """Take in a window that has been published."""
        self._put(window)

    def after(self, window: Window) -> None:
        """Take in a window that is published now, and warn if there is a rhythm that has not been told of."""
        if window.model in self._told or not self._put(window):
            return
        found = self._watches[window.model].rhythm()
        if found is None:
            return
        self._told.add(window.model)
        _log.warning(
            "customers of %s differ by the %s (%s by a distance of %.3f, p = %.1g), and windows of %s take that for "
            "drift; set CHURNSTREAM_WINDOW to whole weeks, such as 7d, and do not change CHURNSTREAM_SLIDE",
            model_title(window.model),
            "day of the week" if found.period == WEEK else "time of the day",
            found.column,
            found.distance,
            found.p_value,
            format_duration(self._window),
        )

    def _put(self, window: Window) -> bool:
        watch = self._watches.get(window.model)
        if watch is None:
            watch = RhythmWatch(self._window, self._slide)
        if not watch.put(window.start, window.drift):
            return False
        self._watches[window.model] = watch
        self._watches.move_to_end(window.model)
        while len(self._watches) > MOST_MODELS:
            gone, _ = self._watches.popitem(last=False)
            self._told.discard(gone)
        return True
