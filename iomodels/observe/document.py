"""What was seen as data: the document that `iomodels observe --json` writes."""

from __future__ import annotations

import msgspec

from iomodels.observe.live.slowing import Slowing
from iomodels.observe.seen import Observation

SCHEMA = "iomodels.observation/1"


class ObservationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """`observation` is what `Observation` has, and `scenarios` the names of what was written of its
    works, in their order. `slowing` is an estimate, where it was not measured."""

    schema: str = SCHEMA
    version: str
    created_utc: str
    observation: Observation
    scenarios: tuple[str, ...]
    exit_code: int | None
    """Of the command; None where there was none, and where a signal ended it."""
    killed_by: int | None
    """The number of the signal that ended the command."""
    interrupted_by: int | None
    """The signal that ended the watching."""
    slowing: Slowing


def encode(document: ObservationDocument) -> bytes:
    """As JSON, with a line break at its end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
