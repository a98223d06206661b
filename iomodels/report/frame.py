"""What the pages have in common: pictures as markup, values in words, and the page around them.

Everything that came from a file is escaped by Jinja2, and characters that would act instead of
being seen are written out. Should a hole be left, the page's Content-Security-Policy runs only
the one script and uses only the one style sheet whose hashes it names, and loads nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from iomodels.base.units import format_duration, format_size
from iomodels.report.svg import Inliner
from iomodels.report.text import breakable, harmless, prose, unbroken
from iomodels.results.schema import Parameter

ABBREVIATIONS = ("aio", "cpu", "smt")

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Drawing:
    """A picture for the page: an SVG file and the words that go with it."""

    scenario: str
    """Where it stands. Of a scenario that the run does not have it is left out."""
    title: str
    """What it shows, in a few words."""
    alt: str
    """The same for those who cannot see it, with its main numbers."""
    svg: bytes
    narrow_svg: bytes
    """The same for a phone."""
    remark: str = ""
    """What a reader must know of it, such as that it is of another machine."""


@dataclass(frozen=True)
class Figure:
    """A picture as markup, with its words."""

    title: str
    alt: str
    svg: Markup
    remark: str
    narrow_svg: Markup


def figure(drawing: Drawing, inliner: Inliner) -> Figure:
    svg, narrow = (
        Markup(inliner.inline(each, drawing.title, drawing.alt))
        for each in (drawing.svg, drawing.narrow_svg)
    )
    return Figure(drawing.title, drawing.alt, svg, drawing.remark, narrow)


def when(created_utc: str) -> str:
    try:
        return f"{datetime.fromisoformat(created_utc).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return created_utc


def in_words(name: str) -> str:
    """`memory` for `memory_bytes`, `few operations` for `few-operations`."""
    words = [word for word in re.split("[-_]", name) if word not in ("bytes", "ns")]
    return " ".join(word.upper() if word in ABBREVIATIONS else word for word in words) or name


def shown(name: str, value: Parameter | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) and name.endswith("_bytes"):
        return format_size(value)
    if isinstance(value, (int, float)) and name.endswith("_ns"):
        return format_duration(value)
    return str(value)


def render(template: str, context: Mapping[str, Any], picture_css: str) -> str:
    """The page that this template makes of the context. `picture_css` is of its pictures."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"unbroken": unbroken, "prose": prose, "breakable": breakable}
    style = (_FOLDER / "page.css").read_text("utf-8") + picture_css
    script = (_FOLDER / "page.js").read_text("utf-8")
    return environment.get_template(template).render(
        context,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    )


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
