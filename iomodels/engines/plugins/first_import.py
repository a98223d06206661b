"""The first import of a stranger's module, in a process of its own: what ends that process would
end the command, and nobody could say why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

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
    ) as process:
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return f"it did not end within {limit_s:g} s"
        finally:
            with suppress(ProcessLookupError):  # what it has started, too
                os.killpg(process.pid, signal.SIGKILL)
    return None if said == _OVER else f"it {how_it_ended(process.returncode)}"
