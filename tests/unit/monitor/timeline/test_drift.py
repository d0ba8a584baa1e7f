"""A sample as a table."""

import numpy as np
import pandas as pd

from contract.panes import SampleRow
from contract.schema import parse_schema
from monitor.timeline.drift import sample_frame
from monitor.timeline.samples import Sample


def test_a_sample_becomes_a_table_of_the_schemas_columns_and_the_score() -> None:
    schema = parse_schema(
        {
            "name": "t",
            "id": "Id",
            "label": {"column": "y"},
            "features": {
                "C": {"kind": "categorical", "categories": ["a"], "missing": True},
                "N": {"kind": "numeric", "missing": True},
            },
        }
    )
    rows = [SampleRow(1, "x", 0.25, 0, None, ("a", 3)), SampleRow(2, "y", 0.75, 1, 1, (None, None))]
    frame = sample_frame(schema, Sample.of_rows(rows, 2))
    expected = pd.DataFrame({"C": np.array(["a", None], object), "N": [3.0, np.nan], "score": [0.25, 0.75]})
    pd.testing.assert_frame_equal(frame, expected)
    empty = sample_frame(schema, Sample.of_rows([], 0))
    assert list(empty.columns) == ["C", "N", "score"]
    assert len(empty) == 0
