"""The comparison itself, as versioned JSON: what `iomodels.comparison.schema` describes, field by
field."""

from __future__ import annotations

import msgspec

from iomodels.comparison.schema import Comparison


def of_comparison(comparison: Comparison) -> str:
    """A field that is not known is null, as in the types."""
    return msgspec.json.format(msgspec.json.encode(comparison)).decode() + "\n"
