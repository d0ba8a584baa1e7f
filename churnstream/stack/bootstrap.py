"""``churnstream init``: what the workers of a new stream need to be there: topics, and a model that scores.

Doing it again changes nothing. After a crash it is simply run again: at worst there is a version without the alias.
"""

import tempfile
from pathlib import Path

from churnstream.demo.scenario import TRAINING_ROWS, TRAINING_SEED
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.models.registry import find_version, model_title, out_of_reach, registry_client
from contract.settings import Settings
from producer.synthetic import write_csv


def initialise(settings: Settings, data: Path | None, *, force: bool = False) -> str:
    """Create the topics, and train and register a champion if there is none: on a part of ``data``, of which the rest
    can be replayed to it, or on a synthetic bank. With ``force``, the model is champion whatever speaks against it.

    Returns a sentence on what is there now, and, where it has trained on a table, lines on what it took of it.

    Raises:
        UserError: the broker or the registry is out of reach, a topic does not fit, the table cannot be used, or the
            model that it gives does not deserve the alias.
    """
    from mlflow.exceptions import MlflowException

    created = ensure_topics(admin_client(settings), settings)
    topics = f"{len(created)} topics created" if created else "all topics exist"
    client = registry_client(settings, create=True)
    try:
        version = find_version(client, settings)
    except MlflowException as error:
        raise out_of_reach(settings, error) from error
    if version is not None:
        return f"{topics}; {model_title(settings, version)} is already {settings.model_alias}"
    return f"{topics}; {_train(settings, data, force)}"


def _train(settings: Settings, data: Path | None, force: bool) -> str:
    from churnstream.stack.own_table import told_of, train_on_own
    from training.train import train

    told: tuple[str, ...] = ()
    if data is not None:
        result, plan = train_on_own(settings, data, force=force)
        told = told_of(settings, plan)
    elif settings.dataset == "bank_churn":
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "training.csv"
            write_csv(table, TRAINING_ROWS, seed=TRAINING_SEED)
            result = train(settings, table, split="customer", name="the synthetic bank", force=force)
    else:
        raise UserError(
            f"there is no {settings.model_alias} of {settings.model_name} and no table to train one on, because the "
            f"synthetic bank does not have schema {settings.dataset}; give a table with --data (DATA in the compose "
            f"stack)"
        )
    if not result.verdict.promoted:
        raise UserError(
            f"{result.verdict.reason}. The workers wait for a champion; correct the table or its schema and run this "
            f"again, or accept the model with --force (FORCE=1 in the compose stack)"
        )
    metrics = result.metrics
    trained = (
        f"{result.verdict.reason}, trained on {result.train_rows:,} rows (ROC AUC {metrics['roc_auc']:.3f}, "
        f"F1 {metrics['f1']:.3f} on {result.test_rows:,} held-out ones)"
    )
    return "\n".join((trained, *told))
