"""Data flows one way (CONTRIBUTING, "Layout"): no module imports one that comes after it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the inside out. A module may import what stands before it, never what stands after.
ORDER = (
    "defaults",
    "errors",
    "escape",
    "units",
    "results",
    "_core",
    "worker",
    "toml_file",
    "keys",
    "point",
    "suite",
    "scenario",
    "points",
    "engines",
    "plan",
    "record",
    "launch",
    "explain",
    "trial",
    "prepare",
    "statistics",
    "pairs",
    "procedure",
    "unpaired",
    "storage",
    "trace",
    "ring",
    "blocking_calls",
    "steps",
    "article_figures",
    "environment",
    "noise",
    "probes",
    "doctor",
    "notices",
    "runner",
    "tracing",
    "arms",
    "pairing",
    "ab",
    "findings",
    "claim",
    "claims",
    "metrics",
    "changes",
    "counters",
    "matching",
    "verdict",
    "timings",
    "comparison",
    "gate",
    "paired",
    "versus",
    "selftest",
    "charts",
    "exports",
    "inline_svg",
    "report_tables",
    "report",
    "cli",
)
MODULES = sorted((ROOT / "iomodels").glob("*.py"))
FREE = {"__init__", "__main__"}  # the package's doors: they look inwards only when used


def imported(path: Path) -> set[str]:
    """The iomodels modules that a file imports, wherever in it, by their name in ORDER."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "iomodels":
            names = [f"iomodels.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("iomodels.")}
    return found - {"scenarios", "__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_comes_before_it(path: Path) -> None:
    if path.stem in FREE:
        return
    assert path.stem in ORDER, f"{path.name} has no place in the flow: give it one"
    later = {name for name in imported(path) if ORDER.index(name) >= ORDER.index(path.stem)}
    assert not later, f"{path.name} imports against the flow: {sorted(later)}"


@pytest.mark.parametrize("package", ["charts", "exports"])
def test_a_package_imports_only_what_comes_before_it(package: str) -> None:
    for path in sorted((ROOT / "iomodels" / package).glob("*.py")):
        later = {n for n in imported(path) if ORDER.index(n) > ORDER.index(package)}
        assert not later, f"{path.name} imports against the flow: {sorted(later)}"


def test_the_worker_imports_nothing_of_ours() -> None:
    assert imported(ROOT / "iomodels" / "worker.py") == set()


def test_nothing_imports_the_command_line() -> None:
    for path in MODULES:
        if path.stem not in FREE:
            assert "cli" not in imported(path), path.name


def test_only_one_file_of_the_core_knows_python() -> None:
    core = ROOT / "iomodels" / "core"
    knowing = [path.name for path in core.rglob("*.[ch]") if "Python.h" in path.read_text()]
    assert knowing == ["module.c"]


def test_engines_never_read_a_clock_or_allocate_outside_open() -> None:
    for path in (ROOT / "iomodels" / "core" / "engines").glob("*.c"):
        text = path.read_text()
        assert "clock.h" not in text, path.name
        assert "printf" not in text, path.name
