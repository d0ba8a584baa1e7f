"""Windows before one are pooled with it: what is small shows, and the same customers count once."""

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.windows import Drift
from monitor.inputs.rule import SKETCH, InputReference, design_effect, judge, judge_again
from tests.support.tables.bank_inputs import RULE, SCHEMA, bank, one_after_another, with_score


def test_a_shift_that_no_window_shows_is_found_in_pooled_ones(reference: InputReference) -> None:
    generator = np.random.default_rng(14)
    frames = [bank(generator, 400) for _ in range(24)]
    older = [with_score(each.assign(Age=each["Age"] + 0.8)) for each in frames[8:]]
    verdicts = one_after_another([*frames[:8], *older], reference)
    assert not any(one.drifted for one in verdicts[:8])
    assert verdicts[-1].features["Age"].drifted
    assert verdicts[-1].features["Age"].windows > 1
    assert not judge(older[-1], reference, rule=RULE).drifted


def test_a_verdict_follows_from_the_windows_before_as_they_stand_on_the_topic(reference: InputReference) -> None:
    generator = np.random.default_rng(15)
    frames = [bank(generator, 300) for _ in range(20)]
    verdicts = one_after_another([each.assign(Age=each["Age"] + 1) for each in frames], reference)
    before: list[Drift | None] = [*verdicts[18:2:-1]]
    read_again = [msgspec.json.decode(msgspec.json.encode(one), type=Drift) for one in verdicts]
    current = bank(generator, 300)
    current["Age"] += 1
    found = judge(current, reference, before, rule=RULE)
    assert found.features["Age"].windows > 1
    assert judge(current, reference, read_again[18:2:-1], rule=RULE) == found
    # a gap, or a window before that was not judged, is not the end of what is pooled
    gap = [before[0], None, Drift(judged=False, drifted=False, share=0.0), *before[3:]]
    other = judge(current, reference, gap, rule=RULE)
    assert other != found
    assert judge_again(other, reference, before, rule=RULE) == found
    again = msgspec.json.decode(msgspec.json.encode(found), type=Drift)
    assert judge_again(again, reference, before, rule=RULE) == found


def test_windows_of_another_reference_or_an_earlier_release_are_not_pooled(reference: InputReference) -> None:
    generator = np.random.default_rng(16)
    other = InputReference.of(bank(generator, 300).assign(Tenure=1.0), SCHEMA)
    current = bank(generator, 400)
    foreign = judge(bank(generator, 300), other, rule=RULE)
    old = msgspec.structs.replace(
        foreign,
        features={name: msgspec.structs.replace(one, counts=()) for name, one in foreign.features.items()},
    )
    alone = judge(current, reference, rule=RULE)
    assert judge(current, reference, [old], rule=RULE).features["Tenure"].p_value == pytest.approx(
        alone.features["Tenure"].p_value
    )
    assert judge_again(old, reference, [], rule=RULE) == old
    judge(current, reference, [foreign], rule=RULE)


def test_a_customer_counts_once(reference: InputReference) -> None:
    current = bank(np.random.default_rng(17), 300)
    hashes = np.random.default_rng(18).integers(0, 2**53, 300)
    once = judge(current, reference, rule=RULE, customers=hashes.tolist())
    assert once.customers == tuple(sorted(hashes.tolist())[:SKETCH])
    thrice = judge(
        pd.concat([current.assign(Age=90.0), current.assign(Age=18.0), current]),
        reference,
        rule=RULE,
        customers=np.tile(hashes, 3).tolist(),
    )
    assert thrice == once
    assert judge(pd.concat([current] * 3), reference, rule=RULE).features["Age"].counts != once.features["Age"].counts


def test_the_same_customers_again_are_no_further_evidence(reference: InputReference) -> None:
    generator = np.random.default_rng(19)
    current = bank(generator, 500)
    hashes = generator.integers(0, 2**53, 500).tolist()
    first = judge(current, reference, rule=RULE, customers=hashes)
    again = judge(current, reference, [first] * 15, rule=RULE, customers=hashes)
    for name, one in again.features.items():
        assert one.p_value >= first.features[name].p_value * 0.999
    strangers = judge(current, reference, [judge(current, reference, rule=RULE)] * 15, rule=RULE)
    assert min(one.p_value for one in strangers.features.values()) < min(one.p_value for one in again.features.values())


def test_the_design_effect_is_one_for_strangers_and_the_number_of_windows_for_the_same_customers() -> None:
    sketches = [tuple(range(start, start + SKETCH * 10, 10)) for start in range(4)]
    assert design_effect(sketches) == 1.0
    assert design_effect([sketches[0]] * 4) == 4.0
    assert design_effect([sketches[0], ()]) == 1.0
    # one of two customers is in both windows: (2² + 1 + 1) / (2 + 1 + 1)
    assert design_effect([(1, 2), (2, 3)]) == 1.5
    # what lies beyond the end of a full sketch may be in that window all the same
    assert design_effect([tuple(range(SKETCH)), (5, 10**9)]) == pytest.approx((SKETCH - 1 + 4) / (SKETCH + 1))
