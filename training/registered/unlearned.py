"""Which of a version's held-out rows another version has not learned from, so that both can be measured on them."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from contract.arrays import Mask
from contract.errors import UserError
from contract.schema import Schema
from training.registered.compare_rows import new_to
from training.registered.versions import Version
from training.selection.develop import HeldOut
from training.table.prepare import MIN_ROWS_OF_CLASS

if TYPE_CHECKING:
    from mlflow import MlflowClient

_log = logging.getLogger("churnstream.promotion")


def unlearned(client: "MlflowClient", champion: Version, challenger: Version, held: HeldOut, schema: Schema) -> HeldOut:
    """Those of the challenger's held-out rows that the champion has not learned from.

    Those are the rows that came after all that it has learned from; all, where the champion has held out the same
    customers; and else, where one of the two was divided by time, those that are not, by their features, among its own.

    Raises:
        UserError: it is not known which they are, they are too few, or both were divided by customer with different
            split seeds, so that it has learned from most of them.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    if champion.scored_all_of(challenger):
        return held
    newer = _newer(champion, held)
    if newer.all():
        return held
    if not (champion.by_time or challenger.by_time):
        if champion.split_seed != challenger.split_seed:
            raise UserError(_other_seed(champion, challenger))
        if champion.has_held_out_all_of(challenger):
            return held
    elif champion.by_time and _enough(held, newer):
        return _taken(held, newer, champion)
    return _taken(held, newer | new_to(client, champion, held.X, schema), champion)


def _newer(champion: Version, held: HeldOut) -> Mask:
    """Which rows came after all that the champion has learned from; none where that is not known."""
    if held.times is None or champion.learned_before is None:
        return np.zeros(len(held.y), dtype=bool)
    newer: Mask = held.times >= champion.learned_before
    return newer


def _enough(held: HeldOut, rows: Mask) -> bool:
    return bool(np.bincount(held.y[rows], minlength=2).min() >= MIN_ROWS_OF_CLASS)


def _other_seed(champion: Version, challenger: Version) -> str:
    if champion.split_seed is None:
        return f"its split seed is not known, so it may have learned from the rows that {challenger.title} is tested on"
    return (
        f"it was made with split seed {champion.split_seed}, {challenger.title} with "
        f"{challenger.split_seed or 'unknown'}, so it has learned from most of the rows that {challenger.title} is "
        f"tested on; train with --split-seed {champion.split_seed}"
    )


def _taken(held: HeldOut, new: Mask, champion: Version) -> HeldOut:
    if not _enough(held, new):
        remedy = "test on newer rows" if champion.by_time else "train with its --split and --test-share"
        raise UserError(
            f"the rows of {champion.title} were divided differently, and it has learned from all but "
            f"{int(new.sum()):,} of the held-out rows ({int(held.y[new].sum())} of them positive), and "
            f"{MIN_ROWS_OF_CLASS} of each label are needed; {remedy}, or on a larger table"
        )
    if not new.all():
        _log.warning(
            "%s has learned from %s of the held-out rows, because its rows were divided differently; they are left "
            "out of the comparison",
            champion.title,
            int((~new).sum()),
        )
    return held.where(new)
