"""docs/advise.md names every field of the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomodels.advice import document
from iomodels.advice.limits import LIMITS
from iomodels.contest.sweeping import RANGES

TEXT = (Path(__file__).parents[2] / "docs" / "advise.md").read_text()
STRUCTS = (
    document.Advice,
    document.PointAdvice,
    document.Candidate,
    document.Gain,
    document.GivenLimit,
    document.Turning,
)


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_field_is_documented(struct: type) -> None:
    fields = struct.__struct_fields__  # type: ignore[attr-defined]
    assert [name for name in fields if f"`{name}`" not in TEXT] == []


def test_every_limit_and_every_key_that_can_turn_is_documented() -> None:
    names = [*LIMITS, *RANGES]
    assert [name for name in names if f"`{name}" not in TEXT and f"={name}" not in TEXT] == []
    assert document.SCHEMA in TEXT
