"""Builds the C core, plain and with sanitizers, for the tests that are programs in C.

The core's own sources, as pyproject.toml lists them, except the one that knows Python, become a
library: one for each variant, which every program of that variant is linked with. What was built
is kept in build/tests, under a key of the sources, the flags and the compiler, so that all workers
of a test run, and the next run, find it there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from iomodels.conform.compiling import WRAPPED

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "iomodels" / "core"
SUITE = ROOT / "iomodels" / "conform" / "c"
PLANTED = ROOT / "tests" / "core" / "planted"
BUILT = ROOT / "build" / "tests"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
# As the extension module's objects, which a test links with some of these.
FLAGS = ["-std=gnu11", "-g", "-pthread", "-fPIC", "-D_GNU_SOURCE", *WARNINGS]
INCLUDES = [f"-I{CORE}", f"-I{SUITE}", f"-I{PLANTED}"]
LIBRARIES = ["-lm", "-lrt", "-ldl"]
VARIANTS = {
    "plain": ["-O2"],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-O1", "-fsanitize=thread"],
}
SANITIZERS = [name for name in VARIANTS if name != "plain"]


def suite_sources() -> list[Path]:
    """The suite's C files, those with planted bugs included."""
    return [*sorted(SUITE.glob("*.c")), *sorted(PLANTED.glob("*.c"))]


def core_sources() -> list[Path]:
    """The core's C files, as the extension module is built from them, minus the binding."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (extension,) = project["tool"]["setuptools"]["ext-modules"]
    return [ROOT / name for name in extension["sources"] if Path(name).parent.name != "python"]


@cache
def core_library(variant: str) -> Path:
    """The core built as `variant`. RuntimeError: what the compiler said."""

    def make(folder: Path) -> None:
        objects = _compile(core_sources(), VARIANTS[variant], folder)
        _run(["ar", "rcs", str(folder / "core.a"), *map(str, objects)])

    return (
        _built(f"core-{variant}", _headers(CORE) + core_sources(), VARIANTS[variant], make)
        / "core.a"
    )


@cache
def conformance(variant: str) -> Path:
    """The program of the suite, with the planted engines. RuntimeError: what the compiler said."""
    library = core_library(variant)
    sources = suite_sources()
    # A plug-in finds what it calls of the core by its name.
    wraps = ["-rdynamic", *(f"-Wl,--wrap={name}" for name in WRAPPED)]

    def make(folder: Path) -> None:
        objects = _compile(sources, VARIANTS[variant], folder)
        parts = [*wraps, *map(str, objects), str(library)]
        _link(folder / "conformance", VARIANTS[variant], parts)

    depends = [*_headers(CORE), *_headers(SUITE), *_headers(PLANTED), *sources, library]
    return _built(f"conformance-{variant}", depends, VARIANTS[variant], make) / "conformance"


@cache
def program(variant: str, *names: str, options: tuple[str, ...] = ()) -> Path:
    """The core with sources of tests/, the first of which gives the program its name."""
    library = core_library(variant)
    sources = [_source(name) for name in names]
    flags = [*FLAGS, *VARIANTS[variant], *INCLUDES, *options]

    def make(folder: Path) -> None:
        _link(folder / names[0], flags, [*map(str, sources), str(library)])

    depends = [*_headers(CORE), *_headers(ROOT / "tests"), *sources, library]
    return _built(f"{names[0]}-{variant}", depends, flags, make) / names[0]


def build_plugin(source: Path, target: Path, *macros: str) -> Path:
    """A plug-in, as an author builds one: against the headers alone. RuntimeError: what the
    compiler said."""
    flags = [*FLAGS, "-O1", "-fPIC", "-fvisibility=hidden", *(f"-D{macro}" for macro in macros)]
    _run([*compiler(), "-shared", *flags, f"-I{CORE}", str(source), "-o", str(target)])
    return target


def _source(name: str) -> Path:
    """Of tests/, or of the suite."""
    own = ROOT / "tests" / f"{name}.c"
    return own if own.exists() else SUITE / f"{name}.c"


# ---------------------------------------------------------------------- a changed copy of the core


def copy_core(folder: Path, changed: Mapping[str, str]) -> Path:
    """The core's sources, with these texts for files of it, by their path in it; new ones too."""
    copy = folder / "core"
    shutil.copytree(CORE, copy)
    for name, text in changed.items():
        (copy / name).write_text(text)
    return copy


def build_extension(core: Path, target: Path) -> None:
    """The extension module from such a copy. RuntimeError: what the compiler said."""
    python = ["-DPy_LIMITED_API=0x030B0000", f"-I{sysconfig.get_path('include')}"]
    flags = ["-std=gnu11", "-pthread", "-D_GNU_SOURCE", "-O0", "-fPIC", *python]
    objects = _compile_with(sorted(core.rglob("*.c")), [*flags, f"-I{core}"], target.parent)
    _run([*compiler(), "-shared", "-pthread", *map(str, objects), "-o", str(target), *LIBRARIES])
    for path in objects:
        path.unlink()


# ---------------------------------------------------------------------- a few files changed


def compile_some(core: Path, names: Iterable[str], folder: Path) -> list[Path]:
    """The objects of these files of such a copy, which changes no header."""
    flags = [*FLAGS, *VARIANTS["plain"], f"-I{core}"]
    return _compile_with([core / name for name in names], flags, folder)


def link_extension(objects: Sequence[Path], target: Path) -> None:
    """The extension module with these before the core's own. RuntimeError: what the compiler
    said."""
    python = ["-DPy_LIMITED_API=0x030B0000", f"-I{sysconfig.get_path('include')}"]
    flags = ["-std=gnu11", "-pthread", "-D_GNU_SOURCE", "-O0", "-fPIC", *python, f"-I{CORE}"]
    binding = _compile_with(sorted((CORE / "python").glob("*.c")), flags, target.parent)
    parts = [*map(str, [*objects, *binding]), str(core_library("plain"))]
    _run([*compiler(), "-shared", "-pthread", *parts, "-o", str(target), *LIBRARIES])
    for path in binding:
        path.unlink()


def link_conformance(objects: Sequence[Path], target: Path) -> None:
    """The conformance program with these before the core's own. RuntimeError: what the compiler
    said."""
    suite = sorted(conformance("plain").parent.glob("*.o"))
    # A plug-in finds what it calls of the core by its name.
    wraps = ["-rdynamic", *(f"-Wl,--wrap={name}" for name in WRAPPED)]
    _link(target, [], [*wraps, *map(str, [*objects, *suite]), str(core_library("plain"))])


# ---------------------------------------------------------------------- compiling, once


def compiler() -> list[str]:
    """The command."""
    return shlex.split(os.environ.get("CC", "cc"))


def _compile(sources: Sequence[Path], flags: Sequence[str], folder: Path) -> list[Path]:
    return _compile_with(sources, [*FLAGS, *flags, *INCLUDES], folder)


def _compile_with(sources: Sequence[Path], flags: Sequence[str], folder: Path) -> list[Path]:
    objects = [folder / f"{number}-{source.stem}.o" for number, source in enumerate(sources)]

    def compile_one(source: Path, target: Path) -> None:
        _run([*compiler(), *flags, "-c", str(source), "-o", str(target)])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))
    return objects


def _link(target: Path, flags: Sequence[str], parts: Sequence[str]) -> None:
    _run([*compiler(), "-pthread", *flags, *parts, "-o", str(target), *LIBRARIES])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")


def _headers(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.h"))


def _built(
    name: str, depends: Iterable[Path], flags: Sequence[str], make: Callable[[Path], None]
) -> Path:
    """The folder that `make` filled from these files: now, or when they were last the same."""
    key = _key(depends, flags)
    target = BUILT / f"{name}-{key}"
    BUILT.mkdir(parents=True, exist_ok=True)
    with _locked(BUILT / f"{name}.lock"):
        if not target.exists():
            for old in BUILT.glob(f"{name}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=BUILT) as folder:
                inside = Path(folder) / "built"
                inside.mkdir()
                make(inside)
                inside.rename(target)
    return target


def _key(depends: Iterable[Path], flags: Sequence[str]) -> str:
    version = subprocess.run([*compiler(), "--version"], capture_output=True, check=True)
    digest = hashlib.sha256(version.stdout + shlex.join([*compiler(), *flags]).encode())
    for path in (Path(__file__), *depends):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another worker that wants the same waits, and then finds it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
