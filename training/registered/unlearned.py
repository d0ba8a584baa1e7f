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

    Raises:
        UserError: it is not known which they are, they are too few, or the champion was made with another split seed,
            so that it has learned from most of them.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    if champion.split_seed != challenger.split_seed:
        raise UserError(_other_seed(champion, challenger))
    if champion.has_held_out_all_of(challenger):
        return held
    return _taken(held, new_to(client, champion, held.X, schema), champion)


def _other_seed(champion: Version, challenger: Version) -> str:
    if champion.split_seed is None:
        return f"its split seed is not known, so it may have learned from the rows that {challenger.title} is tested on"
    return (
        f"it was made with split seed {champion.split_seed}, {challenger.title} with "
        f"{challenger.split_seed or 'unknown'}, so it has learned from most of the rows that {challenger.title} is "
        f"tested on; train with --split-seed {champion.split_seed}"
    )


def _taken(held: HeldOut, new: Mask, champion: Version) -> HeldOut:
    counts = np.bincount(held.y[new], minlength=2)
    if min(counts) < MIN_ROWS_OF_CLASS:
        raise UserError(
            f"{champion.title} was divided by another rule or share, and has learned from all but {int(new.sum()):,} "
            f"of the held-out rows ({counts[1]} of them positive), of which {MIN_ROWS_OF_CLASS} of each label are "
            f"needed; train with its --test-share, or on a larger table"
        )
    if not new.all():
        _log.warning(
            "%s has learned from %s of the held-out rows, because it was divided by another rule or share; they are "
            "left out of the comparison",
            champion.title,
            int((~new).sum()),
        )
    return held.where(new)
