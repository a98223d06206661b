"""`iomodels completion`: the script that makes a shell complete commands, options and values."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    local response
    response=$(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for line in $response; do
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done
    case ${COMPREPLY[0]} in
        *[:=./]) [[ ${#COMPREPLY[@]} -eq 1 ]] && compopt -o nospace ;;
    esac
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class WholeWords(BashComplete):
    """Bash takes `:` and `=` for the ends of words, and click its words from bash. This takes the
    line itself, and gives of each completion what comes after the last such end."""

    source_template = BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        typed = "" if line[-1:].isspace() else words.pop()
        self._done = typed[: max(typed.rfind(":"), typed.rfind("=")) + 1]
        return words[1:], typed

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{str(item.value).removeprefix(self._done)}"


def register() -> None:
    """Make click use it, whoever asks: the shell by the variable, or the user by the command."""
    add_completion_class(WholeWords, "bash")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script for completion in a shell.

    \b
    bash:  eval "$(iomodels completion bash)"     in ~/.bashrc
    zsh:   eval "$(iomodels completion zsh)"      in ~/.zshrc
    fish:  iomodels completion fish | source      in ~/.config/fish/config.fish

    The shell then completes commands, options, scenarios, engines, keys and their values, metrics,
    formats and result files.
    """
    from .main import COMPLETION_VARIABLE, group

    register()
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(group, {}, "iomodels", COMPLETION_VARIABLE).source())
