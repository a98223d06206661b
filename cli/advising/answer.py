"""The answer on the terminal: a few lines for each point, engines in bold."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from iomodels.advice import words
from iomodels.advice.document import Advice
from iomodels.advice.words import AnswerLine
from iomodels.base.escape import visible

from ..show.console import safe

LABEL_WIDTH, LEAST_IN_LINE = 10, 20


def show(advice: Advice, on: Console) -> None:
    """All of it: a heading and the lines of each point, then what holds for all of them."""
    common = words.common_caveats(advice)
    for number, point in enumerate(advice.points):
        if number:
            on.print("")
        on.print(safe(f"{words.heading(point)} ({words.asked(advice)})", "bold"))
        if point.title != point.scenario:
            on.print(safe(point.title, "dim"))
        own = [caveat for caveat in point.caveats if caveat not in common]
        _print(words.lines(point, own), on)
    if len(advice.points) > 1:
        on.print("")
        of_all = [AnswerLine("all", words.summary(advice))]
        _print([*of_all, *words.lines_of_caveats(common)], on)


def _print(lines: Sequence[AnswerLine], on: Console) -> None:
    """Each with its label before it, and its text in lines of what is left of the width."""
    for line in lines:
        label = line.label
        for part in told(line.text).wrap(on, max(LEAST_IN_LINE, on.width - LABEL_WIDTH)):
            part.rstrip()
            on.print(Text.assemble(safe(label.ljust(LABEL_WIDTH), "dim"), part), soft_wrap=True)
            label = ""


def told(text: str) -> Text:
    """A sentence: what is between backquotes is bold, without them."""
    parts = re.split("`([^`]*)`", visible(text))
    styled = (Text(part, "bold" if number % 2 else "") for number, part in enumerate(parts))
    return Text().join(styled)


def where(path: Path, advice: Advice) -> list[str]:
    """The answer's path, and the commands that show it: there is a picture of a turning point only,
    and of two values that were measured at the least."""
    quoted = shlex.quote(str(path))
    is_drawn = any(len(found.values) > 1 for point in advice.points for found in point.turnings)
    return [
        f"answer: {path}",
        *([f"picture: iomodels chart {quoted}"] if is_drawn else []),
        f"page: iomodels report {quoted}",
    ]
