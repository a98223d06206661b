"""The conformance suite in C: which files it is made of, and its program, compiled with `cc`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iomodels import conform
from iomodels.base.system import allowed_cpus

SUITE = Path(str(conform.__file__)).parent / "c"
CORE = SUITE.parents[1] / "core"
WITH_PYTHON = "python"
"""The folder of the core that knows Python; the suite does not need it."""
FLAGS = ["-std=gnu11", "-O0", "-pthread", "-D_GNU_SOURCE", f"-I{CORE}", f"-I{SUITE}"]
LIBRARIES = ["-lm", "-lrt", "-ldl"]

# The functions that probe.c stands in for; a mismatch does not link.
WRAPPED = [
    *("read", "write", "pread", "pwrite", "select"),
    *("aio_read", "aio_write", "aio_fsync", "aio_error", "aio_return", "aio_suspend", "aio_cancel"),
    *(
        "lio_listio",
        "ppoll",
        "pthread_sigmask",
        "fsync",
        "fdatasync",
        "preadv2",
        "fcntl",
        "syscall",
    ),
    *("epoll_create1", "epoll_ctl", "epoll_wait", "sigtimedwait", "sigwaitinfo"),
    *("clock_gettime", "gettimeofday", "time"),
    *("malloc", "calloc", "realloc", "posix_memalign", "free"),
]


_RULE = re.compile(r'^    \{"([a-z-]+)", \w+, \w+\},', re.MULTILINE)


def core_rules() -> list[str]:
    """The names of the rules, as its sources have them."""
    texts = (path.read_text() for path in sorted(SUITE.glob("rules_*.c")))
    return list(dict.fromkeys(name for text in texts for name in _RULE.findall(text)))


class NoProgram(Exception):  # noqa: N818 - the command goes on without it
    """The suite cannot be compiled here; the message says why."""


def compiler() -> list[str]:
    """The command; its first word may not be there."""
    return shlex.split(os.environ.get("CC", "cc"))


def compiled(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> Path:
    """The program, in this folder. `progress` is told how many files are done, of how many.

    Raises `NoProgram`.
    """
    command = compiler()
    if not command or shutil.which(command[0]) is None:
        raise NoProgram(
            f"there is no C compiler ({' '.join(command) or 'CC is empty'}): install one, or name "
            "it with CC"
        )
    core = [path for path in sorted(CORE.rglob("*.c")) if path.parent.name != WITH_PYTHON]
    sources = [*core, *sorted(SUITE.glob("*.c"))]
    if not core or len(sources) == len(core):
        raise NoProgram("the sources of the suite are not in this installation")
    objects = [folder / f"{number}.o" for number in range(len(sources))]

    def compile_one(source: Path, target: Path) -> None:
        _run([*command, *FLAGS, "-c", str(source), "-o", str(target)])

    with ThreadPoolExecutor(len(allowed_cpus())) as pool:
        for done, _ in enumerate(pool.map(compile_one, sources, objects), 1):
            progress(done, len(sources))
    program = folder / "conformance"
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    # A plug-in finds what it calls of the core by its name.
    _run(
        [
            *command,
            "-pthread",
            "-rdynamic",
            *wraps,
            *map(str, objects),
            "-o",
            str(program),
            *LIBRARIES,
        ]
    )
    return program


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        first = next(iter(done.stderr.splitlines()), f"exit code {done.returncode}")
        raise NoProgram(f"the compiler refused the suite: {first}")
