"""One's own table in the compose stack: cut and measured as a backtest does it, on workers that run already."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from churnstream.backtest.plan import HELD_OUT_SHARE, OwnPlan, Wishes, own_table_plan
from contract.schema import Schema, load_schema
from contract.settings import Settings
from producer.opening import Opened, open_source
from producer.options import format_time
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions
from producer.sources import RowSelection
from training.train import TrainingResult, train


def train_on_own(settings: Settings, data: Path, *, force: bool = False) -> tuple[TrainingResult, OwnPlan]:
    """Train a champion on that part of a table that is not replayed.

    Raises:
        UserError: the table, or the registry, cannot be used.
    """
    plan = own_table_plan(data, load_schema(settings.dataset), Wishes())
    if plan.learned_until is None:
        return train(settings, plan.table, split="customer", force=force, test_share=HELD_OUT_SHARE), plan
    until = format_time(plan.learned_until)
    return train(settings, plan.table, split="customer", force=force, until=until), plan


def open_own(
    settings: Settings, data: Path, seconds: float, start: str | None
) -> tuple[Opened, Scenario, Sequence[str]]:
    """What of a table is replayed, and how, within about so many ``seconds`` of wall time; and what is said of it.

    ``start``: the event time at which rows without dates begin; None: the usual one.

    Raises:
        UserError: the table cannot be used.
    """
    schema = load_schema(settings.dataset)
    plan = own_table_plan(data, schema, Wishes())
    told = told_of(settings, plan)
    if plan.since is not None:
        opened = open_source(
            plan.table,
            0,
            0,
            schema,
            1,
            selection=RowSelection(since=format_time(plan.since), takes_other_labels=plan.odd_labels > 0),
        )
        options = ScenarioOptions(speed=max(plan.span / 1_000 / seconds, 1.0), label_delay=plan.label_delay)
        facts = opened.history.facts if opened.history is not None else None
        times = None if facts is None else (facts.first, facts.last)
        return opened, options.build(schema, times), told
    undated: Schema = replace(schema, time=None, label_time=None)
    chosen = RowSelection(held_out_only=True, test_share=HELD_OUT_SHARE, takes_other_labels=plan.odd_labels > 0)
    opened = open_source(plan.table, 0, 0, undated, 1, selection=chosen)
    rate = max(len(opened.source) / seconds, 1.0)
    options = ScenarioOptions(start, plan.period, rate, plan.label_delay)
    return opened, options.build(undated), told


def told_of(settings: Settings, plan: OwnPlan) -> tuple[str, ...]:
    """What is said of a table before it is used: what was taken of it, and which settings would fit it better."""
    remedy = other_settings(settings, plan)
    return plan.told if remedy is None else (*plan.told, remedy)


def other_settings(settings: Settings, plan: OwnPlan) -> str | None:
    """How the stack is told what fits a table better than what is set; None where that fits."""
    fitting = {
        "WINDOW": (plan.windowing.window, settings.window),
        "SLIDE": (plan.windowing.slide, settings.slide),
        "LABEL_LATENESS": (plan.timing.lateness, settings.label_lateness),
        "LABEL_TOLERANCE": (plan.timing.tolerance, settings.label_tolerance),
    }
    if all(wanted == there for wanted, there in fitting.values()):
        return None
    named = " ".join(f"{name}={plan.variables[f'CHURNSTREAM_{name}']}" for name in fitting)
    return (
        f"these settings would fit the table better: {named}. Put them into .env, then start again with "
        f"`docker compose down -v` and `docker compose up`"
    )
