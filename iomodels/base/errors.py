"""The one exception tree. A message is one sentence: what is wrong, where, and what to do."""

from __future__ import annotations

from iomodels.base.exit_codes import Exit


class IomodelsError(Exception):
    """Anything a user can cause or mend. The command line prints it as one sentence.

    `exit_code` is what the process then ends with (`exit_codes.py`).
    """

    exit_code = Exit.USAGE


class ScenarioError(IomodelsError):
    """A scenario, suite or setting that cannot be used as it was written."""


class JobFileError(IomodelsError):
    """A job file of another tool, or a log, that cannot be read as it was written."""


class EngineError(IomodelsError):
    """An engine or engine option that does not exist."""


class ArmError(IomodelsError):
    """One side of an A/B comparison that cannot be used as it was written."""


class OutputError(IomodelsError):
    """An output that is refused before it is made: it exists already, or is no file."""


class NotWritten(OutputError):  # noqa: N818 - a state of affairs
    """An output that could not be written: the disk is full, a folder is gone or read-only."""

    exit_code = Exit.OUTPUT


class UsageError(IomodelsError):
    """A request that makes no sense as it was made: an unknown metric, options that
    contradict each other."""


class ResultError(IomodelsError):
    """A result file that cannot be read: broken, foreign, too large."""


class NothingMeasured(IomodelsError):  # noqa: N818 - a state of affairs, not a fault
    """A run in which not one trial could be measured."""

    exit_code = Exit.NOTHING


class NothingSeen(IomodelsError):  # noqa: N818 - a state of affairs, not a fault
    """A program of which no I/O was seen, or which cannot be watched here."""

    exit_code = Exit.NOTHING


class NothingToDraw(IomodelsError):  # noqa: N818 - a state of affairs, not a fault
    """Result files in which nothing was measured that a picture could show."""

    exit_code = Exit.NOTHING


class NotApplicable(IomodelsError):  # noqa: N818 - a state of affairs, not a fault
    """An engine turned out to be unable to do this here. Its cell is n/a with this message."""


class TrialError(IomodelsError):
    """One trial failed. Its cell is marked `failed` with this message; the others go on."""

    exit_code = Exit.FAILED


class NoAnswer(TrialError):  # noqa: N818 - a state of affairs
    """A trial's process did not answer in time."""


class Garbled(TrialError):  # noqa: N818 - a state of affairs
    """Something else than answers came from a trial's process: its engine prints."""


class Void(TrialError):  # noqa: N818 - a state of affairs
    """Nothing broke, but the trial says nothing, and another one may: it is repeated.

    `cause` names the kind; a run counts them by it.
    """

    cause = "condition"


class ConditionLost(Void):
    """A condition of the trial did not hold to its end."""

    cause = "evicted"


class Paused(Void):
    """The trial's process, or the one that watches it, did not run for a part of the time."""

    cause = "paused"


class NothingEnded(Void):
    """Not one operation ended in the time that was measured."""

    cause = "empty"
