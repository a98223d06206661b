"""The one table of rules."""

from __future__ import annotations

from iomodels.conform.rule import Rule
from iomodels.conform.rules.ends import END_RULES
from iomodels.conform.rules.sizes import SIZE_RULES
from iomodels.conform.rules.waiting import WAITING_RULES
from iomodels.conform.rules.whole import WHOLE_RULES

RULES: tuple[Rule, ...] = (*WHOLE_RULES, *SIZE_RULES, *END_RULES, *WAITING_RULES)
