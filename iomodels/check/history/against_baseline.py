"""The gate: measure a baseline's cells now, and say what became of them.

First all cells, by the baseline's own seed and settings. What then looks worse is measured again on
fresh rounds and fresh files (`confirmation.py`): only those decide. On another machine, or with
another core, times say nothing of a change; exact counters still do, and a short run is enough for
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from iomodels.base.errors import ResultError, UsageError
from iomodels.check.history import confirmation, power
from iomodels.check.history.baseline import (
    Baseline,
    _cells,
    _comparable,
    comparable_rounds,
    few_rounds,
    only_older,
    unlike,
)
from iomodels.check.history.confirmation import Clock, longest_s
from iomodels.check.history.over_time import over_time
from iomodels.comparison import matching, metrics, verdict
from iomodels.comparison.runs import (
    DEFAULT_THRESHOLD,
    Judgement,
    allowed_differences,
    assumed_spread,
    counters_unjudged,
    judge_runs,
    now_utc,
    places_differ,
    places_unknown,
)
from iomodels.comparison.schema import OF_ROUNDS, OF_RUNS, SCHEMA, Comparison, Undecided
from iomodels.comparison.trends import History
from iomodels.engines.spec import EngineSpec
from iomodels.machine import environment
from iomodels.measure import places
from iomodels.measure.defaults import LIMITS
from iomodels.measure.listening import RunListener
from iomodels.measure.plan import Plan, of_pairs, setting
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Notice, Run
from iomodels.statistics.rounds import MIN_ROUNDS
from iomodels.trials.pythons import named as pythons
from iomodels.workload.point import Point

CHECK_ALPHA = 0.006
"""Family-wise, over all timings of one check: a loss where nothing has changed. With it at most one
check in a hundred fails by chance (`benchmarks/gate.py --baseline`)."""
LONG_S = 3600.0
"""A baseline that takes more must be confirmed by the user: it may be a stranger's."""
COUNTER_ROUNDS, COUNTER_DURATION_S = 2, 0.1
"""What exact counters need: a round would do, and the second shows that they are constant."""


@dataclass(frozen=True)
class Checked:
    """What a check comes to: the verdicts, and the run that they are about."""

    comparison: Comparison
    run: Run
    """With the fresh rounds of the cells that were measured again, in place of their first ones."""


def check(
    baseline: Baseline,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    rounds: int | None = None,
    folder: str | None = None,
    however_long: bool = False,
    keep: Path | None = None,
    undecided: Undecided = "pass",
    budget_s: float | None = None,
    allow: Sequence[str] = (),
    listener: RunListener | None = None,
) -> Checked:
    """Measure the baseline's cells and judge them. The trials are kept in KEEP.partial as they end,
    until the caller removes it.

    The cells are those of any of its runs, each judged against the runs that have it; seed and
    settings are the newest run's.

    `rounds` replaces the baseline's own number, and then no cell gets more; `folder` is where files
    are made (a baseline never says where). `allow` names the differences of the machine that may be
    (`allowing.ALLOWABLE`): runs that differ in nothing else count. Cells that fail now are a
    regression, even if all do. Raises `OutputError` and `RunInterrupted` as `run.bench` does,
    `NothingMeasured` where no cell can be asked for, `ResultError` for settings beyond the limits,
    and `UsageError` for an unknown metric, or for more than an hour of measuring unless
    `however_long`.
    """
    for key in metric_keys:
        metrics.named(key)
    comparable, why_not, unchecked = _comparable(baseline, allow)
    bases = comparable or list(baseline.runs)
    newest = bases[-1]
    cells, lost = _cells(bases, folder)
    unknown = pythons.unnamed(spec for _, spec in cells.values())
    if unknown:
        raise UsageError(f"the baseline's cells: {pythons.not_named(unknown)}")
    plan = _plan(newest, list(cells.values()), rounds, timed=bool(comparable))
    clock = Clock(budget_s or longest_s(plan), plan.estimate_s)
    if plan.estimate_s > clock.budget_s:
        raise UsageError(
            f"this baseline takes about {plan.estimate_s:.0f} s to measure, more than the budget "
            f"of {clock.budget_s:.0f} s: give a larger --budget, or use fewer rounds (-r)"
        )
    if plan.estimate_s > LONG_S and not however_long:
        raise UsageError(
            f"this baseline takes about {plan.estimate_s / 3600:.1f} hours to measure: use fewer "
            "rounds (-r), or allow it with --long"
        )
    few = few_rounds(bases, cells) if comparable else []
    lacking = only_older(baseline)
    folder_of_files = places.described(point for point, _ in cells.values())
    here = msgspec.structs.replace(
        newest,
        environment=environment.describe(folder_of_files),
        pythons=pythons.taking_part(spec for _, spec in cells.values()),
    )
    _tell(listener, [*lacking, *few, *places_differ(bases, here, allow), clock.notice])
    run = bench_plan(
        plan,
        output=keep,
        trials_only=True,
        listener=listener,
        nothing_is_a_result=True,
        precision=clock.precision(tuple(metric_keys)) if comparable and not rounds else None,
    )
    clock.first_look_ended(run, plan)
    refusal = "" if comparable else "; ".join(notice.message for notice in why_not)
    by = Judgement(
        threshold,
        tuple(metric_keys),
        CHECK_ALPHA,
        assumed_spread=assumed_spread([*bases, run]),
        remedy=verdict.REMEDY_OF_BASELINE,
    )
    changes = judge_runs(bases, run, by, refusal, allow)
    judged = {k for k in cells if comparable_rounds(bases, k, run, allow) >= MIN_ROUNDS}
    suspects = [] if refusal else confirmation.suspects(changes, judged, cells, threshold)
    again = (
        confirmation.measure({key: cells[key] for key in suspects}, changes, plan, clock, listener)
        if suspects
        else None
    )
    if again is not None:
        spread = assumed_spread([*bases, run, again])
        fresh = matching.cells_by_key(again)
        by = replace(by, fresh=fresh, assumed_spread=spread)
        changes = judge_runs(bases, run, by, allow=allow)
    judged_run = run if again is None else confirmation.with_fresh(run, again)
    elsewhere = places_differ(bases, run, allow)
    allowed, not_needed = allowed_differences(bases, run, allow)
    shown = History([], [])
    if not refusal:
        shown = over_time([*baseline.older, *baseline.runs], judged_run, metric_keys)
    comparison = Comparison(
        schema=SCHEMA,
        created_utc=now_utc(),
        base_name=baseline.name,
        new_name="now",
        base_tool=newest.tool,
        new_tool=run.tool,
        threshold=threshold,
        outcome=verdict.outcome(
            changes,
            undecided=undecided,
            comparable=not refusal and not elsewhere,
            finished=not (unchecked or lacking),
        ),
        changes=changes,
        differences=matching.differences(newest, run),
        warnings=[
            *why_not,
            *lacking,
            *few,
            *elsewhere,
            *places_unknown(bases, run, allow),
            *matching.telling_differences(newest, run, allow),
            *not_needed,
            *lost.unknown.values(),
            *lost.never,
            *baseline.warnings,
            *unlike(bases),
            *power.notices(changes, bases),
            *([] if again is not None or not suspects else [confirmation.NO_TIME]),
            *run.warnings,
        ],
        counters_unjudged=counters_unjudged(bases, run),
        undecided=undecided,
        allowed=allowed,
        history=shown.runs,
        trends=shown.trends,
        interval=OF_RUNS if len(bases) > 1 else OF_ROUNDS,
    )
    return Checked(comparison, judged_run)


def _tell(listener: RunListener | None, notices: Sequence[Notice]) -> None:
    """Before anything is measured."""
    if listener is not None:
        for notice in notices:
            listener.notice(notice)


# What to measure


def _plan(
    base: Run, cells: Sequence[tuple[Point, EngineSpec]], rounds: int | None, *, timed: bool
) -> Plan:
    try:
        settings = {name: setting(base, name) for name in LIMITS}
    except ResultError as error:
        raise ResultError(f"the baseline's {error}: record another baseline") from None
    if rounds is not None:
        settings["rounds"] = rounds
    if not timed:
        settings["rounds"] = COUNTER_ROUNDS
        settings["duration_s"] = min(settings["duration_s"], COUNTER_DURATION_S)
    return of_pairs(
        cells,
        rounds=int(settings["rounds"]),
        duration_s=settings["duration_s"],
        warmup_s=settings["warmup_s"],
        seed=base.seed,
    )
