"""The engines in Python of another installation of iomodels: an arm's of an A/B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from iomodels.engines.catalog import Option
from iomodels.engines.kinds import interpreters
from iomodels.engines.spec import EngineSpec
from iomodels.results.schema import PythonBuild
from iomodels.trials.pythons.asking import EngineAnswer
from iomodels.trials.pythons.named import full_options


class EngineElsewhere(EngineAnswer, frozen=True):
    """An engine in Python of another installation."""

    where: str
    options: list[tuple[str, list[str]]]


class InPython(msgspec.Struct, frozen=True):
    """What another installation says of its engines in Python (`question.of_installation`)."""

    worker: str
    build: PythonBuild
    engines: dict[str, EngineElsewhere]

    def why_not(self, spec: EngineSpec) -> str | None:
        """What its Python lacks for this engine."""
        known = self.engines.get(spec.name)
        return known.lacks(full_options(spec)) if known else None

    def options(self) -> dict[str, tuple[Option, ...]]:
        """Of each engine, as far as a spec is checked against them."""
        return {
            name: (
                *(Option(name=o, meaning="", default="", choices=tuple(c)) for o, c in its.options),
                interpreters.option(len(its.options)),
            )
            for name, its in self.engines.items()
        }


def in_python_of(answer: Mapping[str, Any]) -> InPython | None:
    """Out of what an installation answers; None for a version without engines in Python."""
    try:
        return msgspec.convert(answer.get("python"), InPython)
    except msgspec.ValidationError:
        return None
