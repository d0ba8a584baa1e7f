"""``churnstream train --protocol report``: the report's figures beside the honest ones, in MLflow, and no model.

Nothing is registered, so nothing of it can score; each run of the report's protocol carries the tag by which promotion
would refuse it all the same. A crash leaves a run marked as failed or running.
"""

from dataclasses import dataclass

from contract.arrays import Mask
from contract.models.registry import out_of_reach, registry_client
from contract.schema import Schema
from contract.settings import Settings
from contract.split.defaults import DEFAULT_SPLIT_SEED
from training.protocol.figure import origin_figure
from training.protocol.reproduction import THRESHOLD, Reproduced, Reproduction, reproduce
from training.quality.evaluate import evaluate
from training.quality.intervals import ends
from training.registered import tags
from training.registered.mlflow_runs import Run, open_run, where
from training.steps import Tell, part, untold
from training.table.prepare import Table

FIGURE = "figures/origin.png"
_TITLE = "report protocol"


@dataclass(frozen=True)
class ReportResult:
    """Both protocols' figures and where they were logged; ``figure`` is a link or a path."""

    found: Reproduction
    run_id: str
    figure: str

    def show_lines(self) -> list[str]:
        """A table of the figures with intervals, what differs, and where the picture is."""
        found, origin = self.found, self.found.origin
        y, probabilities, synthetic = found.after.y, found.after.probabilities, origin.synthetic
        of_them = y == origin.rarer
        real = evaluate(y[~synthetic], probabilities[~synthetic], THRESHOLD)["f1"]
        recognised, rounded = origin.recognised(probabilities), origin.recognised(origin.rounded)
        return [
            f"{'protocol':<25}  {'F1 (95 %)':<17}  {'acc.':<5}  {'AUC':<5}  R² (95 %)",
            *(_line(measured) for measured in found.all),
            f"The report's protocol drops {', '.join(found.dropped) or 'no feature'} and the id columns, scales over "
            f"the whole table, and lets SMOTE make {origin.customers} before it splits: "
            f"{int(synthetic.sum()):,} of its {len(y):,} test rows are synthetic.",
            f"Its model recognises {_share(recognised[synthetic])} of the synthetic {origin.customers} and "
            f"{_share(recognised[of_them & ~synthetic])} of the real ones; on the real customers of that test set "
            f"its F1 is {real:.3f}.",
            f"{origin.fractional:.0%} of the synthetic ones have a fraction where the table has only whole numbers, "
            f"which gives them away: with the fractions rounded it recognises {_share(rounded[synthetic])}.",
            "Nothing was registered: such a model never becomes champion.",
            f"Where the difference comes from: {self.figure}",
        ]


def run(
    settings: Settings,
    rows: Table,
    schema: Schema,
    *,
    seed: int,
    split_seed: int = DEFAULT_SPLIT_SEED,
    tell: Tell = untold,
) -> ReportResult:
    """Run both protocols and log each as a run below one that holds the picture; ``split_seed`` is the honest one's.

    Raises:
        UserError: MLflow does not answer, or its experiment was deleted.
    """
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    common = tags.about(schema, rows.data_hash)
    try:
        with open_run(client, _TITLE, common | {tags.PROTOCOL: tags.STUDY}) as parent:
            found = reproduce(rows, schema, seed, split_seed, part(tell, 0, 0.95))
            for measured in found.all:
                honest = measured is found.honest or measured is found.honest_smote
                protocol = tags.HONEST if honest else tags.STUDY
                below = {tags.PROTOCOL: protocol, "mlflow.parentRunId": parent.run_id}
                with open_run(client, measured.name, common | below) as child:
                    _log(child, measured, seed)
            tell(0.95, "drawing")
            parent.log(_summary(found), {"seed": seed, "dropped": ", ".join(found.dropped), "kind": "xgboost"})
            parent.figure(origin_figure(found, seed), FIGURE)
            return ReportResult(found, parent.run_id, where(settings, parent, FIGURE))
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error


def _log(run: Run, measured: Reproduced, seed: int) -> None:
    params = {"kind": "xgboost", "seed": seed, "test_rows": len(measured.y), **measured.parameters}
    run.log(measured.metrics | ends(measured.intervals) | {"duration_seconds": measured.seconds}, params)


def _summary(found: Reproduction) -> dict[str, float]:
    names = {"before_smote": found.before, "after_smote": found.after}
    names |= {"honest": found.honest, "honest_smote": found.honest_smote}
    return {f"{metric}_{name}": measured.metrics[metric] for name, measured in names.items() for metric in ("f1", "r2")}


def _share(hits: Mask) -> str:
    return f"{hits.mean():.0%}" if len(hits) else "none"


def _line(measured: Reproduced) -> str:
    shown = [f"{measured.metrics[name]:.3f}" for name in ("accuracy", "roc_auc")]
    f1, r2 = (f"{measured.metrics[name]:.3f} {_between(measured.intervals[name])}" for name in ("f1", "r2"))
    return f"{measured.name:<25}  {f1:<17}  {'  '.join(shown)}  {r2}"


def _between(interval: tuple[float, float]) -> str:
    return f"({interval[0]:.3f}–{interval[1]:.3f})".replace("0.", ".")
