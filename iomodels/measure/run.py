"""The doors to measuring: scenarios by name, or a plan made elsewhere; and what can go wrong."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from iomodels.analysis.cells import has_measurements
from iomodels.base import files
from iomodels.base.errors import NothingMeasured, UsageError
from iomodels.base.names import text_of
from iomodels.base.units import counted
from iomodels.engines.spec import parse_list as parse_engines
from iomodels.measure import places
from iomodels.measure.defaults import BUDGET_S, DURATION_S, ROUNDS, WARMUP_S
from iomodels.measure.earlier import Earlier
from iomodels.measure.listening import Listener, RunListener
from iomodels.measure.plan import FurtherTrials, Plan, make_plan
from iomodels.measure.precision import Precision, budget_in_words
from iomodels.measure.runner import RunInterrupted, Runner, RunNotSaved
from iomodels.results.schema import Asked, Run
from iomodels.trials.preparation import check_folders
from iomodels.workload.point import NOT_STORED
from iomodels.workload.scenario import resolve, usual_duration_s

__all__ = ["RunInterrupted", "RunNotSaved", "bench", "bench_plan"]


def bench(
    scenarios: str | Sequence[str] = ("default",),
    *,
    engines: Sequence[str] = (),
    settings: Mapping[str, Sequence[str]] | None = None,
    rounds: int = ROUNDS,
    duration_s: float | None = None,
    warmup_s: float = WARMUP_S,
    seed: int | None = None,
    precision: float | None = None,
    budget_s: float = BUDGET_S,
    metrics: Sequence[str] = (),
    output: str | Path | None = None,
    force: bool = False,
    trials_only: bool = False,
    listener: RunListener | None = None,
) -> Run:
    """Measure `scenarios` (shipped names, suites or paths) and return the run.

    A single scenario may be a plain string. `settings` are what `--set` takes: a key and its
    values, several of which make a sweep. `duration_s`: None is what the suite says, else half a
    second. With a `precision` the cells that need them get further rounds, until the interval of
    each of their `metrics` is that narrow, or `budget_s` is over (see `Precision`). With `output`
    the result is also kept on disk as it grows, and written there at the end; where nothing was
    measured there is no file. With `trials_only` no result is written: OUTPUT.partial holds the
    trials until the caller, who has another place for the run, removes it.

    Raises `ScenarioError`, `EngineError`, `OutputError` or `UsageError` before anything is
    measured, `NothingMeasured` if not one trial succeeded, `RunInterrupted` on Ctrl-C, and
    `RunNotSaved`.
    """
    if isinstance(scenarios, str):
        scenarios = [scenarios]
    if output is not None:
        files.check_output(output, force=force)
    plan = make_plan(
        resolve(scenarios, settings or {}),
        parse_engines(engines),
        rounds=rounds,
        duration_s=usual_duration_s(scenarios, DURATION_S) if duration_s is None else duration_s,
        warmup_s=warmup_s,
        seed=secrets.randbits(32) if seed is None else seed,
    )
    wanted = None
    if precision is not None:
        wanted = Precision(precision, budget_s, tuple(metrics))
        _check_budget(plan, budget_s)
    asked = _asked(scenarios, engines, settings or {})
    return bench_plan(
        plan,
        output=output,
        force=force,
        trials_only=trials_only,
        listener=listener,
        asked=asked,
        precision=wanted,
    )


def _check_budget(plan: Plan, budget_s: float) -> None:
    if plan.estimate_s > budget_s:
        raise UsageError(
            f"{counted(plan.rounds, 'round')} take about {budget_in_words(plan.estimate_s)}, and "
            f"the budget is {budget_in_words(budget_s)}: give a larger budget, fewer rounds, or "
            "fewer scenarios"
        )


def _asked(
    scenarios: Sequence[str], engines: Sequence[str], settings: Mapping[str, Sequence[str]]
) -> Asked:
    """What was asked, without any folder."""
    return Asked(
        scenarios=[text_of(Path(name).name) for name in scenarios],
        engines=list(engines),
        settings={key: list(values) for key, values in settings.items() if key != NOT_STORED},
    )


def bench_plan(
    plan: Plan,
    *,
    output: str | Path | None = None,
    force: bool = False,
    listener: RunListener | None = None,
    asked: Asked | None = None,
    earlier: Earlier | None = None,
    nothing_is_a_result: bool = False,
    trials_only: bool = False,
    precision: Precision | None = None,
    further: FurtherTrials | None = None,
) -> Run:
    """Measure a plan made elsewhere (`plan.of_pairs`), or the rest of an `earlier` run.

    With a `precision`, more than was planned, for the cells that need it: all planned rounds, and
    further ones while another fits into the budget. A notice (`NOT_PRECISE`) names the cells that
    did not get there. With `further` instead, that decides what comes after what was planned.

    Raises as `bench` does, but where `nothing_is_a_result`: then a run without one trial that
    succeeded is a run too.
    """
    if precision is not None:
        plan = replace(plan, precision=precision)
    path = Path(output) if output is not None else None
    if path is not None:
        files.check_output(path, force=force)
    check_folders(plan.cells)
    places.check_one_file_system(plan.cells)
    run = Runner(
        plan,
        path,
        force,
        listener or Listener(),
        asked,
        earlier,
        trials_only=trials_only,
        further=further,
    ).measure()
    if not nothing_is_a_result and not has_measurements(run):
        raise NothingMeasured(_why_nothing(run))
    return run


def _why_nothing(run: Run) -> str:
    reasons = [f"{c.engine}: {c.reason}" for c in run.cells if c.reason and not c.is_harness]
    first = reasons[0] if reasons else "no engine ended a trial"
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"nothing was measured; {first}{more}"
