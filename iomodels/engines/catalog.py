"""The catalogue of engines: what each is, in words, and its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = ("blocking", "nonblocking", "select", "aio")
"""The article's four models: what a scenario runs unless it, or the user, names others."""


@dataclass(frozen=True)
class Option:
    """One engine option. `choices` empty means: a whole number from `low` to `high`.

    `only` holds the values of another option with which this one means anything, best-known first.
    """

    name: str
    meaning: str
    default: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    only: tuple[str, tuple[str, ...]] | None = None

    def applies(self, options: Mapping[str, str]) -> bool:
        """Whether it means anything besides these values (defaults included)."""
        return self.only is None or options[self.only[0]] in self.only[1]

    @property
    def how_written(self) -> str:
        """`notify=suspend|poll`, or `threads=0 to 1024`."""
        return f"{self.name}={'|'.join(self.choices) or f'{self.low} to {self.high}'}"

    def written(self, value: str) -> str:
        """As a user writes it, with what it needs: `notify=list,mode=nowait`."""
        needs = f"{self.only[0]}={self.only[1][0]}," if self.only else ""
        return f"{needs}{self.name}={value}"


@dataclass(frozen=True)
class Descriptor:
    """An engine in words. `synchronous` and `blocking` place it in the article's Figure 1."""

    name: str
    title: str
    calls: str
    summary: str
    synchronous: bool
    blocking: bool
    options: tuple[Option, ...] = ()
    in_matrix: bool = True


DESCRIPTORS: Mapping[str, Descriptor] = {
    descriptor.name: descriptor
    for descriptor in (
        Descriptor(
            name="blocking",
            title="Blocking",
            calls="read / write",
            summary="the call returns when the data is there; the thread sleeps meanwhile",
            synchronous=True,
            blocking=True,
        ),
        Descriptor(
            name="nonblocking",
            title="Non-blocking",
            calls="read / write (O_NONBLOCK)",
            summary="the call returns EAGAIN at once; the application tries again and again",
            synchronous=True,
            blocking=False,
        ),
        Descriptor(
            name="select",
            title="I/O multiplexing",
            calls="select, then read / write",
            summary="one call sleeps until any of many descriptors is ready",
            synchronous=False,
            blocking=True,
        ),
        Descriptor(
            name="aio",
            title="POSIX AIO",
            calls="aio_read / aio_write",
            summary="the request is queued; the C library's threads do it and notify",
            synchronous=False,
            blocking=False,
            options=(
                Option(
                    name="notify",
                    meaning="how the application learns of completion",
                    default="suspend",
                    choices=("suspend", "poll", "list", "signal", "callback"),
                ),
                Option(
                    name="mode",
                    meaning="lio_listio returns when all of the list have ended, or at once",
                    default="wait",
                    choices=("wait", "nowait"),
                    only=("notify", ("list",)),
                ),
                Option(
                    name="signal",
                    meaning="a real-time signal, which queues, or SIGIO, which does not",
                    default="rt",
                    choices=("rt", "SIGIO"),
                    only=("notify", ("signal",)),
                ),
                Option(
                    name="chain",
                    meaning="where the next transfer is started: in the main loop, or in the "
                    "signal handler or callback itself",
                    default="loop",
                    choices=("loop", "handler"),
                    only=("notify", ("signal", "callback")),
                ),
                Option(
                    name="threads",
                    meaning="the C library's worker threads; 0: one for each request in flight",
                    default="0",
                    high=1024,
                ),
            ),
        ),
        Descriptor(
            name="threads",
            title="A thread per request",
            calls="read / write, in threads",
            summary="each request in flight blocks a thread of its own: blocking, at depth > 1",
            synchronous=True,
            blocking=True,
            in_matrix=False,
        ),
        Descriptor(
            name="null",
            title="No I/O",
            calls="none",
            summary="completes everything at once without any I/O: what the harness itself costs",
            synchronous=True,
            blocking=False,
            in_matrix=False,
        ),
    )
}
