"""The times that a log has in front of its lines, as seconds."""

from __future__ import annotations

DAY_S = 86400.0
_LEAST_OF_EPOCH_S = 1e8
"""1973: a process number may be padded, too."""


class LineTimes:
    """Of one log: times of the day (-t, -tt), since 1970 (-ttt), or since the last line (-r)."""

    def __init__(self) -> None:
        self.are_there = False
        self.last_s = 0.0
        """The time of the last line that had one."""
        self._is_relative = False
        self._days = 0

    def went_on(self, started_s: float, took_s: float) -> None:
        """A call took so long: in a log without times, the next one begins after it."""
        if not self.are_there:
            self.last_s = max(self.last_s, started_s + took_s)

    def seconds(self, text: str, *, is_padded: bool = False) -> float:
        """Of `14:26:32.994963` since midnight of the first day, of `1795789590.851924` since 1970,
        of `0.000037` since the first line.
        strace -r alone pads its numbers with spaces."""
        if ":" in text:
            self.last_s = self._of_day(text)
        else:
            value = float(text)
            if not self.are_there:
                self._is_relative = is_padded and value < _LEAST_OF_EPOCH_S
            self.last_s = self.last_s + value if self._is_relative else value
        self.are_there = True
        return self.last_s

    def _of_day(self, text: str) -> float:
        hours, minutes, seconds = text.split(":")
        value = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        # Lines may lie a little out of order; midnight is more than that.
        if self._days * DAY_S + value < self.last_s - DAY_S / 2:
            self._days += 1
        return self._days * DAY_S + value
