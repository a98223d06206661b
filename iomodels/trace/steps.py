"""What happened on a request's way, in steps: one for each event, or for a row of like ones."""

from __future__ import annotations

import errno
import itertools
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from iomodels.trace.part import Span
from iomodels.trace.schema import DEVICE_KINDS, SHARED_RINGS, Kind

FOLD_FROM = 3
"""So many like calls in a row are shown as one, with their number."""
LONG_SHARE = 0.04
"""A call that takes at least this share of the whole is shown with its two ends."""


@dataclass(frozen=True)
class Step:
    """An event, or `count` like ones in a row. Times count from the flow's begin.

    A call that began before has a negative `start_ns`; `end_ns` is None where it goes on beyond the
    flow's end; `spans_ns` has both times of each.
    `call_class`: what kind of call it is ("" for none); `may_sleep`: whether it can block its
    thread; `slept`: whether it did, as far as the trace shows. `results`: of calls in a row that
    did not all return the same, each result and how many did; tries are last. No event says
    "spinning": it is what an application does that waits without a call.
    """

    kind: Kind | Literal["spinning"]
    name: str
    thread: int
    start_ns: int
    end_ns: int | None
    result: int | None
    spans_ns: tuple[tuple[int, int | None], ...]
    call_class: str = ""
    may_sleep: bool = False
    slept: bool = False
    results: tuple[tuple[int | None, int], ...] = ()

    @property
    def count(self) -> int:
        return len(self.spans_ns)

    @property
    def began_before(self) -> bool:
        return self.start_ns < 0


def is_device(step: Step) -> bool:
    return step.kind in DEVICE_KINDS


def is_try(step: Step) -> bool:
    """Whether the call said: not yet, try again."""
    return step.kind == "call" and step.result in (-errno.EAGAIN, errno.EINPROGRESS)


def is_long(step: Step, duration_ns: int) -> bool:
    """Whether the part of it that is shown is long enough to be seen."""
    return step.end_ns is None or step.end_ns - max(0, step.start_ns) >= LONG_SHARE * duration_ns


def in_call(step: Step, duration_ns: int) -> str:
    """What a thread is in a call long enough to be seen: "blocked", or just "in the call"."""
    if step.kind != "call" or step.count > 1 or not is_long(step, duration_ns):
        return ""
    return "blocked" if step.slept else "in the call"


def within(step: Step) -> Span:
    """The bounds between which it was."""
    return step.start_ns, step.start_ns if step.end_ns is None else step.end_ns


def folded(steps: Sequence[Step], duration_ns: int) -> list[Step]:
    """Rows of like steps, of one thread or of the device, become one each."""
    found: list[Step] = []
    for who in dict.fromkeys(map(_who, steps)):
        own = list(_scanned([step for step in steps if _who(step) == who], duration_ns))
        for (*_, alone), group in itertools.groupby(own, key=partial(_likeness, duration_ns)):
            row = list(group)
            found += row if alone or len(row) < FOLD_FROM else [_as_one(row)]
    return sorted(found, key=lambda step: step.start_ns)


def _scanned(steps: Sequence[Step], duration_ns: int) -> Iterator[Step]:
    """Of each scan of several operations, the calls become one step for each name.

    A scan asks of one operation after the other whether it is done, and collects those that are.
    """
    for is_asking, group in itertools.groupby(steps, key=partial(_is_asking, duration_ns)):
        row = list(group)
        names = list(dict.fromkeys(step.name for step in row))
        asked = [step for step in row if step.name == names[0]]
        done = list(itertools.dropwhile(is_try, asked))
        if not is_asking or len(done) < 2:
            yield from row
            continue
        for name in names:
            yield _with_results([step for step in row if step.name == name])


def _is_asking(duration_ns: int, step: Step) -> bool:
    long = is_long(step, duration_ns)
    return step.call_class == "query" and not step.began_before and not long


def _with_results(row: Sequence[Step]) -> Step:
    counts = Counter(step.result for step in sorted(row, key=is_try)).items()
    one = _as_one(row)
    return one if len(counts) == 1 else replace(one, result=None, results=tuple(counts))


def _who(step: Step) -> Hashable:
    return "device" if is_device(step) else step.thread


def _likeness(duration_ns: int, step: Step) -> tuple[str, str, int | None, bool, bool]:
    """What the steps of a row have in common; the last says that each of them is to be seen."""
    if is_device(step):
        return step.kind, step.name, None, step.end_ns is None, False
    if step.kind in SHARED_RINGS:
        return step.kind, step.name, None, step.end_ns is None, False
    long = is_long(step, duration_ns) and not is_try(step)
    alone = step.kind != "call" or step.began_before or long
    alone = alone or step.count > 1
    return step.kind, step.name, step.result, step.end_ns is None, alone


def _as_one(row: Sequence[Step]) -> Step:
    ends_ns = [step.end_ns for step in row if step.end_ns is not None]
    spans_ns = tuple(span for step in row for span in step.spans_ns)
    return replace(row[0], end_ns=max(ends_ns, default=None), spans_ns=spans_ns)
