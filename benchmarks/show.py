"""The table of benchmarks/speed.py, and the line that names the machine it was taken on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rows import Row

CONSOLE_WIDTH = 140


def machine(fio: str | None, cpu: int | None) -> str:
    """CPU model and kernel, never the host name; versions, pinning, the date."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    parts = [
        f"{model}, {os.cpu_count()} CPUs",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        fio or "no fio",
        f"pinned to CPU {cpu}" if cpu is not None else "not pinned",
        datetime.now(UTC).date().isoformat(),
    ]
    return " · ".join(parts)


def with_common(parser: argparse.ArgumentParser, names: Iterable[str]) -> argparse.Namespace:
    """What the command line says, with the options that benchmarks in pairs have in common."""
    parser.add_argument(
        "--rounds", type=int, default=15, help="pairs per row (default 15; 6 give a 95 %% interval)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny: shows that all still runs")
    parser.add_argument(
        "--only", action="append", choices=list(names), help="this benchmark only (repeat)"
    )
    parser.add_argument("--cpu", type=int, help="pin both sides to this CPU with taskset")
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def report(rows: Sequence[Row], about: str, *, as_json: bool) -> None:
    """Print the table, or the same as data."""
    if as_json:
        json.dump({"machine": about, "rows": [row.plain() for row in rows]}, sys.stdout, indent=1)
        print()
    else:
        show(rows, about)


def show(rows: Sequence[Row], about: str) -> None:
    """Print the table, and below it what its signs mean."""
    table = Table(title=about)
    for heading in ("what", "against"):
        table.add_column(heading)
    for heading in ("iomodels", "other", "ratio or value", "pairs", "target", "met"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    console = Console(width=CONSOLE_WIDTH)
    console.print(table)
    console.print("Medians; ratios are taken pair by pair. Below 6 pairs [ ] is the range.")
    console.print("?: the target lies within the interval.")


def _cells(row: Row) -> tuple[str, ...]:
    target = row.target.text(row.unit) if row.target else ""
    value = row.value
    if value is None:
        return (row.name, row.against, "", "", f"n/a: {row.reason}", "", target, "")
    form = ".1f" if row.unit else ".2f"
    interval = f"[{value.low:{form}} … {value.high:{form}}]"
    return (
        row.name,
        row.against,
        _number(row.ours, row.sides_unit),
        _number(row.theirs, row.sides_unit),
        " ".join(word for word in (f"{value.median:{form}}", row.unit, interval) if word),
        str(row.pairs),
        target,
        row.verdict,
    )


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 1000 else 1
    return f"{value:,.{digits}f} {unit}"
