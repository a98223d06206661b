"""The library's three functions: measure, read, compare."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from iomodels.analysis import assembled
from iomodels.base.errors import UsageError
from iomodels.comparison import runs
from iomodels.comparison.machines import allowing
from iomodels.library import arguments
from iomodels.library.progress import TextProgress
from iomodels.library.shown import Comparison, Run
from iomodels.measure import run as measuring
from iomodels.measure.defaults import (
    BUDGET_S,
    MAX_BUDGET_S,
    MAX_ROUNDS,
    MAX_SECONDS,
    MAX_SEED,
    MIN_BUDGET_S,
    MIN_DURATION_S,
    MIN_SHARE,
    ROUNDS,
    WARMUP_S,
)
from iomodels.measure.listening import Listener, RunListener
from iomodels.results import schema
from iomodels.results.newest import newest
from iomodels.results.where import FOLDER, LATEST
from iomodels.trials.pythons.named import labelled

MIN_THRESHOLD = 0.001


def bench(
    scenarios: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = "default",
    *,
    engines: str | Iterable[str] = (),
    settings: arguments.Settings | None = None,
    rounds: int = ROUNDS,
    duration_s: float | None = None,
    warmup_s: float = WARMUP_S,
    seed: int | None = None,
    precision: float | None = None,
    budget_s: float = BUDGET_S,
    metrics: str | Iterable[str] = (),
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    listener: RunListener | None = None,
    progress: bool = False,
) -> Run:
    """Measure scenarios with I/O engines, and return the run.

    `scenarios`: shipped names (`iomodels scenarios` lists them), suites, or paths of TOML files;
    one, or a list. Without it the suite "default" runs, in about a minute.
    `engines`: as `-e` has them, "aio" or ["blocking", "aio:threads=4"], or a group ("all",
    "article", "today", "python"); without it those that the scenario names, else "article". Where
    one has python=PATH, that interpreter is started and asked what it is.
    `settings`: scenario keys to change, {"load.depth": 4}; a list is a sweep, [1, 4, 16].
    `rounds`: how often each cell is measured, 1 to 1000. Verdicts need six.
    `duration_s`, `warmup_s`: seconds that each trial measures, and warms up before; without the
    first 0.5, or what a suite says.
    `seed`: fixes every random choice; without it a new one, which the run keeps.
    `precision`: further rounds for the cells that need them, until the interval of each is at most
    ±`precision` of its median, 0.001 to 1 (0.02 is ±2 %); a notice "precision" in `run.warnings`
    names those that did not get there within `budget_s` seconds. `metrics` are those whose
    interval counts, such as "latency_p50_ns"; without it the throughput, of an open loop the median
    latency.
    `output`: a result file. Each trial is kept beside it as it ends. `force` replaces an old one.
    `listener`: is called as trials begin and end (derive from `iomodels.Listener`).
    `progress`: True writes to standard error what is measured and how long it will take.

    Raises `UsageError`, `ScenarioError`, `EngineError` or `OutputError` before anything is
    measured, and `NothingMeasured` when no trial succeeded. Ctrl-C raises `RunInterrupted`, a
    `KeyboardInterrupt` whose `run` is what was measured until then. `RunNotSaved`, an
    `OutputError`, has the `run` that could not be written to `output`. A cell that failed raises
    nothing: its `status` is "failed", and its `reason` says why.
    """
    wanted = arguments.names("scenarios", scenarios, '"slow-device"')
    chosen = labelled(arguments.engines(engines))
    changed = arguments.settings(settings)
    rounds = arguments.whole("rounds", rounds, 1, MAX_ROUNDS)
    if duration_s is not None:
        duration_s = arguments.number(
            "duration_s", duration_s, MIN_DURATION_S, MAX_SECONDS, "seconds"
        )
    warmup_s = arguments.number("warmup_s", warmup_s, 0, MAX_SECONDS, "seconds")
    if seed is not None:
        seed = arguments.whole("seed", seed, 0, MAX_SEED)
    if precision is not None:
        precision = arguments.number("precision", precision, MIN_SHARE, 1)
    budget_s = arguments.number("budget_s", budget_s, MIN_BUDGET_S, MAX_BUDGET_S, "seconds")
    keys = arguments.optional_names("metrics", metrics, '"latency_p50_ns"')
    if keys and precision is None:
        raise UsageError("metrics belongs to precision: give both, such as precision=0.02")
    where = None if output is None else Path(arguments.path("output", output))
    force = arguments.flag("force", force)
    told = _listener(listener, arguments.flag("progress", progress))
    try:
        run = measuring.bench(
            wanted,
            engines=chosen,
            settings=changed,
            rounds=rounds,
            duration_s=duration_s,
            warmup_s=warmup_s,
            seed=seed,
            precision=precision,
            budget_s=budget_s,
            metrics=keys,
            output=where,
            force=force,
            listener=told,
        )
    except (measuring.RunInterrupted, measuring.RunNotSaved) as end:
        end.run = Run.of(end.run)
        raise
    return Run.of(run)


def _listener(listener: Any, progress: bool) -> RunListener | None:  # noqa: ANN401
    if listener is None:
        return TextProgress() if progress else None
    if progress:
        raise UsageError("listener and progress=True are both given: keep one")
    methods = [name for name in vars(Listener) if not name.startswith("_")]
    arguments.having("listener", listener, methods, "derive its class from iomodels.Listener")
    checked: RunListener = listener
    return checked


def load(path: str | os.PathLike[str]) -> Run:
    """Read a result file that `bench` wrote, or the PATH.partial of a run that did not end.
    "latest" is the newest result in results/, as on the command line.

    Raises `ResultError` for a file that is not there or not sound, and `UsageError` for what is no
    path.
    """
    return Run.of(assembled.load(_result(arguments.path("path", path))))


def _result(path: str) -> str | Path:
    if path != LATEST:
        return path
    found = newest(FOLDER)
    if found is None:
        raise UsageError("there is no result in results/ here: run bench first, or name a file")
    return found


def compare(
    base: schema.Run | str | os.PathLike[str],
    new: schema.Run | str | os.PathLike[str],
    *,
    threshold: float = runs.DEFAULT_THRESHOLD,
    metrics: str | Iterable[str] = (),
    anyway: bool = False,
    allow: str | Iterable[str] = (),
) -> Comparison:
    """Compare two runs, or two result files, cell by cell: what changed, and how sure that is.

    `threshold`: changes below this share count as the same, 0.001 to 1 (0.05 is 5 %).
    `metrics`: what to judge, such as "latency_p50_ns" or a list; without it the throughput, of an
    open loop the median latency. Calls per operation are always judged.
    `anyway`: judge times although machine, version or core differ; the warning stays.
    `allow`: differences of the machines that do not count, such as "kernel" or a list.

    Raises `UsageError` for arguments that make no sense, `ResultError` for a file that cannot be
    read. What was found is in the comparison's `outcome`, and raises nothing.
    """
    before, base_name = _side("base", base)
    after, new_name = _side("new", new)
    return Comparison.of(
        runs.compare(
            before,
            after,
            base_name=base_name,
            new_name=new_name,
            threshold=arguments.number("threshold", threshold, MIN_THRESHOLD, 1),
            metric_keys=arguments.optional_names("metrics", metrics, '"latency_p50_ns"'),
            anyway=arguments.flag("anyway", anyway),
            allow=allowing.parse(arguments.optional_names("allow", allow, '"kernel"')),
        )
    )


def _side(argument: str, side: object) -> tuple[schema.Run, str]:
    """One side's run, and what it is called."""
    if isinstance(side, str | os.PathLike):
        path = arguments.path(argument, side)
        return assembled.load(path), Path(path).name
    must = "a run (of bench or load), or the path of a result file"
    return arguments.instance(argument, side, schema.Run, must), argument
