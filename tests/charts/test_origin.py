"""Where numbers are from: what tells overlaid runs apart, and what a picture says at its foot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from iomodels import charts
from iomodels.charts.drawing.origin import run_names
from iomodels.charts.drawing.picture import render
from iomodels.charts.drawing.scene import scenes
from iomodels.results.schema import Notice

from .. import chart_runs
from ..chart_runs import texts


@dataclass
class Made:
    """Of a run, what may differ."""

    created_utc: str = "2026-01-01T10:00:00+00:00"
    kernel: str = "6.1.0"


def run_of(made):
    whole = chart_runs.four()
    environment = whole.environment | {"kernel": made.kernel}
    return msgspec.structs.replace(whole, created_utc=made.created_utc, environment=environment)


LATER, NEXT_DAY = Made("2026-01-01T11:30:00+00:00"), Made("2026-01-02T10:00:00+00:00")


@pytest.mark.parametrize(
    ("files", "second", "names"),
    [
        (["a.json", "b.json"], Made(), ["a", "b"]),
        (["x/run-linux-6.1-a.json", "run-linux-6.18-a.json"], Made(), ["6.1-a", "6.18-a"]),
        (["disk_new.json", "disk.json"], Made(), ["disk_new", "disk"]),
        (["disk-new.json", "disk-new-2.json"], Made(), ["new", "new-2"]),
        (["-a.json", "-b.json"], Made(), ["-a", "-b"]),
        (["run-.json", "run-2.json"], Made(), ["run-", "run-2"]),
        (["x/a.json", "y/a.json"], Made(), ["x", "y"]),
        (["a-20260101T100000Z.json", "b-20260101T113000Z.json"], LATER, ["a", "b"]),
        (
            ["a-20260101T100000Z.json", "a-20260102T100000Z.json"],
            NEXT_DAY,
            ["2026-01-01", "2026-01-02"],
        ),
        (
            ["a-20260101T100000Z.json", "a-20260101T113000Z.json"],
            LATER,
            ["2026-01-01 10:00", "2026-01-01 11:30"],
        ),
        (
            ["a-20260101T100000Z.json", "a-20260101T113000Z.json"],
            Made(LATER.created_utc, "6.18.1"),
            ["Linux 6.1.0", "Linux 6.18.1"],
        ),
        ([], Made(), ["run 1", "run 2"]),
    ],
)
def test_runs_are_named_by_what_differs(files, second, names):
    runs = [run_of(Made()), run_of(second)]
    assert run_names(runs, [Path(name) for name in files]) == names


def test_a_long_name_is_a_letter_beside_an_engine_and_whole_below():
    long = ["with-the-governor-performance", "with-the-governor-schedutil"]
    for picture in charts.pictures([chart_runs.four(), chart_runs.four()], names=long):
        shown = " ".join(texts(picture.draw()))
        assert "aio (A" in shown
        for letter, name in zip("AB", long, strict=True):
            assert f"{letter} = {name}: iomodels" in shown
        assert "…" not in shown


def test_the_warnings_of_a_run_stand_below_each_of_its_pictures():
    notices = [
        Notice("busy", "another process had 40 % of a CPU: see `iomodels doctor`"),
        Notice("few-operations", "slow-device: few operations per trial (aio 9)"),
        Notice("bimodal", "another, aio: the rounds fall into two groups"),
    ]
    whole = chart_runs.run(chart_runs.four().cells + other_scenario())
    run = msgspec.structs.replace(whole, warnings=notices)
    for picture in [*charts.pictures([run], scenario="slow-device"), *charts.matrices(run)[:1]]:
        shown = " ".join(texts(picture.draw()))
        assert "Warning: another process had 40 % of a CPU: see iomodels doctor" in shown
        assert "Warning: few operations per trial (aio 9)" in shown
        assert "two groups" not in shown
    for picture in charts.pictures([run], scenario="another"):
        assert "two groups" in " ".join(texts(picture.draw()))


def other_scenario():
    cells = [chart_runs.cell("aio"), chart_runs.cell("select")]
    return [msgspec.structs.replace(cell, scenario="another") for cell in cells]


def test_many_warnings_are_counted():
    notices = [Notice("bimodal", f"it was strange {n} times") for n in range(5)]
    run = msgspec.structs.replace(chart_runs.four(), warnings=notices)
    (scene,) = scenes([run])
    assert list(scene.footer[1:]) == [
        "Warning: it was strange 0 times",
        "Warning: it was strange 1 times",
        "3 more warnings: iomodels report lists them",
    ]


def test_a_busy_machine_is_one_short_line():
    """Of the trials, not of the moment before them."""
    notices = [
        Notice("busy", "other processes use 2.00 of 2 cores now (load average 11): stop others"),
        Notice("busy-throughout", "other processes used 1.62 of 2 cores in the median trial and"),
    ]
    (scene,) = scenes([msgspec.structs.replace(chart_runs.four(), warnings=notices)])
    said = "Busy machine: other processes used 1.62 of 2 cores in the median trial"
    assert list(scene.footer[1:]) == [said]


def of_service(*services):
    """A run for each, of one device with that service time at depths 1 and 4."""
    return [
        chart_runs.run(
            [
                chart_runs.cell("aio", parameters={"load.depth": depth, "channel.service": service})
                for depth in (1, 4)
            ],
            questions={"slow-device": f"What of {service}?"},
        )
        for service in services
    ]


def test_results_with_different_settings_share_their_panels_in_the_order_given():
    (scene,) = scenes(of_service(200_000, 50_000), names=["old", "new"])
    assert [point.label for point in scene.points] == ["depth 1", "depth 4"]
    for point in scene.points:
        assert [s.label for s in point.series] == ["aio (200 µs)", "aio (50 µs)"]
    assert scene.question == ""  # neither of them holds for both
    assert "The results differ in service: old 200 µs and new 50 µs" in scene.remarks
    assert list(dict.fromkeys(line.split(": ")[0] for line in scene.footer)) == [
        "200 µs (old)",
        "50 µs (new)",
    ]


def test_settings_that_do_not_tell_all_results_apart_name_none():
    (scene,) = scenes(of_service(200_000, 50_000, 200_000), names=["a", "b", "c"])
    assert [s.label for s in scene.points[0].series] == ["aio (a)", "aio (b)", "aio (c)"]


@pytest.mark.parametrize(
    ("depths", "part"),
    [([16], "depth 16 only"), ([1, 16], "depth 1 and 16 only"), ([1, 4, 16], "")],
)
def test_a_picture_names_what_was_measured_and_not_what_could_be(depths, part):
    """Of `slow-devices`, which sweeps depths 1, 4 and 16."""
    cells = [c for c in chart_runs.swept().cells if c.parameters["load.depth"] in depths]
    run = msgspec.structs.replace(chart_runs.run(cells), questions=chart_runs.swept().questions)
    question = run.questions["slow-devices"]
    for picture in charts.pictures([run]):
        shown = " ".join(texts(picture.draw()))
        assert picture.title.endswith(part)
        assert part in shown
        assert (question in shown) == (not part)


def test_a_file_of_a_picture_has_its_title():
    (picture, *_) = charts.pictures([chart_runs.four()])
    assert picture.title.startswith("Throughput and latency by engine: ")
    assert picture.title.encode("utf-16-be") in render(picture, "pdf") or (
        b"/Title (" + picture.title.encode()
    ) in render(picture, "pdf")
    assert picture.title.encode() in render(picture, "png")
