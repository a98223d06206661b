"""Puts Linux I/O models side by side and says what each costs on this machine.

    import iomodels
    run = iomodels.bench(["slow-device"], engines=["blocking", "aio"], rounds=7)
    run = iomodels.load("results/run.json")

Attributes are imported when first used, so that `iomodels --version` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["IomodelsError", "Run", "__version__", "bench", "load"]

if TYPE_CHECKING:
    from iomodels.base.errors import IomodelsError
    from iomodels.measure.run import bench
    from iomodels.results.read import load
    from iomodels.results.schema import Run

_HOME = {
    "bench": "iomodels.measure.run",
    "load": "iomodels.results.read",
    "Run": "iomodels.results.schema",
    "IomodelsError": "iomodels.base.errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the attributes above
    if name not in _HOME:
        raise AttributeError(f"module 'iomodels' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
