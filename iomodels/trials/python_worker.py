"""The child process of a trial whose engine is measured in Python; protocol as in `worker.py`.

Runs as a script under `python -I` in any Python from 3.11 on, with or without iomodels in it: it
takes the core from CORE and the modules of `iomodels.python` from where it lies itself.

    argv:    CORE PARENT_PID ENGINE CHANNEL RECORD_FD word=value …

ENGINE is `module:attribute`; a word that begins with `option.` is an option of the engine, any
other a setting of the core, a number.

The engine drives the transfers on the main thread, where an event loop belongs. The conversation
with the parent, and with it the loop that measures, is on a second one; it waits in the core,
without the GIL, while a slice lasts. That thread is there before the core first looks at the
memory, and opens the loop itself, so that its stack is none of the engine's memory.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import io
import os
import resource
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from iomodels._core import Work
    from iomodels.python.contract import PythonEngine

ANY_PARENT = 0
"""As `worker.ANY_PARENT`."""
OPTION = "option."


class ReturnedEarlyError(Exception):
    """The engine returned, and there are transfers that nobody makes."""


def load_core(path: str) -> ModuleType:
    loader = importlib.machinery.ExtensionFileLoader("_core", path)
    spec = importlib.util.spec_from_file_location("_core", path, loader=loader)
    assert spec is not None, path
    core = importlib.util.module_from_spec(spec)
    loader.exec_module(core)
    return core


def offer_package() -> None:
    """`iomodels.python` from beside this file: not from an iomodels that this Python may have, and
    without what its `__init__` needs."""
    package = ModuleType("iomodels")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["iomodels"] = package


def load_engine(where: str) -> PythonEngine:
    """The `PythonEngine` at `module:attribute`, or `PATH.py:attribute`."""
    name, _, attribute = where.rpartition(":")
    module = _load_file(name) if name.endswith(".py") else importlib.import_module(name)
    engine: PythonEngine = getattr(module, attribute)
    return engine


def _load_file(path: str) -> ModuleType:
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _raise_descriptor_limit() -> None:
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _refuse_observers() -> None:
    """What a .pth file may have started (coverage): it would be measured with the engine."""
    monitoring = getattr(sys, "monitoring", None)  # since 3.12
    tools = range(6) if monitoring else ()
    if (
        sys.gettrace()
        or sys.getprofile()
        or any(monitoring and monitoring.get_tool(tool) for tool in tools)
    ):
        raise ValueError(
            "this Python is observed (coverage, a profiler, a debugger): switch it off"
        )


def _choose_cpu(settings: Mapping[str, int]) -> None:
    """Of this thread, and of those that it starts. The core does it only for the one that opens the
    loop, and says so where it may not be."""
    cpu = settings.get("engine_cpu", -1)
    if cpu >= 0:
        with suppress(OSError):
            os.sched_setaffinity(0, {cpu})


def _converse(
    open_work: Callable[[], Work],
    opened: SimpleQueue[Work | None],
    questions: TextIO,
    asked: list[str],
) -> None:
    """`opened` gets the work, or None where it has failed; `asked` the words that came with
    `close`."""
    work = open_work()
    print("open" if work.is_open() else "failed", flush=True)
    opened.put(work if work.is_open() else None)
    if not work.is_open():
        return
    for line in questions:
        command, *values = line.split()
        if command == "run":
            print(work.run(int(values[0]), int(values[2]), int(values[1])), flush=True)
        elif command == "close":
            print(work.close(), flush=True)
            asked += values
            return
    work.close()  # the parent wants nothing more


def _give_up(error: BaseException | None) -> NoReturn:
    """Whatever it is, the parent has to learn of it, and another thread may wait for ever for a
    transfer that nobody makes."""
    traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(1)


def main(arguments: list[str]) -> None:
    questions, sys.stdin = sys.stdin, io.StringIO()  # the engine has nothing to read there
    _refuse_observers()
    path, parent, where, channel, record_fd, *words = arguments
    core = load_core(path)
    with suppress(PermissionError):  # as in worker.py
        core.die_with_parent(os.getppid() if int(parent) == ANY_PARENT else int(parent))
    _raise_descriptor_limit()
    offer_package()
    pairs = [word.partition("=")[::2] for word in words]
    settings = {name: int(value) for name, value in pairs if not name.startswith(OPTION)}
    given = {name.removeprefix(OPTION): v for name, v in pairs if name.startswith(OPTION)}
    contract = importlib.import_module("iomodels.python.contract")
    engine = load_engine(where)
    options = {option.name: option.choices[0] for option in engine.options} | given
    drive = engine.drive(options)
    flags = engine.with_options(options).flags
    open_work = partial(
        core.Work,
        channel,
        settings,
        int(record_fd),
        "nonblocking_descriptors" in flags,
        "moves_data" in flags,
    )
    opened: SimpleQueue[Work | None] = SimpleQueue()
    asked: list[str] = []
    threading.excepthook = lambda failed: _give_up(failed.exc_value)
    _choose_cpu(settings)
    conversation = threading.Thread(
        target=_converse, args=(open_work, opened, questions, asked), daemon=True
    )
    conversation.start()
    work = opened.get()
    if work is None:
        return
    try:
        drive(contract.Setup.of(work, options, channel, settings))
        if not work.is_over():
            raise ReturnedEarlyError("the engine returned before its work was over")
    except BaseException as error:  # noqa: BLE001 - it ends the process
        _give_up(error)
    work.leave()
    conversation.join()
    if asked:
        print("over", flush=True)
        questions.read()


if __name__ == "__main__":
    main(sys.argv[1:])
