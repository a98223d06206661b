"""`iomodels conform`: whether an engine keeps the rules that make its numbers comparable."""

from __future__ import annotations

import json
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import UsageError

from .arguments import completing
from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

    from iomodels.conform.answer import Conformance, RoleConformance
    from iomodels.conform.suite import Wanted
    from iomodels.engines.spec import EngineSpec

IN_C = "function by function, in C"


def _channels(typed: str) -> Iterable[str]:
    from iomodels.conform.role import ROLES

    return dict.fromkeys(name for role in ROLES for name in (role.channel, role.name))


def _rules(typed: str) -> Iterable[str]:
    from iomodels.conform.compiling import core_rules
    from iomodels.conform.rules.table import RULES

    return dict.fromkeys([*(rule.name for rule in RULES), *core_rules()])


@click.command()
@click.argument("names", nargs=-1, metavar="[ENGINE]...", shell_complete=completing.ENGINES)
@click.option(
    "-c",
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL[:ROLE]",
    shell_complete=completing.of_words(_channels),
    help="Only this channel, or only this role of it (repeatable).",
)
@click.option(
    "--rule",
    "chosen",
    multiple=True,
    metavar="RULE",
    shell_complete=completing.of_words(_rules),
    help="Only this rule (repeatable); --list has them all.",
)
@click.option("--list", "lists", is_flag=True, help="List the rules, and test nothing.")
@JSON_OPTION
def command(
    names: tuple[str, ...],
    channels: tuple[str, ...],
    chosen: tuple[str, ...],
    lists: bool,
    as_json: bool,
) -> int:
    """Test whether engines keep the rules.

    ENGINE is one of `iomodels engines`, or that of an installed plug-in, with its options as in
    `NAME:option=value`: it is tested as it is written. Real trials are made with it on each channel
    and in each role; of an engine in C, each of its functions is tested as well, by a program that
    is compiled for that (with CC, or cc). It takes about a minute, on a busy machine two.
    """
    from iomodels.conform.answer import as_data, exit_code
    from iomodels.engines.spec import parse_list
    from iomodels.trials.pythons.named import labelled

    wanted = _wanted(channels, chosen)
    if lists:
        _list(wanted, as_json=as_json)
        return 0
    specs = parse_list(labelled(names))
    if not specs:
        raise UsageError("name an engine, as in `iomodels conform epoll`, or use --list")
    with ExitStack() as stack:
        program = _Program(stack)
        answers = [_answer(spec, wanted, program, shows=not as_json) for spec in specs]
    if as_json:
        click.echo(json.dumps(as_data(answers), indent=2))
    return exit_code(answers)


def _wanted(channels: Sequence[str], chosen: Sequence[str]) -> Wanted:
    from iomodels.base.toml import did_you_mean
    from iomodels.conform.compiling import core_rules
    from iomodels.conform.role import ROLES
    from iomodels.conform.rules.table import RULES
    from iomodels.conform.suite import Wanted

    for name in channels:
        if name not in _channels(""):
            raise UsageError(
                f"there is no channel or role '{name}': they are {', '.join(_channels(''))}"
            )
    known = list(_rules(""))
    for name in chosen:
        if name not in known:
            raise UsageError(
                f"there is no rule '{name}'{did_you_mean(name, known)}: see iomodels conform --list"
            )
    return Wanted(
        roles=[r for r in ROLES if not channels or r.name in channels or r.channel in channels],
        rules=[rule for rule in RULES if not chosen or rule.name in chosen],
        core_rules=[name for name in core_rules() if not chosen or name in chosen],
        channels=channels,
    )


def _list(wanted: Wanted, *, as_json: bool) -> None:
    if as_json:
        listed = [
            {"rule": rule.name, "sentence": rule.sentence, "where": rule.where}
            for rule in wanted.rules
        ]
        click.echo(json.dumps({"rules": listed, "core_rules": list(wanted.core_rules)}, indent=2))
        return
    from .show import console

    output = console.out()
    output.print(console.terms({rule.name: rule.sentence for rule in wanted.rules}))
    if wanted.core_rules:
        output.print()
        output.print(
            console.safe(
                f"Engines in C, also function by function: {', '.join(wanted.core_rules)}."
            )
        )


# ------------------------------------------------------------------ one engine


class _Program:
    """The suite in C, compiled when the first engine needs it, and why it could not be."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._path: Path | None = None
        self.why_not: str | None = None

    def path(self, progress: Callable[[str], None]) -> Path | None:
        from iomodels.conform.compiling import NoProgram
        from iomodels.conform.core_suite import program

        if self._path is None and self.why_not is None:
            progress("compiling the suite in C")
            try:
                self._path = self._stack.enter_context(program())
            except NoProgram as reason:
                self.why_not = str(reason)
        return self._path


class _Shown:
    """The lines of one engine, printed as its roles are through."""

    def __init__(self, wanted: Wanted, output: Console | None) -> None:
        self._output = output
        self._width = max(len(role.name) for role in wanted.roles)
        self._sentences = {rule.name: rule.sentence for rule in wanted.rules}
        self.through: list[RoleConformance] = []
        self.notes: list[str] = []

    def line(self, text: str, style: str = "") -> None:
        from .show.console import safe

        if self._output is not None:
            self._output.print(safe(text, style))

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.line(f"  {text}", "yellow")

    def role(self, role: RoleConformance) -> None:
        self.through.append(role)
        name = f"  {role.role:<{self._width}}  "
        if role.why_nothing is not None:
            self.line(f"{name}n/a: {role.why_nothing}", "dim")
            return
        tried = role.kept + len(role.broken)
        self.line(f"{name}{role.kept} of {tried} rules kept", "red" if role.broken else "green")
        for ruling in role.broken:
            sentence = self._sentences.get(ruling.rule, "") if ruling.suite == "trials" else ""
            self.line(f"    broken: {ruling.rule}{': ' if sentence else ''}{sentence}", "red")
            self.line(f"    seen: {ruling.said}")


def _answer(spec: EngineSpec, wanted: Wanted, program: _Program, *, shows: bool) -> Conformance:
    """The engine through the rules."""
    from iomodels.conform.answer import Conformance, by_role
    from iomodels.conform.suite import is_in_c, try_rules
    from iomodels.trials.preparation import Preparation

    from .show import console

    messages = console.err()
    shown = _Shown(wanted, console.out() if shows else None)
    shown.line(spec.canonical, "bold")
    with (
        Preparation(seed=1) as preparation,
        messages.status("") if messages.is_terminal else nullcontext() as status,
    ):
        progress = (lambda what: None) if status is None else status.update
        for role in by_role(try_rules(spec, preparation, wanted, progress=progress)):
            shown.role(role)
        if is_in_c(spec) and wanted.core_rules:
            _try_in_c(spec, wanted, program, shown, progress)
    answer = Conformance(spec.canonical, tuple(shown.through), tuple(shown.notes))
    _show_end(answer, shown)
    return answer


def _try_in_c(
    spec: EngineSpec,
    wanted: Wanted,
    program: _Program,
    shown: _Shown,
    progress: Callable[[str], None],
) -> None:
    from iomodels.conform.answer import by_role
    from iomodels.conform.compiling import NoProgram
    from iomodels.conform.suite import try_core_rules

    path = program.path(progress)
    if path is None:
        shown.note(f"only whole trials were made, without the suite in C: {program.why_not}")
        return
    shown.line(f"  {IN_C}", "bold")
    progress(IN_C)
    try:
        for role in by_role(try_core_rules(spec, path, wanted)):
            shown.role(role)
    except NoProgram as reason:
        shown.note(str(reason))


def _show_end(answer: Conformance, shown: _Shown) -> None:
    from iomodels.base.units import counted

    checks = counted(answer.tried, "check")
    if not answer.tried:
        shown.line(f"{answer.engine}: no rule could be tried")
    elif answer.broken:
        names = ", ".join(dict.fromkeys(ruling.rule for ruling in answer.broken))
        shown.line(f"{answer.engine} breaks {names} ({checks})", "bold red")
    else:
        shown.line(f"{answer.engine} keeps all rules ({checks})", "bold green")
