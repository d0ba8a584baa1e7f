"""From a stream's outcomes to a version: whether it is time, which rows, trained, measured on the newest, registered.

It can be killed at any point and started again. Before a version is registered nothing but a run is left, and the next
one begins anew. From then on the version is found by its tags: what has not become of it yet is done, and none is
trained in its place.
"""

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contract.arrays import Mask
from contract.durations import format_duration
from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.registry import (
    find_version,
    load_registered,
    model_title,
    out_of_reach,
    positive_probabilities,
    registry_client,
)
from contract.schema import Schema, load_schema
from contract.settings import Settings
from training.defaults import DEFAULT_SEED
from training.outcomes.reading import Passage, read_scored
from training.outcomes.rows import NO_LABEL, ScoredRecords
from training.quality.evaluate import evaluate
from training.registered import tags
from training.registered.challenge import challenge
from training.registered.next_step import promote_anyway
from training.registered.promotion import promote
from training.retrain.decision import Decision, Situation, decide
from training.retrain.evidence import ModelEvidence, read_evidence
from training.retrain.learning import TIME_COLUMN, TIMES, frame_hash, stream_frame, table_frame
from training.retrain.lineage import Lineage, RetrainedVersion, moment_text, retrained_versions
from training.retrain.options import Policy, RetrainOptions
from training.selection.listening import Listener
from training.selection.search import Plan
from training.table.division import test_start
from training.table.prepare import MIN_ROWS_OF_CLASS
from training.train import TrainingResult, train

if TYPE_CHECKING:
    from mlflow import MlflowClient

NEWEST_SHARE = 0.15
"""Of the rows, those of the newest times, on which the version is measured and compared."""
_log = logging.getLogger("churnstream.retraining")


@dataclass(frozen=True)
class Became:
    """What has become of a version, ``said`` in a sentence, and what is to be done ``next``; ``refused``: it was judged
    and does not take the alias."""

    said: str
    next: str
    refused: bool = False


@dataclass(frozen=True)
class RetrainingResult:
    """What a retraining came to.

    ``version`` is None where it was not time; ``trained`` is None where the version had been registered before.
    ``compared``: how it and the champion do on the newest rows, where the champion has surely not learned from them.
    """

    decision: Decision
    version: int | None = None
    trained: TrainingResult | None = None
    became: Became | None = None
    compared: str | None = None
    told: tuple[str, ...] = ()


def retrain(
    settings: Settings,
    options: RetrainOptions,
    *,
    seed: int = DEFAULT_SEED,
    plan: Plan | None = None,
    listener: Listener | None = None,
) -> RetrainingResult:
    """Train on what was scored and what came of it, if it is time, and do with the version what the policy says.

    Only records count whose label is there and whose time for it is up. Of these the newest are held out, and the
    version is measured on them.

    Raises:
        UserError: Kafka or the registry cannot be used, or the rows are too few; the message says what to do.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    try:
        made = retrained_versions(client, settings)
        if made and not made[-1].policy:
            return _finished(client, settings, options.policy, made[-1])
        champion = find_version(client, settings)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    records, passage = read_scored(
        settings, schema, since=options.since, until=options.until, maturity=options.maturity
    )
    evidence = _evidence(settings, options, champion)
    decision = decide(
        options.when, _situation(settings, records, evidence, champion, made), every=options.every, least=options.least
    )
    told = _told(records, passage)
    if not (decision.trains and options.trains):
        return RetrainingResult(decision, told=told)
    taken = _taken(records, decision, options)
    too_few = _too_few(records, taken)
    if too_few is not None:
        return RetrainingResult(replace(decision, trains=False, reasons=(*decision.reasons, too_few)), told=told)
    frame, lineage = _learned_from(settings, schema, options, records, passage, taken, decision, seed, plan)
    before = next((one for one in made if one.lineage == lineage.hash), None)
    if before is not None:
        same = f"{model_title(settings, before.number)} was made from exactly these rows, so no other one is trained"
        became = _become(client, settings, options.policy, before.number)
        return RetrainingResult(decision, before.number, None, became, told=(*told, same))
    trained = train(
        settings,
        frame,
        name="the stream's outcomes",
        seed=seed,
        times=TIMES,
        split="time",
        test_share=NEWEST_SHARE,
        gap=options.gap,
        plan=plan,
        listener=listener,
        provenance=lineage.provenance(settings),
        judged=False,
    )
    compared = None
    if champion is not None and champion in lineage.new_to:
        compared = _compared(settings, schema, champion, trained)
    became = _become(client, settings, options.policy, trained.version)
    return RetrainingResult(decision, trained.version, trained, became, compared, told)


def _finished(
    client: "MlflowClient", settings: Settings, policy: Policy, version: RetrainedVersion
) -> RetrainingResult:
    title = model_title(settings, version.number)
    said = f"{title} was registered by a retraining that was interrupted; it is completed now, and nothing is trained"
    became = _become(client, settings, policy, version.number)
    return RetrainingResult(Decision(True, (said,)), version.number, None, became)


def _become(client: "MlflowClient", settings: Settings, policy: Policy, version: int) -> Became:
    """Do what the policy says, and note it last; what was done already is found so."""
    from mlflow.exceptions import MlflowException

    if policy == "challenger":
        became = Became(challenge(settings, str(version)), f"churnstream promote {version}, once it has proven better")
    elif policy == "promote":
        verdict = promote(settings, str(version))
        after = "churnstream score" if verdict.promoted else promote_anyway(settings, version)
        became = Became(verdict.reason, after, refused=not verdict.promoted)
    else:
        became = Became(
            f"{model_title(settings, version)} is registered, and scores nothing, because the policy is none",
            f"churnstream promote {version}, or churnstream challenge {version}",
        )
    try:
        client.set_model_version_tag(settings.model_name, str(version), tags.RETRAINING_POLICY, policy)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return became


def _compared(settings: Settings, schema: Schema, champion: int, trained: TrainingResult) -> str | None:
    """For information: nothing is decided by it."""
    held = trained.held_out
    try:
        loaded = load_registered(settings, champion, schema)
    except UserError:
        return None  # one that cannot be loaded has nothing to be compared with, and whoever promotes is told why
    old = evaluate(held.y, positive_probabilities(loaded.classifier, held.X), loaded.card.threshold)
    new, title = trained.metrics, model_title(settings, champion)
    return (
        f"On these rows {title} has ROC AUC {old['roc_auc']:.3f} and Brier score {old['brier']:.4f}, "
        f"{model_title(settings, trained.version)} has {new['roc_auc']:.3f} and {new['brier']:.4f}."
    )


def _evidence(settings: Settings, options: RetrainOptions, champion: int | None) -> ModelEvidence | None:
    """Read only where an occasion asks for it."""
    if champion is None or not {"drift", "performance"} & set(options.when):
        return None
    return read_evidence(settings, ModelRef(settings.model_name, champion))


def _situation(
    settings: Settings,
    records: ScoredRecords,
    evidence: ModelEvidence | None,
    champion: int | None,
    made: list[RetrainedVersion],
) -> Situation:
    last = max((one for one in made if one.until is not None), key=lambda one: one.until or 0, default=None)
    return Situation(
        times=records.times[records.usable],
        champion=model_title(settings, champion) if champion is not None else f"@{settings.model_alias}",
        incidents=() if evidence is None else evidence.incidents,
        verdict=None if evidence is None else evidence.verdict,
        learned_until=None if last is None else last.until,
        last=None if last is None else model_title(settings, last.number),
    )


def _taken(records: ScoredRecords, decision: Decision, options: RetrainOptions) -> Mask:
    """The rows to learn from: those that can be, and of a changed relation those of the time since."""
    usable = records.usable
    if options.since is not None or decision.since is None:
        return usable
    after: Mask = usable & (records.times >= decision.since)
    _log.info("rows before %s are left out, because the relation has changed since", moment_text(decision.since))
    return after


def _too_few(records: ScoredRecords, taken: Mask) -> str | None:
    """Why the newest rows are not enough to measure on yet; None if they are. More come by themselves."""
    labels = records.labels[taken]
    newest = labels[int(len(labels) * (1 - NEWEST_SHARE)) :]
    fewest = min(int((newest == label).sum()) for label in (0, 1))
    if fewest >= MIN_ROWS_OF_CLASS:
        return None
    return (
        f"but of the newest {NEWEST_SHARE:.0%} of {len(labels):,} records, on which it would be measured, only "
        f"{fewest:,} have one of the labels, and {MIN_ROWS_OF_CLASS} are needed"
    )


def _learned_from(
    settings: Settings,
    schema: Schema,
    options: RetrainOptions,
    records: ScoredRecords,
    passage: Passage,
    taken: Mask,
    decision: Decision,
    seed: int,
    plan: Plan | None,
) -> tuple[pd.DataFrame, Lineage]:
    frame = stream_frame(records, taken, schema)
    times = records.times[taken]
    table_rows = 0
    if options.table is not None:
        added = table_frame(options.table, schema, int(times[0]))
        frame, table_rows = pd.concat([added, frame], ignore_index=True), len(added)
    dated = frame[TIME_COLUMN].to_numpy(np.int64)
    tested_from = test_start(dated, NEWEST_SHARE)
    # nobody has scored a table's rows on the stream
    tested_of_table = (dated[:table_rows] >= tested_from).any()
    lineage = Lineage(
        passage=passage,
        first=int(times[0]),
        last=int(times[-1]),
        rows=len(times),
        table=None if options.table is None else options.table.name,
        table_rows=table_rows,
        rows_hash=frame_hash(frame),
        settings_text=f"schema {schema.fingerprint}, seed {seed}, gap {options.gap}, {plan or 'XGBoost as it comes'}",
        reasons=decision.reasons,
        new_to=() if tested_of_table else _new_to(settings, records, taken & (records.times >= tested_from)),
    )
    return frame, lineage


def _new_to(settings: Settings, records: ScoredRecords, tested: Mask) -> tuple[int, ...]:
    """Versions that have scored each of the tested records on the stream, when no label of it was there yet."""
    if not tested.any():
        return ()
    found = {
        model.version
        for model, scores in records.scores.items()
        if model.name == settings.model_name and not np.isnan(scores[tested]).any()
    }
    return tuple(sorted(found))


def _told(records: ScoredRecords, passage: Passage) -> tuple[str, ...]:
    """What was read and what of it can be learned from, one clause each."""
    known = records.labels != NO_LABEL
    too_early = int((known & ~records.mature).sum())
    silent = int((records.mature & ~known).sum())
    said = [f"{len(records):,} records were scored, and {int(records.usable.sum()):,} of them can be learned from"]
    maturity = format_duration(passage.maturity)
    if too_early:
        said.append(
            f"{too_early:,} have a label, but their time ({maturity}) is not up: customers who are labelled early "
            "differ from the others"
        )
    waiting = int((~known & ~records.mature).sum())
    if waiting:
        said.append(f"{waiting:,} wait for their label")
    if silent:
        said.append(f"{silent:,} have none, though their time is up")
    if records.unreadable:
        said.append(f"{records.unreadable:,} messages could not be read under this schema")
    return tuple(said)
