"""The entry point: finds the command, and turns its outcome into an exit code.

Commands are loaded only when they run: their short helps stand here, so that `--version` and
`--help` import neither numpy nor rich nor msgspec. A command's callback returns its exit code
(None means 0).
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

import iomodels
from iomodels.base import exit_codes, signals
from iomodels.base.errors import IomodelsError
from iomodels.base.exit_codes import Exit
from iomodels.base.system import NOT_ALLOWED, REFUSED, SCARCE

from .shared import colour, streams, surroundings
from .shared.ending import EXIT_BROKEN_PIPE
from .shared.streams import StreamError, complain
from .start import is_shortage

COMMANDS = {
    "bench": "Run scenarios with the engines and show what each costs.",
    "observe": "Watch a program's I/O, and write scenarios of it.",
    "import": "Make scenarios of a fio job file, or of a log of strace.",
    "advise": "Measure the candidates for a workload, and say which to use.",
    "chart": "Draw charts of results.",
    "trace": "Record a few requests and draw them, call by call.",
    "report": "Write a result as one HTML page.",
    "compare": "Compare two results and show what changed.",
    "check": "Check for regressions: against a baseline, or B against A.",
    "engines": "List the engines and their I/O models, or show all of some.",
    "conform": "Test whether engines keep the rules.",
    "scenarios": "List the shipped scenarios and suites, or show one.",
    "doctor": "Check what this machine supports and what disturbs it.",
    "help": "Show the help of iomodels or of a command.",
    "completion": "Print the script for completion in a shell.",
    "man": "Print the manual page.",
}
"""Every command with its short help. `iomodels.cli.NAME` holds it, as `command`."""

MODULES = {"import": "import_file"}
"""The modules of commands whose names no module can have."""

COMPLETION_VARIABLE = "_IOMODELS_COMPLETE"
"""Set by a shell that asks for completions (click's protocol)."""
DEBUG = "IOMODELS_DEBUG"
"""The environment variable that, when set, shows the traceback of an internal error."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = MODULES.get(cmd_name, cmd_name)
        command = importlib.import_module(f"iomodels.cli.{module}").command
        assert isinstance(command, click.Command)
        if not any("--color" in parameter.opts for parameter in command.params):
            command.params.append(colour.option(hidden=True))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        known = name in COMMANDS or name.startswith("-")
        if not known and not ctx.resilient_parsing:  # while a shell completes, nobody reads it
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            listed = f": the commands are {', '.join(COMMANDS)}"
            hint = f" (did you mean '{close[0]}'?)" if close else listed
            raise click.UsageError(f"unknown command '{name}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            code: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            streams.forget(sys.stdout)
            return EXIT_BROKEN_PIPE
        return code


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="`iomodels COMMAND --help` describes a command.\n\n\b\nExit codes:\n"
    + exit_codes.listing(width=72),
)
@click.version_option(iomodels.__version__, "-V", "--version", prog_name="iomodels")
@click.pass_context
def group(context: click.Context) -> int | None:
    """Compare Linux I/O models on one workload: throughput, latency and CPU on this machine."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return Exit.USAGE


group.params.append(colour.option())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a code of `exit_codes.py`."""
    signals.leave_at_once()
    surroundings.prepare()
    streams.open_standard()
    code = run(sys.argv[1:] if arguments is None else arguments)
    if code == Exit.DONE and streams.messages_lost():
        code = Exit.OUTPUT
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Whatever goes wrong is one sentence on stderr."""
    if COMPLETION_VARIABLE in os.environ:
        _prepare_completion()
    try:
        code = group.main(list(arguments), prog_name="iomodels", standalone_mode=False)
    except click.UsageError as error:
        complain(_usage_sentence(error))
        return error.exit_code
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except IomodelsError as error:
        if isinstance(error, StreamError):
            streams.forget(sys.stdout)
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as interruption:
        number = signals.number_of(interruption)
        complain(signals.words(number))
        return exit_codes.of_signal(number)
    except Exception as error:  # noqa: BLE001 - the last resort, so that no user meets a traceback
        return _unforeseen(error)
    return code if isinstance(code, int) else Exit.DONE


def _prepare_completion() -> None:
    from .completion import register

    register()


def _unforeseen(error: Exception) -> int:
    """One sentence on what was not foreseen, with where the measurements are."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    kept = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    number = errno.ENOMEM if is_shortage(error) else getattr(error, "errno", None)
    if (is_shortage(error) or isinstance(error, (OSError, ImportError))) and number in SCARCE:
        complain(f"{os.strerror(number)}: {SCARCE[number]}{kept}")
        return Exit.OUTPUT
    place = traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, OSError) and number in REFUSED:
        where = f"{place.name} in {Path(place.filename).name}"
        complain(f"{os.strerror(number)} ({where}): {NOT_ALLOWED}{kept}")
        return Exit.OUTPUT
    complain(
        f"internal error: {type(error).__name__}: {error} ({Path(place.filename).name}, line "
        f"{place.lineno}): please report it, with what {DEBUG}=1 shows{kept}"
    )
    return Exit.INTERNAL


def _usage_sentence(error: click.UsageError) -> str:
    """click's message, lower-cased (but `SCENARIO` is a name) and with the place to read on."""
    message = error.format_message().strip().rstrip(".")
    where = error.ctx.command_path if error.ctx else "iomodels"
    if not message[1:2].isupper():
        message = message[:1].lower() + message[1:]
    return f"{message} (see `{where} --help`)"
