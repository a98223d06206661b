"""An engine through all rules that apply to it, role by role: by whole trials, and, of an engine in
C, by the suite in C as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iomodels.base.errors import NotApplicable, TrialError
from iomodels.conform.core_suite import CoreSuite
from iomodels.conform.role import ROLES, Role
from iomodels.conform.rule import Rule, Ruling
from iomodels.conform.rules.table import RULES
from iomodels.conform.subject import Subject
from iomodels.engines.sources import SOURCES
from iomodels.engines.spec import EngineSpec
from iomodels.trials.launch import Launch
from iomodels.trials.preparation import Preparation, Unavailable

Progress = Callable[[str], None]
"""Called with what is tried next."""


@dataclass(frozen=True)
class Wanted:
    """What is tried: `core_rules` are names of rules of the suite in C."""

    roles: Sequence[Role] = ROLES
    rules: Sequence[Rule] = RULES
    core_rules: Sequence[str] = ()
    channels: Sequence[str] = ()
    """Channels or roles; none stands for all."""


def try_rules(
    spec: EngineSpec,
    preparation: Preparation,
    wanted: Wanted,
    launch: Launch | None = None,
    progress: Progress = lambda what: None,
) -> Iterator[Ruling]:
    """What becomes of each of the rules in each of the roles, as they are tried."""
    for role in wanted.roles:
        subject = Subject(spec, role, preparation, launch)
        for rule in wanted.rules:
            if subject.why_not is None:
                progress(f"{role.name}: {rule.name}")
            yield ruling(subject, rule)


def ruling(subject: Subject, rule: Rule) -> Ruling:
    """What becomes of the rule."""
    names = subject.spec.canonical, subject.role.name, rule.name
    reason = subject.why_not or rule.unless(subject)
    if reason is not None:
        return Ruling(*names, "n/a", reason)
    try:
        said = rule.broken(subject)
    except (NotApplicable, Unavailable) as reason_found:
        return Ruling(*names, "n/a", str(reason_found))
    except TrialError as error:
        return Ruling(*names, "broken", str(error))
    return Ruling(*names, "broken", said) if said else Ruling(*names, "kept")


def is_in_c(spec: EngineSpec) -> bool:
    """Whether the suite in C can try the engine."""
    return SOURCES[spec.name].python is None


def try_core_rules(spec: EngineSpec, program: Path, wanted: Wanted) -> Iterator[Ruling]:
    """The same of the suite in C. Raises `NoProgram`."""
    suite = CoreSuite(program, spec, SOURCES[spec.name].shared_object)
    return suite.rulings(wanted.channels, wanted.core_rules)
