"""The student report's protocol, step by step as it did it, beside the honest one: where its F1 of 0.88 comes from.

The report drops the id columns and Geography, scales the features over the whole table, lets SMOTE make synthetic
churners out of all rows, and only then splits off a test set. So churners are half of the test set, most of them are
synthetic, and a synthetic churner gives itself away: halfway between an age of 41 and one of 42 there is no customer.
The figures are right for that test set and for no stream of customers. Here is what is computed; ``study``
logs it.
"""

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from contract.arrays import Floats, Labels, Mask
from contract.errors import UserError
from contract.models.registry import positive_probabilities
from contract.schema import Schema
from contract.split.defaults import DEFAULT_SPLIT_SEED
from contract.split.held_out import held_out
from training.kinds.encoding import trees
from training.kinds.sampling import smote_steps
from training.protocol.regression import measure
from training.quality.evaluate import evaluate
from training.quality.intervals import bootstrap
from training.steps import Tell, part, untold
from training.table.prepare import Table, inside, outside

STUDY_TEST_SHARE = 0.15
THRESHOLD = 0.5
STUDY_FOLDS = 5
DEPTHS, RATES, TREES = (3, 4, 5), (0.1, 0.01, 0.001), (100, 200, 300)
_ROUNDING = 1e-6  # what scaling there and back may change

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Reproduced:
    """One model on its protocol's own test rows, at threshold 0.5.

    ``metrics`` are those of ``evaluate``, and ``r2`` of the same parameters fitted to the label as a number;
    ``intervals`` are bootstrap intervals of all but the counts.
    """

    name: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    parameters: Parameters
    y: Labels
    probabilities: Floats
    seconds: float


@dataclass(frozen=True)
class Origin:
    """The report's test rows after SMOTE: which are synthetic, and what gives these away.

    Synthetic rows have the ``rarer`` label: 1, or 0 in a table of which most have churned. ``rounded`` are the model's
    probabilities after the synthetic rows' values were rounded in those features that hold whole numbers only in the
    table. ``fractional`` is the share of synthetic rows that this changes.
    """

    rarer: int
    synthetic: Mask
    rounded: Floats
    fractional: float

    @property
    def customers(self) -> str:
        """What messages call those of whom synthetic ones are made."""
        return "churners" if self.rarer else "customers who stayed"

    def recognised(self, probabilities: Floats) -> Mask:
        """Which rows are told to have the rarer label."""
        said: Mask = (probabilities >= THRESHOLD) == bool(self.rarer)
        return said


@dataclass(frozen=True)
class Reproduction:
    """Both protocols on one table. ``dropped`` are the features that the report's protocol leaves out."""

    dropped: tuple[str, ...]
    before: Reproduced
    after: Reproduced
    origin: Origin
    honest: Reproduced
    honest_smote: Reproduced

    @property
    def all(self) -> tuple[Reproduced, ...]:
        return self.before, self.after, self.honest, self.honest_smote


def reproduce(
    rows: Table, schema: Schema, seed: int, split_seed: int = DEFAULT_SPLIT_SEED, tell: Tell = untold
) -> Reproduction:
    """Run the report's protocol without and with SMOTE, and the honest one with the parameters that it finds."""
    values, dropped = study_values(rows, schema)
    scaler = StandardScaler().fit(values)
    matrix = scaler.transform(values)
    before = _report("report, before SMOTE", matrix, rows.y, seed, part(tell, 0, 0.35))
    test = held_out(rows.customers, split_seed)
    tell(0.35, "making synthetic rows")
    grown, labels = SMOTE(random_state=seed).fit_resample(matrix, rows.y)
    after = _report("report, after SMOTE", grown, labels, seed, part(tell, 0.4, 0.95))
    tell(0.95, "the honest protocol")
    return Reproduction(
        dropped=dropped,
        before=before.measured,
        after=after.measured,
        origin=_origin(after, grown, values, scaler, rarer=bool(2 * rows.y.sum() <= len(rows.y))),
        honest=_honest("honest, no SMOTE", rows, test, schema, after.measured.parameters, seed, smote=False),
        honest_smote=_honest(
            "honest, SMOTE in training", rows, test, schema, after.measured.parameters, seed, smote=True
        ),
    )


def study_values(rows: Table, schema: Schema) -> tuple[Floats, tuple[str, ...]]:
    """Features as the report uses them, not scaled yet, and the names of those that it drops.

    It dropped Geography, its one name-valued feature with more than two values; in another data set it is the same:
    categorical features with more than two categories are dropped, one with two becomes 0 and 1. The report's table
    has no gap; in another one they get the column's median, as SMOTE takes none.
    """
    dropped = tuple(name for name in schema.categorical if len(schema.feature(name).categories) > 2)
    columns = []
    for feature in schema.features:
        if feature.name in dropped:
            continue
        column = rows.X[feature.name].to_numpy()
        if feature.is_categorical:
            second = (column == feature.categories[-1]).astype(np.float64)
            column = np.where(rows.X[feature.name].isna().to_numpy(), np.nan, second)
        median = np.nanmedian(column) if np.isfinite(column).any() else 0.0
        columns.append(np.where(np.isnan(column), median, column))
    if not columns:
        raise UserError(
            f"schema {schema.name} has no feature that the report's protocol keeps: it drops categorical features with "
            f"more than two categories; train with --protocol honest"
        )
    return np.column_stack(columns), dropped


def grid_search(X: Floats, y: Labels, seed: int, tell: Tell = untold) -> tuple[Parameters, float]:
    """Best parameters of the report's grid by accuracy over 5 folds, and that accuracy.

    The same as scikit-learn's ``GridSearchCV`` on the grid: a boosted model of 300 trees holds those of 100 and 200 in
    its first trees, so a third of the fits is enough. The first of equally good ones wins, as there.
    """
    folds = list(StratifiedKFold(STUDY_FOLDS).split(X, y))
    found: dict[tuple[float, int, int], float] = {}
    for number, (rate, depth) in enumerate(product(RATES, DEPTHS)):
        tell(number / (len(RATES) * len(DEPTHS)), f"learning rate {rate}, depth {depth}")
        scores: dict[int, list[float]] = {count: [] for count in TREES}
        for training, validation in folds:
            model = _classifier({"learning_rate": rate, "max_depth": depth, "n_estimators": max(TREES)}, seed)
            model.fit(X[training], y[training])
            for count in TREES:
                predicted = model.predict(X[validation], iteration_range=(0, count))
                scores[count].append(float(accuracy_score(y[validation], predicted)))
        for count in TREES:
            found[rate, depth, count] = float(np.mean(scores[count]))
    rate, depth, count = max(found, key=lambda place: found[place])
    return {"learning_rate": rate, "max_depth": depth, "n_estimators": count}, found[rate, depth, count]


@dataclass(frozen=True)
class _Tested:
    measured: Reproduced
    classifier: XGBClassifier
    test: npt.NDArray[np.int64]


def _report(name: str, X: Floats, y: Labels, seed: int, tell: Tell) -> _Tested:
    """Split, search and test as the report."""
    started = time.perf_counter()
    training, test = train_test_split(np.arange(len(y)), test_size=STUDY_TEST_SHARE, random_state=seed, stratify=y)
    parameters, accuracy = grid_search(
        X[training], y[training], seed, lambda done, doing: tell(0.9 * done, f"{name}: {doing}")
    )
    tell(0.9, f"{name}: measuring")
    classifier = _classifier(parameters, seed).fit(X[training], y[training])
    regressor = _regressor(parameters, seed).fit(X[training], y[training])
    measured = _measured(
        name, y[test], _scores(classifier, X[test]), regressor.predict(X[test]), parameters, started, seed
    )
    measured.metrics["grid_accuracy"] = accuracy
    return _Tested(measured, classifier, test)


def _origin(after: _Tested, grown: Floats, values: Floats, scaler: StandardScaler, *, rarer: bool) -> Origin:
    synthetic = after.test >= len(values)
    whole = (values == np.round(values)).all(axis=0)
    made = scaler.inverse_transform(grown[after.test[synthetic]])
    rounded = np.where(whole, np.round(made), made)
    probabilities = after.measured.probabilities.copy()
    fractional = 0.0
    if synthetic.any():
        probabilities[synthetic] = _scores(after.classifier, scaler.transform(rounded))
        fractional = float((np.abs(rounded - made) > _ROUNDING).any(axis=1).mean())
    return Origin(int(rarer), synthetic, probabilities, fractional)


def _honest(
    name: str, rows: Table, test: Mask, schema: Schema, parameters: Parameters, seed: int, *, smote: bool
) -> Reproduced:
    """The same parameters; all features, customers held out first, SMOTE (if at all) on training rows only."""
    started = time.perf_counter()
    X, y = outside(rows, test)
    held, truth = inside(rows, test)

    def pipeline(model: BaseEstimator) -> Pipeline:
        before = smote_steps(schema, seed) if smote else []
        return Pipeline([*before, *trees(schema), ("model", model)]).fit(X, y)

    probabilities = positive_probabilities(pipeline(_classifier(parameters, seed)), held)
    numbers = pipeline(_regressor(parameters, seed)).predict(held)
    return _measured(name, truth, probabilities, numbers, parameters, started, seed)


def _measured(
    name: str,
    y: Labels,
    probabilities: Floats,
    numbers: npt.NDArray[Any],
    parameters: Parameters,
    started: float,
    seed: int,
) -> Reproduced:
    errors, error_intervals = measure(y, numbers.astype(np.float64), THRESHOLD, seed)
    return Reproduced(
        name=name,
        metrics=evaluate(y, probabilities, THRESHOLD) | {"r2": errors["r2"]},
        intervals=bootstrap(y, probabilities, THRESHOLD, seed=seed) | {"r2": error_intervals["r2"]},
        parameters=parameters,
        y=y,
        probabilities=probabilities,
        seconds=time.perf_counter() - started,
    )


def _scores(classifier: XGBClassifier, X: Floats) -> Floats:
    scores: Floats = classifier.predict_proba(X)[:, 1].astype(np.float64)
    return scores


def _classifier(parameters: Parameters, seed: int) -> XGBClassifier:
    return XGBClassifier(random_state=seed, n_jobs=1, **parameters)


def _regressor(parameters: Parameters, seed: int) -> XGBRegressor:
    return XGBRegressor(random_state=seed, n_jobs=1, **parameters)
