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
    from iomodels.errors import IomodelsError
    from iomodels.results import Run
    from iomodels.runner import bench
    from iomodels.storage import load

_HOME = {
    "bench": "iomodels.runner",
    "load": "iomodels.storage",
    "Run": "iomodels.results",
    "IomodelsError": "iomodels.errors",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the attributes above
    if name not in _HOME:
        raise AttributeError(f"module 'iomodels' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
