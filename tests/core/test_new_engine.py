"""An engine is one file and one line: with those, and nothing else touched, everything follows.

tests/data/engine_example.c becomes part of a copy of iomodels; nothing else is compiled again.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iomodels import _core

from .. import core_build

ROOT = core_build.ROOT
ENGINES = ("example", "example:order=newest")
CHANNELS = _core.channels()
ROLES_AT_ONCE = 4  # most of a rule's time is spent waiting

Run = Callable[..., str]


def with_example() -> dict[str, str]:
    """The file and the line."""
    registry = (core_build.CORE / "registry.c").read_text()
    last = "    X(null)\n"
    assert last in registry
    return {
        "engines/example.c": (ROOT / "tests" / "data" / "engine_example.c").read_text(),
        "registry.c": registry.replace(last, f"    X(example) \\\n{last}"),
    }


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The two, compiled. All else is the core as it was built for other tests."""
    folder, changed = tmp_path_factory.mktemp("core"), with_example()
    return core_build.compile_some(core_build.copy_core(folder, changed), changed, folder)


@pytest.fixture(scope="module")
def iomodels(objects: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs that copy's command line, and gives what it writes to standard output."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "iomodels"
    unbuilt = shutil.ignore_patterns("*.so", "__pycache__", "core")
    shutil.copytree(ROOT / "iomodels", package, ignore=unbuilt)
    shutil.copytree(ROOT / "cli", package / "cli", ignore=unbuilt)
    shutil.copytree(ROOT / "scenarios", package / "scenarios", ignore=unbuilt)
    core_build.link_extension(objects, package / "_core.abi3.so")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "iomodels", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def result(iomodels: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every shipped scenario, as short as can be."""
    path = tmp_path_factory.mktemp("result") / "all.json"
    engines = [word for name in ENGINES for word in ("-e", name)]
    # Long enough for a few arrivals of the slowest open loop (1000 per second).
    tiny = ("-d", "0.02", "--warmup", "0", "-r", "1")
    iomodels("bench", "all", *engines, *tiny, "-o", str(path))
    return path


def test_it_is_listed_with_its_words_and_options(iomodels: Run) -> None:
    (told,) = [e for e in json.loads(iomodels("engines", "--json")) if e["name"] == "example"]
    assert told["summary"] == "an engine that only a test has"
    assert told["options"][0]["choices"] == ["oldest", "newest"]
    assert told["caps"]["waits"]
    assert told["complexity_level"]["name"] == "a list of descriptors"
    assert told["model"] == {"news": "readiness", "waiting": "sleeps", "worker": "caller"}
    assert "example an engine that only a test has" in " ".join(iomodels("engines").split())
    shown = " ".join(iomodels("engines", "example").split())
    assert shown.startswith("example: an engine that only a test has ")
    assert "files (as blocking does)" in shown
    assert "order which of those that are ready come first" in shown


@pytest.mark.parametrize("channel", CHANNELS)
def test_it_passes_the_conformance_suite(
    channel: str, objects: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = objects[0].parent / "conformance"
    if not program.exists():
        core_build.link_conformance(objects, program)
    listed = subprocess.run(
        [program, "--list", *ENGINES], capture_output=True, text=True, check=True
    ).stdout
    pairs = {tuple(line.split()[:2]) for line in listed.splitlines()}
    roles = sorted((e, c) for e, c in pairs if e in ENGINES and c.partition(":")[0] == channel)
    assert {engine for engine, _ in roles} == set(ENGINES)

    def run(engine: str, role: str) -> subprocess.CompletedProcess[str]:
        command = [program, "--each", engine, role]
        return subprocess.run(command, capture_output=True, text=True, timeout=100)

    with ThreadPoolExecutor(ROLES_AT_ONCE) as pool:
        for done in pool.map(run, *zip(*roles, strict=True)):
            failed = [line for line in done.stdout.splitlines() if " failed " in line]
            assert done.returncode == 0, failed
            assert done.stdout.count(" passed") > 5


def test_it_runs_where_it_can_and_says_why_where_it_cannot(result: Path) -> None:
    run = json.loads(result.read_text())
    own = [cell for cell in run["cells"] if cell["engine"] in ENGINES]
    assert {cell["engine"] for cell in own} == set(ENGINES)
    assert {cell["status"] for cell in own} <= {"ok", "n/a"}
    every = {cell["scenario"] for cell in run["cells"]}
    assert len(every) > 20
    assert {cell["scenario"] for cell in own if cell["status"] == "ok"} == every - {"log-append"}
    on_files = [cell for cell in own if cell["parameters"]["channel.kind"] == "file"]
    notes = {cell["note"] for cell in on_files if cell["status"] == "ok"}
    assert "degenerate: same as blocking, because the example finds files always ready" in notes
    (deep,) = notes - {"degenerate: same as blocking, because the example finds files always ready"}
    assert deep.startswith("degenerate: makes one request after another, as blocking does, because")
    for cell in own:
        for trial in cell["trials"]:
            assert trial["operations"] > 0
            if cell["scenario"] == "slow-device":
                assert trial["calls_per_op"]["ppoll"] > 0
                assert trial["eagain_per_op"] > 0
                assert trial["counters"]["example_waits"] > 0


def test_what_it_counts_is_a_warning(result: Path) -> None:
    run = json.loads(result.read_text())
    warnings = [w["message"] for w in run["warnings"] if w["code"] == "example-waits"]
    assert any("were waited for, which is no news" in text for text in warnings)


def test_what_it_takes_is_seen(iomodels: Run, tmp_path: Path) -> None:
    out = tmp_path / "luggage.json"
    engines = ("-e", "example", "-e", "example:luggage=1024")
    iomodels(
        "bench", "echo", *engines, "-s", "load.depth=1", "-d", "0.02", "-r", "1", "-o", str(out)
    )
    taken = {
        c["engine"]: c["trials"][0]["memory_bytes"] for c in json.loads(out.read_text())["cells"]
    }
    more = taken["example:luggage=1024"] - taken["example"]
    assert abs(more - (1 << 20)) <= 3 * mmap.PAGESIZE, "with a page table and what malloc adds"


def test_what_it_refuses_is_not_applicable(iomodels: Run, tmp_path: Path) -> None:
    out = tmp_path / "synced.json"
    arguments = ("log-append", "-e", "blocking", "-e", "example", "-d", "0.01", "-r", "1")
    iomodels("bench", *arguments, "-o", str(out))
    cells = [c for c in json.loads(out.read_text())["cells"] if c["engine"] == "example"]
    refused = [c["reason"] for c in cells if c["parameters"]["load.sync"] != "none"]
    assert set(refused) == {"the example does not care whether data is safe"}


def test_it_is_traced_drawn_and_reported(iomodels: Run, tmp_path: Path) -> None:
    text = iomodels("trace", "example", "-s", "channel.service=20 ms")
    assert "Figure 4, as recorded" in text, "it tried, and then waited"
    assert "Example kernel" in text
    assert "ready" in text
    result = tmp_path / "result.json"
    engines = [word for name in ("blocking", *ENGINES) for word in ("-e", name)]
    iomodels("bench", "slow-device", *engines, "-d", "0.01", "-r", "2", "-o", str(result))
    iomodels("chart", str(result), "-o", str(tmp_path / "charts"), "--format", "svg")
    drawn = [path.read_text() for path in (tmp_path / "charts").glob("*.svg")]
    assert any("example" in svg and "newest" in svg for svg in drawn)
    iomodels("report", str(result), "-o", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "example:order=newest" in page
