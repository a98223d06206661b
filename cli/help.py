"""`iomodels help`: the help of the program, or of one command."""

from __future__ import annotations

import click

from .arguments import completing


def _commands(typed: str) -> list[str]:
    from .main import COMMANDS

    return list(COMMANDS)


@click.command()
@click.argument(
    "name", required=False, metavar="[COMMAND]", shell_complete=completing.of_words(_commands)
)
@click.pass_context
def command(context: click.Context, name: str | None) -> None:
    """Show the help of iomodels or of a command."""
    parent = context.parent
    assert parent is not None
    group = parent.command
    assert isinstance(group, click.Group)
    if name is None:
        click.echo(parent.get_help())
        return
    _, found, _ = group.resolve_command(parent, [name])
    assert found is not None
    with click.Context(found, info_name=name, parent=parent) as own:
        click.echo(found.get_help(own))
