"""Every word that a newcomer may not know is explained."""

from contract.alerts import ALERT_KINDS
from dashboard.stream.received import Positions
from dashboard.view.selected import METRICS, Selected
from dashboard.view.terms import TERMS
from tests.support.dashboard.told import NOW, ToldStream, incident, progress, serving, trained, verdict
from tests.support.messages import START
from tests.support.windows import final, window


def test_every_term_of_a_fact_or_a_tile_has_its_sentence() -> None:
    told = ToldStream(
        trained(),
        serving(2, 3, challengers=(4,)),
        progress(),
        final(0),
        window(1, untrusted_since=START),
        verdict(),
        *(incident(kind) for kind in ALERT_KINDS),
    )
    used: set[str] = set()
    for metric in METRICS:
        for opened in (0, 1):
            selected = Selected(metric=metric, window=START + opened * 86_400_000)
            page = told.page(selected, positions=Positions(at=NOW, members={"join": 1}))
            assert page.window is not None
            used |= {one.term for one in (*page.facts, *page.tiles, *page.window.facts)}
    assert used - set(TERMS) == set()
    assert "" not in used


def test_the_words_of_the_charts_and_tables_are_explained() -> None:
    words = {
        *METRICS,
        *("realised", "nowcast", "estimated", "provisional", "final", "training", "interval", "coverage", "drift"),
        *("drifted", "distance", "dead letter", "champion", "challenger", "lag", "window", "label", "delay", "segment"),
        *("dependence", "incident", "retracted", "confusion matrix", "verdict"),
    }
    assert words <= set(TERMS)


def test_each_is_one_sentence() -> None:
    assert [term for term, text in TERMS.items() if not text.endswith(".") or ". " in text or len(text) > 160] == []
