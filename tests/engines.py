"""Every engine with every combination of its options, as a user writes them."""

from __future__ import annotations

from collections.abc import Mapping

from iomodels import _core
from iomodels.engines.catalog import DESCRIPTORS
from iomodels.engines.spec import parse, variants

CAPS: Mapping[str, _core.Caps] = {
    spec.canonical: spec.caps for name in DESCRIPTORS for spec in variants(name)
}
WITH_DATA = [name for name, caps in CAPS.items() if caps["moves_data"]]
"""Those that do any I/O."""


def open_loop(engine: str, channel: str, settings: Mapping[str, int], fd: int) -> _core.Loop:
    """The measured loop with this engine, options and all. `fd` is its record's."""
    spec = parse(engine)
    return _core.Loop(spec.name, channel, {**settings, **spec.settings}, fd)


def plain(engine: str) -> str:
    """The name without options."""
    return engine.partition(":")[0]
