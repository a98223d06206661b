"""How often the gate cries wolf on this machine, and how much it sees: measured, not computed.

Per kind of cell, the whole procedure runs again and again on real pairs: once with two arms that
are the same, where every change found is a false alarm, and once with a slowdown of known size in
arm B, which should be found. The slowdown is a longer service time of the timer channel (a delay),
or computation on each result (a busy loop). Each decision has pairs of its own, so the decisions
are independent and the rates have honest intervals.

In an engine that computes while its next request is under way a busy loop hides behind the waiting;
so it is used only where the thread that computes is the one that does the I/O.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from iomodels import ab, pairs
from iomodels.ab import Pair, PairedCell
from iomodels.arms import Arm
from iomodels.engines import parse as parse_engine
from iomodels.pairing import plan_cells
from iomodels.results import Interval
from iomodels.statistics import wilson_interval

DEFAULT_BUDGET_S = 170.0
SLOWDOWN = 0.10
PILOT_PAIRS = 3
SERVICE_NS = 100_000


@dataclass(frozen=True)
class Procedure:
    """The numbers of the gate's two stages: pairs of the screen, fresh pairs of a suspect."""

    screen_pairs: int = pairs.MIN_SUITE_PAIRS
    fresh_pairs: int = 20
    threshold: float = pairs.SCREEN_CHANGE
    slices: int = ab.DEFAULT_SLICES
    slice_s: float = ab.DEFAULT_SLICE_S
    warmup_s: float = ab.DEFAULT_WARMUP_S


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
    Kind("timer, select", "slow-device", "select", _TIMER),
    Kind("cached read", "cached-read", "blocking"),
    Kind("ping-pong", "echo", "blocking", {"load.depth": "1"}),
    Kind("timer, aio", "slow-device", "aio", _TIMER),
)


@dataclass(frozen=True)
class KindResult:
    """What was found in one kind of cell. Rates are None before the first decision.

    `noise` is the relative standard deviation of one pair, `detectable` the smallest change that a
    confirmation shows with 80 % power, `seen` the throughput of the slowed arm over the other's.
    """

    kind: Kind
    decisions: int = 0
    alarms: int = 0
    found: int = 0
    noise: float = math.nan
    detectable: float = math.inf
    seen: float = math.nan
    error: str | None = None

    @property
    def false_alarm_rate(self) -> Interval | None:
        """Of the decisions between two arms that are the same, with its 95 % Wilson interval."""
        return wilson_interval(self.alarms, self.decisions) if self.decisions else None

    @property
    def power(self) -> Interval | None:
        """Of the decisions on a slowed arm, those that found it slower; 95 % Wilson interval."""
        return wilson_interval(self.found, self.decisions) if self.decisions else None


@dataclass(frozen=True)
class Report:
    """All kinds so far; `slowdown` is the share of a cell's time that was added."""

    slowdown: float
    procedure: Procedure
    elapsed_s: float
    kinds: tuple[KindResult, ...]


def run(
    *,
    seed: int,
    budget_s: float = DEFAULT_BUDGET_S,
    slowdown: float = SLOWDOWN,
    kinds: Sequence[Kind] = KINDS,
    procedure: Procedure | None = None,
    listener: ab.Listener | None = None,
) -> Iterator[Report]:
    """Decide again and again until `budget_s` is over; yields what is known after each time.

    At least once for each kind, however short the time. One repetition is not begun that would, by
    the longest so far, not end in time.
    """
    work = Work(procedure or Procedure(), seed, listener)
    begin_s = time.monotonic()
    tests = [_KindTest.prepare(kind, slowdown, work) for kind in kinds]
    longest_s = 0.0
    while True:
        started_s = time.monotonic()
        _repeat(tests, work)
        now_s = time.monotonic()
        longest_s = max(longest_s, now_s - started_s)
        elapsed_s = now_s - begin_s
        results = tuple(test.result(work.procedure) for test in tests)
        yield Report(slowdown, work.procedure, elapsed_s, results)
        if elapsed_s + longest_s > budget_s or all(test.error for test in tests):
            return


class Work:
    """Measures, and never twice with the same round: every decision has pairs of its own."""

    def __init__(self, procedure: Procedure, seed: int, listener: ab.Listener | None) -> None:
        self.procedure = procedure
        self._seed = seed
        self._listener = listener
        self._round = 0

    def measure(self, cells: Sequence[PairedCell], count: int) -> list[list[Pair]]:
        first, self._round = self._round, self._round + count
        return ab.measure(
            cells,
            count,
            seed=self._seed,
            slices=self.procedure.slices,
            slice_s=self.procedure.slice_s,
            warmup_s=self.procedure.warmup_s,
            first_round=first,
            listener=self._listener,
        )


class _KindTest:
    """One kind's cells, and the tally of its decisions."""

    def __init__(self, kind: Kind, same: PairedCell, slowed: PairedCell | None) -> None:
        self.kind = kind
        self.same = same
        self.slowed = slowed
        self.error: str | None = None
        self._decisions = self._alarms = self._found = 0
        self._same_d: list[float] = []
        self._slowed_d: list[float] = []

    @classmethod
    def prepare(cls, kind: Kind, slowdown: float, work: Work) -> _KindTest:
        """Measure how long an operation takes, and make a slowdown of that.

        Both arms compute a little, so that they differ in the amount only, not in whether.
        """
        alone = kind.cell(0, 0)
        (pilot,) = work.measure([alone], PILOT_PAIRS)
        error = _error(pilot) or alone.na_reason
        if error is not None:
            failed = cls(kind, alone, None)
            failed.error = error
            return failed
        time_ns = median(1e9 / pair.a.throughput_ops for pair in pilot if pair.a)
        base_ns = 0.1 * time_ns if kind.slowed_by == "load.compute" else 0.0
        more_ns = slowdown * (time_ns + base_ns)
        return cls(kind, kind.cell(base_ns, base_ns), kind.cell(base_ns, base_ns + more_ns))

    def count(
        self, same: Sequence[Pair], slowed: Sequence[Pair], verdicts: tuple[int, int]
    ) -> None:
        """Add a decision: its screen's pairs, and what came of the arms that are the same, and not.

        Any change that is found between like arms is a false alarm, whichever way it points.
        """
        self._same_d += list(_log_ratios(same))
        self._slowed_d += list(_log_ratios(slowed))
        self._decisions += 1
        self._alarms += verdicts[0] != 0
        self._found += verdicts[1] < 0

    def result(self, procedure: Procedure) -> KindResult:
        if self.error or not self._decisions:
            return KindResult(self.kind, error=self.error)
        return KindResult(
            self.kind,
            self._decisions,
            self._alarms,
            self._found,
            noise=pairs.noise(self._same_d),
            detectable=pairs.detectable(
                self._same_d, threshold=procedure.threshold, pairs=procedure.fresh_pairs
            ),
            seen=math.exp(float(np.nanmedian(self._slowed_d))),
        )


def _repeat(tests: Sequence[_KindTest], work: Work) -> None:
    """One decision for each kind and arm, all measured in the same rounds."""
    alive = [(test, test.slowed) for test in tests if test.error is None and test.slowed]
    cells = [cell for test, slowed in alive for cell in (test.same, slowed)]
    decided = decide(cells, work, as_suite=False)
    for place, (test, _) in enumerate(alive):
        same, slowed = 2 * place, 2 * place + 1
        test.error = decided.errors[same] or decided.errors[slowed]
        if test.error is None:
            verdicts = decided.verdicts[same], decided.verdicts[slowed]
            test.count(decided.screened[same], decided.screened[slowed], verdicts)


@dataclass(frozen=True)
class Decided:
    """Per cell: 1 for B is faster, -1 slower, 0 not confirmed; and the pairs of the screen.

    `suspects` are the places of the cells that were measured again; `errors` has, per cell, why a
    pair of it failed, or None.
    """

    verdicts: list[int]
    screened: list[list[Pair]]
    suspects: list[int]
    errors: list[str | None]


def decide(cells: Sequence[PairedCell], work: Work, *, as_suite: bool) -> Decided:
    """The gate's procedure on throughput: screen all cells, confirm suspects on fresh pairs.

    `as_suite` judges the cells together, with the family-wise control that goes over all of them;
    otherwise each cell is a suite of its own, and they only share the rounds.
    """
    screened = work.measure(cells, work.procedure.screen_pairs)
    matrix = np.array([_padded(each, work.procedure.screen_pairs) for each in screened])
    groups = [list(range(len(cells)))] if as_suite else [[index] for index in range(len(cells))]
    suspects = [[group[i] for i in suspects_of(matrix[group])] for group in groups]
    asked = [index for group in suspects for index in group]
    fresh = work.measure([cells[i] for i in asked], work.procedure.fresh_pairs) if asked else []
    ratios = {
        index: _padded(each, work.procedure.fresh_pairs)
        for index, each in zip(asked, fresh, strict=True)
    }
    verdicts = [0] * len(cells)
    for group in suspects:
        if not group:
            continue
        confirmed = pairs.confirm([ratios[i] for i in group], work.procedure.threshold)
        for index, verdict in zip(group, confirmed, strict=True):
            verdicts[index] = verdict
    errors = [_error(each) for each in screened]
    for index, each in zip(asked, fresh, strict=True):
        errors[index] = errors[index] or _error(each)
    return Decided(verdicts, screened, asked, errors)


def suspects_of(matrix: pairs.Floats) -> list[int]:
    """The rows to measure again: those of the screen, or all where the suite as a whole moved."""
    if pairs.suite_p(matrix) <= pairs.SUITE_ALPHA:
        return list(range(len(matrix)))
    return pairs.screen(matrix)


def _log_ratios(measured: Sequence[Pair]) -> pairs.Floats:
    return pairs.log_ratios(
        [pair.a.throughput_ops if pair.a else math.nan for pair in measured],
        [pair.b.throughput_ops if pair.b else math.nan for pair in measured],
    )


def _padded(measured: Sequence[Pair], count: int) -> list[float]:
    """The log ratios of throughput, NaN where a pair is missing."""
    ratios = list(_log_ratios(measured))
    return ratios + [math.nan] * (count - len(ratios))


def _error(measured: Sequence[Pair]) -> str | None:
    return next((pair.error for pair in measured if pair.error), None)
