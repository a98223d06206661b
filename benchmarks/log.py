"""How fast a log of strace is read, and in how much memory: 2 GB that come through a pipe.

The log is a short one of this machine's strace, repeated: Python, with three threads that write and
read a file. Nothing is stored.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

from iomodels.observe.log.reading import LogReader

PROGRAM = """
import os, sys, tempfile, threading
def work():
    with tempfile.TemporaryFile() as file:
        for place in range(500):
            os.pwrite(file.fileno(), b"x" * 4096, place * 4096)
            os.pread(file.fileno(), 4096, place * 4096)
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
STRACE = ["strace", "-f", "-ttt", "-T", "-y", "-s", "0", "-e", "abbrev=execve", "-o"]


def one_log() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        subprocess.run([*STRACE, path, sys.executable, "-c", PROGRAM], check=True)
        return path.read_bytes()


def pour(piece: bytes, total: int, target: int) -> None:
    with open(target, "wb", buffering=0) as pipe:
        for _ in range(max(1, total // len(piece))):
            pipe.write(piece)


def resident_kib() -> int:
    """The most so far."""
    return getrusage(RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=2 << 30, help="of log (2 GiB)")
    options = parser.parse_args()
    piece = one_log()
    source, target = os.pipe()
    before_kib, marks = 0, 0

    def progress(done: int) -> None:
        nonlocal before_kib, marks
        marks += 1
        # Buffers and caches have their size by then; what grows later grows with the log.
        if before_kib == 0 and done >= 2 * len(piece):
            before_kib = resident_kib()

    child = os.fork()
    if child == 0:
        os.close(source)
        pour(piece, options.bytes, target)
        os._exit(0)
    os.close(target)
    reader = LogReader()
    begun, begun_cpu = perf_counter(), process_time()
    with open(source, "rb") as log:
        events = sum(1 for _ in reader.events(log, progress))
    took, cpu = perf_counter() - begun, process_time() - begun_cpu
    os.waitpid(child, 0)
    grown = resident_kib() - before_kib
    print(
        f"{options.bytes / 2**20:.0f} MiB, {reader.lines} lines, {events} events, {marks} reports: "
        f"{took:.1f} s, {reader.lines / cpu / 1000:.0f} thousand lines per second of CPU, "
        f"memory grew by {grown} KiB; {reader.not_understood} lines not understood, "
        f"{reader.without_beginning} calls without a beginning, {reader.without_end} without an end"
    )


if __name__ == "__main__":
    main()
