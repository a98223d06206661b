"""`iomodels observe`: watch a program's I/O with strace, and write scenarios of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import exit_codes, files, signals
from iomodels.base.exit_codes import Exit
from iomodels.observe.live.slowing import in_words
from iomodels.results.where import FOLDER

from .shared import surroundings
from .shared.ending import Ending
from .shared.folders import check_scenario_output, default_folder, free_name, what_next
from .shared.options import JSON_OPTION, Time

if TYPE_CHECKING:
    from rich.console import Console

    from iomodels.observe.live.observing import Observed
    from iomodels.observe.live.strace import Strace
    from iomodels.observe.live.watching import WatchedCommand, WatchedProcess

MAX_WATCH_S = 7 * 24 * 3600


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command_line", nargs=-1, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option(
    "--pid",
    type=click.IntRange(1),
    metavar="N",
    help="Watch this process, which runs already, with its threads. It goes on afterwards.",
)
@click.option(
    "--seconds",
    type=Time("s", 0.1, MAX_WATCH_S),
    metavar="TIME",
    help="Watch no longer than this: 10, 5m. A COMMAND then gets SIGTERM. [default: to its end]",
)
@click.option(
    "--compare",
    is_flag=True,
    help="Run the COMMAND a second time, without strace, to measure how much strace slowed it. "
    "[default: this is estimated]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="File of the scenarios. [default: results/observed-TIME.toml; with --json, none]",
)
@click.option("--force", is_flag=True, help="Overwrite an output file that exists.")
@JSON_OPTION
def command(
    command_line: tuple[str, ...],
    pid: int | None,
    seconds: float | None,
    compare: bool,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Watch a program's I/O, and write scenarios of it.

    COMMAND runs as usual, with its own input and output, under strace (which must be installed).
    What it does with files, pipes, sockets and timers becomes a file for bench and advise, with a
    scenario for each kind of work: how much at a time, how many requests in flight, which I/O model
    it uses today. No path, address, argument or byte of data is kept.

    The report goes to standard error, because standard output is the COMMAND's. With --json the
    COMMAND's output goes to standard error instead. Ctrl-C goes to the COMMAND; what was seen until
    it ends is kept.

    Exit codes: 0 done, whatever the exit code of COMMAND was; 2 usage error, 3 no I/O was seen, or
    this machine does not allow to trace, 5 the output not written, 130 interrupted (what was seen
    until then is written).
    """
    from iomodels.observe.live.observing import how_it_ended, nothing_seen, observed

    from .show import console

    _check_usage(command_line, pid, seconds, compare=compare)
    now = datetime.now(UTC)
    by_default = output is None and not as_json
    if by_default:
        output = _default_output(now)
    elif output is not None:
        check_scenario_output(output, force=force)
    messages = console.messages()

    def say(text: str) -> None:
        messages.print(console.safe(text), soft_wrap=True)

    ending = Ending()
    with signals.held() as held:
        start = _Start(held, say, seconds, to_stderr=as_json)
        strace, watching = start.process(pid) if pid is not None else start.command(command_line)
        plainly = (lambda: start.plainly(command_line)) if compare else None
        found = observed(watching, strace, plainly)
        for sentence in how_it_ended(found.end, is_command=pid is None):
            say(sentence)
        if not found.scenarios:
            if found.end.interrupted_by is None:
                raise nothing_seen(found)
            say(str(nothing_seen(found)))
            return exit_codes.of_signal(found.end.interrupted_by)
        saved = None
        with ending.part(), default_folder(output):
            saved = _write(found, output, force=force, by_default=by_default)
        with ending.part():
            if as_json:
                _write_json(found, now)
            else:
                _show(found, console.out() if pid is not None else console.err(), saved)
    return ending.code(Exit.DONE, found.end.interrupted_by)


class _Start:
    """What is watched, started as the user asks."""

    def __init__(
        self,
        held: signals.Held,
        say: Callable[[str], None],
        seconds: float | None,
        *,
        to_stderr: bool,
    ) -> None:
        self._held = held
        self._say = say
        self._seconds = seconds
        self._to_stderr = to_stderr
        self._environment = surroundings.as_given()

    def command(self, line: Sequence[str]) -> tuple[Strace, WatchedCommand]:
        from iomodels.observe.live.strace import find_strace
        from iomodels.observe.live.watching import WatchedCommand, check_command
        from iomodels.observe.tally import CALLS

        check_command(line)  # before the time that the next takes
        strace = find_strace(CALLS)
        return strace, WatchedCommand(
            strace,
            line,
            self._held,
            self._say,
            self._seconds,
            to_stderr=self._to_stderr,
            environment=self._environment,
        )

    def process(self, pid: int) -> tuple[Strace, WatchedProcess]:
        from iomodels.observe.live.strace import find_strace
        from iomodels.observe.live.watching import WatchedProcess
        from iomodels.observe.tally import CALLS

        strace = find_strace(CALLS)
        watching = WatchedProcess(strace, pid, self._held, self._say, self._seconds)
        if self._seconds is None:
            self._say("watching until it ends, or Ctrl-C")
        return strace, watching

    def plainly(self, line: Sequence[str]) -> float:
        """The seconds that the command takes by itself."""
        from iomodels.observe.live.watching import run_plainly

        self._say("once more, without strace")
        return run_plainly(
            line, self._held, to_stderr=self._to_stderr, environment=self._environment
        )


def _check_usage(
    command_line: Sequence[str], pid: int | None, seconds: float | None, *, compare: bool
) -> None:
    if bool(command_line) == (pid is not None):
        raise click.UsageError(
            "name a command to watch, as in `iomodels observe -- ls -l`, or a running process "
            "(--pid N)" + (", not both" if command_line else "")
        )
    for other, given in (("--pid", pid is not None), ("--seconds", seconds is not None)):
        if compare and given:
            raise click.UsageError(
                f"--compare contradicts {other}: only a command that runs to its end can be "
                "timed twice"
            )


def _default_output(now: datetime) -> Path:
    path = FOLDER / f"observed-{now:%Y%m%dT%H%M%SZ}.toml"
    return free_name(path) if path.exists() else path


def _write(found: Observed, output: Path | None, *, force: bool, by_default: bool) -> Path | None:
    """Where the scenarios are written; None where they are not."""
    from iomodels.observe.scenarios import figures_of, notes_of
    from iomodels.workload.writing import as_file

    if output is None:
        return None
    seen = found.observation
    notes = (figures_of(seen), *notes_of(seen), f"strace: {in_words(found.slowing)}")
    text = as_file(found.scenarios, "What a program does, as it was observed", notes).encode()
    if by_default:  # another run of this second may have the name
        return files.write_new(text, output.parent, output.stem, output.suffix)
    files.write(text, output, force=force)
    return output


def _write_json(found: Observed, now: datetime) -> None:
    import iomodels
    from iomodels.observe.document import ObservationDocument, encode

    document = ObservationDocument(
        version=iomodels.__version__,
        created_utc=now.isoformat(timespec="seconds"),
        observation=found.observation,
        scenarios=tuple(scenario.name for scenario in found.scenarios),
        exit_code=found.end.exit_code,
        killed_by=found.end.killed_by,
        interrupted_by=found.end.interrupted_by,
        slowing=found.slowing,
    )
    sys.stdout.buffer.write(encode(document))
    sys.stdout.buffer.flush()


def _show(found: Observed, shown_on: Console, saved: Path | None) -> None:
    from .observing import shown as showing
    from .show.console import safe

    width = shown_on.width
    for line in showing.report(found.observation, found.scenarios, width):
        shown_on.print(line)
    for line in showing.lines(f"strace: {in_words(found.slowing)}", width):
        shown_on.print(line)
    if saved is not None:
        for where in what_next(saved):
            shown_on.print(safe(where), soft_wrap=True)
