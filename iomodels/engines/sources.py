"""Where an engine comes from: the core, Python, or a plug-in. Each says the same of itself.

One table, `SOURCES`, has them all by name; nothing else asks of what kind an engine is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from iomodels import _core
from iomodels.engines.catalog import Descriptor, Option, core_descriptor
from iomodels.engines.kinds import interpreters
from iomodels.engines.kinds.interpreters import label_of
from iomodels.python.contract import EngineQuestion, PythonEngine, PythonOption
from iomodels.python.registry import ENGINES

Options = Mapping[str, str]
"""As a user writes them; those that are left out have their default."""

FLAGS = tuple(n for n, v in _core.engine("null", {})["caps"].items() if isinstance(v, bool))
"""What an engine can do, yes or no (`ENGINE_FLAGS`, `core/engine.h`)."""


@dataclass(frozen=True)
class Origin:
    """The installed package that a plug-in comes from. Two with the same hash are the same code."""

    package: str
    version: str
    sha256: str
    """Of the shared object, or of all modules of the Python package."""

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def numbers_of(descriptor: Descriptor, options: Options) -> dict[str, int]:
    """The options of an engine in C as settings: those that are given."""
    return {
        option.setting: option.number(options[option.name])
        for option in descriptor.options
        if option.name in options
    }


class EngineSource(Protocol):
    """One engine, wherever it comes from."""

    @property
    def descriptor(self) -> Descriptor: ...

    def facts(self, options: Options) -> _core.EngineFacts:
        """What follows from the options."""

    def answers(self, options: Options, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        """What it says of a trial: on a channel, with the core's settings of a point."""

    def numbers(self, options: Options) -> dict[str, int]:
        """The options as the core's settings: `{"option0": 3}`."""

    def twin(self, options: Options, *, on_files: bool) -> str | None:
        """The engine in C that makes the same calls, if it is one in Python that has such a one."""

    @property
    def python(self) -> str | None:
        """Where the Python worker finds it (`module:attribute`), if it is measured in Python."""

    @property
    def shared_object(self) -> str | None:
        """What a trial's process has to load for it, a path; only of a plug-in in C."""

    @property
    def origin(self) -> Origin | None:
        """Where a plug-in comes from; None of our own."""

    @property
    def needs_something(self) -> bool:
        """Whether the Python that measures it may lack something for that."""

    @property
    def keeps(self) -> tuple[str, ...]:
        """The descriptors, by kind, that a trial's process has for it until its own end."""


IN_WORKER = ("pipe",)
"""The worker's answers have a descriptor of their own (`worker.py`)."""


class CoreSource:
    """An engine of the core's own table."""

    python = None
    shared_object = None
    origin = None
    needs_something = False
    keeps: tuple[str, ...] = IN_WORKER

    def __init__(self, name: str, told: _core.EngineTable) -> None:
        self._name = name
        self.descriptor = core_descriptor(name, told)

    def numbers(self, options: Options) -> dict[str, int]:
        return numbers_of(self.descriptor, options)

    def facts(self, options: Options) -> _core.EngineFacts:
        return _core.engine(self._name, self.numbers(options))

    def answers(self, options: Options, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        return _core.ask(self._name, channel, {**settings, **self.numbers(options)})

    def twin(self, options: Options, *, on_files: bool) -> str | None:
        return None


_RELAY = "eventfd"
"""By which the driver learns that there is something to do."""


class PythonSource:
    """An engine in Python."""

    shared_object = None

    def __init__(
        self, name: str, where: str, engine: PythonEngine, origin: Origin | None = None
    ) -> None:
        self.python = where
        self.origin = origin
        self.engine = engine
        self.needs_something = engine.needs_something
        self.keeps = (_RELAY, *engine.keeps)
        self.descriptor = _python_descriptor(name, engine)

    def numbers(self, options: Options) -> dict[str, int]:
        return {}  # they go to it as they are written

    def _full(self, options: Options) -> Options:
        """Those that the engine itself knows."""
        return {o.name: options.get(o.name, o.choices[0]) for o in self.engine.options}

    def twin(self, options: Options, *, on_files: bool) -> str | None:
        engine = self.engine.with_options(self._full(options))
        return (on_files and engine.twin_on_files) or engine.twin

    def facts(self, options: Options) -> _core.EngineFacts:
        engine = self.engine.with_options(self._full(options))
        caps = {name: name in engine.flags for name in FLAGS} | {
            "max_depth": engine.max_depth,
            "max_descriptor": engine.max_descriptor,
            "next_start": self._next_start(engine, options),
        }
        return {
            "caps": cast("_core.Caps", caps),
            "news": engine.news,
            "worker": engine.worker,
            "threads": engine.threads,
            "calls": {},
            "counters": [],
        }

    @staticmethod
    def _next_start(engine: PythonEngine, options: Options) -> str:
        """Under a GIL one thread computes at a time; without, as in lanes of the core's."""
        free = interpreters.is_free_threaded(label_of(options))
        return "lane" if free and engine.worker == "helper threads" else "python"

    def answers(self, options: Options, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        question = EngineQuestion(
            options=self._full(options),
            on_files=channel == "file",
            on_sockets=channel == "socket",
            on_devices=channel == "timer",
            cache=_core.setting_choices()["file_cache"][settings.get("file_cache", 0)],
            depth=settings.get("depth", 1),
            idle=settings.get("idle", 0),
            serves=bool(settings.get("server", 0)),
            deadline_s=settings.get("deadline_ns", 0) / 1e9 or None,
        )
        return {
            "cannot": self.engine.cannot(question),
            # Another Python is asked itself, before it measures (`trials/pythons`).
            "probe": None if label_of(options) else self.engine.missing(question.options),
            "degenerate": self.engine.degenerate(question),
        }


def _python_descriptor(name: str, engine: PythonEngine) -> Descriptor:
    levels = [level for level, _ in _core.complexities()]
    return Descriptor(
        name=name,
        title=engine.title,
        calls=engine.calls,
        summary=engine.summary,
        other_side="kernel",
        synchronous=engine.synchronous,
        blocking=engine.blocking,
        options=(
            *(_python_option(o, place) for place, o in enumerate(engine.options)),
            interpreters.option(len(engine.options)),
        ),
        in_matrix=False,
        figure=0,
        complexity=levels.index(engine.complexity),
        instead=engine.instead,
    )


def _python_option(option: PythonOption, place: int) -> Option:
    return Option(
        name=option.name,
        meaning=option.meaning,
        default=option.choices[0],
        choices=option.choices,
        only=option.only,
        place=place,
        untried=option.untried,
    )


T = TypeVar("T")


class Engines(Mapping[str, T]):
    """By the name that users write. Iteration is over ours; a plug-in that the user has named is
    only found by its name."""

    def __init__(self, ours: Mapping[str, T]) -> None:
        self._ours = dict(ours)
        self.named: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        return self._ours[name] if name in self._ours else self.named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ours)

    def __len__(self) -> int:
        return len(self._ours)


_IN_CORE = {name: CoreSource(name, told) for name, told in _core.engines().items()}
CORE_ENGINES = tuple(_IN_CORE)
"""The names of the engines in C."""

SOURCES: Engines[EngineSource] = Engines(
    {
        **_IN_CORE,
        **{name: PythonSource(name, where, engine) for name, (where, engine) in ENGINES.items()},
    }
)

DESCRIPTORS = Engines({name: source.descriptor for name, source in SOURCES.items()})


def add_plugin(name: str, source: EngineSource) -> None:
    """From now on this process knows it by its name. Only for one that the user has named: the name
    in a result never leads here."""
    assert name not in SOURCES or SOURCES[name].origin is not None, name
    SOURCES.named[name] = source
    DESCRIPTORS.named[name] = source.descriptor
