"""The lanes of a flow: what each thread and the device did when, as shaded spans.

Everything here stands at its true time; nothing is moved to make room.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iomodels.charts.drawing import style
from iomodels.trace.flow import Flow
from iomodels.trace.schema import SHARED_RINGS, Kind
from iomodels.trace.shared_rings import SharedRing
from iomodels.trace.steps import Step, in_call, is_device, is_try

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD_IN = 1.4
"""Where the lanes begin."""
APPLICATION_IN, KERNEL_IN = (3.7, 3.96), (5.63, 5.89)
"""The application's and, where there is no helper thread, the kernel's: left and right edge."""
HELPER_IN, HELPER_STEP_IN, HELPERS = (4.45, 4.65), 0.5, 4
"""Where the first helper thread's lane is, how far the next, and for how many there is room.

The step leaves room for a heading over each.
"""
BEHIND = 0.5
"""The order of what passes behind the lanes: nothing is drawn over another thread's spans."""
DEVICE = "#e69f00"
PALE = 0.75
"""How far from the engine's colour to white, where an entry is perhaps in a ring."""


@dataclass(frozen=True)
class Columns:
    """Where things are without helper threads, in inches from the left.

    Labels at the left end at `left_labels`; those of the device begin at `right_labels` and end at
    `right_limit`. `helper` is the lane of the first helper thread, `helper_step` the way to the
    next. A ring is `ring` wide, the first by `ring_gaps[0]` right of the threads, the second by
    `ring_gaps[1]` right of the first. `is_terse`: there is room for times at the left, and for no
    more.
    """

    width: float
    left_labels: float
    application: tuple[float, float]
    helper: tuple[float, float]
    helper_step: float
    ring: float
    ring_gaps: tuple[float, float]
    kernel: tuple[float, float]
    right_labels: float
    right_limit: float
    scale: float
    device_pt: float
    is_terse: bool = False


WIDE = Columns(
    width=8.6,
    left_labels=3.45,
    application=APPLICATION_IN,
    helper=HELPER_IN,
    helper_step=HELPER_STEP_IN,
    ring=0.2,
    ring_gaps=(0.72, 0.56),
    kernel=KERNEL_IN,
    right_labels=6.15,
    right_limit=8.1,
    scale=8.35,
    device_pt=style.SMALL_PT,
)
NARROW = Columns(
    width=3.9,
    left_labels=0.72,
    application=(0.82, 1.0),
    helper=(1.24, 1.4),
    helper_step=0.4,
    ring=0.14,
    ring_gaps=(0.32, 0.32),
    kernel=(2.3, 2.48),
    right_labels=2.58,
    right_limit=3.57,
    scale=3.66,
    device_pt=style.FINE_PT,
    is_terse=True,
)
"""For a phone."""


@dataclass(frozen=True)
class FlowSheet:
    """Where things are: inches from the figure's top, and from its left."""

    flow: Flow
    colour: str
    height: float
    """Of the lanes."""
    head: float = HEAD_IN
    """Where the lanes begin."""
    layout: Columns = WIDE
    words: list[tuple[float, float, float]] = field(default_factory=list)
    """Where words stand in the lanes: left edge of the lane, top, bottom."""

    def lane(self, step: Step) -> tuple[float, float]:
        """The lane of the thread: the application's, or one beside it."""
        return self.layout.application if step.thread == 0 else self.helpers[step.thread]

    @cached_property
    def helpers(self) -> dict[int, tuple[float, float]]:
        """The lane of each helper thread, from left to right."""
        threads = {step.thread for step in self.flow.steps if not is_device(step)}
        (left, right), step = self.layout.helper, self.layout.helper_step
        return {
            thread: (left + step * n, right + step * n)
            for n, thread in enumerate(sorted(threads - {0}))
        }

    @cached_property
    def rings(self) -> dict[Kind, tuple[float, float]]:
        """The lanes of the rings that the application and the kernel share, from left to right."""
        found: dict[Kind, tuple[float, float]] = {}
        left = self.threads_edge
        for ring, gap in zip(self.flow.shared_rings, self.layout.ring_gaps, strict=False):
            found[ring.kind] = (left + gap, left + gap + self.layout.ring)
            left = found[ring.kind][1]
        return found

    @property
    def threads_edge(self) -> float:
        """Right of the threads' lanes."""
        return max(
            (right for _, right in self.helpers.values()), default=self.layout.application[1]
        )

    @property
    def edge(self) -> float:
        """Right of the threads' lanes and of the rings."""
        return max((right for _, right in self.rings.values()), default=self.threads_edge)

    @property
    def shift(self) -> float:
        """How far helper threads and rings move all that is right of them."""
        return self.edge - self.layout.application[1]

    @property
    def kernel(self) -> tuple[float, float]:
        left, right = self.layout.kernel
        return left + self.shift, right + self.shift

    def y(self, at_ns: float) -> float:
        share = at_ns / max(1, self.flow.duration_ns)
        return self.head + self.height * min(1.0, max(0.0, share))

    def end(self, step: Step) -> float:
        return self.y(self.flow.duration_ns if step.end_ns is None else step.end_ns)


def draw(axes: Axes, sheet: FlowSheet) -> None:
    """Both lanes, and with their names those of the helper threads and of the rings."""
    _kernel_lane(axes, sheet)
    _threads_lanes(axes, sheet)
    for ring in sheet.flow.shared_rings:
        _ring_lane(axes, sheet, ring)
    for thread, (left, right) in sheet.helpers.items():
        name = f"thread {thread}"
        if style.width_in(name, style.FINE_PT) > sheet.layout.helper_step:
            name = str(thread)
        look = {"ha": "center", "color": style.INK}
        write(axes, (left + right) / 2, sheet.head - 0.18, name, style.FINE_PT, **look)


def write(axes: Axes, x: float, y: float, text: str, size: float, **more: Any) -> None:  # noqa: ANN401
    look: dict[str, Any] = {"fontsize": size, "va": "center", "color": style.SOFT} | more
    axes.text(x, y, text, **look)


# The lanes


def _ring_lane(axes: Axes, sheet: FlowSheet, ring: SharedRing) -> None:
    lane = sheet.rings[ring.kind]
    _bar(axes, lane, sheet.head, sheet.head + sheet.height, facecolor=style.GROUND)
    for top, bottom in ring.unsure_ns:
        pale = {"facecolor": style.shade(sheet.colour, PALE), "edgecolor": sheet.colour}
        _bar(axes, lane, sheet.y(top), sheet.y(bottom), linestyle=":", linewidth=0.8, **pale)
    for top, bottom in ring.there_ns:
        _bar(axes, lane, sheet.y(top), sheet.y(bottom), facecolor=sheet.colour)
    _outline(axes, sheet, lane, sheet.head)
    name = SHARED_RINGS[ring.kind].replace(" ", "\n")
    if sheet.layout.is_terse:
        name = ring.kind.partition("_")[0].upper()
    look = {"ha": "center", "va": "bottom", "color": style.INK}
    write(axes, sum(lane) / 2, sheet.head - 0.08, name, style.FINE_PT, **look)


@dataclass(frozen=True)
class _Shading:
    """A part of a lane."""

    top: float
    bottom: float
    word: str
    look: dict[str, Any]


def _bar(axes: Axes, lane: tuple[float, float], top: float, bottom: float, **look: Any) -> None:  # noqa: ANN401
    from matplotlib.patches import Rectangle

    left, right = lane
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, **({"linewidth": 0} | look)))


def _span(axes: Axes, sheet: FlowSheet, lane: tuple[float, float], shading: _Shading) -> None:
    """A shaded part of a lane, with its word in it where there is room."""
    top, bottom, word = shading.top, shading.bottom, shading.word
    _bar(axes, lane, top, bottom, **shading.look)
    half = style.width_in(word, style.FINE_PT) / 2 + 0.05
    middle = (top + bottom) / 2
    taken = any(
        left == lane[0] and middle - half < end and begin < middle + half
        for left, begin, end in sheet.words
    )
    if not word or taken or 2 * half > bottom - top:
        return
    sheet.words.append((lane[0], middle - half, middle + half))
    box = style.HIDING | {"pad": 0.8, "alpha": 0.85}
    look = {"rotation": 90, "ha": "center", "color": style.INK, "bbox": box}
    write(axes, (lane[0] + lane[1]) / 2, middle, word, style.FINE_PT, **look)


def _outline(axes: Axes, sheet: FlowSheet, lane: tuple[float, float], top: float) -> None:
    edge = {"facecolor": "none", "edgecolor": style.SOFT, "linewidth": 0.8}
    _bar(axes, lane, top, sheet.head + sheet.height, **edge)


def _kernel_lane(axes: Axes, sheet: FlowSheet) -> None:
    working = {"facecolor": DEVICE, "alpha": 0.3}
    for span in sheet.flow.at_work_ns:
        top, bottom = map(sheet.y, span)
        _span(axes, sheet, sheet.kernel, _Shading(top, bottom, "device at work", working))
    for span in sheet.flow.unsure_ns:
        top, bottom = map(sheet.y, span)
        _bar(axes, sheet.kernel, top, bottom, facecolor=DEVICE, alpha=0.8)
    mark: dict[str, Any] = {"marker": "D", "ms": 5, "color": DEVICE, "mec": style.INK, "mew": 0.6}
    for step in sheet.flow.steps:
        if step.kind == "device_ready":
            at = [sheet.y(start_ns) for start_ns, _ in step.spans_ns]
            axes.plot([sheet.kernel[1]] * step.count, at, linestyle="none", **mark)
    _outline(axes, sheet, sheet.kernel, sheet.head)


def _threads_lanes(axes: Axes, sheet: FlowSheet) -> None:
    own = [step for step in sheet.flow.steps if not is_device(step)]
    begins: dict[tuple[float, float], float] = {sheet.layout.application: sheet.head}
    for step in own:
        begins.setdefault(sheet.lane(step), sheet.y(step.start_ns))
    foot = sheet.head + sheet.height
    for lane, top in begins.items():
        _bar(axes, lane, top, foot, facecolor=style.GROUND)
    _bar(axes, sheet.layout.application, sheet.head, foot, facecolor=sheet.colour, alpha=0.18)
    for step in own:
        word, look = _shading_of(step, sheet)
        if look:
            shading = _Shading(sheet.y(step.start_ns), sheet.end(step), word, look)
            _span(axes, sheet, sheet.lane(step), shading)
    for lane, top in begins.items():
        _outline(axes, sheet, lane, top)


def _shading_of(step: Step, sheet: FlowSheet) -> tuple[str, dict[str, Any]]:
    """The word and the look of what a thread does; no look where its span is not to be seen."""
    if step.kind in ("computation", "callback"):
        word = "computing" if step.kind == "computation" else "callback"
        return word, {"facecolor": sheet.colour, "alpha": 0.75}
    dots = {"facecolor": "none", "edgecolor": sheet.colour, "hatch": "...."}
    if step.kind == "spinning":
        return step.kind, dots
    if step.kind == "call" and step.count > 1:
        only_looks = step.call_class == "submit" and step.result == 0
        return "trying" if is_try(step) else "looking" if only_looks else "", dots
    doing = in_call(step, sheet.flow.duration_ns)
    if doing == "blocked":
        return doing, {"facecolor": "#d9d9d9", "edgecolor": "#a6a6a6", "hatch": "////"}
    return doing, {"facecolor": sheet.colour, "alpha": 0.4} if step.kind == "call" else {}
