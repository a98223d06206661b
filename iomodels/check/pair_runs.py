"""A/B on this machine: the same cells in two arms, measured in pairs side by side.

In a pair, both arms' workers live at once and take turns: a slice of the one, a slice of the other,
while the other is drained and quiet. What the machine does for longer than a slice so meets both.
Which arm begins is drawn at random for each pair, and every pair has fresh processes.

Only measures: what the pairs say is the business of `statistics/sign_flip.py`. An arm as it is
written on the command line is in `arm.py`, which cells there are in `pair_plan.py`, how processes
are started in `trials/launch.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from iomodels.base.errors import NotApplicable, NothingEnded, TrialError
from iomodels.check.arm import Arm, parse_arm
from iomodels.check.pair_plan import SIDES, ArmCell, PairedCell, Side, plan_cells
from iomodels.machine import noise
from iomodels.results.schema import Notice, Trial
from iomodels.statistics.summary import combine_slices
from iomodels.trials import failures
from iomodels.trials import preparation as prepare
from iomodels.trials.child import Child
from iomodels.trials.planned import Command, PlannedTrial
from iomodels.trials.preparation import Preparation, Unavailable
from iomodels.trials.record import Record, new_record
from iomodels.trials.trial import MAX_ATTEMPTS, to_trial, with_repeats

__all__ = [
    "Arm",
    "ArmCell",
    "Pair",
    "PairListener",
    "PairedCell",
    "check_folders",
    "estimate_s",
    "measure",
    "parse_arm",
    "plan_cells",
]

DEFAULT_SLICES = 5
DEFAULT_SLICE_S = 0.02
DEFAULT_WARMUP_S = 0.02
START_S = 0.04
"""About what the start and the end of a worker take: 0.02 on a timer, 0.06 with a data file."""


@dataclass(frozen=True)
class Pair:
    """Both arms' trials, or why there are none; `first` is the arm that began.

    A trial holds the medians over its slices (`summary.combine_slices`), `round` the pair's
    number. With `error` there are no trials; `not_applicable` says that it is no failure but
    something that cannot be had here, `lost` that arm A by itself can have it.
    """

    round: int
    first: Side
    a: Trial | None = None
    b: Trial | None = None
    error: str | None = None
    not_applicable: bool = False
    lost: bool = False
    void: tuple[str, ...] = ()
    """Of attempts that were void and were repeated, the causes (`errors.Void`)."""


class PairListener(Protocol):
    """Told what happens while it happens."""

    def notice(self, notice: Notice) -> None: ...
    def pair_started(self, cell: PairedCell, number: int) -> None: ...
    def pair_ended(self, cell: PairedCell, pair: Pair) -> None: ...


class _SilentPairs:
    def notice(self, notice: Notice) -> None: ...
    def pair_started(self, cell: PairedCell, number: int) -> None: ...
    def pair_ended(self, cell: PairedCell, pair: Pair) -> None: ...


def check_folders(cells: Sequence[PairedCell]) -> None:
    """Refuse either arm's `channel.folder` if no file can be made there, by `ScenarioError`."""
    prepare.check_folders(
        c.arm(side).planned for c in cells if c.na_reason is None for side in SIDES
    )


def estimate_s(
    cells: Sequence[PairedCell],
    pairs: int,
    *,
    slices: int = DEFAULT_SLICES,
    slice_s: float = DEFAULT_SLICE_S,
    warmup_s: float = DEFAULT_WARMUP_S,
) -> float:
    """About how long `measure` takes with these."""
    runnable = sum(cell.na_reason is None for cell in cells)
    return runnable * pairs * 2 * (START_S + warmup_s + slices * slice_s)


# Measuring


def measure(
    cells: Sequence[PairedCell],
    pairs: int,
    *,
    seed: int,
    slices: int = DEFAULT_SLICES,
    slice_s: float = DEFAULT_SLICE_S,
    warmup_s: float = DEFAULT_WARMUP_S,
    first_round: int = 0,
    listener: PairListener | None = None,
    into: list[list[Pair]] | None = None,
    monitor: noise.Monitor | None = None,
    preparation: Preparation | None = None,
    another_round: Callable[[Sequence[PairedCell]], bool] = lambda cells: True,
) -> list[list[Pair]]:
    """Measure `pairs` pairs of every cell, interleaved: one list of pairs per cell, in their order.

    The order of cells in each round, which arm begins each pair, and all random choices of the
    workloads come from `seed`. A cell's pairs end with the first that fails, which has the reason;
    a cell that is n/a has none. Rounds count from `first_round`.

    What disturbed the machine is told at the end; with a `monitor`, which may watch several such
    calls, it is for the caller to ask. Such calls share a `preparation`, too: with each its own,
    the same computation would be another amount of work in each. `another_round` is asked before
    each round, with its cells: where it says no, there are fewer pairs.

    Ctrl-C (`KeyboardInterrupt`) ends the workers and comes out; the pairs that ended before are
    then in `into`, one empty list per cell to begin with.
    """
    rng = random.Random(f"{seed}/{first_round}")
    told = listener or _SilentPairs()
    done: list[list[Pair]] = [[] for _ in cells] if into is None else into
    watching = noise.Monitor() if monitor is None else monitor
    with nullcontext(preparation) if preparation else Preparation(seed) as prepared:
        session = _Session(prepared, slices, slice_s, warmup_s)
        for number in range(first_round, first_round + pairs):
            left = [i for i, cell in enumerate(cells) if _goes_on(cell, done[i])]
            if not another_round([cells[index] for index in left]):
                break
            for index in rng.sample(left, len(left)):
                told.pair_started(cells[index], number)
                watching.trial_started()
                pair = session.pair(cells[index], number, rng.choice(SIDES))
                watching.trial_ended()
                done[index].append(pair)
                told.pair_ended(cells[index], pair)
    for notice in watching.notices() if monitor is None else ():
        told.notice(notice)
    return done


def _goes_on(cell: PairedCell, done: Sequence[Pair]) -> bool:
    return cell.na_reason is None and not (done and done[-1].error)


@dataclass(frozen=True)
class _Session:
    preparation: Preparation
    slices: int
    slice_s: float
    warmup_s: float

    def pair(self, cell: PairedCell, number: int, first: Side) -> Pair:
        """One pair, measured again where it was void, as a slice is in which something else kept
        the CPU for all of it."""
        void: list[str] = []
        pair = self._attempts(cell, number, first, void)
        return replace(pair, void=tuple(void))

    def _attempts(self, cell: PairedCell, number: int, first: Side, void: list[str]) -> Pair:
        nothing = Pair(number, first)
        try:
            trials = with_repeats(
                lambda: self._measure(cell, number, first), lambda error: void.append(error.cause)
            )
        except NotApplicable as error:
            lost = self._applies(cell, "a", number)
            return replace(nothing, error=str(error), not_applicable=True, lost=lost)
        except TrialError as error:
            return replace(nothing, error=_why(error, self.slice_s))
        except Unavailable as error:
            return replace(nothing, error=str(error))
        return replace(nothing, a=trials["a"], b=trials["b"])

    def _applies(self, cell: PairedCell, side: Side, number: int) -> bool:
        """Whether this arm by itself can have what the pair could not."""
        try:
            with self._worker(cell.arm(side), side, number) as worker:
                worker.open()
                worker.slice()
                worker.finish()
        except NotApplicable:
            return False
        except (TrialError, Unavailable):
            pass  # it is there, and broken
        return True

    def _measure(self, cell: PairedCell, number: int, first: Side) -> Mapping[Side, Trial]:
        """Two live workers in turns."""
        order = SIDES if first == "a" else SIDES[::-1]
        with ExitStack() as stack:
            workers = {
                side: stack.enter_context(self._worker(cell.arm(side), side, number))
                for side in order
            }
            for worker in workers.values():
                worker.open()
            for _ in range(self.slices):
                for worker in workers.values():
                    worker.slice()
            return {side: worker.finish() for side, worker in workers.items()}

    @contextmanager
    def _worker(self, cell: ArmCell, side: Side, number: int) -> Iterator[_Worker]:
        planned = PlannedTrial(number, number, cell.planned, self.slice_s, self.warmup_s)
        with ExitStack() as stack:
            with _named(side):
                reason = self.preparation.why_not(cell.planned.point)
                if reason is not None:
                    raise NotApplicable(reason)
                command = stack.enter_context(self.preparation.command(planned))
                record = stack.enter_context(new_record(cell.launch.installation.layout))
                child = stack.enter_context(Child(command, record, cell.launch))
            yield _Worker(side, planned, command, record, child)


class _Worker:
    """One arm's process during a pair."""

    def __init__(
        self, side: Side, planned: PlannedTrial, command: Command, record: Record, child: Child
    ) -> None:
        self._side = side
        self._planned = planned
        self._settings = command.settings
        self._record = record
        self._child = child
        self._started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._done: list[Trial] = []

    def open(self) -> None:
        with _named(self._side):
            self._child.open()
            if self._planned.warmup_s > 0:
                self._child.run_slice(self._planned.warmup_s, _unwatched)

    def slice(self) -> None:
        with _named(self._side):
            self._child.run_slice(self._planned.duration_s, _unwatched)
            failures.check_conditions(self._record, self._settings)
            self._done.append(to_trial(self._planned, self._record, self._started_utc))

    def finish(self) -> Trial:
        with _named(self._side):
            self._child.close()
        return combine_slices(self._done)


def _why(error: TrialError, slice_s: float) -> str:
    """The last error's sentence; an A/B has no --duration, so its remedy is another."""
    if not isinstance(error, NothingEnded):
        return str(error)
    return (
        f"not one operation ended in a slice of {slice_s * 1e3:g} ms, in {MAX_ATTEMPTS} attempts: "
        "make operations shorter (--set load.block, channel.service), or record both with bench "
        "--duration and compare them"
    )


def _unwatched(operations: int) -> None:
    """Slices are too short for progress within one."""


@contextmanager
def _named(side: Side) -> Iterator[None]:
    """Say in an error which arm it was."""
    try:
        yield
    except (TrialError, NotApplicable, Unavailable) as error:
        raise type(error)(f"arm {side.upper()}: {error}") from None
