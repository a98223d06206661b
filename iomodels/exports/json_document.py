"""The comparison or the answer itself, as versioned JSON: what `iomodels.comparison.schema` and
`iomodels.advice.document` describe, field by field. It is also the file that `-o` keeps."""

from __future__ import annotations

from iomodels.advice import stored
from iomodels.advice.document import Advice
from iomodels.comparison import document
from iomodels.comparison.schema import Comparison


def of_comparison(comparison: Comparison) -> str:
    """A field that is not known is null, as in the types."""
    return document.text(comparison)


def of_advice(advice: Advice) -> str:
    """The same of an answer."""
    return stored.text(advice)
