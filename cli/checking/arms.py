"""`iomodels check --a … --b …`: both arms are measured now, in pairs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from iomodels.base import signals

from ..bench import DEFAULT_SUITE

if TYPE_CHECKING:
    from iomodels.check.arm import Arm
    from iomodels.check.pair_plan import PairedCell
    from iomodels.comparison.schema import Comparison, Undecided


@dataclass(frozen=True)
class Arms:
    """An A/B as it was asked for."""

    names: Sequence[str]
    a: Sequence[str]
    b: Sequence[str]
    engines: Sequence[str]
    settings: Mapping[str, Sequence[str]]
    metrics: Sequence[str]
    threshold: float
    rounds: int | None
    seed: int | None
    undecided: Undecided
    budget_s: float | None

    @cached_property
    def parsed(self) -> tuple[Arm, Arm]:
        """Both arms. Raises what `parse_arm` does."""
        from iomodels.check.arm import parse_arm

        return parse_arm(self.a), parse_arm(self.b)

    def cells(self) -> list[PairedCell]:
        from iomodels.check import pair_runs
        from iomodels.engines.spec import parse_list as parse_engines

        specs = parse_engines(self.engines)
        names = self.names or (DEFAULT_SUITE,)
        cells = pair_runs.plan_cells(names, specs, self.settings, *self.parsed)
        pair_runs.check_folders(cells)
        return cells


def as_typed(comparison: Comparison, arms: Arms) -> Comparison:
    """It with the arms as the user typed them, for a terminal only: what is kept or exported masks
    what may be private (`Arm.name`)."""
    a, b = (" ".join(map(_typed, texts)) or "unchanged" for texts in (arms.a, arms.b))
    return replace(comparison, base_name=f"A ({a})", new_name=f"B ({b})")


def _typed(text: str) -> str:
    """`prefix="taskset -c 0"` of what a shell made `prefix=taskset -c 0`."""
    key, _, value = text.partition("=")
    return f'{key}="{value}"' if " " in value or not value else text


def a_against_b(
    cells: Sequence[PairedCell], arms: Arms, path: Path
) -> tuple[Comparison, int | None]:
    """What it came to, and the signal that interrupted it. The pairs are kept beside `path` as they
    end."""
    from iomodels.check import a_against_b as checking
    from iomodels.check.kept_pairs import KeptPairs

    from ..show import console, pair_progress

    messages = console.messages()
    a, b = arms.parsed
    seed = secrets.randbits(32) if arms.seed is None else arms.seed
    try:
        with (
            pair_progress.display(messages, seed) as listener,
            KeptPairs(listener, cells, path, seed) as keeping,
        ):
            comparison = checking.compare_arms(
                cells,
                base_name=f"A ({a.name})",
                new_name=f"B ({b.name})",
                seed=seed,
                threshold=arms.threshold,
                metric_keys=arms.metrics,
                first_pairs=arms.rounds,
                undecided=arms.undecided,
                budget_s=arms.budget_s,
                listener=keeping,
            )
            keeping.discard()
    except checking.ComparisonInterrupted as interruption:
        number = interruption.number
        messages.print(f"{signals.words(number)}: this is what was measured until then")
        for kept in keeping.paths:
            messages.print(console.safe(f"kept: {kept}"), soft_wrap=True)
        return interruption.comparison, number
    return comparison, None
