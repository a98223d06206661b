"""The one style of all pictures: colours, markers, fonts, and how text from a file is shown.

An engine has its colour by name, in every picture; its options keep the hue and differ in shade,
marker and line. The first hues are those of Okabe and Ito, which readers with any of the common
colour vision deficiencies can tell apart (Okabe and Ito, *Color Universal Design*, 2008); the
others are as far from these and from each other, in hue or in lightness. The ground is white and
never transparent, so that a picture can stand on a dark page.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import matplotlib
from matplotlib import font_manager
from matplotlib.colors import to_hex, to_rgb

from iomodels.base.escape import visible
from iomodels.engines import engine_text
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, variants
from iomodels.python.registry import PREFIX

FONT = "DejaVu Sans"
"""It comes with matplotlib, so that a picture looks alike everywhere."""
_EAST_ASIAN = re.compile(
    r"CJK|Source ?Han|WenQuanYi|wqy|Droid ?Sans ?Fallback|Noto ?Sans ?(JP|SC|TC|KR)|"
    r"IPA.*Gothic|ipag|Takao|Nanum|Baekmuk|AR ?PL|Unifont",
    re.IGNORECASE,
)
"""Fonts, and their files, with the letters of Chinese, Japanese and Korean, which FONT lacks."""
FONT_PACKAGES = (
    "install fonts-noto-cjk (Debian, Ubuntu), google-noto-sans-cjk-fonts (Fedora) or "
    "noto-fonts-cjk (Arch)"
)

INK, SOFT, FAINT, GROUND = "#1a1a1a", "#595959", "#dcdcdc", "#ffffff"
TITLE_PT, HEADING_PT, TEXT_PT, SMALL_PT, FINE_PT = 12.5, 9.5, 9.0, 8.0, 7.0
MARKER_PT = 6.0
WORSE, BETTER = "#d55e00", "#009e73"
"""Of a change; a sign beside it says the same."""
HIDING: dict[str, Any] = {"facecolor": GROUND, "edgecolor": "none", "pad": 0.4}
"""The box of a text on a grid, whose lines would strike it."""

HUES: Mapping[str, str] = {
    "blocking": "#0072b2",
    "nonblocking": "#d55e00",
    "select": "#009e73",
    "aio": "#cc79a7",
    "threads": "#56b4e9",
    "null": "#7f7f7f",
    "poll": "#8a533f",
    "epoll": "#a46bf5",
    "sigio": "#e69f00",
    "kaio": "#882255",
    "io_uring": "#332288",
}
"""In the order of their markers: what is added is added at the end, and changes no other. An
engine's options go on from its marker, so that those after it should differ in hue.

Orange is also that of the device in a flow. So it is that of an engine which does not wait for one.
"""
OF_TWINS = {f"python:{n}": n for n in ("blocking", "threads", "null")} | {
    "python:selectors": "epoll"
}
"""Engines in Python with the hue of the engine in C that makes the same calls, and those with their
own beside that, since they share their twin."""
OWN_HUES: Mapping[str, str] = {"python:asyncio": "#5ab44b", "python:uvloop": "#b41e87"}
SPARE_HUES = ("#9db983", "#4a1fd9", "#584503", "#382c15")
"""For engines that are not known here: of a later version, or of a foreign file."""

Marker = str | tuple[int, int, int]
"""A marker as matplotlib names it, or a star: its rays, 1, and how far it is turned, in degrees."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", ">", "p")
_STARS = ((4, 0), (5, 0), (6, 0), (3, 0), (4, 45), (5, 36), (3, 60), (7, 0), (8, 0))
PYTHON_MARKERS = tuple((rays, 1, turned) for rays, turned in _STARS)
"""Of engines in Python: stars of three rays and more, so that one is never taken for its twin."""
Fill = Literal["full", "none", "bottom", "left"]
FILLS: tuple[Fill, ...] = get_args(Fill)
"""Of the first run's markers, the second's and so on."""
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 2),
    (1.5, 1.5),
    (7, 2, 1.5, 2),
    (7, 2, 1.5, 2, 1.5, 2),
    (3, 1),
    (10, 3),
)
_SHADES = (0.0, -0.45, 0.35, -0.7, 0.2, -0.25)
_LABEL_LIMIT = 200

_SETTINGS: dict[str, Any] = {
    "text.parse_math": False,  # a "$" in a name is a "$"
    "text.usetex": False,
    "text.hinting": "none",  # letters as wide as they are measured here, in every version
    "axes.formatter.use_mathtext": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": [FONT],
    "font.size": TEXT_PT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.7,
    "axes.labelsize": SMALL_PT,
    "axes.titlesize": TEXT_PT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # or each drawing measures all ticks, in case they were above the axes
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.4,
    "lines.markersize": MARKER_PT,
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "savefig.transparent": False,
    "savefig.bbox": "standard",
}
_NOT_OURS = ("backend", "interactive", "toolbar", "webagg", "keymap", "date", "animation", "tk.")


@contextmanager
def context() -> Iterator[None]:
    """matplotlib's defaults and our settings: a user's own matplotlibrc changes no picture."""
    defaults: Any = {
        key: value
        for key, value in matplotlib.rcParamsDefault.items()
        if not key.startswith(_NOT_OURS)
    }
    fonts = {"font.family": ["sans-serif", *_families()[1:]]}
    with matplotlib.rc_context(defaults | _SETTINGS | fonts):
        yield


# Engines


@dataclass(frozen=True)
class Look:
    """How an engine's cell is drawn. `fill` tells the runs apart: how much of the marker is filled,
    by the names that matplotlib has for it."""

    colour: str
    marker: Marker
    dashes: tuple[float, ...] = ()
    fill: Fill = "full"

    @property
    def line(self) -> dict[str, Any]:
        """Keywords for a plotted line without markers."""
        return {"color": self.colour, "dashes": self.dashes or (None, None)}

    @property
    def point(self) -> dict[str, Any]:
        """Keywords for plotted markers."""
        return {
            "marker": self.marker,
            "fillstyle": "full" if self.fill == "none" else self.fill,
            "markerfacecolor": GROUND if self.fill == "none" else self.colour,
            "markerfacecoloralt": GROUND,
            "markeredgecolor": self.colour,
            "markeredgewidth": 1.2,
        }


def look(engine: str, *, run: int = 0, runs: int = 1) -> Look:
    """The look of an engine (its canonical name), as the run number `run` of `runs` shows it.

    It is that of the name alone, whatever else is in the picture. Where several runs are overlaid,
    a line's dashes tell these apart; otherwise the options. Shades, dashes and markers go round at
    lengths without a common divisor, so that no two variants below their product look alike.
    """
    name, options = engine_text.split(engine)
    variant = _variant(name, options)
    markers, names = _family(name)
    first = names.index(name) if name in names else 5
    dashed = variant + (markers is PYTHON_MARKERS)  # a line is not its twin's either
    return Look(
        colour=shade(hue(name), _SHADES[variant % len(_SHADES)]),
        marker=markers[(first + variant) % len(markers)],
        dashes=DASHES[(run if runs > 1 else dashed) % len(DASHES)],
        fill=FILLS[run % len(FILLS)],
    )


def _family(name: str) -> tuple[Sequence[Marker], Sequence[str]]:
    """The markers of the engine's kind, and the engines that begin with the first, the second …"""
    if name.startswith(PREFIX):
        return PYTHON_MARKERS, (*OF_TWINS, *OWN_HUES)
    return MARKERS, tuple(HUES)


def hue(name: str) -> str:
    """The engine's colour, by its name without options."""
    own = HUES.get(OF_TWINS.get(name, name)) or OWN_HUES.get(name)
    return own or SPARE_HUES[zlib.crc32(name.encode("utf-8", "replace")) % 4]


@cache
def _variant(name: str, options: str) -> int:
    """A fixed number for an engine's options as written; 0 for none.

    A number (`threads=4`) or a text lies as many times the count of chosen combinations further.
    """
    if not options:
        return 0
    descriptor = DESCRIPTORS.get(name)
    kinds = {o.name: o for o in descriptor.options} if descriptor else {}
    chosen, number = [], 0
    for text in options.split(","):
        key, _, value = text.partition("=")
        if key in kinds and kinds[key].is_number and value.isascii() and value.isdigit():
            number = 31 * number + int(value[:9])
        elif key in kinds and kinds[key].text:
            number = 31 * number + zlib.crc32(value.encode("utf-8", "replace"))
        else:
            chosen.append(text)
    known = _combinations(name) if descriptor else [""]
    wanted = ",".join(chosen)
    if wanted not in known:  # of a later version, or of a foreign file
        return 1 + zlib.crc32(options.encode("utf-8", "replace"))
    return known.index(wanted) + number * len(known)


def _combinations(name: str) -> list[str]:
    """Canonical option texts, the usual ones first: one option, and of each its first value, in the
    order of the engine's table, so that a new option at its end moves few of them."""
    table = {option.name: option for option in DESCRIPTORS[name].options}

    def order(spec: EngineSpec) -> tuple[int, int, bool, int]:
        values = [table[option].number(value) for option, value in spec.options.items()]
        alone = table[next(iter(spec.options))] if len(values) == 1 else None
        needs = alone is not None and alone.only is not None
        return len(values), max(values, default=0), needs, alone.place if alone else 0

    return [engine_text.options_of(spec.canonical) for spec in sorted(variants(name), key=order)]


def shade(colour: str, amount: float) -> str:
    """`colour` mixed with white (`amount` above 0) or black (below)."""
    towards = 1.0 if amount > 0 else 0.0
    r, g, b = (c + (towards - c) * abs(amount) for c in to_rgb(colour))
    return to_hex((r, g, b))


def text_colour(colour: str) -> str:
    """A darker `colour`, for letters on white (contrast at least 4.5:1)."""
    amount = 0.0
    while _luminance(shade(colour, -amount)) > 0.18:
        amount += 0.05
    return shade(colour, -amount) if amount else colour


def _luminance(colour: str) -> float:
    """Relative luminance as in WCAG 2.2; 0.18 on white is a contrast of 4.5:1."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return float(0.2126 * r + 0.7152 * g + 0.0722 * b)


# Text


def safe(text: str, limit: int = _LABEL_LIMIT) -> str:
    """`text` as a picture may show it: nothing that acts, nothing the font lacks, not too long."""
    shortened = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        c if _family_of(c) is not None else f"\\u{ord(c):04x}" for c in visible(shortened)
    )


def lacking(texts: Iterable[str]) -> str:
    """The letters in these that no installed font of ours has, each once."""
    letters = dict.fromkeys(c for text in texts for c in visible(text))
    return "".join(c for c in letters if _family_of(c) is None)


@cache
def _families() -> tuple[str, ...]:
    """The fonts that letters are looked for in, in this order."""
    manager = font_manager.fontManager
    if not any(_EAST_ASIAN.search(font.name) for font in manager.ttflist):
        # matplotlib keeps its list, and does not see what was installed since.
        for path in sorted(font_manager.findSystemFonts()):
            if _EAST_ASIAN.search(os.path.basename(path)):  # noqa: PTH119 - a text, as are all
                with suppress(OSError, RuntimeError):  # no font, whatever its name
                    manager.addfont(path)
    return FONT, *sorted({f.name for f in manager.ttflist if _EAST_ASIAN.search(f.name)})


@cache
def _family_of(letter: str) -> str | None:
    return next((name for name in _families() if ord(letter) in _letters(name)), None)


@cache
def _letters(family: str) -> frozenset[int]:
    return frozenset(_font(family).get_charmap())


Weight = Literal["normal", "bold"]
"""What a text is drawn in, and so must be measured in."""


def _font(family: str, weight: Weight = "normal") -> Any:  # noqa: ANN401 - matplotlib does not type its fonts
    """Not kept here: matplotlib does, and forgets it in a forked process, where the font's file
    would be read at a position that both processes move."""
    properties = font_manager.FontProperties(family=family, weight=weight)
    return font_manager.get_font(font_manager.findfont(properties))


@cache
def _advance_em(character: str, weight: Weight) -> float:
    font = _font(_family_of(character) or FONT, weight)
    font.set_size(100, 72)
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536 / 100


def width_in(text: str, size_pt: float, weight: Weight = "normal") -> float:
    """The width of one line of (safe) text in inches; kerning left aside."""
    return sum(_advance_em(character, weight) for character in text) * size_pt / 72


def wrap(
    text: str, size_pt: float, limit_in: float, lines: int = 4, weight: Weight = "normal"
) -> list[str]:
    """`text` in at most so many lines of at most that width; the last ends in "…" if cut."""
    wrapped: list[str] = []
    rest = text
    while rest and len(wrapped) < lines:
        taken = _fitting(rest, size_pt, limit_in, weight)
        wrapped.append(rest[:taken].rstrip())
        rest = rest[taken:].lstrip()
    if rest:
        wrapped[-1] = shortened(wrapped[-1] + " " + rest, size_pt, limit_in, weight)
    return wrapped


def shortened(text: str, size_pt: float, limit_in: float, weight: Weight = "normal") -> str:
    """`text`, ended by "…" where it is wider than that."""
    if width_in(text, size_pt, weight) <= limit_in:
        return text
    while text and width_in(text + "…", size_pt, weight) > limit_in:
        text = text[:-1]
    return text.rstrip() + "…"


def _fitting(text: str, size_pt: float, limit_in: float, weight: Weight) -> int:
    """How many characters of `text` fit into one line, at a space where there is one."""
    width, last_space = 0.0, 0
    for index, character in enumerate(text):
        width += _advance_em(character, weight) * size_pt / 72
        if character == " ":
            last_space = index
        if width > limit_in and index:
            return last_space or index
    return len(text)


def short_name(engine: str) -> str:
    """`aio list nowait` for `aio:notify=list,mode=nowait`: for labels that stand in a picture.

    A value that says nothing by itself comes with its option's name, or is that name: `threads, no
    handoff`, `io_uring sqpoll`.
    """
    name, options = engine_text.split(engine)
    said = name
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if value in _NAMELESS:
            said += _NAMELESS[value].format(key)
        else:
            said += f" {value if value and not value.isdigit() else option}"
    return said


_NAMELESS = {"none": ", no {}", "off": ", no {}", "on": " {}", "both": " {} both"}
"""Values that many options have, and what stands for them."""
