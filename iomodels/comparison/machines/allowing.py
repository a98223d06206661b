"""Which differences of two machines can be allowed, and what is said of those that are.

A kernel, a C library, a container runtime or a file system may be the very thing that is compared.
Another CPU, another number of cores and another measured core never are: then the machine or the
instrument is another one, and no time says anything of what was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from iomodels.base.errors import UsageError
from iomodels.base.toml import did_you_mean, printable
from iomodels.results.schema import Notice, Parameter, Run

ALLOWABLE: Mapping[str, tuple[str, ...]] = {
    "kernel": ("kernel",),
    "libc": ("libc", "aio"),
    "container": ("container", "cgroup_quota_cores", "seccomp"),
    "file-system": ("file_system", "file_system_device"),
    "mitigations": ("mitigations",),
    "hypervisor": ("hypervisor",),
    "governor": ("governor", "turbo"),
    "clocksource": ("clocksource", "timer_slack_ns"),
    "python": ("python",),
}
"""What `--allow` takes: the facts of `Run.environment` that may then differ. Those of
"file-system" concern only cells on files."""
FILE_SYSTEM = "file-system"
NOT_NEEDED = "allowed-same"
"""The code of the notice that something may differ, and does not: no reason for a warning."""
_NEVER = ("cpu", "cores", "core", "version", "machine")
"""What one may wish to allow, and what nobody can."""
_LONGEST = 60
"""Of a fact that is repeated in a headline, in characters. Lists of mitigations are longer."""


def parse(texts: Iterable[str]) -> tuple[str, ...]:
    """Read what `--allow` was given, lists with commas: each name once, in the table's order.

    Raises `UsageError`, one sentence, for a name that is not in the table.
    """
    asked = [word.strip() for text in texts for word in text.split(",")]
    for word in asked:
        if word in _NEVER or word in ("cores_online", "cores_allowed"):
            raise UsageError(
                f"'{word}' cannot be allowed to differ: times of another CPU, number of cores, or "
                "version or core of iomodels are not compared; record a baseline there, or use A/B"
            )
        if word not in ALLOWABLE:
            hint = did_you_mean(word, ALLOWABLE)
            raise UsageError(
                f"'{printable(word)}' is nothing that can be allowed to differ{hint}: "
                f"that is {', '.join(ALLOWABLE)}"
            )
    return tuple(name for name in ALLOWABLE if name in asked)


def facts(allow: Iterable[str]) -> frozenset[str]:
    """The facts of an environment that may differ with these names."""
    return frozenset(fact for name in allow for fact in ALLOWABLE[name])


def name_of(fact: str) -> str | None:
    """What allows this fact to differ; None where nothing does."""
    return next((name for name, its in ALLOWABLE.items() if fact in its), None)


def differing(
    bases: Sequence[Run], new: Run, allow: Sequence[str], *, on_files: bool
) -> tuple[list[str], list[Notice]]:
    """What was allowed and does differ (`kernel 6.12 → 6.18`), and a notice of what does not."""
    told: list[str] = []
    idle: list[str] = []
    for name in allow:
        if name == FILE_SYSTEM and not on_files:
            idle.append(name)
            continue
        found = [said for fact in ALLOWABLE[name] if (said := _difference(bases, new, fact))]
        told += found
        idle += [] if found else [name]
    if not idle:
        return told, []
    message = f"allowed to differ, but does not: {', '.join(idle)}"
    return told, [Notice(NOT_NEEDED, message)]


def _difference(bases: Sequence[Run], new: Run, fact: str) -> str:
    now = new.environment.get(fact)
    before = [run.environment.get(fact) for run in bases]
    others = list(dict.fromkeys(_text(value) for value in before if value != now))
    if not others:
        return ""
    change = f"{', '.join(others)} → {_text(now)}"
    title = fact.replace("_", " ")
    return f"{title} {change}" if len(change) <= _LONGEST else title


def _text(value: Parameter | None) -> str:
    return "unknown" if value is None else str(value)


def hint(facts_: Collection[str]) -> str:
    """What allows all of these facts to differ, as the end of a sentence."""
    never = [fact for fact in facts_ if name_of(fact) is None]
    if never:
        return f" (--allow never covers {' or '.join(never)})"
    names = dict.fromkeys(name for fact in facts_ if (name := name_of(fact)))
    return f" (if that is what you compare: --allow {','.join(names)})"
