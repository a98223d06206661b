"""`iomodels man`: the manual page, made from the commands (man-pages(7), groff_man(7))."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

import iomodels
from iomodels.base import exit_codes


@click.command()
def command() -> None:
    """Print the manual page.

    To read it: iomodels man | man -l -
    """
    click.echo(page(), nl=False)


def page() -> str:
    """The manual page in roff: every command with its arguments, options and text."""
    from .main import COMMANDS, group

    context = click.Context(group, info_name="iomodels", **group.context_settings)
    lines = [
        f'.TH IOMODELS 1 "" "iomodels {iomodels.__version__}" "User Commands"',
        ".SH NAME",
        "iomodels \\- compare Linux I/O models on one workload",
        ".SH SYNOPSIS",
        ".B iomodels",
        ".RI [ OPTION \\&.\\|.\\|.]",
        ".I COMMAND",
        ".RI [ ARGUMENT \\&.\\|.\\|.]",
        ".SH DESCRIPTION",
        *_paragraphs(group.help or ""),
        *_options(group, context),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        found = group.get_command(context, name)
        assert found is not None
        lines += _command(name, found, context)
    return "\n".join([*lines, *_exit_status(), *_END]) + "\n"


_END = r"""
.SH FILES
.TP
.I results/
The results of
.BR "iomodels bench" ,
unless
.B \-o
names a file.
.TP
.I /var/tmp
The data files of scenarios, unless
.B channel.folder
is another folder. They have no name and vanish when a trial ends.
.SH EXAMPLES
.EX
iomodels bench
iomodels bench cached-read -e blocking,threads -s load.block=64KiB
iomodels report latest
iomodels check --baseline latest
.EE
.SH "SEE ALSO"
.BR select (2),
.BR aio (7),
.BR fio (1)
""".strip().splitlines()


def _exit_status() -> Iterator[str]:
    yield '.SH "EXIT STATUS"'
    for code, meaning in exit_codes.MEANINGS.items():
        shown = code if isinstance(code, str) else int(code)
        yield from (".TP", f".B {shown}", _escaped(f"{meaning[0].upper()}{meaning[1:]}."))


def _command(name: str, found: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(found, info_name=name, parent=parent)
    usage = " ".join(found.collect_usage_pieces(context))
    yield f'.SS "iomodels {name} {_escaped(usage)}"'
    yield from _paragraphs(found.help or "")
    yield from _options(found, context)


def _options(found: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in found.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            names, text = record
            yield ".TP"
            yield f".B {_escaped(names)}"
            yield _escaped(" ".join(text.split()))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        kept = paragraph.startswith("\b")  # click's mark for lines as they are
        lines = [line.strip() for line in paragraph.strip("\b\n").splitlines()]
        yield ".PP"
        if kept:
            yield from (".EX", *map(_escaped, lines), ".EE")
        else:
            yield _escaped(" ".join(lines))


def _escaped(text: str) -> str:
    """As roff prints it: no hyphenation marks, no requests at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace('"', "\\(dq")
    return f"\\&{text}" if text[:1] in (".", "'") else text
