"""A log of strace, line by line as it comes: a file, or a pipe from a strace that still runs.

strace writes a line for each call; with several threads, one for its beginning (`<unfinished ...>`)
and one for its end (`<... read resumed>`). What is read is never kept: memory is bounded by the
longest line and by the calls that are under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from iomodels.base.errors import UsageError
from iomodels.observe.log.arguments import outer
from iomodels.observe.log.call import Call, ThreadEnded
from iomodels.observe.log.lines import lines
from iomodels.observe.log.times import LineTimes
from iomodels.observe.log.underway import UnderWay

RECOMMENDED = "strace -f -ttt -T -y -s 0 -e abbrev=execve -o FILE COMMAND"
"""Makes the log that shows most. `-s 0` writes none of the data. It would also leave out what
arrays contain (of io_submit, readv, epoll_wait), but for `abbrev`, which is for execve alone."""

LINES_WITHOUT_A_CALL = 1000
"""So many, and nothing else, are no log."""

_MOST_PID = 1 << 22  # the kernel's own limit: a greater number in front is a time in seconds
_TIME = r"[0-9]{1,12}\.[0-9]{1,9}"
_OF_DAY = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_PID = r"(?:\[pid +([0-9]{1,10})\] |([0-9]{1,7})  ?)?"
_USUAL = re.compile(
    rf"{_PID}(?:({_TIME}|{_OF_DAY}) )?([a-z_0-9]++)\((.*)\) += (-?[0-9]{{1,19}})(?: <({_TIME})>)?",
    re.DOTALL,
)
"""A call that ended well and in one line. Nothing but a result and a time can follow its last
parenthesis, so what the arguments contain does not matter."""
_COMMAND = r"(?:<[^<>]*>)?"
_IN_FRONT = re.compile(
    rf"\s*+(?:\[pid +([0-9]{{1,10}}){_COMMAND}\] *+|([0-9]{{1,10}}){_COMMAND} ++)?+"
    rf"({_OF_DAY}|{_TIME})?+ *+"
    r"(?:\(\+ *[0-9.]{1,24}\) )?+"
    r"(?:\[ *[0-9a-f?]{1,16}\] )*+"
)
_NAME = re.compile(r"([A-Za-z_0-9?]{1,64})\(")
_RESUMED = re.compile(r"<\.\.\. ([A-Za-z_0-9?]{1,64}) resumed>")
_RESULT = re.compile(r"\) *= (\?|0x[0-9a-f]{1,16}|-?[0-9]{1,19})(?![0-9a-z])")
_TOOK = re.compile(rf" <({_TIME})>\Z")
_ERROR = re.compile(r" (E[A-Z0-9_]{1,30})\b")
_ENDED = re.compile(r"\+\+\+ (?:exited|killed|superseded)\b")
_OF_STRACE = re.compile(
    r"\+\+\+ |--- |strace: |Process [0-9]|> "
)  # the last: a line of a stack (-k)
_ATTACHED = re.compile(r"(?:strace: )?Process ([0-9]{1,10}) attached\Z")
_UNFINISHED = (" <unfinished ...>", " <detached ...>")


class LogReader:
    """Reads one log. What it counted can be read at any time.

    One that `is_live` comes from a strace that runs here: it may be empty, of a process that does
    nothing.
    """

    def __init__(self, *, is_live: bool = False) -> None:
        self._is_live = is_live
        self.lines = 0
        self.not_understood = 0
        self.first_not_understood: int | None = None
        """The number of the first such line, from 1."""
        self.without_beginning = 0
        """Calls that had begun before the log did."""
        self._has_durations = False
        self._times = LineTimes()
        self._without_end = 0
        self._under_way = UnderWay()
        self._understood = 0
        self._held = ""
        """A line in the midst of which strace announced a new process."""

    @property
    def has_times(self) -> bool:
        """Whether `Call.started_s` says anything (strace with -t, -tt, -ttt or -r)."""
        return self._times.are_there

    @property
    def lacks(self) -> tuple[str, ...]:
        """What nothing can be said of because the log does not have it, a sentence each."""
        if not self.has_times:
            return ("the log has no times (strace -ttt): rates and depth are not known",)
        if not self._has_durations:
            return (
                "the log does not say how long calls took (strace -T): depth and cached reads are "
                "not known",
            )
        return ()

    @property
    def without_end(self) -> int:
        """Calls whose end is missing. (They come last, or before their thread's end.)"""
        return self._without_end + self._under_way.lost

    def events(
        self, stream: BinaryIO, progress: Callable[[int], None] | None = None
    ) -> Iterator[Call | ThreadEnded]:
        """Calls in the order of their ends. `progress` gets the bytes that were read so far.

        Raises UsageError where the stream is no log of strace.
        """
        usual, to_seconds = _USUAL.fullmatch, self._times.seconds
        for line in lines(stream, progress):
            self.lines += 1
            if line is not None and (match := usual(line)) and not self._held:
                named, first, time, name, arguments, result, took = match.groups()
                self._understood += 1
                thread = self._under_way.thread(int(named or first or 0))
                started_s = to_seconds(time) if time else self._times.last_s
                took_s = None
                if took:
                    took_s = float(took)
                    self._has_durations = True
                    if not time:
                        self._times.went_on(started_s, took_s)
                yield Call(thread, name, arguments, int(result), None, started_s, took_s)
            else:
                yield from self._other(line)
        self._check_is_log(is_whole=True)
        yield from self._given_up(self._under_way.rest())

    def _other(self, line: str | None) -> Iterator[Call | ThreadEnded]:
        if line is None:
            self._miss()
            return
        head, self._held = self._held, ""
        if line.endswith(" attached") and (attached := _ATTACHED.search(line)):
            self._held = line[: attached.start()] or head
            self._under_way.announce(int(attached[1]))
            self._understood += 1
            return
        line = head + line
        front = _IN_FRONT.match(line)
        assert front is not None, "every part of it is optional"
        named, first, time = front.groups()
        body = line[front.end() :]
        if first and int(first) >= _MOST_PID and not time:
            first, time = None, first
        elif first and not time and not body:
            body = first
        at_s = self._times.last_s
        if time:
            padding = line[: front.start(3)][-2:]
            at_s = self._times.seconds(time, is_padded=padding in (" ", "  "))
        yield from self._body(int(named or first or 0), at_s, body)

    def _body(self, pid: int, at_s: float, body: str) -> Iterator[Call | ThreadEnded]:
        if resumed := _RESUMED.match(body):
            self._understood += 1
            yield from self._resume(pid, resumed[1], body[resumed.end() :])
        elif body.endswith(_UNFINISHED) and _NAME.match(body):
            self._understood += 1
            self._hold(pid, at_s, body)
        elif call := self._call(self._under_way.thread(pid), at_s, body):
            self._understood += 1
            yield call
        elif _ENDED.match(body):
            self._understood += 1
            thread, calls = self._under_way.ended(pid)
            yield from self._given_up(calls)
            yield ThreadEnded(thread, at_s)
        elif _OF_STRACE.match(body):
            self._understood += 1
        elif body.strip():
            self._miss()

    def _hold(self, pid: int, at_s: float, body: str) -> None:
        begun = body[: body.rindex(" <")]
        name = begun[: begun.index("(")]
        self._under_way.begin(self._under_way.thread(pid), name, at_s, begun)

    def _resume(self, pid: int, name: str, rest: str) -> Iterator[Call]:
        begun = self._under_way.resume(pid, name)
        if begun is None:
            self.without_beginning += 1
            return
        # A thread that is killed ends its call so: `<... read resumed> <unfinished ...>) = ?`.
        body = begun.text + rest.removeprefix(" <unfinished ...>")
        if usual := _USUAL.fullmatch(body):
            *_, name, arguments, result, took = usual.groups()
            took_s = float(took) if took else None
            self._times.went_on(begun.at_s, took_s or 0.0)
            yield Call(begun.thread, name, arguments.strip(), int(result), None, begun.at_s, took_s)
        elif call := self._call(begun.thread, begun.at_s, body):
            yield call
        else:
            self._miss()

    def _call(self, thread: int, at_s: float, body: str) -> Call | None:
        name = _NAME.match(body)
        if name is None:
            return None
        end = next((place for place, part in outer(body, name.end()) if part == ")"), None)
        result = _RESULT.match(body, end) if end is not None else None
        if result is None:
            return None
        note = body[result.end() :]
        took_s = None
        if took := _TOOK.search(note):
            took_s = float(took[1])
            self._has_durations = True
            self._times.went_on(at_s, took_s)
            note = note[: took.start()]
        value = None if result[1] == "?" else int(result[1], 0 if "x" in result[1] else 10)
        error = _ERROR.match(note) if value is None or value == -1 else None
        arguments = body[name.end() : end].strip()
        return Call(
            thread,
            name[1],
            arguments,
            value,
            error[1] if error else None,
            at_s,
            took_s,
            note[error.end() :].strip() if error else note.strip(),
        )

    def _given_up(self, calls: list[Call]) -> list[Call]:
        self._without_end += len(calls)
        return calls

    def _miss(self) -> None:
        self.not_understood += 1
        if self.first_not_understood is None:
            self.first_not_understood = self.lines
        if self.not_understood >= LINES_WITHOUT_A_CALL:
            self._check_is_log(is_whole=False)

    def _check_is_log(self, is_whole: bool) -> None:
        if self._understood or (self._is_live and self.lines == 0):
            return
        if self.lines == 0:
            raise UsageError(f"the log is empty: make one with `{RECOMMENDED}`")
        which = f"all {self.lines}" if is_whole else f"the first {self.lines}"
        raise UsageError(
            f"this is no log of strace (no system call in {which} lines): "
            f"make one with `{RECOMMENDED}`"
        )
