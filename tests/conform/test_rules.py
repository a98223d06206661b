"""Each rule finds the bug that breaks it, and sound engines keep all of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from iomodels.conform import session
from iomodels.conform.role import ROLES, Role
from iomodels.conform.rules.table import RULES
from iomodels.conform.subject import Subject
from iomodels.conform.suite import Wanted, ruling, try_rules
from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS, SOURCES, PythonSource
from iomodels.engines.spec import EngineSpec, parse, variants
from iomodels.trials.preparation import Preparation

PLANTED = Path(__file__).parent / "planted" / "broken.py"
BY_NAME = {rule.name: rule for rule in RULES}
ROLE = {role.name: role for role in ROLES}
OF_THE_CORE = {"few-descriptors"}
"""The channel keeps it, whatever an engine does: there is nothing to plant in one."""


KNOWN_TO_HANG = {"ends-in-time", "stops", "returns"}
"""What is broken by a trial that gives no answer."""


class Planted(NamedTuple):
    """A broken engine, where it has to be caught, by what, and a word of the sentence."""

    attribute: str
    role: str
    rule: str
    said: str


CAUGHT = [
    Planted("COMPLETES_TWICE", "timer", "ends-once", "exactly one expiration"),
    Planted("ENDS_EARLY", "timer", "ends-once", "exactly one expiration"),
    Planted("COMPLETES_TWICE", "pipe:read", "bytes-are-right", "verification failed"),
    Planted("FLIPS_A_BIT", "file:read", "bytes-are-right", "verification failed"),
    Planted("ENDS_EARLY", "file:write", "bytes-are-right", "verification failed"),
    Planted("LOSES_ONE", "pipe:echo", "ends-in-time", "hung"),
    Planted("CLAIMS_ALL", "socket:write", "short-transfers", "wrong bytes"),
    Planted("KEEPS_A_LENGTH", "pipe:read", "several-sizes", ""),
    Planted("RAISES_ERRORS", "pipe:read", "dead-peer", "ended early"),
    Planted("HIDES_THE_END", "file:read", "short-file", "verification failed"),
    Planted("COPIES_BY_A_PIPE", "pipe:echo", "moves-once", "the kernel counted"),
    Planted("FORGETS_IDLE", "socket:idle", "watches-idle", "did not notice"),
    Planted("IS_LATE", "timer", "is-prompt", "half of the operations took"),
    Planted("IS_VERY_LATE", "timer", "works", "no operation ended"),
    Planted("DROPS_SYNCS", "file:synced", "syncs", "it makes none"),
    Planted("SPINS", "timer", "sleeps", "of a CPU"),
    Planted("LOOKS_SELDOM", "timer", "stops", "no answer"),
    Planted("ONE_BY_ONE", "timer", "reaches-depth", "timers of 20 ms at once"),
    Planted("IGNORES_DEADLINE", "timer", "keeps-deadlines", "none were cancelled"),
    Planted("NEVER_RETURNS", "timer", "returns", "did not return"),
    Planted("RETURNS_EARLY", "timer", "runs", "ended early"),
    Planted("RAISES", "timer", "runs", "ZeroDivisionError"),
    Planted("PRINTS", "timer", "prints-nothing", "to standard output"),
    Planted("PRINTS_AN_ERROR", "timer", "prints-nothing", "to standard error: taken"),
    Planted("LEAVES_A_THREAD", "timer", "leaves-nothing", "a thread"),
    Planted("LEAVES_A_DESCRIPTOR", "timer", "leaves-nothing", "a descriptor (eventfd)"),
    Planted("LEAVES_A_PROCESS", "timer", "leaves-nothing", "a process (sleep)"),
]


@pytest.fixture(scope="module")
def preparation() -> Iterator[Preparation]:
    with Preparation(7) as prepared:
        yield prepared


def planted_spec(attribute: str, monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    """As one that a user has named."""
    spec = importlib.util.spec_from_file_location("broken", PLANTED)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    engine = getattr(module, attribute)
    name = f"python:{engine.name}"
    source = PythonSource(name, f"{PLANTED}:{attribute}", engine)
    monkeypatch.setitem(SOURCES.named, name, source)
    monkeypatch.setitem(DESCRIPTORS.named, name, source.descriptor)
    return EngineSpec(name)


@pytest.mark.parametrize("bug", CAUGHT, ids=lambda bug: f"{bug.attribute}-{bug.rule}")
def test_a_bug_is_caught_by_the_rule_that_it_breaks(
    bug: Planted, preparation: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bug.rule in KNOWN_TO_HANG:  # of the others a busy machine may ask for patience
        monkeypatch.setattr(session, "PATIENCE_S", 1.0)
    spec = planted_spec(bug.attribute, monkeypatch)
    found = ruling(Subject(spec, ROLE[bug.role], preparation), BY_NAME[bug.rule])
    if found.status == "n/a" and bug.rule in ("syncs", "moves-once"):
        pytest.skip(found.said)
    assert found.status == "broken"
    assert bug.said in found.said


def test_every_rule_has_a_bug_that_breaks_it() -> None:
    assert set(BY_NAME) - {bug.rule for bug in CAUGHT} == OF_THE_CORE


QUICK = ("timer", "file:read", "socket:idle")


@pytest.mark.parametrize("engine", ["epoll", "python:selectors"])
def test_a_sound_engine_keeps_them(engine: str, preparation: Preparation) -> None:
    roles = [ROLE[name] for name in QUICK]
    assert_kept(parse(engine), preparation, roles)


@pytest.mark.longest
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "engine",
    [
        spec.canonical
        for name in DESCRIPTORS
        for spec in (variants(name) if name not in CORE_ENGINES else [EngineSpec(name)])
    ],
)
def test_every_engine_keeps_every_rule(engine: str, preparation: Preparation) -> None:
    """Those in C in their plain form: the suite in C has their options."""
    assert_kept(parse(engine), preparation, list(ROLES))


def assert_kept(spec: EngineSpec, preparation: Preparation, roles: list[Role]) -> None:
    rulings = list(try_rules(spec, preparation, Wanted(roles=roles)))
    broken = [f"{r.role} {r.rule}: {r.said}" for r in rulings if r.status == "broken"]
    assert not broken, "\n".join(broken)
    if all(r.status == "n/a" for r in rulings):
        pytest.skip(rulings[0].said)
