"""The interpreters of this process that measure engines in Python: this one, and those that the
user has named.

A label such as `3.13.0` stands for an interpreter only after its path has been typed: in
`-e python:asyncio:python=PATH`, in `--interpreter PATH`, or by a program that uses the library.
So no file can start one. Each is asked once what it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from iomodels.base.errors import EngineError
from iomodels.base.toml import printable
from iomodels.engines.kinds.interpreters import NAME, is_label, label_of
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import EngineSpec
from iomodels.results.schema import OWN_PYTHON, PythonBuild
from iomodels.trials.pythons.asking import Answer, EngineAnswer, ask

_OPTION = re.compile(rf"(?<=[:,]){NAME}\s*=\s*([^,]*)")
"""In engines as they are typed, of which a text may have several."""

_OWN = ""
"""The label of the Python that runs iomodels."""
_SHOWN = "the Python that runs iomodels"


@dataclass(frozen=True)
class Interpreter:
    """How one is started, and what it says of itself. `core` is the path of the core it loads."""

    label: str
    path: str
    core: str
    build: PythonBuild
    engines: Mapping[str, EngineAnswer]


class _Named:
    """By label, and by what the user typed."""

    def __init__(self) -> None:
        self.by_label: dict[str, tuple[Interpreter, Sequence[str]]] = {}
        self.by_path: dict[str, str] = {}


_NAMED = _Named()


def add(text: str) -> str:
    """The label of the interpreter that a user names: a path, or a program found by PATH.

    Raises `EngineError`, one sentence, where it cannot measure.
    """
    path = _path(text)
    if path not in _NAMED.by_path:
        answer = _ask(path, printable(text))
        label = _label(answer)
        found = _interpreter(label, path, answer)
        _NAMED.by_label.setdefault(label, (found, answer.identity))
        _NAMED.by_path[path] = label
    return _NAMED.by_path[path]


def labelled(texts: Iterable[str]) -> list[str]:
    """Engines as they were typed, with a label for each path. What is a label already, stays."""

    def put(found: re.Match[str]) -> str:
        value = found[1].strip()
        return f"{NAME}={value if is_label(value) or not value else add(value)}"

    return [_OPTION.sub(put, text) for text in texts]


def why_not(spec: EngineSpec) -> str | None:
    """Why the Python that would measure this engine cannot: what it lacks, or that nobody has
    named it. None where it can, and for what is not measured in Python."""
    source = SOURCES[spec.name]
    if source.python is None:
        return None
    label = label_of(spec.options)
    if label and label not in _NAMED.by_label:
        return not_named([label])
    if not label and not source.needs_something:
        return None
    try:
        here = interpreter(label, source.python)
    except EngineError as error:
        return str(error)
    reason = here.engines[source.python].lacks(full_options(spec))
    return f"Python {label}: {reason}" if reason and label else reason


def full_options(spec: EngineSpec) -> dict[str, str]:
    """All of them."""
    return {
        option.name: spec.option(option.name) for option in SOURCES[spec.name].descriptor.options
    }


def not_named(labels: Iterable[str]) -> str:
    """The sentence for labels whose interpreters nobody has named."""
    each = list(labels)
    options = " ".join("--interpreter PATH" for _ in each)
    return (
        f"only its version is known of the interpreter {' and of '.join(each)}: name it again, "
        f"with {options}"
    )


def unnamed(specs: Iterable[EngineSpec]) -> list[str]:
    """The labels of these engines whose interpreters nobody has named."""
    labels = (label_of(spec.options) for spec in specs)
    return [label for label in dict.fromkeys(labels) if label and label not in _NAMED.by_label]


def interpreter(label: str, where: str = "") -> Interpreter:
    """By its label; empty for the one that runs iomodels. It has been asked for the engine `where`
    (`module:attribute`). Raises `EngineError` where nobody has named it."""
    if label and label not in _NAMED.by_label:
        raise EngineError(not_named([label]))
    if not label and not _NAMED.by_label.get(_OWN):
        answer = _ask(sys.executable, _SHOWN)
        _NAMED.by_label[_OWN] = _interpreter(_OWN, sys.executable, answer), answer.identity
    found, identity = _NAMED.by_label[label]
    if where and where not in found.engines:  # a plug-in's, which became known later
        more = ask(found.path, label or _SHOWN, [where]).engines
        found = replace(found, engines={**found.engines, **more})
        _NAMED.by_label[label] = found, identity
    return found


def taking_part(specs: Iterable[EngineSpec]) -> dict[str, PythonBuild]:
    """For a result: the build of each Python that measures these engines, by its label."""
    found: dict[str, PythonBuild] = {}
    for spec in specs:
        where = SOURCES[spec.name].python
        label = label_of(spec.options)
        if where is None or (label and label not in _NAMED.by_label):
            continue
        here = interpreter(label, where)
        known = found.get(label or OWN_PYTHON, here.build)
        packages = {**known.packages, **here.engines[where].packages}
        found[label or OWN_PYTHON] = _with_packages(known, packages)
    return found


def _with_packages(build: PythonBuild, packages: Mapping[str, str]) -> PythonBuild:
    return structs.replace(build, packages=dict(packages))


def _path(text: str) -> str:
    """Absolute, and not resolved: an environment's python is a link."""
    if "/" not in text and not text.startswith("~"):
        program = shutil.which(text)
        if program is None:
            raise EngineError(
                f"Python {printable(text)}: there is no program of this name that can be started: "
                "give the path of a Python"
            )
        return str(Path(program).absolute())
    what = "there is no such file"
    try:
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return str(path)
        what = "this is a folder" if path.is_dir() else what
    except (RuntimeError, OSError, ValueError):  # no such user, no path at all
        pass
    raise EngineError(f"Python {printable(text)}: {what}: give the path of a Python")


def _ask(path: str, shown: str) -> Answer:
    return ask(path, shown, [source.python for source in SOURCES.values() if source.python])


def _label(answer: Answer) -> str:
    """The same for the same interpreter by another name, and another for each other one."""
    number = 1
    while True:
        label = answer.label if number == 1 else f"{answer.label}-{number}"
        taken = _NAMED.by_label.get(label)
        if taken is None or list(taken[1]) == list(answer.identity):
            return label
        number += 1


def _interpreter(label: str, path: str, answer: Answer) -> Interpreter:
    assert answer.core is not None
    return Interpreter(label, path, answer.core, answer.build, answer.engines)
