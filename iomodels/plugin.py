"""What a package offers as an engine, under the entry point `iomodels.engines` (docs/plugin/).

Its name is the engine's. Its value is an object: a `PythonEngine`, or a `SharedObject`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from iomodels.python.contract import PythonEngine

__all__ = ["PythonEngine", "SharedObject"]


@dataclass(frozen=True)
class SharedObject:
    """An engine in C: a shared object with the macro `IOMODELS_PLUGIN` (`plugin.h`). It is loaded
    in processes of its own only, never where this object is made."""

    path: str | os.PathLike[str]
