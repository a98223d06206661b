"""What the recorder of traces costs while it is off: trials of two builds of the core, in pairs.

    python benchmarks/recorder.py [--rounds N] [--quick] [--cpu N] [--json]

Both builds are compiled here, from the same sources with the same flags; in one of them the two
branches of every call that ask for a recorder are left out (IOMODELS_NO_RECORDER).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sysconfig
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import sides
from rows import Row, Target, interleave, ratio_row
from show import machine, report
from sides import Bench, BenchmarkError
from speed import DATA_FOLDER, FILE, QUICK_FILE, QUICK_SECONDS, SECONDS

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = "IOMODELS_NO_RECORDER"
WORK: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("cached-read, blocking", "blocking", "file", {}),
    ("timer of 1 ns, nonblocking", "nonblocking", "timer", {"service_mean_ns": 1}),
    ("null engine, file", "null", "file", {}),
)
"""A call that copies; a device that hardly lets anyone wait; and the loop's own events."""


def build_core(folder: Path, *macros: str) -> Path:
    """Compile the extension module as pyproject.toml says. Raises `BenchmarkError`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (module,) = project["tool"]["setuptools"]["ext-modules"]
    defined = [f"-D{name}={value}" for name, value in module.get("define-macros", [])]
    include = [f"-I{ROOT / name}" for name in module.get("include-dirs", [])]
    target = folder / f"{'-'.join(['core', *macros])}.so"
    command = [
        *(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-DNDEBUG", "-pthread"),
        *module.get("extra-compile-args", []),
        *(*defined, *include, *(f"-D{macro}" for macro in macros)),
        f"-I{sysconfig.get_path('include')}",
        *(str(ROOT / name) for name in module["sources"]),
        *("-o", str(target), "-lm", "-lrt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"the core does not compile: {done.stderr.strip().splitlines()[0]}")
    return target


def measure(bench: Bench, off: Path, without: Path, rounds: int) -> list[Row]:
    """One row for each kind of work."""
    sides.fill_page_cache(bench)

    def row(name: str, engine: str, channel: str, more: dict[str, int]) -> Row:
        settings = {**(bench.file_settings if channel == "file" else {}), **more}

        def ns_per_op(core: Path) -> float:
            return sides.trial(replace(bench, core=str(core)), engine, channel, settings).ns_per_op

        pairs = interleave(lambda: ns_per_op(off), lambda: ns_per_op(without), rounds)
        return ratio_row(name, "compiled out", pairs, "ns", Target(1.02, at_most=True))

    return [row(*work) for work in WORK]


def main() -> None:
    """Build, measure, print."""
    options = _options()
    seconds, size = (QUICK_SECONDS, QUICK_FILE) if options.quick else (SECONDS, FILE)
    with (
        tempfile.TemporaryDirectory(prefix="iomodels-recorder-") as folder,
        sides.prepared(Path(folder), DATA_FOLDER, seconds, size, options.cpu) as bench,
    ):
        off, without = (build_core(Path(folder), *macros) for macros in ((), (WITHOUT,)))
        rows = measure(bench, off, without, options.rounds)
    about = machine(sides.fio_version(), options.cpu)
    report(rows, about, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the recorder costs while it is off.")
    parser.add_argument("--rounds", type=int, default=31, help="pairs per row (default 31)")
    parser.add_argument("--quick", action="store_true", help="tiny: shows that all still runs")
    parser.add_argument("--cpu", type=int, help="pin both sides to this CPU with taskset")
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
