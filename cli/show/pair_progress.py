"""What an A/B shows while it measures, on standard error only.

On a terminal one line that says which pair runs; in a pipe one line for each batch. How many
batches there will be is not known before: that depends on the noise and on what looks different.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from iomodels.base.units import counted
from iomodels.check.pair_runs import Pair, PairedCell
from iomodels.results.schema import Notice

from .console import safe


class PlainPairs:
    """For a pipe or a log: no line is ever taken back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._noticed: set[str] = set()
        """The codes of the warnings so far: each batch of a self-test may have the same."""

    def comparison_started(self, usual_s: float, longest_s: float) -> None:
        text = f"usually about {duration(usual_s)}, at most {duration(longest_s)} (--budget)"
        self._console.print(safe(text))

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None:
        text = f"{what}: {counted(cells, 'cell')} × {counted(pairs, 'pair')}"
        text += f", about {duration(estimate_s)}"
        self._console.print(safe(text))

    def notice(self, notice: Notice) -> None:
        if notice.code not in self._noticed:
            self._noticed.add(notice.code)
            self._console.print(safe(f"warning: {notice.message}", "yellow"))

    def pair_started(self, cell: PairedCell, number: int) -> None:
        pass

    def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
        if pair.error:
            kind = "n/a" if pair.not_applicable else "failed"
            self._console.print(safe(f"{kind}: {_name(cell)}: {pair.error}", "red"))


class LivePairs(PlainPairs):
    """For a terminal. Redrawn with each pair: a thread that does it would disturb the measuring."""

    def __init__(self, console: Console, live: Live) -> None:
        super().__init__(console)
        self._live = live
        self._done = self._total = 0

    def batch_started(self, what: str, cells: int, pairs: int, estimate_s: float) -> None:
        super().batch_started(what, cells, pairs, estimate_s)
        self._done, self._total = 0, cells * pairs

    def pair_started(self, cell: PairedCell, number: int) -> None:
        self._live.update(safe(f"pair {self._done + 1}/{self._total}: {_name(cell)}"), refresh=True)

    def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
        super().pair_ended(cell, pair)
        self._done += 1


@contextmanager
def display(console: Console, seed: int) -> Iterator[PlainPairs]:
    """The listener that fits where `console` writes."""
    console.print(f"seed {seed}")
    if not console.is_terminal:
        yield PlainPairs(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LivePairs(console, live)


def duration(seconds: float) -> str:
    """`75 s`, `5 min`, `1 h 20 min`: a rough time."""
    if seconds < 119.5:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _name(cell: PairedCell) -> str:
    where = f"{cell.scenario}, {cell.label}" if cell.label else cell.scenario
    return f"{where} · {cell.a.engine}"
