"""How a trial's process is started: which Python's iomodels, behind what, in which environment.

A plain run uses this process's own worker and core. An arm of an A/B comparison may put a program
in front (`taskset -c 0`), change the environment, or take the worker and core of another Python.
What that one has is asked once, started exactly as its trials will be.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from iomodels import __version__, _core
from iomodels.base.errors import ArmError
from iomodels.engines.catalog import Option, options_of
from iomodels.engines.kinds.interpreters import NAME as PYTHON
from iomodels.engines.kinds.interpreters import label_of
from iomodels.engines.sources import DESCRIPTORS, SOURCES
from iomodels.engines.spec import EngineSpec
from iomodels.results.schema import PythonBuild
from iomodels.trials import python_worker, worker
from iomodels.trials.planned import Command
from iomodels.trials.python_worker import OPTION
from iomodels.trials.pythons import named as pythons
from iomodels.trials.pythons.elsewhere import InPython, in_python_of
from iomodels.trials.record import Layout, own_layout
from iomodels.trials.starting.asking import ask

_HASH_DIGITS = 16
SPOKEN = (1, worker.PROTOCOL)
"""The protocols whose trials this version can run. In 1 the engines had no options of their own."""
NOT_IN_FIRST = frozenset({"reason", "not_applicable", "counters", "closing_calls", "threads"})
"""Words of a record that cores of protocol 1 do not have."""
NOT_IN_ALL = NOT_IN_FIRST | {"memory_known", "memory_peak_bytes"}
"""And those that came later, without which a trial only says less."""


@dataclass(frozen=True)
class Installation:
    """A Python interpreter and the iomodels in it: what a trial's process is made of."""

    python: str
    version: str
    worker: str
    core: str
    core_hash: str
    layout: Layout
    """How this core lays out its record, which need not be how ours does."""
    engines: Mapping[str, tuple[Option, ...]]
    """By name, each with its options: the core's, and those in Python."""
    abi: int | None
    """Of the plug-ins that its core can load."""
    is_own: bool = True
    """Whether it is this process's; else `elsewhere` has its engines in Python, if any."""
    elsewhere: InPython | None = None

    def why_not(self, spec: EngineSpec) -> str | None:
        """Why it does not have this engine, or its Python cannot measure it; or None."""
        if self.is_own:
            return pythons.why_not(spec)
        if SOURCES[spec.name].shared_object:
            if self.abi == _core.ABI:
                return None
            return f"iomodels {self.version} of that Python cannot load {spec.name}, a plug-in"
        if spec.name not in self.engines:
            return f"iomodels {self.version} of that Python has no engine {spec.canonical}"
        known = {option.name: option for option in self.engines[spec.name]}
        for name, value in spec.options.items():
            option = known.get(name)
            if option is None or (option.choices and value not in option.choices):
                return (
                    f"iomodels {self.version} of that Python has no {name}={value} for {spec.name}"
                )
        if label_of(spec.options):
            return pythons.why_not(spec)
        return self.elsewhere.why_not(spec) if self.elsewhere else None

    def in_python(self, engine: str) -> tuple[str, str] | None:
        """Its Python worker, and where that finds the engine; None for an engine in C."""
        if self.is_own:
            source = SOURCES.get(engine)
            where = source.python if source else None
            return (str(python_worker.__file__), where) if where else None
        if self.elsewhere is None or engine not in self.elsewhere.engines:
            return None
        return self.elsewhere.worker, self.elsewhere.engines[engine].where

    def build_for(self, spec: EngineSpec) -> PythonBuild | None:
        """The Python that would measure this engine; None for an engine in C."""
        if self.is_own or label_of(spec.options):
            return next(iter(pythons.taking_part([spec]).values()), None)
        return self.elsewhere.build if self.elsewhere and self.in_python(spec.name) else None

    def option_settings(self, engine: str, options: Mapping[str, str]) -> dict[str, int]:
        """The options as settings of its core."""
        source = SOURCES.get(engine)
        if source and source.shared_object:  # it has its options with it, whichever core loads it
            return source.numbers(options)
        known = {option.name: option for option in self.engines.get(engine, ())}
        return {known[name].setting: known[name].number(v) for name, v in options.items()}


@dataclass(frozen=True)
class Launch:
    """`environment` holds what is changed, `prefix` the words in front of the interpreter's."""

    installation: Installation
    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    forks: bool = False
    """Whether the prefix starts the interpreter as another process (`forking.py`)."""

    def words(self, command: Command, *, parent: int, record_fd: int) -> list[str]:
        """The command line of a trial's process (`worker.py` and `python_worker.py` have its
        arguments). `parent`: the process ID that the worker expects."""
        here = self.installation
        in_python = here.in_python(command.engine)
        numbers = dict(command.settings)
        python, core = here.python, here.core
        if in_python is None:
            script = ["-I", "-S", here.worker]
            engine = command.engine
            numbers |= here.option_settings(command.engine, command.options)
            options = []
        else:
            worker_in_python, engine = in_python
            script = ["-I", worker_in_python]
            python, core = _interpreter(here, command.options)
            options = [f"{OPTION}{n}={v}" for n, v in command.options.items() if n != PYTHON]
        source = SOURCES.get(command.engine)
        plugin = source.shared_object if source else None
        words = [
            *([f"{worker.PLUGIN}={plugin}"] if plugin else []),
            *(f"{name}={value}" for name, value in numbers.items()),
            *options,
        ]
        arguments = [str(parent), engine, command.channel, str(record_fd)]
        return [*self.prefix, python, *script, core, *arguments, *words]

    def full_environment(self) -> dict[str, str] | None:
        """For `subprocess`: None is this process's own."""
        return {**os.environ, **self.environment} if self.environment else None


def _interpreter(here: Installation, options: Mapping[str, str]) -> tuple[str, str]:
    """The Python that measures an engine in Python with these options, and the core it loads."""
    label = label_of(options)
    if not label:
        return here.python, here.core
    named = pythons.interpreter(label)
    has_our_core = named.core == own_launch().installation.core
    return named.path, here.core if has_our_core else named.core


@cache
def own_launch() -> Launch:
    """This interpreter, this iomodels, as it is."""
    core = str(_core.__file__)
    return Launch(
        Installation(
            python=sys.executable,
            version=__version__,
            worker=str(worker.__file__),
            core=core,
            core_hash=_hash(core),
            layout=own_layout(),
            engines={name: each.options for name, each in DESCRIPTORS.items()},
            abi=_core.ABI,
        )
    )


def find_launch(
    python: str | None, prefix: Sequence[str], environment: Mapping[str, str]
) -> Launch:
    """How to start trials with these; whatever would keep them from starting is found out here.

    Raises `ArmError` where the prefix or the interpreter cannot be started, has no iomodels or one
    that speaks another protocol, where a trial behind the prefix could not be reached or watched,
    and where the dynamic loader leaves out what LD_PRELOAD or LD_LIBRARY_PATH names.
    """
    if python is None and not prefix and not environment:
        return own_launch()
    interpreter = python or sys.executable
    answer, forks = ask(interpreter, tuple(prefix), environment)
    own = own_launch().installation
    missing = own.layout.words.keys() - answer["layout"]["words"].keys() - NOT_IN_ALL
    if answer["protocol"] not in SPOKEN or missing:
        raise ArmError(
            f"the iomodels of python={interpreter} is version {answer['version']}, whose trials "
            f"this version ({__version__}) cannot read: install versions closer to each other"
        )
    in_python = in_python_of(answer)
    installation = Installation(
        python=interpreter,
        version=answer["version"],
        worker=answer["worker"],
        core=answer["core"],
        core_hash=answer["core_hash"][:_HASH_DIGITS],  # its path may mean nothing here
        layout=Layout(**answer["layout"]),
        abi=answer.get("abi"),
        engines={name: options_of(table) for name, table in answer["engines"].items()}
        | (in_python.options() if in_python else {}),
        is_own=False,
        elsewhere=in_python,
    )
    return Launch(installation, tuple(prefix), dict(environment), forks)


def _hash(core: str) -> str:
    """Two trials with the same one were measured by the same compiled code."""
    return hashlib.sha256(Path(core).read_bytes()).hexdigest()[:_HASH_DIGITS]


def core_hash() -> str:
    """A hash of the compiled core: two runs with the same one were measured by the same code."""
    return own_launch().installation.core_hash
