"""Asks a Python what it is, in a child with a time limit: `question.py`.

A path comes from whoever types it, and may be that of anything. So what is started there may be no
Python, may never end, and may say anything.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import structs

from iomodels import __version__, _core
from iomodels.base.errors import EngineError
from iomodels.base.system import await_end, end_group
from iomodels.base.toml import printable
from iomodels.results.schema import PythonBuild
from iomodels.trials import python_worker
from iomodels.trials.pythons import question

LEAST = (3, 11)
ASK_TIMEOUT_S = 30.0
_MOST_BYTES = 1 << 20
_HASH_DIGITS = 16

# Any Python can read this, and says what it is before it comes to what only newer ones can. It has
# the arguments in it: what is no Python must not take them for files of its own.
_BEGINNING = """
import platform, sys
implementation = platform.python_implementation()
sys.stdout.write("%s %d.%d\\n" % ((implementation,) + tuple(sys.version_info)[:2]))
if sys.version_info >= (3, 11) and implementation == "CPython":
    import runpy
    sys.argv = {arguments!r}
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


class EngineAnswer(msgspec.Struct, frozen=True):
    """What an engine lacks there (by its options; None: whatever they are), and its packages."""

    missing: list[tuple[dict[str, str] | None, str]]
    packages: dict[str, str]

    def lacks(self, options: Mapping[str, str]) -> str | None:
        """With these options (all of them)."""
        for at, reason in self.missing:
            if at is None or at.items() <= options.items():
                return reason
        return None


class Answer(msgspec.Struct, frozen=True):
    """What an interpreter says of itself."""

    label: str
    pid: int
    identity: list[str]
    """What makes it the same interpreter by another name: the executable, and its environment."""
    build: PythonBuild
    engines: dict[str, EngineAnswer]
    core: str | None
    """The path of the core that it loads."""
    installed: str | None
    """The version of the iomodels that it has, where it was asked."""
    why: str | None
    """Why there is no core."""
    core_hash: str = ""
    layout: dict[str, object] = {}


def ask(path: str, shown: str, engines: Sequence[str]) -> Answer:
    """What this interpreter says, and what each of the engines (`module:attribute`) lacks there.

    `shown` is how it is called in a sentence. Raises `EngineError` for what is no Python that can
    measure.
    """
    said, words, code, pid = _run(path, shown, engines)
    first, _, rest = said.partition("\n")
    implementation, _, version = first.partition(" ")
    least = ".".join(map(str, LEAST))
    try:
        number = tuple(int(part) for part in version.split("."))
    except ValueError:
        number = ()
    if len(number) != 2:
        last = f": {printable(words[-1])}" if words else ""
        raise EngineError(
            f"{shown} does not answer as a Python does (exit code {code}{last}): give the path of "
            f"a Python {least} or newer"
        )
    if number < LEAST:
        raise EngineError(f"{shown} is Python {version}: give the path of {least} or newer")
    if implementation != "CPython":
        raise EngineError(
            f"{shown} is {printable(implementation)}, which cannot load the measured core: give "
            f"the path of a CPython {least} or newer"
        )
    try:
        answer = msgspec.json.decode(rest, type=Answer)
    except msgspec.DecodeError:
        last = f": {printable(words[-1])}" if words else ""
        raise EngineError(
            f"{shown} is Python {version}, and could not be asked what it has (exit code "
            f"{code}{last})"
        ) from None
    if answer.pid != pid:
        raise EngineError(
            f"{shown} starts Python as another process, which a trial could not watch: give the "
            "path of the interpreter itself"
        )
    return _checked(answer, shown)


def _own_layout() -> object:
    layout = _core.record_layout() | {"histogram_lower": _core.histogram_lower()}
    return json.loads(json.dumps(layout))


def _checked(answer: Answer, shown: str) -> Answer:
    python = f"{answer.build.implementation} {answer.label}"
    own = answer.core == _core.__file__
    if answer.core is None and answer.installed is None:
        raise EngineError(
            f"{shown} is {python}, which cannot load the measured core of this installation "
            f"({printable(answer.why or '')}): install iomodels {__version__} there ({shown} -m "
            "pip install iomodels)"
        )
    if not own and answer.installed != __version__:
        raise EngineError(
            f"{shown} is {python}, which has iomodels {answer.installed}; its core must be of this "
            f"version, {__version__}: {shown} -m pip install iomodels=={__version__}"
        )
    if answer.core is None:
        why = printable(answer.why or "")
        raise EngineError(
            f"{shown} is {python}, whose iomodels is broken ({why}): install it again"
        )
    if not own and answer.layout != _own_layout():
        raise EngineError(
            f"{shown} is {python}, whose iomodels {answer.installed} has another core than this "
            "one: install both from the same sources"
        )
    hash_ = answer.core_hash[:_HASH_DIGITS]
    return structs.replace(answer, build=structs.replace(answer.build, core_hash=hash_))


def _run(path: str, shown: str, engines: Sequence[str]) -> tuple[str, list[str], int | None, int]:
    """What it wrote to standard output and, in lines, to standard error; its exit code; its PID."""
    modules = (question.__file__, python_worker.__file__, _core.__file__)
    program = _BEGINNING.format(arguments=[*map(str, modules), *engines])
    try:
        process = subprocess.Popen(
            [path, "-I", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # whatever it starts ends with it
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise EngineError(f"{shown} cannot be started ({why}): give the path of a Python") from None
    try:
        said, words = _read(process, shown)
        has_ended = await_end(process, ASK_TIMEOUT_S)
    finally:
        end_group(process)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
    lines = words.decode(errors="replace").strip().splitlines()
    code = process.returncode if has_ended else None
    return said.decode(errors="replace"), lines, code, process.pid


def _read(process: subprocess.Popen[bytes], shown: str) -> tuple[bytes, bytes]:
    """Both of its outputs, to their ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    heard = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    deadline_s = time.monotonic() + ASK_TIMEOUT_S
    poll = select.poll()
    for fd in heard:
        poll.register(fd, select.POLLIN)
    going = len(heard)
    while going:
        ready = poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000)
        if not ready:
            raise EngineError(
                f"{shown} did not say within {ASK_TIMEOUT_S:.0f} s what it is: give the path of a "
                "Python"
            )
        for fd, _ in ready:
            data = os.read(fd, 1 << 16)
            heard[fd] += data
            if not data:
                poll.unregister(fd)
                going -= 1
            if len(heard[fd]) > _MOST_BYTES:
                raise EngineError(f"{shown} says too much for a Python: give the path of one")
    out, err = heard.values()
    return out, err
