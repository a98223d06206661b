"""The entry point: finds the command, and turns its outcome into an exit code.

Commands are loaded only when they run: their short helps stand here, so that `--version` and
`--help` import neither numpy nor rich nor msgspec. A command's callback returns its exit code
(None means 0).
"""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

import iomodels
from iomodels.base.errors import IomodelsError, OutputError
from iomodels.base.escape import visible

from .shared import surroundings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

COMMANDS = {
    "bench": "Run scenarios with the engines and show what each costs.",
    "chart": "Draw charts of results.",
    "trace": "Record a few requests and draw them, call by call.",
    "report": "Write a result as one HTML page.",
    "compare": "Compare two results and show what changed.",
    "check": "Check for regressions: against a baseline, or B against A.",
    "engines": "List the engines and what each supports here.",
    "scenarios": "List the shipped scenarios and suites, or show one.",
    "doctor": "Check what this machine supports and what disturbs it.",
    "help": "Show the help of iomodels or of a command.",
    "completion": "Print the script for completion in a shell.",
    "man": "Print the manual page.",
}
"""Every command with its short help. `iomodels.cli.NAME` holds it, as `command`."""

COMPLETION_VARIABLE = "_IOMODELS_COMPLETE"
"""Set by a shell that asks for completions (click's protocol)."""

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, which is what a program ends with that does not catch the signal."""


class StreamError(OutputError):
    """Standard output or error cannot be written: the disk behind it is full, for example."""


class _Stream(io.FileIO):
    """A standard stream whose own failures are told from everybody else's `OSError`s."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            what = "output" if self.fileno() == 1 else "error"
            raise StreamError(
                f"standard {what} cannot be written ({error.strerror}): send it elsewhere"
            ) from None


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"iomodels.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        known = name in COMMANDS or name.startswith("-")
        if not known and not ctx.resilient_parsing:  # while a shell completes, nobody reads it
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise click.UsageError(
                f"unknown command '{name}'{hint}: the commands are {', '.join(COMMANDS)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            code: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget(sys.stdout)
            return EXIT_BROKEN_PIPE
        return code


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="`iomodels COMMAND --help` describes a command.",
)
@click.version_option(iomodels.__version__, "-V", "--version", prog_name="iomodels")
@click.pass_context
def group(context: click.Context) -> int | None:
    """Compare Linux I/O models on one workload: throughput, latency and CPU on this machine."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return EXIT_USAGE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done · 1 failed cells or a regression · 2 usage ·
    3 nothing measured or not comparable · 4 inconclusive · 130 interrupted · 141 the reader of our
    output went away.
    """
    surroundings.prepare()
    sys.stdout, sys.stderr = _reopened(sys.stdout), _reopened(sys.stderr)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. What a user can mend is one sentence on stderr."""
    if COMPLETION_VARIABLE in os.environ:
        _prepare_completion()
    try:
        code = group.main(list(arguments), prog_name="iomodels", standalone_mode=False)
    except click.UsageError as error:
        _complain(_usage_sentence(error))
        return error.exit_code
    except click.ClickException as error:
        _complain(error.format_message())
        return error.exit_code
    except StreamError as error:
        _forget(sys.stdout)
        _complain(str(error))
        return error.exit_code
    except IomodelsError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


def _prepare_completion() -> None:
    from .completion import register

    register()


def _reopened(stream: TextIO) -> TextIO:
    """The stream as a `_Stream`; a terminal that cannot show "µ" or "≈" is no reason to fail."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # closed before we began
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Stream(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _usage_sentence(error: click.UsageError) -> str:
    """click's message, lower-cased (but `SCENARIO` is a name) and with the place to read on."""
    message = error.format_message().strip().rstrip(".")
    where = error.ctx.command_path if error.ctx else "iomodels"
    if not message[1:2].isupper():
        message = message[:1].lower() + message[1:]
    return f"{message} (see `{where} --help`)"


def _complain(message: str) -> None:
    try:
        print(f"iomodels: {visible(' '.join(message.split()))}", file=sys.stderr)
    except StreamError:
        _forget(sys.stderr)  # the exit code says it all the same


def _forget(stream: TextIO) -> None:
    """Nobody reads any more; what is still buffered must not complain when Python ends."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
