"""One check of this machine, as data (`doctor.py` makes them)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "warn"]


@dataclass(frozen=True)
class Check:
    """One line of the report. A check that is not `ok` has a remedy."""

    group: str
    name: str
    value: str
    status: Status
    meaning: str
    remedy: str | None = None
