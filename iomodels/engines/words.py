"""What an engine supports here, in words: for `iomodels engines` and others who describe one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from iomodels import _core
from iomodels.base.units import listed
from iomodels.engines.ability import ability
from iomodels.engines.kinds.complexity import complexity, level_of
from iomodels.engines.kinds.models import Model, model_of
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse
from iomodels.workload import scenario

NO_THREADS = "none"
_ONLY = {"files": "files, none of them as blocking does"}
"""What an ability means that only an option gives."""


def unavailable(spec: EngineSpec) -> str | None:
    """Why it cannot work on this machine, whatever it should read or write; None if it can."""
    asked = (spec.answers(channel, {})["probe"] for channel in _core.channels())
    reasons = list(asked)
    return reasons[0] if all(reasons) else None


def threads(spec: EngineSpec) -> str:
    """Those that it keeps beside the application's."""
    return spec.threads or NO_THREADS


def model(spec: EngineSpec, of: Model | None) -> str:
    """What `of`, the engine's model, means."""
    if of is None:
        return "no I/O, never waits"
    waiting = "uses a CPU while it waits" if spec.caps["spins"] else "sleeps while it waits"
    polling = ", with a thread of the kernel's that uses a CPU" if spec.caps["kernel_polls"] else ""
    who = "helper threads make" if of.worker == "helper threads" else f"the {of.worker} makes"
    return f"learns of {of.news}; {waiting}{polling}; {who} the transfer"


def simplicity(spec: EngineSpec) -> str:
    """Its place in the order that decides a tie, and what its program has to take care of."""
    level = level_of(spec)
    return f"{complexity(spec)} ({level.name}: {level.meaning})"


def abilities(spec: EngineSpec) -> list[str]:
    """What it can do, from its capabilities."""
    caps = spec.caps
    depth, descriptor = caps["max_depth"], caps["max_descriptor"]
    words = [
        _files(spec) if caps["files"] else "",
        "streams" if caps["streams"] else "",
        "one request in flight" if depth == 1 else f"depth up to {depth}" if depth else "any depth",
        f"descriptors up to {descriptor}" if descriptor else "",
        "several requests per call" if caps["batches"] else "",
        "deadlines" if caps["cancels"] else "",
    ]
    return [word for word in words if word]


def _files(spec: EngineSpec) -> str:
    """With those that it reads as blocking does, by where their pages are (`channel.cache`)."""
    kinds = _core.setting_choices()["file_cache"]
    asked = (
        spec.answers("file", {"file_cache": number})["degenerate"] for number in range(len(kinds))
    )
    same = [kind for kind, degenerate in zip(kinds, asked, strict=True) if degenerate]
    if not same:
        return "files"
    which = "" if len(same) == len(kinds) else f"{listed(same)} ones "
    return f"files ({which}as blocking does)"


def differing(spec: EngineSpec, written: str) -> list[str]:
    """What the engine can do only with this option, and what else changes by it."""
    plain, other = EngineSpec(spec.name), parse(f"{spec.name}:{written}")
    usual = abilities(plain)
    its = model_of(other)
    return [
        *(_ONLY.get(word, word) for word in abilities(other) if word not in usual),
        *([model(other, its)] if its != model_of(plain) else []),
        *([f"threads: {threads(other)}"] if other.threads != plain.threads else []),
    ]


@dataclass(frozen=True)
class Limit:
    """A shipped scenario that an engine cannot run in full, and why."""

    how_far: str
    """"n/a", or at which points it runs."""
    scenario: str
    reason: str

    def __str__(self) -> str:
        return f"{self.how_far}: {self.scenario}: {self.reason}"


def limits(spec: EngineSpec) -> list[Limit]:
    """Those of the shipped scenarios that it cannot run in full."""
    found = []
    for name in scenario.shipped():
        reasons = {
            p.label: ability(spec, p).na_reason for p in scenario.points(scenario.load(name))
        }
        impossible = [reason for reason in reasons.values() if reason]
        if impossible:
            found.append(Limit(_how_far(reasons), name, impossible[0]))
    return found


def _how_far(reasons: Mapping[str, str | None]) -> str:
    """`reasons` by point: why it is impossible, or None."""
    able = [label for label, reason in reasons.items() if reason is None]
    unable = [label for label, reason in reasons.items() if reason]
    if not able:
        return "n/a"
    few, word = (unable, "not") if len(unable) < len(able) else (able, "only")
    return f"{word} at {' or '.join(few)}"


@dataclass(frozen=True)
class LimitGroup:
    """All scenarios with the same limit."""

    how_far: str
    scenarios: tuple[str, ...]
    reason: str


def grouped(found: Iterable[Limit]) -> Iterator[LimitGroup]:
    """Limits that are one in all but numbers, which stand after a `;` in their reasons."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for limit in found:
        reason, instead = limit.reason.partition(";")[0], limit.reason.rpartition(". ")[2]
        key = limit.how_far, f"{reason}. {instead}" if instead.startswith("Use ") else reason
        by_reason.setdefault(key, []).append(limit.scenario)
    for (how_far, reason), scenarios in by_reason.items():
        yield LimitGroup(how_far, tuple(scenarios), reason)


def options(spec: EngineSpec) -> Iterator[tuple[str, list[str]]]:
    """Each option, and what there is to say of it."""
    for option in DESCRIPTORS[spec.name].options:
        allowed = ", ".join(option.choices) or option.allowed
        only = f"; only with {option.only[0]}={'|'.join(option.only[1])}" if option.only else ""
        notes = [
            f"{option.name}={choice}: {'; '.join(words)}"
            for choice in option.choices
            if (words := differing(spec, option.written(choice)))
        ]
        yield option.name, [option.meaning, f"{allowed}; default {option.usual}{only}", *notes]
