"""What `import iomodels` offers: found by dir, help and completion, and loaded when it is used."""

from __future__ import annotations

import inspect
import pydoc
import rlcompleter
import subprocess
import sys

import pytest

import iomodels
from iomodels.base import errors


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def subclasses(kind: type) -> set[type]:
    return {each for one in kind.__subclasses__() for each in (one, *subclasses(one))}


def test_dir_and_completion_show_what_there_is():
    assert {"bench", "load", "compare", "Run", "Comparison", "IomodelsError"} <= set(dir(iomodels))
    assert set(iomodels.__all__) <= set(dir(iomodels))
    completer = rlcompleter.Completer({"iomodels": iomodels})
    found = {completer.complete("iomodels.", n) for n in range(200)} - {None}
    assert {name.rstrip("()").partition("(")[0] for name in found if name} >= {
        f"iomodels.{name}" for name in ("bench", "load", "compare", "UsageError", "Run")
    }


def test_help_explains_each_function():
    text = pydoc.plain(pydoc.render_doc(iomodels))
    for name in ("bench(", "load(", "compare(", "class Run(", "class ResultError("):
        assert name in text
    parameters = inspect.signature(iomodels.bench).parameters
    assert all(f"`{name}`" in (iomodels.bench.__doc__ or "") for name in parameters)


@pytest.mark.parametrize("name", iomodels.__all__)
def test_every_name_is_there(name):
    assert getattr(iomodels, name) is not None


def test_every_error_that_can_be_raised_can_be_imported():
    """Those of one trial are raised to nobody: they are a cell's `reason`."""
    of_one_trial = {errors.NotApplicable, *subclasses(errors.TrialError)}
    every = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.IomodelsError)
        if value not in of_one_trial
    }
    missing = every - set(iomodels.__all__)
    assert not missing, f"name them in iomodels/__init__.py: {sorted(missing)}"


def test_what_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'iomodels' has no attribute 'benhc'"):
        _ = iomodels.benhc


def test_to_import_it_loads_nothing():
    heavy = "{'numpy', 'msgspec', 'rich', 'click', 'matplotlib', 'jinja2', 'asyncio', 're'}"
    code = "import sys; before = set(sys.modules); import iomodels; dir(iomodels); "
    code += f"new = set(sys.modules) - before; print(sorted(new & {heavy}), "
    code += "sorted(n for n in new if n.startswith('iomodels')))"
    assert run(code).strip() == "[] ['iomodels']"


def test_no_package_takes_the_place_of_a_function():
    code = "import iomodels, iomodels.cli.main, iomodels.comparison.runs\n"
    code += "import iomodels.check.history.baseline\n"
    code += "print(*(callable(getattr(iomodels, n)) for n in ('bench', 'load', 'compare')))"
    assert run(code).split() == ["True"] * 3
