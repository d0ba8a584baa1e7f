"""A reference of the bank, made once a module."""

import numpy as np
import pandas as pd
import pytest

from monitor.inputs.rule import InputReference
from tests.support.tables.bank_inputs import SCHEMA, bank


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return bank(np.random.default_rng(1), 5_000)


@pytest.fixture(scope="module")
def reference(frame: pd.DataFrame) -> InputReference:
    return InputReference.of(frame, SCHEMA)
