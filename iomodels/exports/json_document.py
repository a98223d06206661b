"""The comparison itself, as versioned JSON: what `iomodels.comparison.schema` describes, field by
field. It is also the file that `check -o` keeps."""

from __future__ import annotations

from iomodels.comparison import document
from iomodels.comparison.schema import Comparison


def of_comparison(comparison: Comparison) -> str:
    """A field that is not known is null, as in the types."""
    return document.text(comparison)
