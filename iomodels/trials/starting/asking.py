"""What a Python is asked before its trials: started exactly as they will be.

Whatever would keep a trial from starting there, from being reached and watched, or from being what
it is called, is found out here.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from iomodels.base.errors import ArmError
from iomodels.base.system import NOT_ALLOWED, REFUSED, SCARCE, memory_file
from iomodels.base.toml import printable
from iomodels.trials.starting import forking

ANSWERED = frozenset(
    {"parent", "version", "protocol", "worker", "core", "core_hash", "layout", "engines"}
)
ASK_TIMEOUT_S = 30.0
ENDING_S = 2.0
"""For a launcher to end after what it started has."""
TOKEN_BYTES = 16

# `-P` keeps the current folder out, which may hold the sources of yet another iomodels.
# In versions before the packages the worker lay beside the core. It stays until its input ends,
# so that its place among the processes can be seen.
_QUESTION = """
import hashlib, json, os, sys
from iomodels import __version__, _core
try:
    from iomodels.trials import worker
except ImportError:
    from iomodels import worker
try:
    from iomodels.trials.pythons.question import of_installation
except ImportError:
    of_installation = dict
layout = _core.record_layout()
descriptor, size, preload, folders = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]

def inherited():
    try:
        return os.pread(descriptor, size, 0).hex()
    except OSError:
        return None

def is_mapped(library, mapped):
    if "/" not in library:
        return any(os.path.basename(path).startswith(library) for path in mapped)
    return os.path.realpath(library) in mapped or any(
        os.path.exists(path) and os.path.samefile(path, library) for path in mapped
    )

def not_loaded():
    try:
        with open("/proc/self/maps", errors="surrogateescape") as lines:
            mapped = {line.rstrip().split(None, 5)[5] for line in lines if "/" in line}
    except OSError:
        return []
    wanted = (preload or os.environ.get("LD_PRELOAD", "")).replace(":", " ").split()
    return [name for name in wanted if "$" not in name and not (
        (os.path.exists(name) or "/" not in name) and is_mapped(name, mapped))]

print(json.dumps({
    "parent": os.getppid(),
    "pid": os.getpid(),
    "inherited": inherited(),
    "not_loaded": not_loaded(),
    "no_folders": [f for f in folders.replace(";", ":").split(":")
                   if f and "$" not in f and not os.path.isdir(f)],
    "version": __version__,
    "protocol": getattr(worker, "PROTOCOL", 0),
    "any_parent": hasattr(worker, "ANY_PARENT"),
    "worker": worker.__file__,
    "core": _core.__file__,
    "core_hash": hashlib.sha256(open(_core.__file__, "rb").read()).hexdigest(),
    "layout": layout | {"histogram_lower": _core.histogram_lower()},
    "abi": getattr(_core, "ABI", None),
    "python": of_installation(),
    "engines": {name: told.get("options", []) for name, told in _core.engines().items()},
}), flush=True)
sys.stdin.read()
"""
_PRELOAD, _LIBRARIES = "LD_PRELOAD", "LD_LIBRARY_PATH"
BY_HISTORY = (
    "what runs in another container or on another system is compared by its history: bench "
    "--append there, then check --allow container (docs/ci.md)"
)
_LOADER = re.compile(r"object '(.*?)' from LD_PRELOAD cannot be preloaded \((.*?)\)")
"""glibc's elf/rtld.c; musl says nothing."""


def ask(
    python: str, prefix: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """What the interpreter says of itself, and whether the prefix starts it as another process.

    Raises `ArmError` where it cannot be started, reached or watched, or lacks a library.
    """
    what = f'prefix="{" ".join(prefix)}"' if prefix else f"python={python}"
    with ExitStack() as stack:
        secret = os.urandom(TOKEN_BYTES)
        try:
            token, words = (_file(stack) for _ in range(2))
            os.write(token, secret)
            heard = forking.Answers()
        except OSError as error:
            raise ArmError(
                f"{what} cannot be asked what it has ({_why(error)}): {_remedy(error)}"
            ) from None
        stack.callback(heard.close)
        libraries = (environment.get(name, "") for name in (_PRELOAD, _LIBRARIES))
        question = ("-P", "-c", _QUESTION, str(token), str(TOKEN_BYTES), *libraries)
        try:
            process = subprocess.Popen(
                [*prefix, python, *question],
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=heard.their_fd,
                stderr=words,
                pass_fds=(token,),
                process_group=0,  # as a trial's: setsid would start another process only from one
            )
        except (OSError, ValueError) as error:
            raise ArmError(f"{what} cannot be started: {_why(error)}") from None
        heard.started()
        stack.callback(_end, process)
        answer, chatter = _answer(heard, what)
        if answer is None:
            _end(process)
            last = f"; its last words: {said[-1]}" if (said := _lines(words)) else ""
            raise ArmError(
                f"{what} does not start a Python that has iomodels (exit code "
                f"{process.returncode}){last}{f' ({BY_HISTORY})' if prefix else ''}"
            )
        if answer.get("inherited") != secret.hex():
            raise ArmError(
                f"{what} does not hand on open files, through which a trial is measured (docker, "
                f"ssh and sudo do not): {BY_HISTORY}"
            )
        if chatter:
            raise ArmError(
                f"{what} writes to standard output itself, where the trial's answers are expected: "
                "redirect that to standard error"
            )
        _check_libraries(answer, _lines(words))
        return answer, _forks(process, heard.sender, answer, what)


def _file(stack: ExitStack) -> int:
    file = memory_file("iomodels-asked")
    stack.callback(os.close, file)
    return file


def _answer(heard: forking.Answers, what: str) -> tuple[dict[str, Any] | None, bool]:
    """The answer, if there is one, and whether something else was said before it."""
    deadline_s = time.monotonic() + ASK_TIMEOUT_S
    poll = select.poll()
    poll.register(heard, select.POLLIN)
    chatter = False
    while poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
        line = heard.readline()
        if not line:
            return None, chatter
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.keys() >= ANSWERED:
            return answer, chatter
        chatter = True
    raise ArmError(f"{what} did not start Python within {ASK_TIMEOUT_S:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its input ends, and what does not end with that is killed."""
    assert process.stdin is not None
    process.stdin.close()
    forking.end(process, None, ENDING_S, ASK_TIMEOUT_S)


def _lines(file: int) -> list[str]:
    return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace").strip().splitlines()


def _forks(process: subprocess.Popen[bytes], pid: int, answer: dict[str, Any], what: str) -> bool:
    """Whether the interpreter is another process than the one that was started, which then is
    behind it. Raises `ArmError` where it could not be watched there."""
    if pid == process.pid and answer["parent"] == os.getpid():
        return False
    if not pid or forking.own_number(pid) != answer["pid"]:
        raise ArmError(
            f"{what} starts Python where it cannot be seen from here, so a trial could not be "
            f"watched: {BY_HISTORY}"
        )
    if not forking.is_behind(pid, process.pid):
        raise ArmError(
            f"{what} ends before what it starts, so nobody could wait for the trial: use a program "
            "or an option that waits (setsid --wait)"
        )
    try:
        forking.Watched(pid).close()
    except OSError as error:
        raise ArmError(
            f"{what} starts Python as another process, which cannot be watched here (pidfd_open: "
            f"{error.strerror}): use a program that becomes the one it starts, such as taskset"
        ) from None
    if not answer["any_parent"]:
        raise ArmError(
            f"{what} starts Python as another process, which iomodels {answer['version']} does not "
            "support: use a newer one, or a program that becomes the one it starts"
        )
    return True


def _check_libraries(answer: Mapping[str, Any], said: Sequence[str]) -> None:
    """The loader goes on without what it cannot load: then both arms would be the same."""
    reasons = dict(found for line in said for found in _LOADER.findall(line))
    for library in answer["not_loaded"]:
        why = f" ({reasons[library]})" if library in reasons else ""
        raise ArmError(
            f"env.{_PRELOAD}: '{printable(library)}' is not loaded into the trial's Python{why}: "
            "give the full path of a library that is made for this machine and its C library"
        )
    for folder in answer["no_folders"]:
        raise ArmError(
            f"env.{_LIBRARIES}: there is no folder '{printable(folder)}' where the trial runs: "
            "give the full path of one that exists"
        )


def _remedy(error: OSError) -> str:
    return SCARCE.get(error.errno or 0, NOT_ALLOWED if error.errno in REFUSED else "try again")


def _why(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
