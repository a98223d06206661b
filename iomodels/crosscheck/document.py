"""What a crosscheck found, as data: `import --crosscheck --json` writes it."""

from __future__ import annotations

import msgspec

from iomodels.results.schema import Interval, Parameter

SCHEMA = "iomodels.crosscheck/1"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity as both have measured it, over the rounds."""

    quantity: str
    fio: Interval
    ours: Interval

    @property
    def differs(self) -> bool:
        """By more than both intervals: they do not overlap."""
        return self.fio.high < self.ours.low or self.ours.high < self.fio.low


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """Why some quantities differ: what was measured beside, and is large enough for it."""

    quantities: tuple[str, ...]
    sentence: str


class CheckedJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `skipped` says why it was not measured; then there is nothing else."""

    name: str
    engine: str = ""
    ioengine: str = ""
    parameters: dict[str, Parameter] = {}
    rounds: int = 0
    compared: tuple[Compared, ...] = ()
    reasons: tuple[Because, ...] = ()
    unexplained: tuple[str, ...] = ()
    """The quantities that differ, and for which no reason was found."""
    notes: tuple[str, ...] = ()
    """In what both are not given quite what the job says."""
    skipped: str = ""


class Crosscheck(msgspec.Struct, frozen=True, kw_only=True):
    """A job file with both."""

    schema: str = SCHEMA
    fio_version: str
    seed: int
    duration_s: float
    jobs: tuple[CheckedJob, ...]
