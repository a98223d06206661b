"""The first import of a stranger's module, in a process of its own: what ends that process would
end the command, and nobody could say why."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from iomodels.base.system import await_end, end_group
from iomodels.engines.plugins.strangers import how_it_ended

_IMPORT = """
import importlib, json, os, sys
path, module = sys.argv[1:]
sys.path[:] = json.loads(path)
own_output = os.dup(1)
os.dup2(2, 1)
try:
    importlib.import_module(module)
except BaseException:
    pass  # the import in the command says it
os.write(own_output, b"over")
os._exit(0)
"""
_OVER = b"over"
"""Not an exit code, which is lost where SIGCHLD is ignored."""


def what_ends_it(module: str, limit_s: float) -> str | None:
    """How a process that imports the module ends or hangs in there; None where it goes on.

    Raises OSError where no process can be started.
    """
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _IMPORT, json.dumps(sys.path), module],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
        bufsize=0,
    ) as process:
        try:
            has_ended = await_end(process, limit_s)
        finally:
            end_group(process)
        assert process.stdout is not None
        # What is there: a process that has left the group may keep the pipe open.
        os.set_blocking(process.stdout.fileno(), False)
        said = process.stdout.read(len(_OVER))
    if not has_ended:
        return f"it did not end within {limit_s:g} s"
    return None if said == _OVER else f"it {how_it_ended(process.returncode)}"
