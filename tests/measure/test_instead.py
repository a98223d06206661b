"""What an n/a cell says to do: an advice that keeps what was to be compared."""

from __future__ import annotations

import pytest

from iomodels.engines.spec import parse_list
from iomodels.measure.plan import make_plan
from iomodels.workload import scenario


@pytest.mark.parametrize(
    ("engines", "advice"),
    [
        ("blocking,threads", ""),
        ("blocking,threads:handoff=none", ""),
        ("blocking", ". threads supports it; add it: -e blocking,threads"),
        (
            "select,blocking,aio:notify=poll",
            ". threads supports it; add it: -e select,blocking,threads,aio:notify=poll",
        ),
    ],
)
def test_an_advice_keeps_the_other_engines_of_the_table(engines: str, advice: str) -> None:
    chosen = [scenario.load("slow-devices", {"load.depth": ["4"]})]
    plan = make_plan(chosen, parse_list([engines]), rounds=1, duration_s=1, warmup_s=0, seed=1)
    (reason,) = {cell.na_reason for cell in plan.cells if cell.engine.name == "blocking"}
    assert reason == f"blocking supports one request in flight; this point needs 4{advice}"
    assert "threads" in {each.name for each in parse_list([advice.rpartition(" ")[2] or engines])}
