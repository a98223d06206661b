"""Each kind of picture looks as it did: compared with `tests/images/`.

After a wanted change `python -m tests.charts.test_images` draws them anew: look at each before you
keep it.

The tolerance is a root mean square over all pixels, of 255, and small enough to see one marker move
by its own size (there is a test of that). Another minor version of matplotlib sets letters
elsewhere by parts of a pixel, which is far more than that: hence the `test` extra asks for the one
that drew the images. What the numbers are is read back from the artists, in `test_charts.py` and
`test_over_time.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images

from iomodels import charts
from iomodels.advice.document import Advice
from iomodels.charts.drawing import style
from iomodels.charts.flows import flow
from iomodels.comparison.schema import Comparison

from .. import advice_samples, chart_runs, comparison_samples, ring_traces
from . import figure_traces
from .flow_figures import drawn as drawn_flow

IMAGES = Path(__file__).parents[1] / "images"
DRAWN_WITH = "3.11"
TOLERANCE = 0.5
DPI = 80

pytestmark = pytest.mark.skipif(
    not matplotlib.__version__.startswith(DRAWN_WITH + "."),
    reason=f"the images were drawn with matplotlib {DRAWN_WITH}, this is {matplotlib.__version__}",
)


def drawn(name: str, *runs, names=()) -> Figure:
    found = {picture.name: picture for picture in charts.pictures(runs, names=names)}
    return found[name].draw()


def compared(name: str, comparison: Comparison, *, narrow: bool = False) -> Figure:
    found = {picture.name: picture for picture in charts.of_comparison(comparison)}
    return found[name].draw_narrow() if narrow else found[name].draw()


def advised(advice: Advice, *, narrow: bool = False) -> Figure:
    (picture,) = charts.of_advice(advice)
    return picture.draw_narrow() if narrow else picture.draw()


def traced(number: int) -> Figure:
    picture = flow.flow(figure_traces.FIGURES[number])
    assert picture.title.startswith(f"Figure {number}, ")
    with style.context():
        return picture.draw()


def overlaid(kind: str) -> Figure:
    runs = chart_runs.four(), chart_runs.four(rounds=3, scale=1.2)
    return drawn(f"slow-device-{kind}", *runs, names=["base", "new"])


def overlaid_sweeps() -> Figure:
    runs = chart_runs.swept(), chart_runs.swept(scale=1.2)
    return drawn("slow-devices-scaling", *runs, names=["base", "new"])


PICTURES: dict[str, Callable[[], Figure]] = {
    "by-engine": lambda: drawn("slow-device-by-engine", chart_runs.four()),
    "by-engine-one-round": lambda: drawn("slow-device-by-engine", chart_runs.four(rounds=1)),
    "by-engine-swept": lambda: drawn("slow-devices-by-engine", chart_runs.swept()),
    "by-engine-twelve": lambda: drawn("slow-device-by-engine", chart_runs.twelve()),
    "by-engine-overlaid": lambda: overlaid("by-engine"),
    "percentiles": lambda: drawn("slow-device-percentiles", chart_runs.four()),
    "percentiles-twelve": lambda: drawn("slow-device-percentiles", chart_runs.twelve()),
    "scaling": lambda: drawn("slow-devices-scaling", chart_runs.swept()),
    "scaling-twelve": lambda: drawn("slow-devices-scaling", chart_runs.twelve_swept()),
    "scaling-overlaid": overlaid_sweeps,
    "percentiles-overlaid": lambda: overlaid("percentiles"),
    "cancelling": lambda: drawn("cancel-cancelling", chart_runs.cancelling()),
    "overlap": lambda: drawn("overlap-overlap", chart_runs.overlapping()),
    "cpu-latency": lambda: drawn("slow-devices-cpu-latency", chart_runs.swept()),
    "cpu-latency-twelve": lambda: drawn("slow-device-cpu-latency", chart_runs.twelve()),
    "cpu-latency-today": lambda: drawn("slow-devices-cpu-latency", chart_runs.today()),
    "models": lambda: drawn("slow-devices-models", chart_runs.today()),
    "calls": lambda: drawn("slow-devices-calls", chart_runs.swept()),
    "calls-twelve": lambda: drawn("slow-device-calls", chart_runs.twelve()),
    "rounds": lambda: drawn("slow-devices-rounds", chart_runs.swept()),
    "over-time": lambda: drawn("slow-device-over-time", chart_runs.four()),
    "over-time-window": lambda: drawn("slow-device-over-time", chart_runs.windowed()),
    "over-time-window-few": lambda: drawn("slow-device-over-time", chart_runs.windowed(few=True)),
    "over-time-window-one-round": lambda: drawn("slow-device-over-time", chart_runs.windowed(1)),
    "flow-blocking": lambda: traced(2),
    "flow-nonblocking": lambda: traced(3),
    "flow-select": lambda: traced(4),
    "flow-aio-signal": lambda: traced(5),
    "flow-rings": lambda: drawn_flow(ring_traces.entering()),
    "flow-rings-narrow": lambda: drawn_flow(ring_traces.several(), narrow=True),
    "flow-rings-polled": lambda: drawn_flow(ring_traces.polled()),
    "changes": lambda: compared("changes", comparison_samples.every()),
    "changes-narrow": lambda: compared("changes", comparison_samples.every(), narrow=True),
    "turning": lambda: advised(advice_samples.advice()),
    "turning-narrow": lambda: advised(advice_samples.advice(), narrow=True),
    "matrix": lambda: charts.matrix(chart_runs.swept(), "slow-devices").draw(),
    "matrix-computing": lambda: charts.matrix(chart_runs.computing(), "slow-device").draw(),
}


def save(figure: Figure, path: Path) -> Path:
    with style.context():
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


def difference(name: str, figure: Figure, folder: Path) -> str | None:
    """What is different from the kept image, None for nothing."""
    expected = shutil.copy(IMAGES / f"{name}.png", folder / "expected.png")
    actual = save(figure, folder / "actual.png")
    return compare_images(str(expected), str(actual), tol=TOLERANCE)


@pytest.mark.parametrize("name", PICTURES)
def test_it_looks_as_it_did(name: str, tmp_path: Path) -> None:
    assert difference(name, PICTURES[name](), tmp_path) is None


def test_every_image_has_its_picture() -> None:
    assert {path.stem for path in IMAGES.glob("*.png")} == set(PICTURES)


@pytest.mark.parametrize("name", ["by-engine", "by-engine-twelve", "by-engine-swept"])
def test_the_tolerance_sees_one_marker_move(name: str, tmp_path: Path) -> None:
    figure = PICTURES[name]()
    panel = figure.axes[0]
    line = next(line for line in panel.lines if line.get_label() == "select|median")
    left, _ = panel.transData.inverted().transform((0, 0))
    right, _ = panel.transData.inverted().transform((10 * figure.dpi / DPI, 0))
    line.set_xdata(line.get_xdata() + (right - left))
    assert difference(name, figure, tmp_path) is not None


def test_the_tolerance_sees_one_arrow_move(tmp_path: Path) -> None:
    figure = traced(2)
    arrow = next(t for t in figure.axes[0].texts if getattr(t, "arrow_patch", None) is not None)
    arrow.xy = (arrow.xy[0], arrow.xy[1] + 0.1)
    assert difference("flow-blocking", figure, tmp_path) is not None


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        print(save(draw(), IMAGES / f"{name}.png"))
