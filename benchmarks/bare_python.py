"""The same work in plain Python, without an instrument but two `perf_counter_ns` per operation.

    python -I bare_python.py SECONDS MODE …

    null                           nothing
    preadv FD SIZE BLOCK SEED      random reads of a file into one buffer
    read BLOCK PATTERN FD:ORIGIN   reads of a stream         (the last two words are those that
    write BLOCK PATTERN FD:ORIGIN  writes to a stream         bare_peer.c adds)
    serve BLOCK PATTERN FD:ORIGIN  a read and then a write, as a program has it: without the stamps
    serve-selectors …              the same on many connections, in a loop over a selector
    serve-threads …                the same with a thread for each connection
    preadv-threads … THREADS       as preadv, on several threads at once

Runs in any Python from 3.11 on, with the standard library alone. Prints the operations, and the
nanoseconds and those of CPU time that they took.
"""

from __future__ import annotations

import mmap
import os
import random
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from time import perf_counter_ns

WARMUP_NS = 50_000_000
PATTERN_PERIOD = (1 << 16) + 8
"""As in core/channels/pattern.h."""
OFFSETS = 1 << 16
"""Random numbers are drawn before: the loop takes one after another from a list."""
UNSTAMPED = 16

Run = Callable[[int], tuple[int, int]]
"""Runs for about so many ns; gives the operations, and the ns that they really took."""


def null(duration_ns: int) -> tuple[int, int]:
    """Nothing but the stamps and what is done with them."""
    operations = total = 0
    start = end = perf_counter_ns()
    until = start + duration_ns
    while end < until:
        begin = perf_counter_ns()
        end = perf_counter_ns()
        total += end - begin
        operations += 1
    return operations, end - start


def preadv(fd: int, size: int, block: int, seed: int) -> Run:
    """Random reads into one buffer."""
    draw = random.Random(seed)
    offsets = cycle([draw.randrange(size // block) * block for _ in range(OFFSETS)])
    buffer = mmap.mmap(-1, block)  # aligned, as the trial's is

    def run(duration_ns: int) -> tuple[int, int]:
        operations = total = 0
        start = end = perf_counter_ns()
        until = start + duration_ns
        for offset in offsets:
            begin = perf_counter_ns()
            os.preadv(fd, (buffer,), offset)
            end = perf_counter_ns()
            total += end - begin
            operations += 1
            if end >= until:
                break
        return operations, end - start

    return run


def read(fd: int, block: int, messages: Iterator[memoryview]) -> Run:
    """Reads of what the peer sends."""

    def run(duration_ns: int) -> tuple[int, int]:
        operations = total = 0
        start = end = perf_counter_ns()
        until = start + duration_ns
        while end < until:
            begin = perf_counter_ns()
            os.read(fd, block)
            end = perf_counter_ns()
            total += end - begin
            operations += 1
        return operations, end - start

    return run


def write(fd: int, block: int, messages: Iterator[memoryview]) -> Run:
    """Writes of what the peer expects."""

    def run(duration_ns: int) -> tuple[int, int]:
        operations = total = 0
        start = end = perf_counter_ns()
        until = start + duration_ns
        for message in messages:
            begin = perf_counter_ns()
            os.write(fd, message)
            end = perf_counter_ns()
            total += end - begin
            operations += 1
            if end >= until:
                break
        return operations, end - start

    return run


def serve(fd: int, block: int, messages: Iterator[memoryview]) -> Run:
    """Answers, one after another; it looks at the clock now and then only."""

    def run(duration_ns: int) -> tuple[int, int]:
        operations = 0
        start = end = perf_counter_ns()
        while end < start + duration_ns:
            for _ in range(UNSTAMPED):
                os.read(fd, block)
                os.write(fd, next(messages))
            operations += UNSTAMPED
            end = perf_counter_ns()
        return operations, end - start

    return run


Connections = list[tuple[int, Iterator[memoryview]]]
"""Each a descriptor, and what its peer expects."""


def serve_by_selector(block: int, connections: Connections) -> Run:
    """A server as the documentation of `selectors` has it."""
    selector = selectors.DefaultSelector()
    for fd, messages in connections:
        os.set_blocking(fd, False)
        selector.register(fd, selectors.EVENT_READ, messages)

    def run(duration_ns: int) -> tuple[int, int]:
        operations = 0
        start = end = perf_counter_ns()
        while end < start + duration_ns:
            for _ in range(UNSTAMPED):
                for key, _events in selector.select():
                    os.read(key.fd, block)
                    os.write(key.fd, next(key.data))
                    operations += 1
            end = perf_counter_ns()
        return operations, end - start

    return run


def _on_threads(loops: list[Callable[[list[int]], None]]) -> Run:
    """Each for ever on a thread of its own; it counts in its list."""
    counts = [[0] for _ in loops]
    for loop, count in zip(loops, counts, strict=True):
        threading.Thread(target=loop, args=(count,), daemon=True).start()

    def run(duration_ns: int) -> tuple[int, int]:
        before, start = sum(count[0] for count in counts), perf_counter_ns()
        time.sleep(duration_ns / 1e9)
        return sum(count[0] for count in counts) - before, perf_counter_ns() - start

    return run


def serve_by_threads(block: int, connections: Connections) -> Run:
    """A thread for each connection."""

    def loop_of(fd: int, messages: Iterator[memoryview]) -> Callable[[list[int]], None]:
        def loop(count: list[int]) -> None:
            for message in messages:
                if not os.read(fd, block):
                    return
                os.write(fd, message)
                count[0] += 1

        return loop

    return _on_threads([loop_of(fd, messages) for fd, messages in connections])


def preadv_threads(fd: int, size: int, block: int, seed: int, threads: int) -> Run:
    """Random reads on several threads, each into a buffer of its own, stamped as in `preadv`."""

    def loop_of(seed: int) -> Callable[[list[int]], None]:
        draw = random.Random(seed)
        offsets = cycle([draw.randrange(size // block) * block for _ in range(OFFSETS)])
        buffer = mmap.mmap(-1, block)

        def loop(count: list[int]) -> None:
            total = 0
            for offset in offsets:
                begin = perf_counter_ns()
                os.preadv(fd, (buffer,), offset)
                total += perf_counter_ns() - begin
                count[0] += 1

        return loop

    return _on_threads([loop_of(seed + thread) for thread in range(threads)])


def messages_of(pattern_fd: int, origin: int, block: int) -> Iterator[memoryview]:
    """What the peer expects, message by message, without end."""
    pattern = memoryview(mmap.mmap(pattern_fd, PATTERN_PERIOD + block))
    slices, at = [pattern[origin : origin + block]], (origin + block) % PATTERN_PERIOD
    while at != origin:
        slices.append(pattern[at : at + block])
        at = (at + block) % PATTERN_PERIOD
    return cycle(slices)


STREAMS = {"read": read, "write": write, "serve": serve}
SERVERS = {"serve-selectors": serve_by_selector, "serve-threads": serve_by_threads}


def prepare(mode: str, words: list[str]) -> Run:
    """What runs in this mode."""
    if mode == "null":
        return null
    if mode == "preadv":
        return preadv(*map(int, words))
    if mode == "preadv-threads":
        return preadv_threads(*map(int, words))
    block, pattern_fd = map(int, words[:2])
    connections = [
        (fd, messages_of(pattern_fd, origin, block))
        for fd, origin in (map(int, word.split(":")) for word in words[2:])
    ]
    if mode in SERVERS:
        return SERVERS[mode](block, connections)
    ((fd, messages),) = connections
    return STREAMS[mode](fd, block, messages)


def main() -> None:
    """Warm up, run, print."""
    run = prepare(sys.argv[2], sys.argv[3:])
    run(WARMUP_NS)
    before = time.process_time_ns()
    operations, took_ns = run(round(float(sys.argv[1]) * 1e9))
    print(operations, took_ns, time.process_time_ns() - before, flush=True)
    os._exit(0)  # other threads go on for ever


if __name__ == "__main__":
    main()
