"""Logs of strace, written as text, and what is seen in them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

from iomodels.observe.from_log import observation_of
from iomodels.observe.seen import Observation, Work


class Log:
    """Lines one after the other, 100 µs apart unless told otherwise."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str]] = []
        self.now_s = 1000.0

    def call(
        self, text: str, *, thread: int = 1, took_s: float = 10e-6, at_s: float | None = None
    ) -> None:
        """`text` is the call with its result, as strace writes it."""
        start = self.now_s if at_s is None else at_s
        end = start + took_s
        self._lines.append((end, f"{thread} {start:.6f} {text} <{took_s:.6f}>"))
        self.now_s = max(self.now_s, end) + 100e-6

    def ended(self, thread: int = 1) -> None:
        """The thread is no more."""
        self._lines.append((self.now_s, f"{thread} {self.now_s:.6f} +++ exited with 0 +++"))

    def observation(self, processes: Mapping[int, int] | None = None) -> Observation:
        """In the order of the ends of the calls, as the reader tells them."""
        text = "".join(f"{line}\n" for _, line in sorted(self._lines, key=lambda one: one[0]))
        observation = observation_of(io.BytesIO(text.encode()), processes=processes)
        assert observation.lines_not_understood == 0
        return observation

    def work(self) -> Work:
        """The only one."""
        (work,) = self.observation().works
        return work


def reads(
    log: Log, offsets: Iterable[int], *, fd: str = "3</data>", size: int = 4096, thread: int = 1
) -> None:
    """A pread64 at each offset."""
    for offset in offsets:
        log.call(f'pread64({fd}, ""..., {size}, {offset}) = {size}', thread=thread)
