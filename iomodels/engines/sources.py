"""Where an engine comes from: the core, Python, or a plug-in. Each says the same of itself.

One table, `SOURCES`, has them all by name; nothing else asks of what kind an engine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from iomodels import _core
from iomodels.engines.catalog import Descriptor, Option, core_descriptor
from iomodels.python.contract import EngineQuestion, PythonEngine, PythonOption
from iomodels.python.registry import ENGINES

Options = Mapping[str, str]
"""As a user writes them; those that are left out have their default."""

_FLAGS = tuple(n for n, v in _core.engine("null", {})["caps"].items() if isinstance(v, bool))
"""What an engine can do, yes or no (`ENGINE_FLAGS`, `core/engine.h`)."""


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

    @property
    def python(self) -> str | None:
        """Where the Python worker finds it (`module:attribute`), if it is measured in Python."""


class CoreSource:
    """An engine of the core's own table."""

    python = None

    def __init__(self, name: str, told: _core.EngineTable) -> None:
        self._name = name
        self.descriptor = core_descriptor(name, told)

    def numbers(self, options: Options) -> dict[str, int]:
        return {
            option.setting: option.number(options[option.name])
            for option in self.descriptor.options
            if option.name in options
        }

    def facts(self, options: Options) -> _core.EngineFacts:
        return _core.engine(self._name, self.numbers(options))

    def answers(self, options: Options, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        return _core.ask(self._name, channel, {**settings, **self.numbers(options)})


class PythonSource:
    """An engine in Python."""

    def __init__(self, name: str, where: str, engine: PythonEngine) -> None:
        self.python = where
        self.engine = engine
        self.descriptor = _python_descriptor(name, engine)

    def numbers(self, options: Options) -> dict[str, int]:
        return {}  # they go to it as they are written

    def _full(self, options: Options) -> Options:
        return {option.name: option.default for option in self.descriptor.options} | dict(options)

    def facts(self, options: Options) -> _core.EngineFacts:
        engine = self.engine.with_options(self._full(options))
        caps = {name: name in engine.flags for name in _FLAGS} | {
            "max_depth": engine.max_depth,
            "max_descriptor": engine.max_descriptor,
            "next_start": "python",
        }
        return {
            "caps": cast("_core.Caps", caps),
            "news": engine.news,
            "worker": engine.worker,
            "threads": engine.threads,
            "calls": {},
            "counters": [],
        }

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
        )
        return {
            "cannot": self.engine.cannot(question),
            "probe": None,
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
        options=tuple(_python_option(o, place) for place, o in enumerate(engine.options)),
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


_IN_CORE = {name: CoreSource(name, told) for name, told in _core.engines().items()}
CORE_ENGINES = tuple(_IN_CORE)
"""The names of the engines in C."""

SOURCES: dict[str, EngineSource] = {
    **_IN_CORE,
    **{name: PythonSource(name, where, engine) for name, (where, engine) in ENGINES.items()},
}
"""By the name that users write."""

DESCRIPTORS: Mapping[str, Descriptor] = {
    name: source.descriptor for name, source in SOURCES.items()
}
