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
from collections.abc import Callable, Iterable

from iomodels.python.contract import READ, Setup, SlotTransfer
from iomodels.python.making import make

_AGAIN = -errno.EAGAIN
_SELECTORS: dict[str, type[selectors.BaseSelector]] = {
    "epoll": selectors.EpollSelector,
    "poll": selectors.PollSelector,
    "select": selectors.SelectSelector,
}
_EVENTS = (selectors.EVENT_READ, selectors.EVENT_WRITE)


class _Descriptor:
    """What is registered for it, and whose transfers wait for that."""

    __slots__ = ("events", "fd", "waiting")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.events = 0
        self.waiting: dict[int, SlotTransfer] = {}
        """By event. Only files are shared by several slots, and on those none waits."""


class _Flows:
    def __init__(self, setup: Setup, selector: selectors.BaseSelector) -> None:
        self._work = setup.work
        self._reads_wait = not setup.on_files
        self._deadline_s = setup.deadline_s
        self._selector = selector
        self._descriptors: dict[int, _Descriptor] = {}
        self._waiting = 0
        self._due: dict[SlotTransfer, tuple[float, _Descriptor, int]] = {}
        """Of transfers that wait, the one that began first in front."""
        self._runnable: deque[SlotTransfer] = deque()
        selector.register(self._work.fileno(), selectors.EVENT_READ)

    def run(self) -> None:
        """Until the work is over."""
        runnable = self._runnable
        while not self._work.is_over():
            if self._waiting or not runnable:
                self._serve(self._selector.select(0 if runnable else self._timeout_s()))
            if self._due:
                self._end_overdue()
            for _ in range(len(runnable)):
                self._go_on(runnable.popleft())

    def _serve(self, reported: Iterable[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in reported:
            descriptor: _Descriptor | None = key.data
            if descriptor is None:
                self._take()
                continue
            for event in _EVENTS:
                if events & event:
                    self._ready(descriptor, event)

    def _take(self) -> None:
        while (transfer := self._work.take()) is not None:
            self._go_on(transfer)

    def _ready(self, descriptor: _Descriptor, event: int) -> None:
        transfer = descriptor.waiting.pop(event, None)
        if transfer is None:
            self._register(descriptor, descriptor.events & ~event)
            return
        self._waiting -= 1
        if self._due:
            self._due.pop(transfer, None)
        self._make(transfer)

    def _go_on(self, transfer: SlotTransfer) -> None:
        if self._reads_wait and transfer.operation == READ:
            self._wait(transfer, selectors.EVENT_READ)
        else:
            self._make(transfer)

    def _make(self, transfer: SlotTransfer) -> None:
        """The answer to what was read is tried at once; more of the same lets others go first."""
        operation = transfer.operation
        result = make(transfer)
        if result == _AGAIN:
            reads = operation == READ
            self._wait(transfer, selectors.EVENT_READ if reads else selectors.EVENT_WRITE)
            return
        following = self._work.next(transfer, result)
        if following is None:
            return
        on_file = not self._reads_wait  # there nothing waits: a write and its sync would go on here
        if on_file or (following.operation == operation and operation != READ):
            self._runnable.append(following)
        else:
            self._go_on(following)

    def _wait(self, transfer: SlotTransfer, event: int) -> None:
        fd = transfer.fd
        descriptor = self._descriptors.get(fd)
        if descriptor is None:
            descriptor = self._descriptors[fd] = _Descriptor(fd)
        descriptor.waiting[event] = transfer
        self._waiting += 1
        if not descriptor.events & event:
            self._register(descriptor, descriptor.events | event)
        if self._deadline_s is not None:
            self._due[transfer] = (time.monotonic() + self._deadline_s, descriptor, event)

    def _register(self, descriptor: _Descriptor, events: int) -> None:
        if not events:
            self._selector.unregister(descriptor.fd)
        elif descriptor.events:
            self._selector.modify(descriptor.fd, events, descriptor)
        else:
            self._selector.register(descriptor.fd, events, descriptor)
        descriptor.events = events

    def _timeout_s(self) -> float | None:
        if not self._due:
            return None
        first_s, _, _ = next(iter(self._due.values()))
        return max(first_s - time.monotonic(), 0)

    def _end_overdue(self) -> None:
        now_s = time.monotonic()
        overdue = []
        for transfer, (due_s, descriptor, event) in self._due.items():
            if due_s > now_s:
                break
            overdue.append((transfer, descriptor, event))
        for transfer, descriptor, event in overdue:
            del self._due[transfer], descriptor.waiting[event]
            self._waiting -= 1
            following = self._work.next(transfer, -errno.ECANCELED)
            if following is not None:
                self._go_on(following)


def driver(selector: str) -> Callable[[Setup], None]:
    """For this kind of selector."""

    def run(setup: Setup) -> None:
        with _SELECTORS[selector]() as made:
            _Flows(setup, made).run()

    return run
