"""A/B, judged: pairs of all cells, a lenient screen, fresh pairs of the suspects, verdicts.

`pair_runs.py` measures, `statistics/sign_flip.py` has the tests; here they meet the cells. The
suite as a whole is one more line: a small loss in every cell may be too small for any of them to
show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from iomodels.analysis import notices
from iomodels.base import signals
from iomodels.base.errors import NothingMeasured
from iomodels.base.signals import Interrupted, number_of
from iomodels.check import pair_clock, pair_runs, pair_verdicts
from iomodels.check.pair_clock import PairClock, as_option
from iomodels.check.pair_plan import SIDES
from iomodels.check.pair_runs import PairedCell
from iomodels.check.pair_verdicts import PairedRow
from iomodels.comparison import metrics, verdict
from iomodels.comparison.runs import DEFAULT_THRESHOLD, now_utc
from iomodels.comparison.schema import OF_PAIRS, SCHEMA, Change, Comparison, Undecided
from iomodels.machine import noise
from iomodels.measure.alongside import Alongside
from iomodels.results.schema import Notice, Tool
from iomodels.statistics import screen_confirm
from iomodels.statistics.screen_confirm import Decision
from iomodels.statistics.sign_flip import Floats
from iomodels.trials.preparation import Preparation


class ComparisonListener(pair_runs.PairListener, Protocol):
    """Told what happens while it happens: how long it takes, what a batch of pairs is for, and each
    pair."""

    def comparison_started(self, usual_s: float, longest_s: float) -> None: ...
    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None: ...


class ComparisonInterrupted(Interrupted):
    """Ctrl-C, SIGTERM or SIGHUP came. What was measured until then is in `comparison`: no verdicts,
    but on what failed."""

    def __init__(self, comparison: Comparison, number: int) -> None:
        super().__init__(number)
        self.comparison = comparison


def compare_arms(
    cells: Sequence[PairedCell],
    *,
    base_name: str,
    new_name: str,
    seed: int,
    threshold: float = DEFAULT_THRESHOLD,
    metric_keys: Sequence[str] = (),
    first_pairs: int | None = None,
    undecided: Undecided = "pass",
    budget_s: float | None = None,
    listener: ComparisonListener | None = None,
) -> Comparison:
    """Measure both arms in pairs and judge B against A.

    `first_pairs` is how many the first look has, by default `screen_confirm.FIRST_PAIRS`; all
    later ones grow with it. `budget_s` is the longest time; without, `pair_clock` has one. What
    does not fit into it is left out, and a notice says so.

    Raises `UsageError` for an unknown metric and for a time that is too short for
    `screen_confirm.LEAST_PAIRS`, `NothingMeasured` where no cell can run, and
    `ComparisonInterrupted` on Ctrl-C.
    """
    look_s = pair_runs.estimate_s(cells, first_pairs or screen_confirm.FIRST_PAIRS)
    longest_s = pair_clock.longest_s(cells, look_s, budget_s)
    clock = PairClock(longest_s, listener)
    measuring = _Measuring(cells, tuple(metric_keys), seed, listener, clock)
    lost = pair_verdicts.lost(cells)
    alike = _alike(cells)
    if listener is not None:
        for notice in alike:
            listener.notice(notice)
    if not measuring.rows and not _fails(lost):
        raise NothingMeasured(f"no cell can be measured; {_why_nothing(measuring)}")
    if listener is not None:
        listener.comparison_started(min(pair_clock.USUALLY * look_s, longest_s), longest_s)

    def comparison(changes: list[Change], *notices: Notice, finished: bool = True) -> Comparison:
        here, there = (arm.launch.installation for arm in (cells[0].a, cells[0].b))
        return Comparison(
            schema=SCHEMA,
            created_utc=now_utc(),
            base_name=base_name,
            new_name=new_name,
            base_tool=Tool(here.version, here.core_hash),
            new_tool=Tool(there.version, there.core_hash),
            threshold=threshold,
            outcome=verdict.outcome(
                changes, undecided=undecided, comparable=True, finished=finished
            ),
            undecided=undecided,
            changes=changes,
            differences=[],
            warnings=[
                *notices,
                *alike,
                *_other_tool(cells),
                *_other_python(cells),
                *_left_out(measuring),
                *measuring.noted,
                *measuring.monitor.notices(),
                *_void(measuring),
                *_doubts(measuring),
            ],
            counters_unjudged=pair_verdicts.counters_unjudged(measuring.rows),
            interval=OF_PAIRS,
        )

    try:
        with (
            signals.held() as held,
            held.let_through(),
            Alongside(measuring.note),
            Preparation(seed) as measuring.preparation,
        ):
            decision = screen_confirm.decide(
                len(measuring.rows),
                measuring,
                threshold=threshold,
                first_pairs=first_pairs,
                announce=measuring.announce,
                time=measuring,
            )
    except KeyboardInterrupt as interruption:
        until_then = [*pair_verdicts.unfinished(measuring.rows), *lost]
        notice = Notice("interrupted", pair_verdicts.INTERRUPTED)
        number = number_of(interruption)
        found = comparison(until_then, notice, finished=False)
        raise ComparisonInterrupted(found, number) from None
    changes = [*pair_verdicts.judge_rows(measuring.rows, decision, threshold), *lost]
    if not any(pair.a for row in measuring.rows for pair in row.all) and not _fails(changes):
        raise NothingMeasured(f"nothing was measured; {_why_nothing(measuring)}")
    return comparison(changes, *_too_short(decision, clock))


def _fails(changes: Sequence[Change]) -> bool:
    return any(change.verdict in verdict.FAILING for change in changes)


def _void(measuring: _Measuring) -> list[Notice]:
    """How many pairs were repeated. The rows of a cell share its pairs."""
    pairs = {id(pair): pair for row in measuring.rows for pair in row.all}
    return notices.of_void_trials(
        Counter(cause for pair in pairs.values() for cause in pair.void), "pair"
    )


def _doubts(measuring: _Measuring) -> list[Notice]:
    """What makes direct and cold reads doubtful on the device that there is."""
    preparation = measuring.preparation
    if preparation is None:
        return []
    points = [row.cell.arm(side).planned.point for row in measuring.rows for side in SIDES]
    return preparation.doubts(points)


class _Measuring:
    """What `screen_confirm.decide` measures with: rows become cells, each measured once."""

    def __init__(
        self,
        cells: Sequence[PairedCell],
        keys: tuple[str, ...],
        seed: int,
        listener: ComparisonListener | None,
        clock: PairClock,
    ) -> None:
        self.cells = cells
        self.clock = clock
        self.rows = [
            PairedRow(cell, metric)
            for cell in cells
            if cell.na_reason is None
            for metric in metrics.of_cell(cell.a.parameters, keys)
        ]
        self._seed = seed
        self._listener = listener
        self._round = 0
        self._purpose = ""
        self.preparation: Preparation | None = None
        """One for all batches, so that their computation is the same amount of work."""
        self.monitor = noise.Monitor()
        self.noted: list[Notice] = []

    def note(self, notice: Notice) -> None:
        """Say it now, and keep it for the comparison."""
        self.noted.append(notice)
        if self._listener is not None:
            self._listener.notice(notice)

    def announce(self, purpose: str) -> None:
        """What the next batches are for."""
        self._purpose = purpose

    def left_s(self) -> float:
        """Of the longest time."""
        return self.clock.left_s()

    def takes_s(self, rows: Sequence[int], pairs: int) -> float:
        """About what so many pairs of these rows take; those of one cell share them."""
        return self.clock.takes_s(self._cells(rows), pairs)

    def _cells(self, rows: Sequence[int]) -> list[PairedCell]:
        chosen = [self.rows[index].cell for index in rows]
        return list({cell.index: cell for cell in chosen}.values())

    def __call__(self, rows: Sequence[int], count: int) -> list[Floats]:
        chosen = [self.rows[index] for index in rows]
        cells = self._cells(rows)
        if self._listener is not None:
            estimate_s = self.clock.takes_s(cells, count)
            self._listener.batch_started(self._purpose, len(cells), count, estimate_s)
        done: list[list[pair_runs.Pair]] = [[] for _ in cells]
        by_cell = {cell.index: pairs for cell, pairs in zip(cells, done, strict=True)}
        for row in chosen:  # before they are measured: an interruption leaves those that are
            row.batches.append(by_cell[row.cell.index])
        pair_runs.measure(
            cells,
            count,
            seed=self._seed,
            first_round=self._round,
            listener=self.clock,
            into=done,
            monitor=self.monitor,
            preparation=self.preparation,
            another_round=self.clock.another_round,
        )
        self._round += count
        return [row.gains(row.batches[-1]) for row in chosen]


# What a reader must know


def _too_short(decision: Decision, clock: PairClock) -> list[Notice]:
    """What there was no time for, and what time would have been enough."""
    told = [f"{left.purpose} ({left.rows} × {left.pairs})" for left in decision.left_out]
    told += ["the last of these pairs"] if clock.cut_short else []
    if not told:
        return []
    more_s = sum(left.takes_s for left in decision.left_out)
    return [
        Notice(
            "budget",
            f"the time ({as_option(clock.budget_s)}) was too short for {', '.join(told)}: use "
            f"{as_option(1.2 * (clock.budget_s + more_s))} or more",
        )
    ]


def _alike(cells: Sequence[PairedCell]) -> list[Notice]:
    if not all(cell.runs_alike for cell in cells):
        return []
    message = "both arms are the same (an A/A test): any change that is found is a false alarm"
    return [Notice("a-a", message)]


def _other_tool(cells: Sequence[PairedCell]) -> list[Notice]:
    a, b = cells[0].a.launch.installation, cells[0].b.launch.installation
    if (a.version, a.core_hash) == (b.version, b.core_hash):
        return []
    return [
        Notice(
            "core",
            f"the arms have different cores: iomodels {a.version} ({a.core_hash}) "
            f"and {b.version} ({b.core_hash})",
        )
    ]


def _other_python(cells: Sequence[PairedCell]) -> list[Notice]:
    """A notice for each two Pythons that measured engines in Python."""
    found: dict[str, None] = {}
    for cell in cells:
        if cell.na_reason is None:
            a, b = (
                arm.launch.installation.build_for(arm.planned.engine) for arm in (cell.a, cell.b)
            )
            if a is not None and b is not None and not a.is_like(b):
                found[f"arm A is measured by {a.in_words}, arm B by {b.in_words}"] = None
    return [Notice("measured-by", message) for message in found]


def _left_out(measuring: _Measuring) -> list[Notice]:
    """Every cell that is n/a, and why: none is left out without a word. Lost ones have a line."""
    turned_out = {row.cell.index: row.unavailable for row in measuring.rows}
    reasons = [(cell, cell.na_reason or turned_out.get(cell.index)) for cell in measuring.cells]
    return [
        Notice("n/a", f"{' '.join((cell.scenario, cell.label)).strip()}, {cell.a.engine}: {reason}")
        for cell, reason in reasons
        if reason and not cell.lost
    ]


def _why_nothing(measuring: _Measuring) -> str:
    reasons = [notice.message for notice in _left_out(measuring)]
    reasons += [cell.na_reason for cell in measuring.cells if cell.lost and cell.na_reason]
    reasons += [pair.error for row in measuring.rows for pair in row.all if pair.error]
    return reasons[0] if reasons else "the scenarios have no cells"
