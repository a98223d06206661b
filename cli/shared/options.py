"""Option types that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from iomodels.measure.defaults import (
    DURATION_S,
    MAX_BUDGET_S,
    MAX_SECONDS,
    MAX_SEED,
    MIN_BUDGET_S,
    MIN_DURATION_S,
    MIN_SHARE,
)

from ..arguments import completing

Command = TypeVar("Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    from iomodels.exports import Subject

    _FloatType = click.ParamType[float]  # older releases of click have no parameter there
else:
    _FloatType = click.ParamType

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Write only JSON to standard output."
)

FORCE_OPTION = click.option("--force", is_flag=True, help="Overwrite output files that exist.")

LEGEND_OPTION = click.option(
    "--legend", is_flag=True, help="Explain every column below the tables."
)


def set_option(help: str, metavar: str = "KEY=VALUE[,...]") -> Callable[[Command], Command]:
    """`--set`, which can be repeated; `settings_by_key` reads it."""
    return click.option(
        "-s",
        "--set",
        "settings",
        multiple=True,
        metavar=metavar,
        shell_complete=completing.KEY_SETTINGS,
        help=help,
    )


class Share(_FloatType):
    """A share such as `5%` or `0.05`, from 0.1 % to 100 %."""

    name = "share"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - whatever click has at this point
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not MIN_SHARE <= share <= 1:
            self.fail(f"'{value}' is not a share from 0.1% to 100%: write 5% or 0.05", param, ctx)
        return share


class NamesOption(click.Option):
    """An option whose help ends with the names that it takes; they are loaded when help is shown.

    `names` gives them, and `after` is the last sentence.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - what click.Option takes
        names: Callable[[], Sequence[str]],
        after: str = "",
        **attributes: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **attributes)
        self.names = names
        self._after = after

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        assert record is not None
        *first, last = self.names()
        return record[0], f"{record[1]} {', '.join(first)} or {last}. {self._after}".rstrip()


def group_names() -> list[str]:
    """What `--engine` takes for several engines."""
    from iomodels.engines.kinds.groups import GROUPS

    return list(GROUPS)


def engine_option(help: str, after: str = "") -> Callable[[Command], Command]:
    """`--engine`, which can be repeated; its help ends with the groups, and `after`."""
    return click.option(
        "-e",
        "--engine",
        "engines",
        multiple=True,
        metavar="NAME[:OPTION=VALUE]",
        cls=NamesOption,
        names=group_names,
        shell_complete=completing.ENGINES,
        after=after,
        callback=_with_labels,
        help=f"{help} NAME can be a group:",
    )


def _with_labels(ctx: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Each interpreter that is named (`python:asyncio:python=PATH`) is asked what it is, and has a
    label from here on. Completion asks nobody."""
    del option
    if ctx.resilient_parsing or not any("python=" in text for text in texts):
        return texts
    from iomodels.trials.pythons.named import labelled

    return tuple(labelled(texts))


def interpreter_option(what: str) -> Callable[[Command], Command]:
    """`--interpreter`, which can be repeated: from then on the labels in `what` have their
    interpreters. The command itself gets nothing."""
    return click.option(
        "--interpreter",
        multiple=True,
        metavar="PATH",
        expose_value=False,
        callback=_name,
        type=click.Path(),
        help=f"The interpreter that a version stands for in {what}, as in python:blocking:"
        "python=3.13.0; repeat it, in the order in which they were named before.",
    )


def _name(ctx: click.Context, option: click.Parameter, paths: tuple[str, ...]) -> None:
    del option
    if ctx.resilient_parsing or not paths:
        return
    from iomodels.trials.pythons.named import add

    for path in paths:
        add(path)


def metric_names() -> list[str]:
    """What `--metric` takes."""
    from iomodels.comparison.metrics import METRICS

    return list(METRICS)


def export_option(subject: Subject) -> Callable[[Command], Command]:
    """`--export`, with the formats of this subject. Its values go to `exporting.asked` before
    anything is measured, the exports then to the others of that module."""

    def format_names() -> list[str]:
        from iomodels.exports import names

        return names(subject)

    return click.option(
        "--export",
        "exported",
        multiple=True,
        metavar="FORMAT=PATH",
        cls=NamesOption,
        names=format_names,
        shell_complete=completing.export_formats(format_names),
        after="See docs/ci.md.",
        help="Also write the result for another program (repeatable); PATH '-' is standard "
        "output. FORMAT is",
    )


METRIC_DEFAULT = "[default: throughput; in an open loop, median latency]"


def metric_option(help: str) -> Callable[[Command], Command]:
    """`--metric`, which can be repeated; its help ends with the names and the default."""
    return click.option(
        "-m",
        "--metric",
        "metrics",
        multiple=True,
        metavar="NAME",
        cls=NamesOption,
        names=metric_names,
        shell_complete=completing.of_words(lambda typed: metric_names()),
        after=METRIC_DEFAULT,
        help=f"{help} (repeatable):",
    )


METRIC_OPTION = metric_option("Metric to judge")
THRESHOLD_OPTION = click.option(
    "--threshold",
    type=Share(),
    default="5%",
    metavar="SHARE",
    help="Smallest relevant change. [default: 5%]",
)


UNDECIDED_OPTION = click.option(
    "--undecided",
    type=click.Choice(["pass", "fail"]),
    default="pass",
    help="The outcome where no loss is shown, but not every cell excludes one: pass is exit code "
    "0, fail is 4. A cell that looks worse than its limit never passes. [default: pass]",
)


_LONG_UNITS_S = {"m": 60, "h": 3600}
"""As on other command lines; scenario files have times of seconds at most, and say "min"."""


class Time(_FloatType):
    """A time within limits: a number of the option's own unit, or a number with a unit (500ms, 5m).

    Its value is in the option's own unit, `s` or `min`.
    """

    name = "time"

    def __init__(self, unit: str, low_s: float, high_s: float) -> None:
        self._unit_s = {"s": 1, "min": 60}[unit]
        self._unit = {"s": "seconds", "min": "minutes"}[unit]
        self._low_s, self._high_s = low_s, high_s

    def convert(
        self,
        value: Any,  # noqa: ANN401 - whatever click has at this point
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        from iomodels.base.errors import ScenarioError
        from iomodels.base.units import format_duration, parse_duration_ns

        text = str(value).strip()
        try:
            if text[-1:] in _LONG_UNITS_S:
                units = float(text[:-1]) * _LONG_UNITS_S[text[-1]] / self._unit_s
            else:
                units = float(text)  # of the option's own
        except ValueError:
            try:
                units = parse_duration_ns(value) / 1e9 / self._unit_s
            except ScenarioError as error:
                self.fail(str(error), param, ctx)
        if not self._low_s <= units * self._unit_s <= self._high_s:  # true for nan, too
            low, high = format_duration(self._low_s * 1e9), format_duration(self._high_s * 1e9)
            self.fail(
                f"'{value}' is not a time from {low} to {high}: write {self._unit}, or a unit as "
                "in 500ms",
                param,
                ctx,
            )
        return units


DURATION_OPTION = click.option(
    "-d",
    "--duration",
    type=Time("s", MIN_DURATION_S, MAX_SECONDS),
    metavar="TIME",
    help="Measured time of each trial, in seconds or with a unit: 2, 500ms. "
    f"[default: {DURATION_S}, or what the suite says]",
)


def seed_option(kept_in: str) -> Callable[[Command], Command]:
    """`--seed`; `kept_in` is what contains it."""
    return click.option(
        "--seed",
        type=click.IntRange(0, MAX_SEED),
        metavar="N",
        help=f"Seed of all random choices. [default: random; the {kept_in} contains it]",
    )


def budget_option(help: str, default: str = "5m") -> Callable[[Command], Command]:
    """`--budget`, in seconds."""
    return click.option(
        "--budget",
        type=Time("s", MIN_BUDGET_S, MAX_BUDGET_S),
        metavar="TIME",
        help=f"{help}, in seconds or with a unit: 300, 5m. [default: {default}]",
    )


BUDGET_OPTION = budget_option(
    "Longest time to measure", "5m, or a multiple of the first stage where that takes long"
)


def allowable_names() -> list[str]:
    """What `--allow` takes."""
    from iomodels.comparison.machines.allowing import ALLOWABLE

    return list(ALLOWABLE)


ALLOW_OPTION = click.option(
    "--allow",
    multiple=True,
    metavar="NAME[,...]",
    cls=NamesOption,
    names=allowable_names,
    shell_complete=completing.of_words(lambda typed: allowable_names()),
    after="Another CPU, number of cores or core of iomodels always is.",
    help="Compare times although the machines differ in this, which is what you changed "
    "(repeatable). Any other difference is still refused. NAME is",
)


def allowed(given: Sequence[str]) -> Sequence[str]:
    """Read `--allow`. Raises `UsageError` for a name that it does not take."""
    from iomodels.comparison.machines.allowing import parse

    return parse(given)


def one_folder(settings: Mapping[str, Sequence[str]]) -> str | None:
    """The folder of the data files, where nothing else can be set: no result names it.

    Raises `click.UsageError` for several.
    """
    given = settings.get("channel.folder", ())
    if len(given) > 1:
        raise click.UsageError("--set channel.folder takes one folder")
    return given[0] if given else None


def settings_by_key(given: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Read `load.depth=1,4` as `{"load.depth": ["1", "4"]}`.

    Raises `click.UsageError` for what has no key or no value, for a key given twice, and for a
    list in brackets.
    """
    settings: dict[str, Sequence[str]] = {}
    for text in given:
        key, equals, rest = text.partition("=")
        key = key.strip()
        values = [value.strip() for value in rest.split(",")]
        if not key or not equals or not all(values):
            raise click.UsageError(
                f"--set '{text}' is not KEY=VALUE: write for example --set load.depth=4"
            )
        if rest.strip().startswith("["):
            bare = rest.strip().strip("[]").replace(" ", "")
            raise click.UsageError(
                f"--set '{text}': write several values without brackets: --set {key}={bare}"
            )
        if key in settings:
            raise click.UsageError(
                f"--set gives '{key}' twice: write a sweep as --set {key}={settings[key][0]},…"
            )
        settings[key] = values
    return settings
