"""What was seen, as scenarios: one for each kind of work, the hottest first.

A scenario has limits that a program does not have. What was rounded to fit, and what a scenario
cannot say, becomes a note: nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iomodels.base.errors import ScenarioError
from iomodels.base.units import MAX_SIZE, Size, counted, exact_size, format_duration, format_size
from iomodels.observe.block_seen import SECTOR, block_seen
from iomodels.observe.seen import Observation, Work
from iomodels.observe.works.models import ONE_DESCRIPTOR
from iomodels.workload.block import Block
from iomodels.workload.channels import Value
from iomodels.workload.key import all_keys
from iomodels.workload.point import assign, settle
from iomodels.workload.writing import NOT_AT_ONCE, SOME_WRITES, WrittenScenario

LARGEST_FILE = Size(1 << 30)
"""The data file of a trial must be made first, and a warm one must fit into the memory."""
USUAL_FILE = Size(64 << 20)
ALMOST_ALL, HARDLY_ANY = 0.995, 0.005
"""Shares of reads from which on all read, and up to which all write: `load.read_share` has two
decimals."""
SEQUENTIAL, RANDOM = 0.9, 0.5
"""Shares of transfers in order; between them a note says that it is neither. In the middle is where
the pattern changes."""
IS_CACHED = 0.5
"""Of reads: the pages of a scenario's file are all in memory, or none."""
AFTER_EACH = 1.05
"""Writes per sync that are one: the last ones may come without."""
SHORTEST_COMPUTE_NS = 5_000
"""What a program computes between any two calls is not a part of its work."""


@dataclass
class _Unwritten:
    """A scenario that is put together, with what the reader of its file should know."""

    settings: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, key: str, value: float | str | bool) -> None:
        """Set a key. A number beyond its limits becomes the nearest one within, with a note."""
        known = all_keys()[key]
        if known.low is not None and known.high is not None and not isinstance(value, str):
            within = min(max(value, known.low), known.high)
            if within != value:
                self.notes.append(
                    f"{key} was {known.show(value)} and is {known.show(within)} here, the limit"
                )
            value = within
        self.settings[key] = known.type(value) if known.unit and not known.is_rate else value


def scenarios_of(observation: Observation) -> tuple[WrittenScenario, ...]:
    """A scenario for each work, in the observation's order; each can be measured as it is."""
    names = _names([_name(work) for work in observation.works])
    return tuple(_scenario(work, name) for work, name in zip(observation.works, names, strict=True))


def figures_of(observation: Observation) -> str:
    """What the file as a whole was made from."""
    return (
        f"seen by iomodels: {counted(observation.calls, 'system call')} in "
        f"{format_duration(observation.duration_s * 1e9)}"
    )


def notes_of(observation: Observation) -> tuple[str, ...]:
    """What the scenarios, or a report, as a whole cannot say."""
    notes: list[str] = []
    if len(observation.works) > 1:
        notes.append(NOT_AT_ONCE)
    notes += [f"not seen: {each.count} × {each.what}: {each.reason}" for each in observation.unseen]
    if observation.left_out_operations:
        notes.append(
            f"left out: {observation.left_out_operations} other operations, "
            f"{format_size(observation.left_out_bytes)} (programs and their parts, settings, "
            "terminals, and what is rare)"
        )
    notes += observation.lacks
    if observation.lines_not_understood:
        lines = counted(observation.lines_not_understood, "line")
        notes.append(f"not understood: {lines} of the log")
    return tuple(notes)


def no_scenario_of(observation: Observation) -> str:
    """Why there is none: half a sentence, with what was there instead."""
    others = "".join(f"; {each.count} × {each.what}: {each.reason}" for each in observation.unseen)
    return (
        "no reads or writes of files, pipes, sockets or timers were seen in "
        f"{counted(observation.calls, 'system call')}{others}"
    )


def _names(wanted: Sequence[str]) -> list[str]:
    """Each name once: `files-read`, `files-read-2`."""
    counts: dict[str, int] = {}
    names = []
    for name in wanted:
        counts[name] = counts.get(name, 0) + 1
        names.append(name if counts[name] == 1 else f"{name}-{counts[name]}")
    return names


def operation_of(work: Work) -> str:
    """`read`, `write` or `mixed`, as a scenario has it."""
    if work.read_share >= ALMOST_ALL:
        return "read"
    return "write" if work.read_share <= HARDLY_ANY else "mixed"


def _is_echo(work: Work) -> bool:
    return work.kind in ("pipe", "socket") and work.exchange == "echo"


def _name(work: Work) -> str:
    if work.kind == "timer":
        return "timers"
    if _is_echo(work):
        return f"{work.kind}s-{'serve' if work.role == 'server' else 'ask'}"
    if work.kind == "file" and work.is_append:
        return "files-append"
    return f"{work.kind}s-{operation_of(work)}"


_TITLES: Mapping[str, str] = {
    "timers": "Waiting for timers",
    "files-read": "Reading files",
    "files-write": "Writing files",
    "files-mixed": "Reading and writing files",
    "files-append": "Appending to files",
    "pipes-read": "Reading from pipes",
    "pipes-write": "Writing into pipes",
    "pipes-ask": "Asking through pipes",
    "pipes-serve": "Answering through pipes",
    "sockets-read": "Receiving from sockets",
    "sockets-write": "Sending to sockets",
    "sockets-ask": "Asking through sockets",
    "sockets-serve": "Answering on sockets",
}


def title_of(work: Work) -> str:
    """What it does, in a few words."""
    return _TITLES.get(_name(work), f"Using {work.kind}s")


def _scenario(work: Work, name: str) -> WrittenScenario:
    draft = _Unwritten()
    draft.put("channel.kind", work.kind)
    _CHANNELS[work.kind](draft, work)
    _load(draft, work)
    flat: dict[str, Value] = {}
    for key, value in draft.settings.items():
        assign(flat, key, value)
    try:
        settle(name, flat, name)
    except ScenarioError as error:  # what is put together here must be one that can be measured
        raise AssertionError(f"{error} {draft.settings}") from error
    return WrittenScenario(
        name=name,
        title=title_of(work),
        settings=draft.settings,
        question=f"Which model suits {title_of(work).lower()}?",
        engines=_engines(work.model),
        today=work.model,
        figures=_figures(work),
        notes=(*_cautions(work), *draft.notes),
    )


def _engines(model: str) -> tuple[str, ...]:
    """So that the table of `bench` has today's model among the others, with its options."""
    return ("all", model) if ":" in model else ("all",)


def _figures(work: Work) -> tuple[str, ...]:
    return (
        f"seen: {counted(work.operations, 'operation')}, {format_size(work.bytes_moved)} in "
        f"{format_duration(work.duration_s * 1e9)}, on {work.active} of "
        f"{counted(work.descriptors, 'descriptor')}, by {counted(work.threads, 'thread')}",
        f"today: {work.model}: {work.model_evidence}",
    )


def _cautions(work: Work) -> Iterator[str]:
    if work.is_few:
        yield "these are few operations: shares and medians of them say little"
    if not work.blocks and work.kind != "timer":
        yield "the log does not show what the requests do: set load.operation and load.block"


def _timer(draft: _Unwritten, work: Work) -> None:
    draft.put("channel.service", work.service_ns or 1)
    if not work.service_ns:
        draft.notes.append("the time that the timers were set to was not seen: set channel.service")
    if 1 == work.active < _depth(work):
        draft.notes.append("all requests shared one timer; here each has its own")


def _file(draft: _Unwritten, work: Work) -> None:
    operation = operation_of(work)
    is_append = work.is_append and operation == "write" and _depth(work) == 1
    if work.is_append and not is_append:
        draft.notes.append("it appends with several writes in flight, or reads, too: not said here")
    aligned = SECTOR if work.is_direct or operation != "read" else 1
    block = _block(draft, work, aligned)
    draft.put("channel.size", _file_size(draft, work, block, operation))
    cache = "direct" if work.is_direct else "warm"
    if not work.is_direct and work.cached_share is not None and work.cached_share < IS_CACHED:
        if operation == "read":
            cache = "cold"
        else:
            draft.notes.append("many reads waited for the disk; a file that is written is cached")
    if not work.is_direct and work.cached_share is None and work.read_share > HARDLY_ANY:
        draft.notes.append(
            "the log does not show whether reads came from the page cache: channel.cache is warm "
            "here"
        )
    draft.put("channel.cache", cache)
    if is_append:
        draft.put("channel.append", True)
    if 1 == work.active < _depth(work):
        draft.put("channel.opens", 1)
    draft.put("load.pattern", _pattern(draft, work))
    _sync(draft, work, operation)


def _file_size(draft: _Unwritten, work: Work, block: Block, operation: str) -> int:
    wanted = work.extent_bytes or USUAL_FILE
    most = min(LARGEST_FILE, MAX_SIZE)
    if wanted > most:
        draft.notes.append(
            f"{format_size(wanted)} of files were touched; channel.size is {exact_size(most)} here"
        )
    largest = int(block.largest)
    least = 2 * largest if operation == "mixed" else largest
    size = max(min(wanted, most), least)
    return -(-size // largest) * largest if block.is_fixed else size


def _pattern(draft: _Unwritten, work: Work) -> str:
    share = work.sequential_share
    if share is None:
        return "sequential" if work.is_append else "random"
    if RANDOM < share < SEQUENTIAL:
        draft.notes.append(
            f"{share * 100:.0f} % of the transfers followed on the last one; a scenario is either "
            "sequential or random"
        )
    return "sequential" if share > (SEQUENTIAL + RANDOM) / 2 else "random"


def _sync(draft: _Unwritten, work: Work, operation: str) -> None:
    if work.sync == "none" or operation == "read":
        return
    writes = work.writes_per_sync or 1.0
    if writes <= SOME_WRITES:
        draft.put("load.sync", work.sync)
    if writes > AFTER_EACH:
        nearest = "after each" if writes <= SOME_WRITES else "never"
        name = "fsync" if work.sync == "every" else "fdatasync"
        draft.notes.append(
            f"one {name} came after {writes:.3g} writes; a scenario has one after each write or "
            f"none, and here it comes {nearest}"
        )


def _stream(draft: _Unwritten, work: Work) -> None:
    """Pipes and sockets."""
    exchange = work.exchange or "stream"
    draft.put("channel.exchange", exchange)
    if exchange == "echo":
        draft.put("channel.role", work.role or "client")
    elif work.role == "server":
        draft.notes.append("it streams as a server; here it is the client")
    if work.kind == "socket":
        draft.put("channel.family", work.family or "unix")
    _block(draft, work, 1)
    # Of pipes an echo needs two: one to write to, one to read from.
    each = 2 if work.kind == "pipe" and exchange == "echo" else 1
    connections = -(-work.descriptors // each)
    if connections <= _depth(work):
        return
    if work.model in ONE_DESCRIPTOR:
        draft.notes.append(
            f"{connections} connections were open; {work.model} waits for one at a time, so there "
            "is no other here (load.descriptors)"
        )
    else:
        draft.put("load.descriptors", connections)


_CHANNELS: Mapping[str, Callable[[_Unwritten, Work], None]] = {
    "timer": _timer,
    "file": _file,
    "pipe": _stream,
    "socket": _stream,
}


def _depth(work: Work) -> int:
    return max(1, round(work.depth))


def _load(draft: _Unwritten, work: Work) -> None:
    _operation(draft, work)
    draft.put("load.depth", _depth(work))
    is_open = work.arrivals != "closed" and work.rate
    if work.batch > 1 and not is_open:
        draft.put("load.batch", min(work.batch, int(draft.settings["load.depth"])))
    if is_open and work.rate:
        draft.put("load.arrivals", work.arrivals)
        draft.put("load.rate", float(f"{work.rate:.4g}"))
    compute_ns = _three_digits(work.compute_ns)
    if compute_ns >= SHORTEST_COMPUTE_NS:
        draft.put("load.compute", compute_ns)


def _operation(draft: _Unwritten, work: Work) -> None:
    operation = operation_of(work)
    if work.kind == "timer" or _is_echo(work):
        return
    if operation == "mixed" and work.kind != "file":
        operation = "read" if work.read_share >= 0.5 else "write"
        draft.notes.append(
            f"{work.read_share * 100:.0f} % of the transfers read and the others wrote, on "
            f"the same kind of descriptor; here all {operation}"
        )
    draft.put("load.operation", operation)
    if operation == "mixed":
        draft.put("load.read_share", round(work.read_share, 2))


def _block(draft: _Unwritten, work: Work, multiple: int) -> Block:
    block = block_seen(work.blocks, multiple, draft.notes.append)
    draft.settings["load.block"] = block.value
    return block


def _three_digits(value: float) -> int:
    return round(float(f"{value:.3g}"))
