"""Keeps the pairs of an A/B as they end: each arm's trials in a PATH.partial, as a run's.

So a crash loses at most the pair under way, and what is left can be read as any result, one for
each arm, and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from iomodels.base.errors import OutputError
from iomodels.base.files import made_folder
from iomodels.check import pair_runs
from iomodels.check.a_against_b import ComparisonListener
from iomodels.check.pair_plan import SIDES, PairedCell, Side
from iomodels.check.pair_runs import Pair
from iomodels.comparison.runs import now_utc
from iomodels.engines.kinds.interpreters import label_of
from iomodels.machine import environment
from iomodels.measure import places
from iomodels.results.partial import KeptLine, PartialWriter
from iomodels.results.schema import ARM, OWN_PYTHON, SCHEMA, Cell, Notice, Run, Tool


class KeptPairs:
    """A listener that keeps each pair and passes everything on to `listener`.

    A context manager. Their folder is made where it is missing. The files stay unless `discard` is
    called. Where they cannot be written, `listener` is told so, and measuring goes on without them.
    """

    def __init__(
        self, listener: ComparisonListener, cells: Sequence[PairedCell], path: Path, seed: int
    ) -> None:
        """`path` is that of a result; each arm has its own beside it (NAME-a.json)."""
        self._listener = listener
        self._stack = ExitStack()
        self._writers: Mapping[Side, PartialWriter] = {
            side: PartialWriter(path.with_stem(f"{path.stem}-{side}"), _run(cells, side, seed))
            for side in SIDES
        }
        self._path = path
        self._is_kept = True

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(made_folder(self._path.parent))
            for writer in self._writers.values():
                self._stack.enter_context(writer)
        except OutputError as error:
            self._stack.close()
            self._stop(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    @property
    def paths(self) -> list[Path]:
        """The files that there are."""
        return [w.path for w in self._writers.values() if w.path.exists()] if self._is_kept else []

    def discard(self) -> None:
        """Remove them: the comparison has been given out."""
        if self._is_kept:
            for writer in self._writers.values():
                writer.discard()

    def comparison_started(self, usual_s: float, longest_s: float) -> None:
        self._listener.comparison_started(usual_s, longest_s)

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None:
        self._listener.batch_started(what, cells, pairs, estimate_s)

    def notice(self, notice: Notice) -> None:
        self._listener.notice(notice)

    def pair_started(self, cell: PairedCell, number: int) -> None:
        self._listener.pair_started(cell, number)

    def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
        if self._is_kept:
            try:
                for side, trial in zip(SIDES, (pair.a, pair.b), strict=True):
                    if trial is not None:
                        self._writers[side].append(KeptLine(cell.index, trial))
            except OutputError as error:
                self._stop(error)
        self._listener.pair_ended(cell, pair)

    def _stop(self, error: OutputError) -> None:
        self._is_kept = False
        self._listener.notice(Notice("not-kept", f"{error}; measuring goes on, in memory"))


def _run(cells: Sequence[PairedCell], side: Side, seed: int) -> Run:
    """The arm's run, without trials."""
    tool = cells[0].arm(side).launch.installation
    return Run(
        schema=SCHEMA,
        tool=Tool(tool.version, tool.core_hash),
        created_utc=now_utc(),
        seed=seed,
        settings={
            "rounds": 1,  # how many there will be depends on what they show
            "duration_s": pair_runs.DEFAULT_SLICES * pair_runs.DEFAULT_SLICE_S,
            "warmup_s": pair_runs.DEFAULT_WARMUP_S,
            ARM: side,
        },
        environment=environment.describe(
            places.described(cell.arm(side).planned.point for cell in cells)
        ),
        warnings=[],
        pythons={
            label_of(its.engine.options) or OWN_PYTHON: build
            for its in (cell.arm(side).planned for cell in cells if not cell.na_reason)
            if (build := tool.build_for(its.engine))
        },
        cells=[
            Cell(
                scenario=cell.scenario,
                parameters=cell.arm(side).parameters,
                engine=cell.arm(side).engine,
                status="n/a" if cell.na_reason else "partial",
                reason=cell.na_reason,
            )
            for cell in cells
        ],
    )
