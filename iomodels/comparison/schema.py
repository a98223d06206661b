"""What a comparison says: its types (`runs.py` and `check/history/against_baseline.py` make them).

Plain data, as `results/schema.py` is: whoever shows or exports a comparison needs nothing else.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from iomodels.results.schema import Interval, Notice, Parameter, Tool

SCHEMA = "iomodels.comparison/1"

Verdict = Literal["faster", "slower", "same", "inconclusive", "varies", "vanished", "new", "failed"]
"""`slower` means worse and `faster` better in every metric: more CPU is slower too.

`varies`: this metric jumps by itself between several levels (`Change.levels`) and is shown only;
the cell is judged by another, or by its calls. A loss below all of them is never that.

`vanished`: the base has the cell, the new run does not. `failed`: the new run has it, without
anything measured. `new`: only the new run has it.
"""

OF_ROUNDS = "95 %; it covers differences between rounds, not between runs"
OF_RUNS = "95 %; it covers differences between rounds and between runs"
OF_PAIRS = "95 %, over pairs measured side by side"

Undecided = Literal["pass", "fail"]
"""What becomes of a gate where no loss is shown, but not every cell excludes one."""

Outcome = Literal["passed", "regression", "inconclusive", "not comparable"]


class Change(msgspec.Struct, frozen=True):
    """One cell in one metric: what it was, what it is, and what that says."""

    scenario: str
    parameters: dict[str, Parameter]
    label: str
    """What tells this point from others of its scenario ("depth 16"); empty where it has one."""
    engine: str
    metric: str
    """A key of `metrics.METRICS` ("throughput_ops"), or `calls_per_op.NAME`."""
    unit: str
    """Of `base` and `new`: "ops/s", "ns" or "calls"."""
    bigger_is_better: bool
    verdict: Verdict
    base: Interval | None = None
    new: Interval | None = None
    ratio: Interval | None = None
    """New over base: 1.1 is ten per cent more. With its interval (`Comparison.interval`)."""
    rounds: int = 0
    """The pairs (or rounds) that the ratio rests on."""
    noise: float | None = None
    """The relative standard deviation of a round in this cell, a robust estimate: 0.05 is 5 %."""
    detectable: float | None = None
    """The smallest relative change that is detectable with this many rounds, with 80 % power."""
    detectable_later: float | None = None
    """Of a check against a history: about what that would be with five more base runs."""
    confirmed: bool = False
    """Whether it was measured again on fresh rounds before this verdict."""
    reason: str | None = None
    """Why the verdict is "inconclusive", "failed" or "vanished", and what would help."""
    limit: float | None = None
    """The loss from which on an undecided cell never passes: 0.05 is 5 %. It is the threshold or,
    where this machine differs more than that by itself, what that explains."""
    suspect: bool = False
    """It is undecided, and its estimate is a loss beyond `limit`: the gate does not pass."""
    levels: list[float] = []
    """Where the rounds jump between several levels by themselves: their medians, in `unit`."""
    judged: bool = True
    """False where the numbers are shown only: made elsewhere, or not all rounds have one. Then not
    even a gain may be read from them."""


class Trend(msgspec.Struct, frozen=True):
    """One cell in one metric over the runs of a history, oldest first, and now."""

    scenario: str
    parameters: dict[str, Parameter]
    label: str
    engine: str
    metric: str
    unit: str
    bigger_is_better: bool
    runs: list[Interval | None]
    """Medians over rounds with their intervals, one for each of `Comparison.history`; None where
    that run does not have the cell."""
    changed_at: list[int] = []
    """Indices into `runs`: the first run of each new level."""


class HistoryRun(msgspec.Struct, frozen=True):
    """One run of a history, as a trend shows it. The last one is the run that was checked."""

    created_utc: str
    kernel: str = ""
    known_change: str = ""
    """What was known to have changed here, as its recorder wrote it; the history starts there."""


class Difference(msgspec.Struct, frozen=True):
    """One line in which the two environments differ."""

    name: str
    base: Parameter | None
    new: Parameter | None


class Comparison(msgspec.Struct, frozen=True):
    """All of it: one `compare`, or one `check`."""

    schema: str
    created_utc: str
    base_name: str
    """A file's name, or what arm A was ("channel.folder=…" shows the key only)."""
    new_name: str
    base_tool: Tool
    new_tool: Tool
    threshold: float
    """Changes below this share count as the same: 0.05 is 5 %."""
    outcome: Outcome
    changes: list[Change]
    differences: list[Difference]
    warnings: list[Notice]
    counters_unjudged: int = 0
    """Counters (calls per operation, by cell) that vary by themselves, or have too few rounds."""
    undecided: Undecided = "pass"
    allowed: list[str] = []
    """The differences of the machines that `--allow` named, as a headline has them: `kernel 6.12 →
    6.18`. Facts that do not differ are not in it."""
    history: list[HistoryRun] = []
    """Of a check against a baseline: its runs, oldest first, and the run that was checked."""
    trends: list[Trend] = []
    interval: str = OF_ROUNDS
    """Of what the intervals of the ratios are: `OF_ROUNDS`, `OF_RUNS` or `OF_PAIRS`."""
