"""A loop over a selector, as a server in Python has it.

A read waits until its descriptor is reported; what else there is is tried at once, and waits only
after EAGAIN. What a descriptor is registered for stays so. The selectors report states and not
changes, so what is reported while nobody waits for it (more data before a slice begins, room to
write after the last write) would be reported for ever: it is then switched off until somebody does.
"""

from __future__ import annotations

import errno
import selectors
import time
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from selectors import EVENT_READ, EVENT_WRITE

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.making import make

_AGAIN = -errno.EAGAIN
_SELECTORS: dict[str, type[selectors.BaseSelector]] = {
    "epoll": selectors.EpollSelector,
    "poll": selectors.PollSelector,
    "select": selectors.SelectSelector,
}


class _Descriptor:
    """What is registered for it, and whose transfers wait for that. Only files are shared by
    several slots, and on those none waits."""

    __slots__ = ("events", "fd", "reader", "writer")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.events = 0
        self.reader: SlotTransfer | None = None
        self.writer: SlotTransfer | None = None


class _Flows:
    def __init__(self, setup: Setup, selector: selectors.BaseSelector) -> None:
        self._work = setup.work
        self._next = setup.work.next
        self._reads_wait = not setup.on_files
        self._deadline_s = setup.deadline_s
        self._selector = selector
        self._descriptors: dict[int, _Descriptor] = {}
        self._due: dict[SlotTransfer, tuple[float, _Descriptor]] = {}
        """Of transfers that wait, the one that began first in front."""
        self._runnable: deque[SlotTransfer] = deque()
        self._is_over = False
        selector.register(self._work.fileno(), selectors.EVENT_READ)

    def run(self) -> None:
        """Until the work is over."""
        select, runnable, due = self._selector.select, self._runnable, self._due
        timeout_s: float | None = None
        while not self._is_over:
            for key, events in select(timeout_s):
                if key.data is None:
                    self._take()
                else:
                    self._serve(key.data, events)
            if due:
                self._end_overdue()
            for _ in range(len(runnable)):
                self._go_on(runnable.popleft())
            timeout_s = 0 if runnable else self._left_s() if due else None

    def _take(self) -> None:
        while (transfer := self._work.take()) is not None:
            self._go_on(transfer)
        self._is_over = self._work.is_over()

    def _serve(self, descriptor: _Descriptor, events: int) -> None:
        if events & EVENT_READ:
            if (transfer := descriptor.reader) is None:
                self._register(descriptor, descriptor.events & ~EVENT_READ)
            else:
                descriptor.reader = None
                self._make_waited(transfer)
        if events & EVENT_WRITE:
            if (transfer := descriptor.writer) is None:
                self._register(descriptor, descriptor.events & ~EVENT_WRITE)
            else:
                descriptor.writer = None
                self._make_waited(transfer)

    def _make_waited(self, transfer: SlotTransfer) -> None:
        if self._due:
            self._due.pop(transfer, None)
        self._make(transfer)

    def _go_on(self, transfer: SlotTransfer) -> None:
        if self._reads_wait and transfer.operation == READ:
            self._wait(transfer, EVENT_READ)
        else:
            self._make(transfer)

    def _make(self, transfer: SlotTransfer) -> None:
        """The answer to what was read is tried at once; more of the same lets others go first."""
        while True:
            operation = transfer.operation
            result = make(transfer)
            if result == _AGAIN:
                self._wait(transfer, EVENT_READ if operation == READ else EVENT_WRITE)
                return
            following = self._next(transfer, result)
            if following is None:
                return
            if following.operation == READ and self._reads_wait:
                self._wait(following, EVENT_READ)
                return
            # On a file nothing waits: a write and its sync would go on here for ever.
            if following.operation == operation or not self._reads_wait:
                self._runnable.append(following)
                return
            transfer = following

    def _wait(self, transfer: SlotTransfer, event: int) -> None:
        fd = transfer.fd
        descriptor = self._descriptors.get(fd)
        if descriptor is None:
            descriptor = self._descriptors[fd] = _Descriptor(fd)
        if event == EVENT_READ:
            descriptor.reader = transfer
        else:
            descriptor.writer = transfer
        if not descriptor.events & event:
            self._register(descriptor, descriptor.events | event)
        if self._deadline_s is not None:
            self._due[transfer] = (time.monotonic() + self._deadline_s, descriptor)

    def _register(self, descriptor: _Descriptor, events: int) -> None:
        if not events:
            self._selector.unregister(descriptor.fd)
        elif descriptor.events:
            self._selector.modify(descriptor.fd, events, descriptor)
        else:
            self._selector.register(descriptor.fd, events, descriptor)
        descriptor.events = events

    def _left_s(self) -> float:
        first_s, _ = next(iter(self._due.values()))
        return max(first_s - time.monotonic(), 0)

    def _end_overdue(self) -> None:
        now_s = time.monotonic()
        overdue = list(takewhile(lambda each: each[1][0] <= now_s, self._due.items()))
        for transfer, (_, descriptor) in overdue:
            del self._due[transfer]
            if descriptor.reader is transfer:
                descriptor.reader = None
            else:
                descriptor.writer = None
            following = self._next(transfer, -errno.ECANCELED)
            if following is not None:
                self._go_on(following)


def driver(selector: str) -> Callable[[Setup], None]:
    """For this kind of selector."""

    def run(setup: Setup) -> None:
        with _SELECTORS[selector]() as made:
            _Flows(setup, made).run()

    return run
