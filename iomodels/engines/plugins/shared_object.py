"""An engine in C from another package."""

from __future__ import annotations

from iomodels.base.errors import EngineError
from iomodels.engines.sources import CoreSource, Origin


class PluginSource(CoreSource):
    """An engine in a shared object."""

    def __init__(self, name: str, path: str, origin: Origin) -> None:
        raise EngineError(f"engine '{name}' of {origin}: shared objects cannot be loaded yet")
