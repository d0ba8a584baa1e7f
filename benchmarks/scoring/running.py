"""Running cases: streams are filled once and read again, models are trained once, and every run is a new process."""

import os
import statistics
import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cases import ScorerCase
from models import CHAMPION, LARGE, export, register, register_challenger, withdraw_challenger
from peers import interpreter
from records import TRAINING_ROWS, RecordShape, fill, shapes, table
from watch import ROOT, BenchStream, NotMeasuredError, WatchedProcess, WatchedRun, watch

from contract.kafka.clients import admin_client
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, PREDICTIONS

_HERE = Path(__file__).parent
_SCORE = ("-m", "churnstream", "score")


@dataclass(frozen=True)
class MeasuredCase:
    """A case's median run, its slowest and fastest rate, and the mean length of a record."""

    case: ScorerCase
    records: int
    length: float
    rate: float
    slowest: float
    fastest: float
    cpu: float
    resident: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class FilledStream:
    """A stream whose records wait; ``length`` is their mean in bytes."""

    settings: Settings
    records: int
    length: float


class Bench:
    """Everything that runs need, made when it is first needed."""

    def __init__(self, servers: str, folder: Path, batch: int, records: int, command: Sequence[str] = _SCORE) -> None:
        """``command`` is what scores, given to Python."""
        self._command = command
        self._servers = servers
        self._folder = folder
        self._batch = batch
        self._records = records
        self._shapes = {shape.name: shape for shape in shapes(folder)}
        self._streams: dict[tuple[str, int, int], FilledStream] = {}
        self._trained: set[tuple[str, str]] = set()
        self._challenged: set[str] = set()

    def measure(self, cases: list[ScorerCase], repeats: int) -> list[MeasuredCase]:
        """Each case so many times, in turns; one whose environment cannot be made is left out."""
        runs: dict[ScorerCase, list[WatchedRun]] = {case: [] for case in cases}
        for turn in range(repeats):
            for case in cases:
                print(f"{turn + 1}/{repeats} {case.name}, {case.partitions} partitions", file=sys.stderr, flush=True)
                found = self._run(case)
                if found is not None:
                    print(f"    {found.rate:,.0f} records/s, {found.cpu:.1f} µs CPU a record", file=sys.stderr)
                    runs[case].append(found)
        return [self._measured(case, found) for case, found in runs.items() if found]

    def _measured(self, case: ScorerCase, runs: list[WatchedRun]) -> MeasuredCase:
        stream = self._stream(case)
        middle = sorted(runs)[len(runs) // 2]
        rates = [run.rate for run in runs]
        return MeasuredCase(
            case,
            self._count(case),
            stream.length,
            middle.rate,
            min(rates),
            max(rates),
            statistics.median(run.cpu for run in runs),
            max(run.resident for run in runs),
        )

    def _run(self, case: ScorerCase) -> WatchedRun | None:
        python = Path(sys.executable) if case.job in ("copy", "score") else interpreter(case.job)
        if python is None:
            return None
        stream = self._stream(case)
        outputs = 1
        if case.job == "score":
            self._choose_models(case)
            outputs = 1 + case.challenger
        watched = BenchStream(
            admin_client(stream.settings),
            stream.settings.topic(CUSTOMERS),
            stream.settings.topic(PREDICTIONS),
            case.partitions,
            self._count(case),
        )
        process = self._process(case, stream.settings, str(python))
        try:
            return watch(watched, process, self._folder, workers=case.workers, outputs=outputs)
        except NotMeasuredError as error:
            print(f"{case.name} is left out: {error}", file=sys.stderr, flush=True)
            return None

    def _process(self, case: ScorerCase, settings: Settings, python: str) -> WatchedProcess:
        environment = self._environment(settings, case.how)
        if case.job == "copy":
            return WatchedProcess((python, str(_HERE / "copying.py"), case.how), settings.topic("copy"), environment)
        if case.job == "score":
            if case.challenger:
                # none that is dropped because it takes its time
                environment |= {"CHURNSTREAM_CHALLENGER_BUDGET": "100"}
            if not case.numba:
                environment |= {"PYTHONPATH": os.pathsep.join([str(self._without_numba()), str(ROOT)])}
            return WatchedProcess((python, *self._command), settings.topic("scorer"), environment)
        self._train(self._shapes[case.length], LARGE)
        group = f"{settings.topic(case.job)}-{uuid.uuid4().hex[:8]}"
        model = export(self._settings(self._shapes[case.length]), self._folder / "peers" / case.length)
        command = (
            *(python, str(_HERE / f"{case.job}_job.py"), *case.how.split(), self._servers, group),
            *(settings.topic(CUSTOMERS), settings.topic(PREDICTIONS), str(self._batch), str(model)),
        )
        return WatchedProcess(command, group, {"OMP_NUM_THREADS": "1"})

    def _train(self, shape: RecordShape, model: str) -> None:
        if (shape.name, model) not in self._trained:
            register(self._settings(shape), table(shape, TRAINING_ROWS, 1), model)
            self._trained.add((shape.name, model))

    def _without_numba(self) -> Path:
        """A folder that, first on the path, makes a Python that has no numba."""
        package = self._folder / "without" / "numba"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("raise ImportError('no numba, for a benchmark')\n", encoding="utf-8")
        return package.parent

    def _choose_models(self, case: ScorerCase) -> None:
        shape = self._shapes[case.length]
        settings = self._settings(shape)
        self._train(shape, case.how)
        if case.challenger and shape.name not in self._challenged:
            register_challenger(settings, table(shape, TRAINING_ROWS, 2))
            self._challenged.add(shape.name)
        elif not case.challenger and shape.name in self._challenged:
            withdraw_challenger(settings)
            self._challenged.remove(shape.name)

    def _stream(self, case: ScorerCase) -> FilledStream:
        count = self._count(case)
        # a case that needs a part of the records reads from a stream of that many
        place = case.length, case.partitions, count
        if place not in self._streams:
            shape = self._shapes[case.length]
            settings = self._settings(shape, f"bench{uuid.uuid4().hex[:8]}.", case.partitions)
            print(f"filling {count:,} records of {case.length}", file=sys.stderr, flush=True)
            self._streams[place] = FilledStream(settings, count, fill(settings, shape, count))
        return self._streams[place]

    def _count(self, case: ScorerCase) -> int:
        return case.records or max(int(self._records * case.share), 5 * self._batch)

    def _settings(self, shape: RecordShape, prefix: str = "bench.", partitions: int = 1) -> Settings:
        return load_settings(
            kafka={"bootstrap.servers": self._servers},
            topic_prefix=prefix,
            partitions=partitions,
            dataset=shape.dataset,
            batch_size=self._batch,
            mlflow_tracking_uri=f"sqlite:///{self._folder}/mlflow-{shape.name.replace(' ', '')}.db",
            state_dir=str(self._folder),
        )

    def _environment(self, settings: Settings, model: str) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self._servers,
            "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
            "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
            "CHURNSTREAM_PARTITIONS": str(settings.partitions),
            "CHURNSTREAM_DATASET": settings.dataset,
            "CHURNSTREAM_BATCH_SIZE": str(settings.batch_size),
            "CHURNSTREAM_STATE_DIR": str(self._folder),
            "CHURNSTREAM_MODEL_NAME": model if model in (CHAMPION, LARGE) else CHAMPION,
            "CHURNSTREAM_METRICS_PORT": os.environ.get("CHURNSTREAM_METRICS_PORT", "0"),
        }
