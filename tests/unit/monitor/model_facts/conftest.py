"""A bank's table, made once a module."""

import numpy as np
import pandas as pd
import pytest

from tests.support.tables.bank_inputs import bank


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return bank(np.random.default_rng(1), 3_000)
