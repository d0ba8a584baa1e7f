"""How fast ``churnstream score`` is, exactly once, beside a plain copy and beside other libraries, on one broker.

Every worker is a process of its own and is measured alike: by what a reader of committed messages sees of its output,
from its first output to its last, and by the CPU time that its processes take meanwhile. Runs take turns, so that what
else the machine does meets all; the median counts. Prints a table with ratios for each section and writes all to
``scorer_throughput.json``, with a plot beside it.

    python benchmarks/scoring/scorer_throughput.py [--quick] [--only SECTION ...] [--records N] [--batch N]
        [--repeats N] [--out FOLDER]

Sections: ``ratio`` (copy and 300 × 5 trees, run where it is asked for), ``models`` (copy, champion, 300 × 5 trees,
without numba, with a challenger), ``partitions`` (1, 4, 32), ``workers`` (1, 2), ``lengths`` (277 bytes, 4 KB),
``streams`` (100,000 records, --records, 25 times as many), ``peers`` (Quix Streams and Faust, in environments of their
own). ``--quick`` takes two minutes: it has the models and Quix Streams' copy. Takes the broker at
KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import json
import logging
import os
import tempfile
from pathlib import Path

from cases import SECTIONS, ScorerCase, quick_cases
from report import plot, tables
from running import Bench, MeasuredCase

from tests.support.kafka.brokers import session_broker


def main() -> None:
    given = _arguments()
    logging.disable(logging.WARNING)
    sections: dict[str, list[ScorerCase]] = (
        {"quick": quick_cases()} if given.quick else {name: SECTIONS[name](given.records) for name in given.only}
    )
    out = given.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    found: dict[str, list[MeasuredCase]] = {}
    with tempfile.TemporaryDirectory() as folder, session_broker(Path(folder) / "kafka") as servers:
        os.chdir(folder)
        bench = Bench(servers, Path(folder), given.batch, given.records)
        for name, cases in sections.items():
            found[name] = bench.measure(cases, given.repeats)
            print(tables({name: found[name]}, given.batch), flush=True)
        os.chdir(out)
    about = {
        "batch": given.batch,
        "repeats": given.repeats,
        "cores": os.cpu_count(),
        "load average at the start": load,
        "load average at the end": os.getloadavg()[0],
        "sections": {name: [one.as_json() for one in each] for name, each in found.items()},
    }
    (out / "scorer_throughput.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    plot(found, out / "scorer_throughput.png")
    print(f"{os.cpu_count()} cores, load average {load:.1f} at the start; written to {out}")


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, help="400,000 unless given; 200,000 with --quick")
    arguments.add_argument("--batch", type=int, default=10_000, help="maximum records in a batch and a transaction")
    arguments.add_argument("--repeats", type=int, help="runs of each; 3 unless given, 1 with --quick")
    arguments.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS)[1:])
    arguments.add_argument("--quick", action="store_true", help="the models and Quix Streams' copy, once each")
    arguments.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="output folder")
    given = arguments.parse_args()
    given.records = given.records or (200_000 if given.quick else 400_000)
    given.repeats = given.repeats or (1 if given.quick else 3)
    if given.records < 5 * given.batch:
        arguments.error("--records must be at least five batches")
    return given


if __name__ == "__main__":
    main()
