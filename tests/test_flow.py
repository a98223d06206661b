"""Data flows one way (CONTRIBUTING, "Layout"): each package imports only what it may."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "iomodels"

# From the inside out, as in CONTRIBUTING. `cli` may import everything, and nothing imports it.
MAY_IMPORT = {
    "base": "",
    "core": "",
    "python": "",
    "results": "base",
    "workload": "base",
    "statistics": "base, results",
    "machine": "base, results, core",
    "observe": "base, workload, machine",
    "fio": "base, workload",
    "engines": "base, workload, core, python, plugin",
    "trials": "all above",
    "trace": "all above but trials",
    "analysis": "all above but trials, trace",
    "measure": "all above",
    "advice": "all above but trials, measure",
    "comparison": "all above but trials, measure",
    "charts": "all above but trials, measure",
    "report": "all above but trials, measure",
    "exports": "all above but trials, measure",
    "check": "all above",
    "contest": "all above",
    "crosscheck": "all above",
    "conform": "all above",
    "library": "all above",
}
# The package's doors: they look inwards only when used.
AT_THE_ROOT = {"__init__.py", "__main__.py", "headers.py", "plugin.py"}


def allowed(package: str) -> set[str]:
    names = list(MAY_IMPORT)
    above, said, but = MAY_IMPORT[package].partition("all above")
    if not said:
        return set(above.split(", "))
    return set(names[: names.index(package)]) - set(but.removeprefix(" but ").split(", "))


@cache
def imported_names(path: Path) -> set[str]:
    """What a file imports of ours, wherever in it: modules, and names in them."""
    found: set[str] = set()
    here = ("iomodels", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        found |= {name for name in names if name.startswith("iomodels.")}
    return found - {"iomodels.__version__"}


def imported(path: Path) -> set[str]:
    """The packages of ours that a file imports."""
    found = {name.split(".")[1] for name in imported_names(path)}
    return {"core" if name == "_core" else name for name in found}


def test_every_module_is_in_a_package_that_has_a_place() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == AT_THE_ROOT
    assert {path.parent.name for path in PACKAGE.glob("*/*.py")} <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    for path in sorted((PACKAGE / package).rglob("*.py")):
        against = imported(path) - {package} - allowed(package)
        assert not against, f"{path.relative_to(PACKAGE)} imports {sorted(against)}"


def test_modules_import_each_other_in_no_circle() -> None:
    """Within a package, too. The package's doors are left out: what they name, they import late."""
    modules = {
        ".".join(("iomodels", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {
        module: {
            home
            for name in imported_names(path)
            for home in (name if name in modules else name.rpartition(".")[0],)
            if home in modules and home != module
        }
        for module, path in modules.items()
    }
    assert sum(map(len, graph.values())) > len(graph), "imports are found at all"
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_worker_imports_nothing_of_ours() -> None:
    assert imported(PACKAGE / "trials" / "worker.py") == set()


def test_the_build_has_every_file_of_the_core() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    (extension,) = project["tool"]["setuptools"]["ext-modules"]
    core = {str(p.relative_to(PACKAGE.parent)) for p in (PACKAGE / "core").rglob("*.[ch]")}
    assert sorted(extension["sources"] + extension["depends"]) == sorted(core)


def test_only_one_folder_of_the_core_knows_python() -> None:
    core = PACKAGE / "core"
    knowing = [path for path in core.rglob("*.[ch]") if "Python.h" in path.read_text()]
    assert {path.parent for path in knowing} == {core / "python"}


def test_engines_never_read_a_clock_or_allocate_outside_open() -> None:
    for path in (PACKAGE / "core" / "engines").glob("*.c"):
        text = path.read_text()
        assert "clock.h" not in text, path.name
        assert "printf" not in text, path.name


SOURCES = [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "cli").rglob("*.py")]
OTHERS = [
    path for folder in ("tests", "benchmarks") for path in (PACKAGE.parent / folder).rglob("*.py")
]
MAX_LINES, MAX_LINES_IN_C, MAX_MODULES = 400, 450, 10
WITHOUT_END = {"exports", "charts", "cli"}
"""A module for each format, picture or command."""


def test_no_file_and_no_package_is_too_large_to_know() -> None:
    most = dict.fromkeys([*SOURCES, *OTHERS], MAX_LINES)
    most |= dict.fromkeys((PACKAGE / "core").rglob("*.[ch]"), MAX_LINES_IN_C)
    for path, limit in most.items():
        lines = len(path.read_text().splitlines())
        assert lines <= limit, f"{path} has {lines} lines: has it two jobs?"
    for folder in {path.parent for path in SOURCES} - {PACKAGE}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES or folder.name in WITHOUT_END, folder


def test_no_two_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            # The library's Run is the schema's, with ways to show it.
            extends = isinstance(node, ast.ClassDef) and any(
                isinstance(base, ast.Attribute) and base.attr == node.name for base in node.bases
            )
            if isinstance(node, ast.ClassDef) and not extends:
                homes.setdefault(node.name, []).append(path.name)
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
