"""What the process ends with: the one table, for errors, commands, help and documents."""

from __future__ import annotations

from enum import IntEnum
from textwrap import wrap


class Exit(IntEnum):
    """The exit codes. 128 + N besides: ended by signal N."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    INCONCLUSIVE = 4
    OUTPUT = 5
    INTERNAL = 70


MEANINGS: dict[int | str, str] = {
    Exit.DONE: "done, or passed",
    Exit.FAILED: "a regression, or cells failed (and nothing else)",
    Exit.USAGE: "usage error",
    Exit.NOTHING: "nothing was measured, or the results are not comparable",
    Exit.INCONCLUSIVE: "inconclusive",
    Exit.OUTPUT: "an output could not be written or made (disk full, stream closed, folder gone, "
    "no process or memory to spare)",
    Exit.INTERNAL: "an internal error of iomodels",
    "128+N": "ended by signal N (129 hangup, 130 Ctrl-C, 141 the reader of the output went away, "
    "143 terminated)",
}


def of_signal(number: int) -> int:
    """The code of a process that a signal ended."""
    return 128 + number


def table() -> str:
    """The codes as a Markdown table."""
    lines = ["| code | meaning |", "| --- | --- |"]
    lines += [f"| {_code(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(lines) + "\n"


def listing(width: int) -> str:
    """The codes as lines of plain text, for `--help`."""
    lines: list[str] = []
    for code, meaning in MEANINGS.items():
        lines += wrap(f"{_code(code):<7}{meaning}", width, subsequent_indent=" " * 7)
    return "\n".join(lines)


def _code(code: int | str) -> str:
    return str(int(code)) if isinstance(code, int) else code
