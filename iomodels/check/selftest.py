"""How often A/B gives a false alarm on this machine, and what it can detect: measured, not
computed.

One repetition is one suite: of every kind of cell, once with two arms that are the same, where
every change found is a false alarm, and once with a slowdown of known size in arm B, which should
be found. `screen_confirm.decide` judges them together, as it does in `iomodels check --a … --b …`.
Each suite has pairs of its own.

The slowdown is a longer service time of the timer channel (a delay), or computation on each result
(a busy loop). In an engine that computes while its next request is under way a busy loop hides
behind the waiting; so it is used only where the thread that computes is the one that does the I/O.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

import numpy as np

from iomodels.analysis.quantities import LATENCY_P50
from iomodels.check import a_against_b, pair_runs
from iomodels.check.arm import Arm
from iomodels.check.pair_clock import PairClock
from iomodels.check.pair_plan import plan_cells
from iomodels.check.pair_runs import Pair, PairedCell
from iomodels.comparison.runs import DEFAULT_THRESHOLD
from iomodels.engines.spec import parse as parse_engine
from iomodels.measure.alongside import Alongside
from iomodels.results.schema import Interval
from iomodels.statistics import screen_confirm
from iomodels.statistics import sign_flip as pairs
from iomodels.statistics.rounds import wilson_interval
from iomodels.statistics.sign_flip import Floats
from iomodels.trials.preparation import Preparation

SLOWDOWN = 0.10
PILOT_PAIRS, SIZING_PAIRS = 5, 20
SERVICE_NS = 100_000
KIND_PAIRS = 2 * screen_confirm.FIRST_PAIRS + screen_confirm.EXTRA_PAIRS + screen_confirm.FEW
"""What a kind is reckoned to take before any suite was measured: some are noisy."""
USABLE_RATE = 0.10
"""A false-alarm rate is known well enough where its interval ends below."""


@dataclass(frozen=True)
class Kind:
    """A kind of cell, and how it is slowed down: by a delay of its device, or by a busy loop."""

    name: str
    scenario: str
    engine: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def slowed_by(self) -> str:
        """The scenario key that does it."""
        return "channel.service" if "channel.service" in self.settings else "load.compute"

    def arm(self, extra_ns: float) -> Arm:
        """An arm that takes `extra_ns` longer per operation than `settings` say."""
        start_ns = SERVICE_NS if self.slowed_by == "channel.service" else 0
        return Arm({**self.settings, self.slowed_by: f"{round(start_ns + extra_ns)} ns"})

    def cell(self, a_ns: float, b_ns: float) -> PairedCell:
        """The cell, with so much added to each arm."""
        engine = parse_engine(self.engine)
        (cell,) = plan_cells([self.scenario], [engine], {}, self.arm(a_ns), self.arm(b_ns))
        return cell


_TIMER = {"channel.service": f"{SERVICE_NS} ns"}
KINDS = (
    Kind("timer, same thread", "slow-device", "blocking", _TIMER),
    Kind("cached read", "cached-read", "blocking"),
    Kind("ping-pong", "echo", "blocking", {"load.depth": "1"}),
    Kind("timer, aio", "slow-device", "aio", _TIMER),
    Kind("timer, select", "slow-device", "select", _TIMER),
)


@dataclass(frozen=True)
class Decisions:
    """Decisions between like arms, and as many on a slowed arm. Rates are None before the first."""

    decisions: int = 0
    alarms: int = 0
    found: int = 0

    @property
    def false_alarm_rate(self) -> Interval | None:
        """Of the decisions between two arms that are the same, with its 95 % Wilson interval."""
        return wilson_interval(self.alarms, self.decisions) if self.decisions else None

    @property
    def power(self) -> Interval | None:
        """Of the decisions on a slowed arm, those that found it slower; 95 % Wilson interval."""
        return wilson_interval(self.found, self.decisions) if self.decisions else None


@dataclass(frozen=True)
class KindResult:
    """What was found in one kind of cell.

    `noise` is the relative standard deviation of one pair, `detectable` the smallest change that
    the procedure finds with 80 % power, `seen` the throughput of the slowed arm over the other's.
    """

    kind: Kind
    tally: Decisions = field(default_factory=Decisions)
    noise: float = math.nan
    detectable: float = math.inf
    seen: float = math.nan
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """All kinds so far; `slowdown` is the share of a cell's time that was added."""

    slowdown: float
    threshold: float
    suites: int
    elapsed_s: float
    kinds: tuple[KindResult, ...]

    @property
    def pooled(self) -> Decisions:
        """All kinds together. Those of one suite met the same machine, so they are not quite
        independent."""
        of_kinds = [result.tally for result in self.kinds]
        return Decisions(
            sum(tally.decisions for tally in of_kinds),
            sum(tally.alarms for tally in of_kinds),
            sum(tally.found for tally in of_kinds),
        )

    @property
    def usable_after_s(self) -> float | None:
        """The time after which the false-alarm rate would be known to be `USABLE_RATE` or less, if
        it went on like this; None where it is known, where there is no decision yet, and where it
        is larger."""
        alarms, decisions = self.pooled.alarms, self.pooled.decisions
        if not decisions or alarms > USABLE_RATE * decisions / 2:
            return None
        needed = decisions
        while wilson_interval(alarms, needed).high > USABLE_RATE:
            needed += 1
        return self.elapsed_s * needed / decisions if needed > decisions else None


class MeasurePairs(Protocol):
    """`pair_runs.measure`, or that with shorter slices."""

    def __call__(
        self,
        cells: Sequence[PairedCell],
        pairs: int,
        *,
        seed: int,
        first_round: int,
        listener: pair_runs.PairListener | None,
        preparation: Preparation | None,
        another_round: Callable[[Sequence[PairedCell]], bool],
    ) -> list[list[Pair]]: ...


def run_self_test(
    *,
    seed: int,
    budget_s: float,
    slowdown: float = SLOWDOWN,
    threshold: float = DEFAULT_THRESHOLD,
    kinds: Sequence[Kind] = KINDS,
    listener: a_against_b.ComparisonListener | None = None,
    measure: MeasurePairs = pair_runs.measure,
) -> Iterator[Report]:
    """Decide suite after suite until `budget_s` is over; yields what is known after each.

    A suite has as many kinds as by the longest so far end in time, and goes on with those that the
    one before left out. The first has at least one kind, however short the time: what a kind takes
    depends on its noise. A suite that the end of the time cuts short does not count.
    """
    clock = PairClock(budget_s, listener)
    note = listener.notice if listener is not None else lambda _: None
    with Alongside(note), Preparation(seed) as preparation:
        work = _Work(seed, listener, measure, preparation, clock)
        yield from _suites(kinds, work, budget_s, slowdown, threshold)


def _suites(
    kinds: Sequence[Kind], work: _Work, budget_s: float, slowdown: float, threshold: float
) -> Iterator[Report]:
    begin_s = time.monotonic()
    tests = _prepare(kinds, slowdown, work)
    kind_s = (time.monotonic() - begin_s) / work.measured * KIND_PAIRS
    suites = 0
    while True:
        began_s = time.monotonic()
        waiting = sorted((t for t in tests if not t.error), key=lambda test: test.tally.decisions)
        fitting = int((begin_s + budget_s - began_s) / kind_s)
        chosen = waiting[: max(fitting, 0 if suites else 1)]
        if suites and not chosen:
            return
        whole = bool(chosen) and not work.clock.cut_short
        whole = whole and _decide(chosen, work, f"suite {suites + 1}", threshold)
        if whole:
            suites += 1
            took_s = (time.monotonic() - began_s) / len(chosen)
            kind_s = took_s if suites == 1 else max(kind_s, took_s)
        results = tuple(test.result(threshold) for test in tests)
        yield Report(slowdown, threshold, suites, time.monotonic() - begin_s, results)
        if not whole:
            return


class _Work:
    """Measures, and never twice with the same round: every decision has pairs of its own."""

    def __init__(
        self,
        seed: int,
        listener: a_against_b.ComparisonListener | None,
        measure: MeasurePairs,
        preparation: Preparation,
        clock: PairClock,
    ) -> None:
        self._preparation = preparation
        self.clock = clock
        self._seed = seed
        self._listener = listener
        self._measure = measure
        self._round = 0
        self.measured = 0
        """Pairs, of all cells."""

    def pairs(self, cells: Sequence[PairedCell], count: int, purpose: str) -> list[list[Pair]]:
        """`count` pairs of each cell."""
        if self._listener is not None:
            estimate_s = self.clock.takes_s(cells, count)
            self._listener.batch_started(purpose, len(cells), count, estimate_s)
        first, self._round = self._round, self._round + count
        self.measured += len(cells) * count
        return self._measure(
            cells,
            count,
            seed=self._seed,
            first_round=first,
            listener=self.clock,
            preparation=self._preparation,
            another_round=self.clock.another_round,
        )


class _KindTest:
    """One kind's cells, and what came of them so far."""

    def __init__(
        self, kind: Kind, same: PairedCell, slowed: PairedCell, error: str | None = None
    ) -> None:
        self.kind = kind
        self.cells = (same, slowed)
        self.tally = Decisions()
        self.error = error
        self._log_ratios: tuple[list[Floats], list[Floats]] = ([], [])

    def count(self, said: Sequence[int], measured: Sequence[Floats]) -> None:
        """Add a decision: what was said of the like arms and of the slowed one, from which pairs.

        Any change that is found between like arms is a false alarm, whichever way it points.
        """
        for all_of_cell, d in zip(self._log_ratios, measured, strict=True):
            all_of_cell.append(d)
        self.tally = Decisions(
            self.tally.decisions + 1,
            self.tally.alarms + (said[0] != 0),
            self.tally.found + (said[1] < 0),
        )

    def result(self, threshold: float) -> KindResult:
        if not self.tally.decisions:
            return KindResult(self.kind, error=self.error)
        same, slowed = (np.concatenate(each) for each in self._log_ratios)
        return KindResult(
            self.kind,
            self.tally,
            noise=pairs.noise(same),
            detectable=screen_confirm.detectable(same, threshold),
            seen=math.exp(float(np.nanmedian(slowed))),
            error=self.error,
        )


def _prepare(kinds: Sequence[Kind], slowdown: float, work: _Work) -> list[_KindTest]:
    """Measure how long an operation takes in each kind, and make a slowdown of that."""
    alone = [kind.cell(0, 0) for kind in kinds]
    pilots = work.pairs(alone, PILOT_PAIRS, "calibration, time per operation")
    amounts: dict[int, tuple[float, float]] = {}
    tests: dict[int, _KindTest] = {}
    for place, (kind, cell, pilot) in enumerate(zip(kinds, alone, pilots, strict=True)):
        error = _error(pilot) or cell.na_reason
        if error is not None:
            tests[place] = _KindTest(kind, cell, cell, error)
            continue
        trials = [trial for pair in pilot for trial in (pair.a, pair.b) if trial]
        if not trials:  # there was no time for one
            tests[place] = _KindTest(kind, cell, cell)
            continue
        # Not from the throughput: time that other processes took away is no part of an operation,
        # and would make the slowdown larger than said.
        time_ns = median(LATENCY_P50.of_trial(trial) for trial in trials)
        # Both arms compute a little, so that they differ in the amount only, not in whether.
        base_ns = 0.1 * time_ns if kind.slowed_by == "load.compute" else 0.0
        amounts[place] = base_ns, slowdown * (time_ns + base_ns)
    amounts |= _sized(kinds, amounts, slowdown, work)
    for place, (base_ns, more_ns) in amounts.items():
        kind = kinds[place]
        same, slowed = kind.cell(base_ns, base_ns), kind.cell(base_ns, base_ns + more_ns)
        tests[place] = _KindTest(kind, same, slowed)
    return [tests[place] for place in range(len(kinds))]


def _sized(
    kinds: Sequence[Kind],
    amounts: Mapping[int, tuple[float, float]],
    slowdown: float,
    work: _Work,
) -> dict[int, tuple[float, float]]:
    """The amounts of computation, corrected once by what they come to: a peer that waits longer
    for its turn goes to sleep, and takes longer to answer."""
    busy = [p for p, (_, more) in amounts.items() if kinds[p].slowed_by == "load.compute" and more]
    if not busy:
        return {}
    cells = [kinds[p].cell(amounts[p][0], sum(amounts[p])) for p in busy]
    found = {}
    for place, measured in zip(
        busy, work.pairs(cells, SIZING_PAIRS, "calibration, computation"), strict=True
    ):
        base_ns, more_ns = amounts[place]
        p50s = [
            (LATENCY_P50.of_trial(p.a), LATENCY_P50.of_trial(p.b)) for p in measured if p.a and p.b
        ]
        if p50s:
            time_ns = median(a for a, _ in p50s) + base_ns
            added_ns = more_ns + median(b - a for a, b in p50s)
            factor = slowdown * time_ns / added_ns if added_ns > 0 else math.inf
            found[place] = base_ns, more_ns * min(2.0, max(0.5, factor))
    return found


def _decide(tests: Sequence[_KindTest], work: _Work, name: str, threshold: float) -> bool:
    """One suite: both cells of each kind, judged together. False where there was no time for all
    of it: what was measured then says nothing of the whole procedure."""
    cells = [cell for test in tests for cell in test.cells]
    measured: list[list[Pair]] = [[] for _ in cells]

    def measure(rows: Sequence[int], count: int) -> list[Floats]:
        batches = work.pairs([cells[row] for row in rows], count, name)
        for row, batch in zip(rows, batches, strict=True):
            measured[row] += batch
        return [_log_ratios(batch) for batch in batches]

    decision = screen_confirm.decide(len(cells), measure, threshold=threshold)
    if work.clock.cut_short:
        return False
    for place, test in enumerate(tests):
        same, slowed = 2 * place, 2 * place + 1
        test.error = _error(measured[same]) or _error(measured[slowed])
        if test.error is None:
            said = [decision.confirmed.get(row, 0) for row in (same, slowed)]
            test.count(said, [_log_ratios(measured[row]) for row in (same, slowed)])
    return True


def _log_ratios(measured: Sequence[Pair]) -> Floats:
    """Of throughput, by which a closed loop is judged; NaN for a pair without trials."""
    return pairs.log_ratios(
        [pair.a.throughput_ops if pair.a else math.nan for pair in measured],
        [pair.b.throughput_ops if pair.b else math.nan for pair in measured],
    )


def _error(measured: Sequence[Pair]) -> str | None:
    return next((pair.error for pair in measured if pair.error), None)
