"""Names that a result file from elsewhere may hold, and runs and comparisons full of them."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from iomodels.comparison import schema
from iomodels.comparison.schema import Change, Comparison, Difference, Verdict
from iomodels.results.schema import Interval, Notice, Run, Tool

from .factory import make_cell, make_run

FRAGMENTS = (
    "|", "\n", "\r\n", "\x1b[31m", "\x00", "<script>", "](http://x.y)", "![a](b)", "**", "`", "~~",
    "=1+1", "+1", "-2", "@x", "＝1", "\t", '"', "'", ",", "\\", "]]>", "&amp;", "&#124;", "%0A",
    "::error::", "\ufffe", "\ud800", "\u202e", "{}", "$x$", "# ",
    "https://e.vil", "www.e.vil", "\u2028", " ",
    "- ", "+ ", "1. ", "2) ", "---", "===", "    ",
)  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=5)), max_size=5).map(
    "".join
)
numbers = st.one_of(st.just(0.0), st.floats(min_value=1e-12, max_value=1e12))
intervals = st.lists(numbers, min_size=3, max_size=3).map(
    lambda three: Interval(low=min(three), median=sorted(three)[1], high=max(three))
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Cells with numbers, and cells without, of any name; some repeat."""
    cells = [
        make_cell(
            draw(texts), scenario=draw(texts), parameters={"channel.note": draw(texts)}, note="n"
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    cells += [
        make_cell(
            draw(texts), [], scenario=draw(texts), status=status, reason=draw(texts), summary=None
        )
        for status in ("n/a", "failed")
    ]
    return make_run(
        cells + draw(st.sampled_from([[], cells[:1]])),
        created_utc=draw(texts),
        tool=Tool(version=draw(texts), core_hash=draw(texts)),
        environment={"kernel": draw(texts), "cpu": None},
        questions={cells[0].scenario: draw(texts)},
        warnings=[Notice(code="x", message=draw(texts))],
    )


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Changes of every verdict, of any name; some repeat."""
    optional = st.one_of(st.none(), intervals)
    found = [
        make_change(
            scenario=draw(texts), label=draw(texts), engine=draw(texts), metric=draw(texts),
            verdict=draw(st.sampled_from(get_args(Verdict))), base=draw(optional),
            new=draw(optional), ratio=draw(optional), reason=draw(st.one_of(st.none(), texts)),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]  # fmt: skip
    return make_comparison(
        found + found[:1],
        base_name=draw(texts),
        new_name=draw(texts),
        created_utc=draw(texts),
        outcome=draw(st.sampled_from(get_args(schema.Outcome))),
        differences=[Difference(name=draw(texts), base=draw(texts), new=None)],
        warnings=[Notice(code="x", message=draw(texts))],
    )


def make_change(**fields: object) -> Change:
    """A cell that is 12 % slower, for sure."""
    usual: dict[str, object] = {
        "scenario": "slow-device",
        "parameters": {"load.depth": 4},
        "label": "depth 4",
        "engine": "aio",
        "metric": "throughput_ops",
        "unit": "ops/s",
        "bigger_is_better": True,
        "verdict": "slower",
        "base": Interval(1000.0, 990.0, 1010.0),
        "new": Interval(880.0, 870.0, 890.0),
        "ratio": Interval(0.88, 0.87, 0.89),
        "rounds": 40,
        "noise": 0.03,
        "detectable": 0.05,
        "confirmed": True,
    }
    return Change(**(usual | fields))  # type: ignore[arg-type]


def make_comparison(found: list[Change], **fields: object) -> Comparison:
    usual: dict[str, object] = {
        "schema": schema.SCHEMA,
        "created_utc": "2026-01-01T00:00:00+00:00",
        "base_name": "base.json",
        "new_name": "new.json",
        "base_tool": Tool("0.1.0", "aaaa"),
        "new_tool": Tool("0.1.0", "aaaa"),
        "threshold": 0.05,
        "outcome": "regression",
        "changes": found,
        "differences": [],
        "warnings": [],
    }
    return Comparison(**(usual | fields))  # type: ignore[arg-type]
