"""`iomodels conform`: whether an engine keeps the rules that make its numbers comparable."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import UsageError

from .arguments import completing
from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from iomodels.conform.answer import Conformance, RoleConformance
    from iomodels.conform.role import Role
    from iomodels.conform.rule import Rule
    from iomodels.engines.spec import EngineSpec


def _channels(typed: str) -> Iterable[str]:
    from iomodels.conform.role import ROLES

    return dict.fromkeys(name for role in ROLES for name in (role.channel, role.name))


def _rules(typed: str) -> Iterable[str]:
    from iomodels.conform.rules.table import RULES

    return [rule.name for rule in RULES]


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
    and in each role. It takes about half a minute.
    """
    from iomodels.conform.answer import as_data, exit_code
    from iomodels.engines.spec import parse_list

    roles, rules = _roles_named(channels), _rules_named(chosen)
    if lists:
        _list(rules, as_json=as_json)
        return 0
    specs = parse_list(names)
    if not specs:
        raise UsageError("name an engine, as in `iomodels conform epoll`, or use --list")
    answers = [_answer(spec, roles, rules, shows=not as_json) for spec in specs]
    if as_json:
        click.echo(json.dumps(as_data(answers), indent=2))
    return exit_code(answers)


def _roles_named(names: Sequence[str]) -> list[Role]:
    from iomodels.conform.role import ROLES

    for name in names:
        if name not in _channels(""):
            raise UsageError(
                f"there is no channel or role '{name}': they are {', '.join(_channels(''))}"
            )
    return [r for r in ROLES if not names or r.name in names or r.channel in names]


def _rules_named(names: Sequence[str]) -> list[Rule]:
    from iomodels.base.toml import did_you_mean
    from iomodels.conform.rules.table import RULES

    known = [rule.name for rule in RULES]
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no rule '{name}'{did_you_mean(name, known)}: see iomodels conform --list"
            )
    return [rule for rule in RULES if not names or rule.name in names]


def _list(rules: Iterable[Rule], *, as_json: bool) -> None:
    if as_json:
        listed = [{"rule": rule.name, "sentence": rule.sentence} for rule in rules]
        click.echo(json.dumps({"rules": listed}, indent=2))
        return
    from .show import console

    console.out().print(console.terms({rule.name: rule.sentence for rule in rules}))


# ------------------------------------------------------------------ one engine


def _answer(
    spec: EngineSpec, roles: Sequence[Role], rules: Sequence[Rule], *, shows: bool
) -> Conformance:
    """The engine through the rules; its lines are printed as roles are through."""
    from iomodels.conform.answer import Conformance, by_role
    from iomodels.conform.suite import try_rules
    from iomodels.trials.preparation import Preparation

    from .show import console

    output, messages = console.out(), console.err()
    width = max(len(role.name) for role in roles)
    sentences = {rule.name: rule.sentence for rule in rules}
    if shows:
        output.print(console.safe(spec.canonical, "bold"))
    through: list[RoleConformance] = []
    with (
        Preparation(seed=1) as preparation,
        messages.status("") if messages.is_terminal else nullcontext() as status,
    ):

        def progress(role: Role, rule: Rule) -> None:
            if status is not None:
                status.update(f"{role.name}: {rule.name}")

        tried = try_rules(spec, preparation, roles=roles, rules=rules, progress=progress)
        for role in by_role(tried):
            through.append(role)
            if shows:
                _show_role(role, width, sentences, output)
    answer = Conformance(spec.canonical, tuple(through))
    if shows:
        _show_end(answer, output)
    return answer


def _show_role(
    role: RoleConformance, width: int, sentences: dict[str, str], output: Console
) -> None:
    from .show.console import safe

    name = f"  {role.role:<{width}}  "
    if role.why_nothing is not None:
        output.print(safe(f"{name}n/a: {role.why_nothing}", "dim"))
        return
    tried = role.kept + len(role.broken)
    style = "red" if role.broken else "green"
    output.print(safe(name).append_text(safe(f"{role.kept} of {tried} rules kept", style)))
    for ruling in role.broken:
        output.print(safe(f"    broken: {ruling.rule}: {sentences[ruling.rule]}", "red"))
        output.print(safe(f"    seen: {ruling.said}"))


def _show_end(answer: Conformance, output: Console) -> None:
    from iomodels.base.units import counted

    from .show.console import safe

    checks = counted(answer.tried, "check")
    if not answer.tried:
        output.print(safe(f"{answer.engine}: no rule could be tried"))
    elif answer.broken:
        names = ", ".join(dict.fromkeys(ruling.rule for ruling in answer.broken))
        output.print(safe(f"{answer.engine} breaks {names} ({checks})", "bold red"))
    else:
        output.print(safe(f"{answer.engine} keeps all rules ({checks})", "bold green"))
