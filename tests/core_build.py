"""Builds the C core's conformance program with the system's compiler, plain and with sanitizers.

Without Python in it: the program is the core's own sources, as pyproject.toml lists them, except
the one that knows Python, and the suite in tests/core.
"""

from __future__ import annotations

import atexit
import os
import shlex
import subprocess
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "tests" / "core"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
FLAGS = ["-std=gnu11", "-g", "-pthread", "-D_GNU_SOURCE", *WARNINGS]
VARIANTS = {
    "plain": ["-O2"],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-O1", "-fsanitize=thread"],
}
SANITIZERS = [name for name in VARIANTS if name != "plain"]

# The functions that tests/core/probe.c stands in for; a mismatch does not link.
WRAPPED = [
    *("read", "write", "pread", "pwrite", "select"),
    *("aio_read", "aio_write", "aio_error", "aio_return", "aio_suspend", "aio_cancel"),
    *("lio_listio", "ppoll", "pthread_sigmask"),
    *("clock_gettime", "gettimeofday", "time"),
    *("malloc", "calloc", "realloc", "posix_memalign", "free"),
]


def core_sources() -> list[Path]:
    """The core's C files, as the extension module is built from them, minus the binding."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (extension,) = project["tool"]["setuptools"]["ext-modules"]
    return [ROOT / name for name in extension["sources"] if Path(name).name != "module.c"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="iomodels-conformance-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def build(variant: str) -> Path:
    """The program built as `variant`, once per session. RuntimeError: what the compiler said."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = [*FLAGS, *VARIANTS[variant]]
    folder = _folder() / variant
    folder.mkdir()
    sources = [*core_sources(), *sorted(SUITE.rglob("*.c"))]
    objects = [folder / f"{number}-{source.stem}.o" for number, source in enumerate(sources)]
    includes = [f"-I{ROOT / 'iomodels' / 'core'}", f"-I{SUITE}"]

    def compile_one(source: Path, target: Path) -> None:
        _run([*compiler, *flags, *includes, "-c", str(source), "-o", str(target)])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))
    program = folder / "conformance"
    wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
    _run([*compiler, *flags, *wraps, *map(str, objects), "-o", str(program), "-lm", "-lrt"])
    return program


@cache
def program(variant: str, *names: str, options: tuple[str, ...] = ()) -> str:
    """The core with sources of tests/, the first of which gives the program its name."""
    target = _folder() / f"{names[0]}-{variant}"
    sources = [*core_sources(), *(ROOT / "tests" / f"{name}.c" for name in names)]
    _run(
        [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, *VARIANTS[variant], *options]
        + [f"-I{ROOT / 'iomodels' / 'core'}", *map(str, sources)]
        + ["-o", str(target), "-lm", "-lrt"]
    )
    return str(target)


Case = tuple[str, str, str]


@cache
def _listed(*options: str) -> dict[Case, str]:
    command = [str(build("plain")), "--list", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    return {(row[0], row[1], row[2]): "".join(row[3:]) for row in rows}


def cases(planted: bool = False) -> list[Case]:
    """Every (engine, channel, rule), or every planted engine with the rule that has to catch it."""
    return list(_listed(*(["--planted"] if planted else [])))


def reason_not_to(case: Case) -> str:
    """Why the rule does not apply there, as far as it is known without trying; or nothing."""
    return _listed().get(case, "")
