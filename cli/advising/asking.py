"""What a command line of `advise` asks for: read and checked before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import UsageError
from iomodels.results.where import LATEST

from ..arguments.results import found

if TYPE_CHECKING:
    from iomodels.contest.answering import Question
    from iomodels.engines.spec import EngineSpec
    from iomodels.results.schema import Run


@dataclass(frozen=True)
class AskedFor:
    """Scenarios by name, or one run that is judged as it is."""

    question: Question
    names: tuple[str, ...]
    run: Run | None
    engines: tuple[EngineSpec, ...]
    files: tuple[Path, ...]
    """The results that were read."""


def read(
    inputs: Sequence[str],
    *,
    goal: str,
    limits: Sequence[str],
    today: str | None,
    python: bool,
    turn: str | None,
    engines: Sequence[str],
    measuring: Mapping[str, object],
) -> AskedFor:
    """Raises `UsageError` and `EngineError`; of a result `ResultError`. `measuring` are the options
    that mean nothing where a result is judged as it is."""
    import msgspec

    from iomodels.advice import limits as given_limits
    from iomodels.advice.document import Goal
    from iomodels.contest.answering import Question
    from iomodels.contest.sweeping import key_of
    from iomodels.engines.spec import parse_given, parse_list

    question = Question(
        goal=msgspec.convert(goal, Goal),
        limits=given_limits.parse(limits),
        today=parse_given(today).canonical if today else None,
        among="python" if python else "all",
        turn=key_of(turn) if turn else None,
    )
    if python and engines:
        raise click.UsageError(
            "--python stands for all engines in Python, and -e names the candidates: leave one out"
        )
    candidates = tuple(parse_list(engines))
    results = [name for name in inputs if is_result(name)]
    if not results:
        return AskedFor(question, tuple(inputs), None, candidates, ())
    if len(inputs) > 1:
        raise click.UsageError(
            "a result is judged alone, as it is: name one result, or scenarios to measure"
        )
    for option, given in measuring.items():
        if given not in (None, ()):
            raise click.UsageError(
                f"{option} is for measuring, and a result is judged as it is: leave it out, or "
                "name the scenario"
            )
    (path,) = found([Path(results[0])])
    run = _only(_run(path), candidates, python=python, today=question.today)
    return AskedFor(question, (), run, candidates, (path,))


def is_result(name: str) -> bool:
    """Whether this is a result and no scenario: `latest`, a file that holds JSON, or one that is
    not there and would."""
    if name == LATEST:
        return True
    path = Path(name)
    try:
        if not path.is_file():
            return path.suffix in (".json", ".partial")
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except (OSError, ValueError):
        return False  # as a scenario it says what is wrong


def _run(path: Path) -> Run:
    from iomodels.analysis import assembled

    return assembled.load(path)


def _only(run: Run, engines: Sequence[EngineSpec], *, python: bool, today: str | None) -> Run:
    """Of the run what these engines measured, or those in Python; all of it without either. That of
    `today` stays: the gain is over it."""
    import msgspec

    names = {spec.canonical for spec in engines}
    kept = [cell for cell in run.cells if not names or cell.engine in names]
    if not kept:
        raise UsageError("the result has none of the engines that -e names: leave -e out")
    if python:
        kept = [cell for cell in kept if cell.language != "C"]
    if not any(cell for cell in kept if not (python and cell.is_harness)):
        raise UsageError("the result has no engine in Python: leave --python out")
    stay = {today, *(cell.engine for cell in kept)}
    cells = [cell for cell in run.cells if cell.engine in stay]
    return msgspec.structs.replace(run, cells=cells)
