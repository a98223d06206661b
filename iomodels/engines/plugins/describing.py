"""Says what the engine in a shared object is; a process of its own, for whatever that does.

Runs as a script under `python -I -S`, since each start of it counts.

    argv:    CORE PATH PARENT_PID
    stdout:  a line of JSON: `{"name": …, "told": {…}}` as `_core.load_plugin` has it, or
             `{"why": "…"}`
    stdin:   a line of JSON: `["facts", settings]` or `["answers", channel, settings]`; the answer
             to each is a line, too. After `IDLE_S` without one: `null`, and the process ends.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TextIO

IDLE_S = 0.2
"""A run asks all that it wants to know at once, and is not to be disturbed then."""


def _load_core(path: str) -> ModuleType:
    spec = importlib.machinery.PathFinder.find_spec("_core", [str(Path(path).parent)])
    assert spec is not None, path
    assert spec.loader is not None, path
    core = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(core)
    return core


def _own_output() -> TextIO:
    """Standard output, for this script alone: what the plug-in prints goes with the errors."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def main(arguments: list[str]) -> None:
    core_path, path, parent = arguments
    core = _load_core(core_path)
    with suppress(PermissionError):
        core.die_with_parent(int(parent))
    output = _own_output()

    def say(answer: object) -> None:
        print(json.dumps(answer), file=output, flush=True)

    try:
        name, told = core.load_plugin(path)
        say({"name": name, "told": told})
    except (ImportError, UnicodeDecodeError) as error:
        say({"why": str(error)})
        return
    with os.fdopen(0, "rb", buffering=0) as questions:
        while select.select([questions], [], [], IDLE_S)[0]:
            line = questions.readline()
            if not line:
                return
            kind, *words = json.loads(line)
            say(core.engine(name, *words) if kind == "facts" else core.ask(name, *words))
    say(None)


if __name__ == "__main__":
    main(sys.argv[1:])
