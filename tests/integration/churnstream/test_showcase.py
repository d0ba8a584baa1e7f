"""``churnstream showcase`` on a real broker: once, again whole where it was cut short, and again behind the end."""

import io
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from churnstream.backtest.plan import HELD_OUT_SHARE
from churnstream.demo.scenario import LABEL_SHARE
from churnstream.local_kafka.broker import free_port
from churnstream.stack.showcase import Pages, Showcase, replay_again, run_showcase
from contract.errors import UserError
from contract.settings import Settings
from contract.split.held_out import held_out
from contract.topics import CUSTOMERS
from producer.synthetic import write_csv
from tests.support.kafka.topics import committed, stream_settings
from tests.support.polling import eventually

ROWS = 600


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=2)


def showcase(rows: int = ROWS, seconds: float = 0.1) -> Showcase:
    nowhere = f"http://127.0.0.1:{free_port()}"
    return Showcase(None, rows, seconds, Pages(nowhere, nowhere, nowhere, nowhere, nowhere))


def run(settings: Settings, what: Showcase, until: str) -> str:
    """Run it until it has printed ``until``; all that it printed."""
    out, stop = io.StringIO(), threading.Event()
    thread = threading.Thread(target=run_showcase, args=(settings, what, stop, Console(file=out, width=200)))
    thread.start()
    try:
        eventually(lambda: until in out.getvalue() or not thread.is_alive(), timeout=60, message=until)
    finally:
        stop.set()
        thread.join(60)
    assert until in out.getvalue()
    return out.getvalue()


def record_ids(settings: Settings) -> list[str]:
    return [json.loads(m.value() or b"")["record_id"] for m in committed(settings, CUSTOMERS) if m.key() is not None]


def test_it_replays_once(settings: Settings) -> None:
    said = run(settings, showcase(), "end of the stream sent")
    # one label in ten never comes
    sent = re.search(rf"{ROWS} records and (\d+) labels", said)
    assert sent is not None, said
    assert int(sent[1]) == pytest.approx(LABEL_SHARE * ROWS, rel=0.05)
    run(settings, showcase(), "the stream has already been replayed")
    assert len(record_ids(settings)) == len(set(record_ids(settings))) == ROWS


def test_what_was_cut_short_is_sent_again_whole(settings: Settings) -> None:
    out, stop = io.StringIO(), threading.Event()
    slow = showcase(seconds=3_600)
    thread = threading.Thread(target=run_showcase, args=(settings, slow, stop, Console(file=out, width=200)))
    thread.start()
    eventually(lambda: record_ids(settings), timeout=60, message="a first record")
    stop.set()
    thread.join(60)
    assert "interrupted; the same command sends the same records again" in out.getvalue()
    run(settings, showcase(), "end of the stream sent")
    assert len(set(record_ids(settings))) == ROWS < len(record_ids(settings))


def test_a_stream_that_was_deleted_is_replayed_anew(settings: Settings) -> None:
    run(settings, showcase(), "end of the stream sent")
    (settings.state_dir / "replayed").write_text("another-cluster customers")
    run(settings, showcase(), "end of the stream sent")


def test_again_is_behind_the_end_and_of_records_of_its_own(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"no stream on .* has ended"):
        replay_again(settings, showcase(), threading.Event(), Console(file=io.StringIO()))
    run(settings, showcase(), "end of the stream sent")
    replay_again(settings, showcase(), threading.Event(), Console(file=io.StringIO()))
    assert len(set(record_ids(settings))) == 2 * ROWS


def test_of_a_table_of_ones_own_nothing_is_sent_that_was_learned_from(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    write_csv(table, ROWS, seed=4)
    said = run(settings, replace(showcase(), data=table), "end of the stream sent")
    customers = pd.read_csv(table)["CustomerId"].astype(str)
    sent = [json.loads(m.value() or b"")["customer_id"] for m in committed(settings, CUSTOMERS) if m.key() is not None]
    assert sorted(sent) == sorted(customers[held_out(customers.tolist(), share=HELD_OUT_SHARE)])
    assert "order and dates are SIMULATED" in said
