"""An engine in C from another package: what it says of itself, as a process of its own reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import printable
from iomodels.engines.catalog import core_descriptor
from iomodels.engines.plugins.asking import SharedObjectProcess
from iomodels.engines.sources import IN_WORKER, Options, Origin, numbers_of


class PluginSource:
    """An engine in a shared object. Only a trial's process loads it, and that of `asking`.

    Raises `EngineError`: what is wrong with the shared object.
    """

    python = None
    needs_something = False
    keeps: tuple[str, ...] = IN_WORKER

    def __init__(self, name: str, path: str, origin: Origin) -> None:
        self.shared_object = path
        self.origin = origin
        self._whose = f"engine '{printable(name)}' of {origin}"
        self._process = SharedObjectProcess(self._whose, path)
        self._known: dict[str, object] = {}
        told = self._process.told()
        if told["name"] != name:
            self.close()
            raise EngineError(
                f"{self._whose}: its shared object has the engine '{printable(told['name'])}': "
                "name both alike"
            )
        self.descriptor = core_descriptor(name, told["told"])

    def numbers(self, options: Options) -> dict[str, int]:
        return numbers_of(self.descriptor, options)

    def facts(self, options: Options) -> _core.EngineFacts:
        return cast("_core.EngineFacts", self._asked("facts", self.numbers(options)))

    def answers(self, options: Options, channel: str, settings: Mapping[str, int]) -> _core.Answers:
        """One that cannot even say it is not able to run here."""
        try:
            asked = self._asked("answers", channel, {**settings, **self.numbers(options)})
        except EngineError as error:
            return {"cannot": str(error), "probe": None, "degenerate": None}
        return cast("_core.Answers", asked)

    def twin(self, options: Options, *, on_files: bool) -> str | None:
        return None

    def close(self) -> None:
        """Ends the process that is asked, if there is one."""
        self._process.close()

    def _asked(self, *question: object) -> object:
        key = json.dumps(question)
        if key not in self._known:
            self._known[key] = self._process.ask(*question)
        return self._known[key]
