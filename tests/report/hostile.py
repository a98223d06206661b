"""A result file that means harm: markup, scripts and control characters in every string."""

from __future__ import annotations

from iomodels.results.schema import Asked, Notice, Run, Tool
from iomodels.trace.schema import MAX_NAME, SCHEMA, Event, Trace

from ..factory import make_cell, make_run, make_trial

ATTACKS = (
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror='window.hit = 1'>",
    "'><svg onload=window.hit=1>",
    "</style></title></textarea><script>window.hit = 1</script>",
    "-->]]><iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
    "<a href='javascript:window.hit = 1'>here</a>",
    "{{ 7 * 191 }}{% raw %}&lt;b&gt;",
    "$(touch hit) `touch hit` ; touch hit",
    "\x1b[31m\x00\u202e\u2028[bold]|=1+1",
)


def hostile_run(attack: str = " ".join(ATTACKS)) -> Run:
    """A sound run all of whose texts are `attack`, apart from those that must name something."""
    trials = [make_trial(number, calls={attack: 1.0, "read": 1.0}) for number in range(7)]
    name = f"{attack} name"
    point = {f"table.{attack}": attack}
    cells = [
        make_cell(f"{attack} engine", trials, scenario=name, parameters=point, note=attack),
        make_cell(f"{attack} other", trials, scenario=name, parameters={**point, attack: 2}),
        make_cell(attack, [], scenario=name, parameters=point, status="n/a", reason=attack),
        make_cell(attack, trials[:1], scenario=attack, status="failed", reason=attack),
    ]
    return make_run(
        cells,
        tool=Tool(version=attack, core_hash=attack),
        created_utc=attack,
        settings={"rounds": attack, "duration_s": attack, "warmup_s": attack, attack: attack},
        environment={"cpu": attack, "kernel": attack, attack: attack, f"{attack}_ns": 1},
        warnings=[Notice(code=attack, message=attack)],
        questions={name: f"{attack} question", attack: attack},
        asked=Asked([f"{attack}.toml", "--help"], [attack], {attack: [attack, attack]}),
    )


def hostile_trace(attack: str) -> Trace:
    """A trace of one request, a call and a computation, likewise."""
    name = attack[:MAX_NAME]
    return Trace(
        schema=SCHEMA,
        tool=Tool(version=attack, core_hash=attack),
        created_utc=attack,
        scenario=attack,
        parameters={attack: attack},
        engine=attack,
        events=[
            Event("request", name, 0, 0, 100_000, 8),
            Event("call", name, 0, 1_000, 90_000, 8),
            Event("computation", name, 0, 91_000, 95_000, None),
        ],
        events_lost=1,
        calls={attack: 1},
        eagain={attack: 0},
        notes=[attack],
        environment={"cpu": attack, "kernel": attack},
    )
