"""An engine through all rules that apply to it, role by role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from iomodels.base.errors import NotApplicable, TrialError
from iomodels.conform.role import ROLES, Role
from iomodels.conform.rule import Rule, Ruling
from iomodels.conform.rules.table import RULES
from iomodels.conform.subject import Subject
from iomodels.engines.spec import EngineSpec
from iomodels.trials.launch import Launch
from iomodels.trials.preparation import Preparation, Unavailable

Progress = Callable[[Role, Rule], None]
"""Called before each rule is tried."""


def try_rules(
    spec: EngineSpec,
    preparation: Preparation,
    *,
    roles: Sequence[Role] = ROLES,
    rules: Sequence[Rule] = RULES,
    launch: Launch | None = None,
    progress: Progress = lambda role, rule: None,
) -> Iterator[Ruling]:
    """What becomes of each of the rules in each of the roles, as they are tried."""
    for role in roles:
        subject = Subject(spec, role, preparation, launch)
        for rule in rules:
            if subject.why_not is None:
                progress(role, rule)
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
