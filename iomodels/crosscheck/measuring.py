"""A job with fio and with iomodels, round by round: first one, then the other."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from iomodels.analysis.quantities import named
from iomodels.base.errors import TrialError, UsageError
from iomodels.base.units import counted
from iomodels.crosscheck.document import Because, CheckedJob, Compared, Crosscheck
from iomodels.crosscheck.fio_run import DATA, Fio, FioNumbers, find
from iomodels.crosscheck.job_options import (
    WARMUP_S,
    notes,
    of_the_loop_alone,
    of_the_start_alone,
    options_of,
    small_enough,
    why_not,
)
from iomodels.crosscheck.reasons import FioEvidence, found
from iomodels.engines.spec import EngineSpec, parse
from iomodels.fio.importing import ImportedJob
from iomodels.fio.values import parse_int
from iomodels.measure.plan import make_plan
from iomodels.results.schema import Trial
from iomodels.statistics.histogram import percentile_ns
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval
from iomodels.trials.planned import PlannedTrial
from iomodels.trials.preparation import Preparation, Unavailable, check_folders
from iomodels.trials.trial import run_trial, with_repeats
from iomodels.workload.channels import FileChannel
from iomodels.workload.point import Point
from iomodels.workload.scenario import Scenario, load, points
from iomodels.workload.writing import as_file

QUANTITIES = tuple(
    map(
        named,
        (
            "throughput_ops",
            "throughput_bytes",
            "latency_ns.p50",
            "latency_ns.p99",
            "cpu_ns_per_op",
        ),
    )
)
DURATION_S, LEAST_DURATION_S = 0.5, 0.1
BESIDE_S = 1.5
"""What a round takes beside what it measures: starting fio and a trial, and the harness."""
_LOOP_S = 0.2
BUDGET_S = 60.0

Progress = Callable[[str], None]


def crosscheck(
    jobs: Sequence[ImportedJob],
    *,
    budget_s: float | None = None,
    rounds: int = MIN_ROUNDS,
    folder: str | None = None,
    seed: int | None = None,
    progress: Progress = lambda what: None,
) -> Crosscheck:
    """Measure every job with both. `folder` is where both make their files (else that of
    `channel.folder`); `progress` is told what is measured.

    Raises `UsageError` where fio is missing or the budget is too small, and `ScenarioError` for a
    folder in which no file can be made. A job that fails is in the document with the reason.
    """
    duration_s = _duration_s(sum(job.scenario is not None for job in jobs), rounds, budget_s)
    seed = secrets.randbits(32) if seed is None else seed
    asked = {} if folder is None else {"channel.folder": [folder]}
    version = ""
    done: list[CheckedJob] = []
    for job in jobs:
        with _working(job, asked) as (fio, scenario):
            version = fio.version
            done.append(_job(job, scenario, fio, rounds, duration_s, seed, progress))
    return Crosscheck(
        fio_version=version,
        seed=seed,
        duration_s=duration_s,
        jobs=tuple(done),
    )


def _duration_s(jobs: int, rounds: int, budget_s: float | None) -> float:
    """Of one run of either. Without a budget it is `BUDGET_S`, or what it takes at least."""
    many = max(jobs * rounds, 1)
    beside_s = many * (BESIDE_S + 2 * WARMUP_S)
    least_s = beside_s + many * 2 * LEAST_DURATION_S
    if budget_s is None:
        budget_s = max(BUDGET_S, least_s)
    if budget_s < least_s:
        raise UsageError(
            f"{rounds} rounds of {counted(jobs, 'job')} with both take {least_s:.0f} s at least, "
            f"and --budget is {budget_s:g} s"
        )
    return min((budget_s - beside_s) / many / 2, DURATION_S)


@contextmanager
def _working(
    job: ImportedJob, asked: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Fio, Scenario | None]]:
    """fio with a folder of its own, beside our file, and the scenario. Nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="iomodels-") as small:
        if job.scenario is None:
            yield find(Path(small)), None
            return
        path = Path(small) / f"{job.scenario.name}.toml"
        path.write_text(as_file([job.scenario], job.scenario.title))
        scenario = load(path)
        if isinstance(points(scenario)[0].channel, FileChannel):
            scenario = load(path, {**asked, **small_enough(points(scenario)[0])})
            (point,) = points(scenario)
            assert isinstance(point.channel, FileChannel)
            spec = parse(job.scenario.today or "blocking")
            plan = make_plan([scenario], [spec], rounds=1, duration_s=1, warmup_s=0, seed=0)
            check_folders(plan.cells)
            with tempfile.TemporaryDirectory(prefix="iomodels-", dir=point.channel.folder) as own:
                yield find(Path(own)), scenario
            return
        yield find(Path(small)), scenario


# ------------------------------------------------------------------ one job


@dataclass(frozen=True)
class _Pair:
    """One round."""

    fio: FioNumbers
    ours: Trial
    harness: Trial


def _job(
    job: ImportedJob,
    scenario: Scenario | None,
    fio: Fio,
    rounds: int,
    duration_s: float,
    seed: int,
    progress: Progress,
) -> CheckedJob:
    if job.scenario is None or scenario is None:
        return CheckedJob(name=job.name, skipped=f"no scenario: {'; '.join(job.obstacles)}")
    (point,) = points(scenario)
    spec = parse(job.scenario.today or "blocking")
    if reason := why_not(job, point, spec):
        return CheckedJob(name=job.name, engine=spec.canonical, skipped=reason)
    options = options_of(job, point, duration_s)
    about = CheckedJob(
        name=job.name,
        engine=spec.canonical,
        ioengine=dict(job.given).get("ioengine", "psync"),
        parameters=dict(point.parameters),
        notes=tuple(notes(job, point, options)),
    )
    try:
        pairs = list(
            _rounds(scenario, spec, fio, options, rounds, duration_s, seed, job.name, progress)
        )
        evidence = _evidence(job, point, spec, fio, options, pairs, duration_s)
    except (TrialError, Unavailable) as error:
        return _skipped(about, str(error))
    return _concluded(about, pairs, evidence)


def _skipped(about: CheckedJob, reason: str) -> CheckedJob:
    """The same job, which could not be measured."""
    return CheckedJob(name=about.name, engine=about.engine, ioengine=about.ioengine, skipped=reason)


def _rounds(
    scenario: Scenario,
    spec: EngineSpec,
    fio: Fio,
    options: Mapping[str, str],
    rounds: int,
    duration_s: float,
    seed: int,
    name: str,
    progress: Progress,
) -> Iterator[_Pair]:
    plan = make_plan(
        [scenario], [spec], rounds=rounds, duration_s=duration_s, warmup_s=WARMUP_S, seed=seed
    )
    with Preparation(seed) as preparation:
        (point,) = points(scenario)
        if reason := preparation.why_not(point):
            raise TrialError(reason)
        _make_file(fio.folder / DATA, int(options["size"]))
        progress(f"{name}: {rounds} rounds with fio and with iomodels")
        ours = [trial for trial in plan.trials if not trial.cell.is_harness]
        harness = [trial for trial in plan.trials if trial.cell.is_harness]
        for own, null in zip(ours, harness, strict=True):
            theirs = fio.run(options, duration_s)
            yield _Pair(theirs, _trial(preparation, own), _trial(preparation, null))


def _trial(preparation: Preparation, planned: PlannedTrial) -> Trial:
    def once() -> Trial:
        with preparation.command(planned) as command:
            return run_trial(planned, command, lambda operations: None)

    return with_repeats(once)


def _make_file(path: Path, size: int) -> None:
    """With data in all its blocks, as ours has: one that was only allocated is written slower."""
    with path.open("xb") as target:
        for offset in range(0, size, _CHUNK):
            target.write(os.urandom(min(_CHUNK, size - offset)))
        target.flush()
        os.fsync(target.fileno())


_CHUNK = 1 << 20


# ------------------------------------------------------------------ what it comes to


def _evidence(
    job: ImportedJob,
    point: Point,
    spec: EngineSpec,
    fio: Fio,
    options: Mapping[str, str],
    pairs: Sequence[_Pair],
    duration_s: float,
) -> FioEvidence:
    """What is measured beside: fio with its engine that does nothing, and what its start takes."""
    loop = fio.run(of_the_loop_alone(options, _LOOP_S), _LOOP_S)
    start = fio.run(of_the_start_alone(options), duration_s)
    measured = duration_s / (duration_s + (WARMUP_S if "ramp_time" in options else 0))
    services = [pair.ours.service_ns for pair in pairs if pair.ours.service_ns]
    issued = {
        f"latency_ns.{name}": median(percentile_ns(times, q) for times in services)
        for name, q in (("p50", 0.5), ("p99", 0.99))
        if services
    }
    return FioEvidence(
        point=point,
        engine=spec,
        copies=parse_int(dict(job.given).get("numjobs", "1")),
        fio_loop_ns=1e9 / loop.values["throughput_ops"],
        our_loop_ns=median(1e9 / pair.harness.throughput_ops for pair in pairs),
        fio_all_cpu_ns=median(
            (pair.fio.process_cpu_ns - start.process_cpu_ns) * measured / pair.fio.operations
            for pair in pairs
        ),
        our_wakes_per_op=median(_wakes(spec, pair.ours) for pair in pairs),
        fio_operations=median(pair.fio.operations for pair in pairs),
        fio_syncs_ns={
            key: median(pair.fio.syncs[key] for pair in pairs)
            for key in pairs[0].fio.syncs
            if all(key in pair.fio.syncs for pair in pairs)
        },
        our_issued_ns=issued if point.load.is_open_loop else {},
    )


def _wakes(spec: EngineSpec, trial: Trial) -> float:
    """Calls per operation by which threads of the process wait for each other."""
    waking = [name for name, (kind, _) in spec.calls.items() if kind in ("wait", "wake")]
    return sum(trial.calls_per_op.get(name, 0.0) for name in waking)


def _concluded(about: CheckedJob, pairs: Sequence[_Pair], evidence: FioEvidence) -> CheckedJob:
    compared = []
    reasons: dict[str, list[str]] = {}
    unexplained = []
    for quantity in QUANTITIES:
        theirs = [p.fio.values[quantity.key] for p in pairs if quantity.key in p.fio.values]
        ours = [quantity.of_trial(pair.ours) for pair in pairs]
        if len(theirs) != len(ours):
            continue
        one = Compared(
            quantity=quantity.key, fio=median_interval(theirs), ours=median_interval(ours)
        )
        compared.append(one)
        because = found(one, evidence) if one.differs else []
        for sentence in because:
            reasons.setdefault(sentence, []).append(quantity.key)
        if one.differs and not because:
            unexplained.append(quantity.key)
    return CheckedJob(
        name=about.name,
        engine=about.engine,
        ioengine=about.ioengine,
        parameters=about.parameters,
        notes=about.notes,
        rounds=len(pairs),
        compared=tuple(compared),
        reasons=tuple(
            Because(quantities=tuple(keys), sentence=sentence) for sentence, keys in reasons.items()
        ),
        unexplained=tuple(unexplained),
    )
