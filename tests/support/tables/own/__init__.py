"""Tables such as users bring, each with the draft that is right for it."""

from tests.support.tables.own.five import FIVE
from tests.support.tables.own.kaggle import KAGGLE
from tests.support.tables.own.shape import RightDraft, TableShape
from tests.support.tables.own.variants import VARIANTS

SHAPES = (*FIVE, *KAGGLE, *VARIANTS)

__all__ = ["FIVE", "KAGGLE", "SHAPES", "VARIANTS", "RightDraft", "TableShape"]
