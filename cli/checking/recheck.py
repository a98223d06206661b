"""What a check that did not pass says last: the command that checks its suspects again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iomodels.comparison.metrics import SUITE
from iomodels.comparison.verdict import FAILING

if TYPE_CHECKING:
    from iomodels.comparison.schema import Change, Comparison

MOST_NAMES = 6
"""Where more scenarios or engines look worse, the whole check has to be repeated."""


def command(
    comparison: Comparison, options: Mapping[str, Sequence[str]], flags: Sequence[str] = ()
) -> str:
    """The command; empty where no cell looks worse, or so many do that little is left out.

    `options` are those that the check was given and the next one needs, each with its values, and
    `flags` those without a value.
    """
    worse = [change for change in comparison.changes if _is_worse(change)]
    scenarios = list(dict.fromkeys(change.scenario for change in worse))
    engines = list(dict.fromkeys(change.engine for change in worse))
    if not worse or max(len(scenarios), len(engines)) > MOST_NAMES:
        return ""
    words = ["iomodels", "check", *scenarios, "-e", ",".join(engines)]
    for option, values in options.items():
        words += [word for value in values for word in (option, value)]
    return shlex.join([*words, *flags])


def _is_worse(change: Change) -> bool:
    worse = change.verdict in FAILING or change.suspect
    return worse and change.metric != SUITE.metric
