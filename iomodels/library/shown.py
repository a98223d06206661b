"""What the library returns: a run and a comparison that show themselves to people and to tables."""

from __future__ import annotations

import os
from typing import Any, Literal, Self

from iomodels.analysis.cells import rounds_in_words
from iomodels.base import files
from iomodels.base.escape import visible
from iomodels.base.units import counted
from iomodels.comparison import schema as comparison_schema
from iomodels.comparison import wording
from iomodels.comparison.metrics import SUITE
from iomodels.library import arguments, notebook, rows
from iomodels.library.rows import Row
from iomodels.results import save, schema

MOST_NAMES = 3
"""Scenarios that a one-line text names; of more it has their number."""


class Run(schema.Run, frozen=True):
    """One measurement: `cells`, each with its `trials` and their `summary`; `warnings`;
    `environment`.

    In a notebook it shows its tables. `to_rows()` is for pandas and polars.
    """

    @classmethod
    def of(cls, run: schema.Run) -> Self:
        """The same run, with these methods."""
        return cls(**{name: getattr(run, name) for name in run.__struct_fields__})

    def to_rows(self, of: Literal["cells", "trials"] = "cells") -> list[Row]:
        """One flat dictionary per cell, or per trial; all have the same keys, in the same order.

        The values are text, numbers, booleans or None. A key ends in its unit
        (`latency_p50_ns`); of a cell `_low_` and `_high_` are the ends of the 95 % interval over
        rounds (of fewer than six rounds, their range). Scenario keys are written as in `settings`,
        with `_ns` or `_bytes` where they have a unit. The harness (`null`) is left out, unless
        nothing else was measured.

        Raises `UsageError` for another `of`.
        """
        return rows.of_run(self, of)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write the result file, as `bench(output=…)` does.

        Raises `OutputError`, also where the file exists already, unless `force`.
        """
        where = arguments.path("path", path)
        files.check_output(where, force=arguments.flag("force", force))
        save.save(self, where, force=force)

    def __repr__(self) -> str:
        measured = [cell for cell in self.cells if not cell.is_harness]
        parts = [counted(len(measured), "cell"), rounds_in_words(self), self.created_utc]
        return _line("Run", dict.fromkeys(cell.scenario for cell in self.cells), parts)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("cells", len(self.cells)), ("created_utc", self.created_utc)]

    def _repr_html_(self) -> str:
        return notebook.of_run(self)


class Comparison(comparison_schema.Comparison, frozen=True):
    """What changed from one run to another: `outcome`, and `changes` with their intervals.

    `outcome` is "passed", "regression", "inconclusive" or "not comparable".
    """

    @classmethod
    def of(cls, comparison: comparison_schema.Comparison) -> Self:
        """The same comparison, with these methods."""
        return cls(**{name: getattr(comparison, name) for name in comparison.__struct_fields__})

    def to_rows(self) -> list[Row]:
        """One flat dictionary per change; all have the same keys. `unit` is that of `base` and
        `new`; `ratio` is new over base."""
        return rows.of_comparison(self)

    def __repr__(self) -> str:
        parts = [wording.headline(self), f"{self.new_name} against {self.base_name}"]
        own = [change for change in self.changes if change.metric != SUITE.metric]
        return _line("Comparison", dict.fromkeys(change.scenario for change in own), parts)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("outcome", self.outcome), ("changes", len(self.changes))]

    def _repr_html_(self) -> str:
        return notebook.of_comparison(self)


def _line(kind: str, scenarios: dict[str, None], parts: list[str]) -> str:
    names = list(scenarios)
    what = ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} scenarios"
    return visible(f"<iomodels.{kind} {what or 'empty'}: {', '.join(parts)}>")
