"""Features by column give what the same features give as structs, to the bit."""

import numpy as np

from contract.records import feature_frame, features_type
from contract.schema import Schema, load_schema
from scorer.models.columns import CheckedColumns
from scorer.models.direct import encoding


def _both(schema: Schema) -> tuple[list, CheckedColumns]:
    make = features_type(schema)
    generator = np.random.default_rng(7)
    values = np.empty((len(schema.features), 50))
    rows = []
    for record in range(50):
        row = {}
        for position, feature in enumerate(schema.features):
            if feature.is_categorical:
                place = int(generator.integers(len(feature.categories) + 1))
                missing = place == len(feature.categories)
                row[feature.name] = None if missing else feature.categories[place]
                values[position, record] = np.nan if missing else place
            else:
                number = float(generator.integers(5)) or None
                row[feature.name] = number
                values[position, record] = np.nan if number is None else number
        rows.append(make(**row))
    return rows, CheckedColumns(values)


def test_columns_make_the_frame_that_structs_make() -> None:
    schema = load_schema("bank_churn")
    rows, columns = _both(schema)
    assert len(columns) == 50
    assert columns.frame(schema).equals(feature_frame(schema, rows))
    assert columns.part(10, 20).frame(schema).equals(feature_frame(schema, rows[10:20]))


def test_columns_make_the_matrix_that_structs_make() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    schema = load_schema("bank_churn")
    rows, columns = _both(schema)
    texts = [feature.name for feature in schema.features if feature.is_categorical]
    numbers = [feature.name for feature in schema.features if not feature.is_categorical]
    # learned from a part: some of the schema's categories are unknown to the encoder
    step = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
            ("rest", "passthrough", numbers),
        ]
    ).fit(feature_frame(schema, [row for row in rows if row.Geography in ("Spain", "France")]).dropna())
    found = encoding(step, schema)
    assert found is not None
    assert np.array_equal(found.matrix_of_columns(columns), found.matrix(rows), equal_nan=True)
