"""The engines that are measured in Python: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from iomodels.python import asyncio_engine, blocking, null, selectors, threads, uvloop_engine
from iomodels.python.contract import PythonEngine

PREFIX = "python:"
"""What their names begin with."""

MODULES = (
    blocking,
    selectors,
    threads,
    asyncio_engine,
    uvloop_engine,
    null,
)

ENGINES: Mapping[str, tuple[str, PythonEngine]] = {
    PREFIX + module.ENGINE.name: (f"{module.__name__}:ENGINE", module.ENGINE) for module in MODULES
}
"""By the name that users write: where a trial finds it (`module:attribute`), and the engine."""
