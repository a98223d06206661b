"""Option types that several commands share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import click

JSON_OPTION = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON to standard output, and nothing else there."
)

EXPORT_OPTION = click.option(
    "--export",
    "exported",
    multiple=True,
    metavar="FORMAT=PATH",
    help="Write the outcome for another program too (repeat for more); '-' is standard output. "
    "docs/ci.md has the formats, an unknown one lists them.",
)
"""Its values go to `exporting.asked` before anything is measured, the exports then to the others
of that module."""


class Share(click.FloatRange):
    """A share such as `5%` or `0.05`, from 0.1 % to 100 %."""

    name = "share"

    def __init__(self) -> None:
        super().__init__(0.001, 1.0)

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
        if not 0.001 <= share <= 1:
            self.fail(f"'{value}' is no share from 0.1% to 100%: write 5% or 0.05", param, ctx)
        return share


class MetricOption(click.Option):
    """Names the metrics that there are; it loads them when help is asked for, and not before."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from iomodels.comparison.metrics import METRICS

        *first, last = METRICS
        record = super().get_help_record(ctx)
        assert record is not None
        return record[0], f"{record[1]} {', '.join(first)} or {last}. {METRIC_DEFAULT}"


METRIC_DEFAULT = "[default: throughput; of an open loop, the median latency]"
METRIC_OPTION = click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    cls=MetricOption,
    help="What to judge (repeat for more):",
)
THRESHOLD_OPTION = click.option(
    "--threshold",
    type=Share(),
    default="5%",
    metavar="SHARE",
    help="Changes below it count as the same. [default: 5%]",
)


class Seconds(click.FloatRange):
    """A finite number of seconds within limits."""

    name = "number"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - whatever click has at this point
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):  # which is neither below the least nor above the most
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


def settings_by_key(given: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Read `load.depth=1,4` as `{"load.depth": ["1", "4"]}`.

    Raises `click.UsageError` for what has no key or no value, and for a key given twice.
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
        if key in settings:
            raise click.UsageError(
                f"--set gives '{key}' twice: write a sweep as --set {key}={settings[key][0]},…"
            )
        settings[key] = values
    return settings
