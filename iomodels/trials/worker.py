"""The child process of one trial: opens the channel and the engine, then measures on command.

Runs as a script under `python -I -S` and imports the core only, since each trial pays for its
start. Its whole conversation with the parent (`trial.py`) is lines of text:

    argv:    CORE PARENT_PID ENGINE CHANNEL RECORD_FD [plugin=PATH] setting=number …
    stdout:  `open`, or `failed` with the reason in the record
    stdin:   `run NANOSECONDS PART OPERATIONS` → the loop's result: 0 or -errno. PART is 0, or for
             overlap 1 (the I/O alone) or 2 (the computation alone); it ends after so many
             OPERATIONS if they are not 0
             `close`           → the same, and the process ends
             `close stay`      → the same, then `over` once the engine has nothing to do any more;
                                 the process ends with its input. Meanwhile one can look at what
                                 is left in it

The numbers themselves go through the record, memory shared with the parent. `plugin` is the
shared object that has the engine, for a core that has an `ABI`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import resource
import sys
from contextlib import suppress
from types import ModuleType
from typing import TextIO

PROTOCOL = 2
"""Of all of the above. `launch.SPOKEN` has those that this version still speaks."""
PLUGIN = "plugin"
ANY_PARENT = 0
"""PARENT_PID where a launcher is in between: then it is the launcher's end that ends this process,
and the end of its input."""


def _load_core(path: str) -> ModuleType:
    loader = importlib.machinery.ExtensionFileLoader("_core", path)
    spec = importlib.util.spec_from_file_location("_core", path, loader=loader)
    assert spec is not None, path
    core = importlib.util.module_from_spec(spec)
    loader.exec_module(core)
    return core


def _raise_descriptor_limit() -> None:
    """The soft limit is only a default; the hard one is what this process may have.

    A sandbox may not allow the call. Then the soft limit holds, and a channel that needs more says
    so (EMFILE).
    """
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _own_output() -> TextIO:
    """Standard output, for this script alone: what a plug-in prints goes with the errors."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def _give_back(own: TextIO) -> None:
    """Nothing of this script's is left then."""
    if own is not sys.stdout:
        os.dup2(own.fileno(), 1)
        own.close()


def main(arguments: list[str]) -> None:
    path, parent, engine, channel, record_fd, *words = arguments
    core = _load_core(path)
    with suppress(PermissionError):  # refused: then the end of its input ends it, a slice later
        # In a PID namespace of its own the parent's number is 0, too.
        core.die_with_parent(os.getppid() if int(parent) == ANY_PARENT else int(parent))
    _raise_descriptor_limit()
    output = sys.stdout
    settings = dict(word.split("=", 1) for word in words)
    if plugin := settings.pop(PLUGIN, None):
        output = _own_output()
        core.load_plugin(plugin)
    numbers = {name: int(value) for name, value in settings.items()}
    loop = core.Loop(engine, channel, numbers, int(record_fd))
    print("open" if loop.is_open() else "failed", file=output, flush=True)
    for line in sys.stdin:
        command, *values = line.split()
        if command == "run":
            result = loop.run(int(values[0]), int(values[2]), int(values[1]))
            print(result, file=output, flush=True)
        elif command == "close":
            result = loop.close()
            _give_back(output)
            print(result, flush=True)
            if values:
                print("over", flush=True)
                sys.stdin.read()
            return


if __name__ == "__main__":
    main(sys.argv[1:])
