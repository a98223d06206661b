"""The engines that are measured in Python: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from iomodels.python import blocking, null, selectors, threads
from iomodels.python.contract import PythonEngine

PREFIX = "python:"
"""What their names begin with."""

MODULES = (
    blocking,
    null,
    selectors,
    threads,
)

ENGINES: Mapping[str, tuple[str, PythonEngine]] = {
    PREFIX + module.ENGINE.name: (f"{module.__name__}:ENGINE", module.ENGINE) for module in MODULES
}
"""By the name that users write: where a trial finds it (`module:attribute`), and the engine."""
