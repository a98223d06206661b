"""Engines are told apart by colour and marker, whatever colours their reader sees."""

from __future__ import annotations

from itertools import combinations

import numpy
import pytest
from matplotlib.colors import to_rgb

from iomodels.charts.drawing import style
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import parse, variants
from iomodels.results.schema import HARNESSES

# Linear RGB as seen: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation
# of Color Vision Deficiency" (IEEE TVCG 2009), their matrices for full deficiency.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def distance(hue, other):
    return min(
        numpy.linalg.norm(as_seen(hue, kind) - as_seen(other, kind))
        for kind in (*DEFICIENCIES, "none")
    )


def as_seen(hue, kind):
    seen = numpy.array(DEFICIENCIES.get(kind, numpy.eye(3)))
    linear = seen @ numpy.array(to_rgb(hue)) ** 2.2
    return numpy.clip(linear, 0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("kind", [*DEFICIENCIES, "none"])
def test_the_hues_differ_for_every_eye(kind):
    """Those of engines that are not known here, too; the harness is in no picture."""
    of_engines = {name: hue for name, hue in style.HUES.items() if name != "null"} | style.OWN_HUES
    every = of_engines | {f"spare {n}": hue for n, hue in enumerate(style.SPARE_HUES)}
    for (a, hue), (b, other) in combinations(every.items(), 2):
        assert numpy.linalg.norm(as_seen(hue, kind) - as_seen(other, kind)) > 0.1, (a, b)


def test_each_engine_has_a_hue_and_a_marker_of_its_own():
    known = {*style.HUES, *style.OF_TWINS, *style.OWN_HUES}
    assert set(DESCRIPTORS) <= known
    assert len({style.look(name).marker for name in known}) == len(known)


@pytest.mark.parametrize(("engine", "twin"), style.OF_TWINS.items())
def test_an_engine_in_python_has_the_hue_of_its_twin_and_neither_its_marker_nor_its_line(
    engine, twin
):
    one, other = style.look(engine), style.look(twin)
    assert one.colour == other.colour
    assert one.marker not in style.MARKERS
    assert one.dashes != other.dashes


@pytest.mark.parametrize("engine", DESCRIPTORS)
def test_an_engine_and_its_options_alone_differ_in_colour(engine):
    """Each with its first value: those are compared with each other. Shades go round."""
    firsts = [
        f"{engine}:{option.name}={next(c for c in option.choices if c != option.default)}"
        for option in DESCRIPTORS[engine].options
        if option.choices and option.only is None
    ]
    looks = [style.look(parse(each).canonical) for each in (engine, *firsts)]
    shades = len(style._SHADES)
    assert len({look.colour for look in looks[:shades]}) == len(looks[:shades])
    assert len({look.marker for look in looks}) == len(looks)


@pytest.mark.parametrize("engine", DESCRIPTORS)
def test_no_option_of_an_engine_looks_like_another_engine(engine):
    """What has nearly the colour of another has not its marker."""
    for spec in variants(engine):
        its = style.look(spec.canonical)
        if len(spec.options) > 1:
            continue
        for other in set(DESCRIPTORS) - {engine, *HARNESSES}:
            look = style.look(other)
            near = distance(its.colour, look.colour) < 0.15
            assert not (near and look.marker == its.marker), (spec.canonical, other)
