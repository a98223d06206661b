"""By which Pythons two runs measured their engines in Python, and whether times are comparable."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from iomodels.base.errors import EngineError
from iomodels.engines.engine_text import name_of
from iomodels.engines.kinds.interpreters import NAME
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import parse
from iomodels.results.schema import OWN_PYTHON, Notice, Run

ALLOWED = "python"
"""What `--allow` calls it."""


def other_python(base: Run, new: Run, engine: str, allow: Collection[str] = ()) -> str:
    """Why times of this engine (canonical) must not be compared; empty where it is not measured in
    Python, or by the same."""
    label = _label(engine)
    if label is None or ALLOWED in allow:
        return ""
    before, now = base.pythons.get(label), new.pythons.get(label)
    if before is None or now is None or before.is_like(now):
        return ""
    return f"another Python measured it: {before.in_words}, now {now.in_words}"


def differ(bases: Sequence[Run], new: Run, allow: Collection[str] = ()) -> list[Notice]:
    """A notice where there are cells that no base run has measured by the same Python."""
    engines = dict.fromkeys(cell.engine for cell in new.cells if cell.trials)
    found: dict[str, None] = {}
    for engine in engines:
        reasons = [other_python(run, new, engine, allow) for run in bases]
        if reasons and all(reasons):
            found[reasons[-1]] = None
    remedy = (
        f"measure by the same Python, record another baseline or, if Pythons are what you "
        f"compare, use --allow {ALLOWED}"
    )
    return [Notice(ALLOWED, f"engines in Python: {reason}: {remedy}") for reason in found]


def _label(engine: str) -> str | None:
    """By which Python it is measured (`Run.pythons`); None for what is not measured in Python."""
    source = SOURCES.get(name_of(engine))
    if source is None or source.python is None:
        return None
    try:
        return parse(engine).option(NAME) or OWN_PYTHON
    except EngineError:  # an option of another version: it is not comparable by itself
        return None
