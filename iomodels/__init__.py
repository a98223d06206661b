"""Compares Linux I/O models: throughput, latency, CPU and calls per operation on this machine.

    import iomodels

    run = iomodels.bench("slow-device", engines=["blocking", "aio"], settings={"load.depth": 4})
    run = iomodels.load("results/run.json")
    change = iomodels.compare("old.json", "new.json")
    rows = run.to_rows()    # flat dictionaries, for pandas or polars

`bench` measures and `load` reads; both return a `Run`. `compare` returns a `Comparison`. All errors
are `IomodelsError`s. docs/library.md has examples.

Names are imported when they are first used, so that `import iomodels` takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from iomodels.base.errors import (
        ArmError,
        EngineError,
        IomodelsError,
        JobFileError,
        NothingMeasured,
        NothingSeen,
        NothingToDraw,
        NotWritten,
        OutputError,
        ResultError,
        ScenarioError,
        TrialError,
        UsageError,
    )
    from iomodels.comparison.schema import Change
    from iomodels.library.functions import bench, compare, load
    from iomodels.library.shown import Comparison, Run
    from iomodels.measure.listening import Listener
    from iomodels.measure.plan import Plan
    from iomodels.measure.run import RunInterrupted, RunNotSaved
    from iomodels.results.schema import Cell, Interval, Notice, Percentiles, Summary, Trial
    from iomodels.trials.planned import PlannedTrial

__all__ = [
    "ArmError",
    "Cell",
    "Change",
    "Comparison",
    "EngineError",
    "Interval",
    "IomodelsError",
    "JobFileError",
    "Listener",
    "NotWritten",
    "NothingMeasured",
    "NothingSeen",
    "NothingToDraw",
    "Notice",
    "OutputError",
    "Percentiles",
    "Plan",
    "PlannedTrial",
    "ResultError",
    "Run",
    "RunInterrupted",
    "RunNotSaved",
    "ScenarioError",
    "Summary",
    "Trial",
    "TrialError",
    "UsageError",
    "__version__",
    "bench",
    "compare",
    "load",
]

_ELSEWHERE = {
    "Cell": "iomodels.results.schema",
    "Change": "iomodels.comparison.schema",
    "Comparison": "iomodels.library.shown",
    "Interval": "iomodels.results.schema",
    "Listener": "iomodels.measure.listening",
    "Notice": "iomodels.results.schema",
    "Percentiles": "iomodels.results.schema",
    "Plan": "iomodels.measure.plan",
    "PlannedTrial": "iomodels.trials.planned",
    "Run": "iomodels.library.shown",
    "RunInterrupted": "iomodels.measure.run",
    "RunNotSaved": "iomodels.measure.run",
    "Summary": "iomodels.results.schema",
    "Trial": "iomodels.results.schema",
    "bench": "iomodels.library.functions",
    "compare": "iomodels.library.functions",
    "load": "iomodels.library.functions",
}
"""Where each name is that is no error; the errors are in one module."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in __all__:
        raise AttributeError(f"module 'iomodels' has no attribute '{name}'")
    from importlib import import_module

    found = getattr(import_module(_ELSEWHERE.get(name, "iomodels.base.errors")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING", "Any", "annotations"})
