"""A picture: what it shows, in words and as a figure, and how it becomes the bytes of a file."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = ("png", "svg", "pdf")
PNG_DPI = 150

_NO_DATES = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_COMPRESSION = {"pil_kwargs": {"compress_level": 3}}
"""3 % larger than the default of 6, in half the time, which is a tenth of drawing."""
_FONTS = {"svg.fonttype": "none", "pdf.fonttype": 42}
_GROUP_ID = re.compile(rb'<g id="[^"]*">')


@dataclass(frozen=True)
class Picture:
    """One picture of one scenario.

    `name` is a slug, unique among the pictures it came with; `title` says what it shows, and of
    what; `alt` says the same for those who cannot see it, with its main numbers. All three are free
    of control characters. `draw` makes the figure, anew at each call, and `draw_narrow` one for a
    phone, where there is one.
    """

    name: str
    scenario: str
    title: str
    alt: str
    draw: Callable[[], Figure]
    draw_narrow: Callable[[], Figure]
    subject: str = ""
    """What it shows, where its scenario is known anyway."""
    rank: int = 0
    """Its place among the pictures of its scenario: those that answer its question come first."""

    @property
    def narrow(self) -> Picture:
        """The same for a phone."""
        return replace(self, name=f"{self.name}-narrow", draw=self.draw_narrow)


def render(picture: Picture, format: Format) -> bytes:
    """The bytes of a PNG, SVG or PDF file. The same picture always gives the same bytes.

    An SVG keeps its text as text, and carries `alt` as its `aria-label`; its identifiers are made
    of its name, so that several stand in one page.
    """
    import matplotlib

    from iomodels.charts.drawing import style

    buffer = io.BytesIO()
    settings: Any = {"svg.hashsalt": picture.name} | _FONTS
    more: Any = _COMPRESSION if format == "png" else {}
    with style.context(), matplotlib.rc_context(settings):
        figure = picture.draw()
        metadata = _NO_DATES[format] | {"Title": picture.title}
        figure.savefig(buffer, format=format, dpi=PNG_DPI, metadata=metadata, **more)
    data = buffer.getvalue()
    return _described(data, picture.alt) if format == "svg" else data


def _described(svg: bytes, alt: str) -> bytes:
    """For screen readers, and without the group names, which would be twice in a page of two."""
    label = html.escape(alt, quote=True).encode()
    svg = _GROUP_ID.sub(b"<g>", svg)
    return svg.replace(b"<svg ", b'<svg role="img" aria-label="' + label + b'" ', 1)
