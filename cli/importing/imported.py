"""What an import gives, whatever it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iomodels.workload.writing import WrittenScenario

SCHEMA = "iomodels.import/1"


@dataclass(frozen=True)
class Imported:
    """The scenarios for the file, with its title and notes; what is shown of them, and all of it
    as data. `why_nothing` is the sentence for no scenario at all."""

    scenarios: Sequence[WrittenScenario]
    title: str
    notes: Sequence[str]
    shown: Iterable[RenderableType]
    data: dict[str, Any]
    why_nothing: str
