"""The result file: its types (`read.py` reads it, `save.py` writes it).

A run is plain data (`Run` → `Cell` → `Trial`), stored as versioned JSON. Raw trials are kept;
`Cell.summary` is derived from them by `summary.summarise` and stored for readers who only
want the answer. Names of measured quantities end in their unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

SCHEMA = "iomodels.run/1"

FINGERPRINT = ("cpu", "cores_online", "cores_allowed", "kernel", "governor")
"""Facts of `Run.environment`. Where one differs it is another machine, as far as times go."""

Histogram = list[tuple[int, int]]
"""`[[lower_ns, count], …]`: non-empty log-linear buckets, ascending (see
`core/record/histogram.h`)."""

Status = Literal["ok", "n/a", "failed", "partial"]
Parameter = str | int | float | bool
"""A scenario key's value in canonical form: durations in ns and sizes in bytes, as integers.
Several sizes with their shares are one text (`workload/block.py`)."""


class Interval(msgspec.Struct, frozen=True):
    """A median over rounds, and its 95 % interval (below six rounds: only their range)."""

    median: float
    low: float
    high: float


class Switches(msgspec.Struct, frozen=True):
    """Context switches per operation, of the whole process."""

    voluntary: float
    involuntary: float


class OverlapParts(msgspec.Struct, frozen=True):
    """The three measured times behind `Trial.overlap`, per operation."""

    io_ns: float
    cpu_ns: float
    both_ns: float
    io_cpu_share: float | None = None
    """`Trial.cpu_share` of the I/O alone: what waiting itself costs."""


class Trial(msgspec.Struct, frozen=True):
    """One measured run of one cell in one process."""

    round: int
    order: int
    started_utc: str
    duration_ns: int
    operations: int
    throughput_ops: float
    throughput_bytes: float
    latency_ns: Histogram
    submit_ns: Histogram
    """Empty where completions start the next requests (chain=handler): those were not timed."""
    cpu_user_ns_per_op: float
    cpu_system_ns_per_op: float
    cpu_share: float
    """CPU time of the whole process over wall time: 1.0 is one CPU kept busy."""
    calls_per_op: dict[str, float]
    eagain_per_op: float
    context_switches_per_op: Switches
    depth_mean: float
    depth_max: int
    counters: dict[str, float]
    service_ns: Histogram | None = None
    added_ns: Histogram | None = None
    cancel_ns: Histogram | None = None
    """From asking to cancel a request to its end by that."""
    cancel_late_ns: Histogram | None = None
    """The same where it was too late, and the request ended by itself."""
    overlap: float | None = None
    overlap_parts: OverlapParts | None = None
    harness_ns_per_op: float | None = None
    timeline: list[int] | None = None
    """Completions in each of equal parts of the measured window, in order. None where the window
    ended before its time, or where another process measures (a server's peer)."""
    memory_bytes: int | None = None
    """The most that the process had beyond what it had before the engine was opened: the engine's
    memory, the stacks of helper threads and rings included. None where /proc does not say, and in
    files of versions that did not measure it."""

    @property
    def counts_calls(self) -> bool:
        """Whether `calls_per_op` and `eagain_per_op` say anything: an engine in Python makes its
        calls by itself. They are not counted, and the submission of a request is not timed."""
        return bool(self.calls_per_op or self.submit_ns)

    def __repr__(self) -> str:
        """One line: the histograms of a trial are thousands."""
        return f"<Trial round {self.round}: {self.operations} operations>"


class Percentiles(msgspec.Struct, frozen=True):
    """Percentiles of one histogram quantity, each with its interval over rounds."""

    p50: Interval
    p90: Interval
    p99: Interval
    p999: Interval
    max: Interval
    mean: Interval


class Summary(msgspec.Struct, frozen=True):
    """What a cell's trials come to: medians over rounds with 95 % intervals over rounds."""

    rounds: int
    throughput_ops: Interval
    throughput_bytes: Interval
    latency_ns: Percentiles
    cpu_ns_per_op: Interval
    """User and system together: many kernels sample the split by ticks, only the sum is exact."""
    cpu_user_ns_per_op: Interval
    cpu_system_ns_per_op: Interval
    cpu_share: Interval
    calls_per_op: dict[str, Interval]
    eagain_per_op: Interval
    voluntary_switches_per_op: Interval
    involuntary_switches_per_op: Interval
    depth_mean: Interval
    submit_ns: Percentiles | None = None
    service_ns: Percentiles | None = None
    added_ns: Percentiles | None = None
    cancel_ns: Percentiles | None = None
    cancel_late_ns: Percentiles | None = None
    overlap: Interval | None = None
    harness_ns_per_op: Interval | None = None

    @property
    def counts_calls(self) -> bool:
        """As `Trial.counts_calls`."""
        return bool(self.calls_per_op or self.submit_ns)


HARNESS: Final = "null"
HARNESSES: Final[Mapping[str, str]] = {HARNESS: "C", "python:null": "Python"}
"""The engines that transfer nothing, by what they are measured in: their cells are no I/O model,
but what the harness costs those that are."""
_LABEL = re.compile(r"[:,]python=([^,]*)$")
"""The interpreter that measures, as an engine in Python has it: the last option of its table."""


class Cell(msgspec.Struct, frozen=True):
    """One scenario point × one engine."""

    scenario: str
    parameters: dict[str, Parameter]
    """Every key of the scenario point, defaults included, as `table.key` (what `--set` takes)."""
    engine: str
    """Canonical: defaults left out, options ordered (`aio`, not `aio:notify=suspend`)."""
    status: Status
    reason: str | None = None
    """Why the cell is n/a, failed or partial; otherwise None."""
    note: str | None = None
    """What a reader must know of an ok cell, such as "degenerate: same as blocking"."""
    trials: list[Trial] = []
    summary: Summary | None = None
    """May be left out of a file where there are trials: it follows from them."""
    latency_ns: Histogram | None = None
    """In a small file the latencies of all rounds together, since the trials themselves have only
    the buckets of their percentiles there."""

    @property
    def is_harness(self) -> bool:
        """Whether it says what the harness costs, and is no I/O model's."""
        return _LABEL.sub("", self.engine) in HARNESSES

    @property
    def language(self) -> str:
        """In which its engine is measured, so that the harness in the same one is its own: `C`,
        `Python`, or that of another interpreter than the one that ran iomodels, `Python 3.13.0`."""
        label = _LABEL.search(self.engine)
        if label is not None:
            return f"Python {label[1]}"
        if self.engine in HARNESSES:
            return HARNESSES[self.engine]
        return "C" if all(trial.counts_calls for trial in self.trials) else "Python"

    def __repr__(self) -> str:
        """One line, whatever its trials hold."""
        name = f"{self.scenario[:80]} {self.engine[:80]}"
        return f"<Cell {name!r}: {self.status}, {len(self.trials)} trials>"


NOTES = ("time", "power", "confirming", "allowed-same", "turning", "estimate", "measured-by")
"""The codes of notices that say how something is done, and warn of nothing."""


class Notice(msgspec.Struct, frozen=True):
    """A warning about the machine or the run. `code` is stable, `message` is a sentence."""

    code: str
    message: str

    @property
    def is_warning(self) -> bool:
        """Whether a reader should do something about it; otherwise it is a note."""
        return self.code not in NOTES

    @property
    def in_words(self) -> str:
        """`warning: the load average is …`."""
        return f"{'warning' if self.is_warning else 'note'}: {self.message}"


class Tool(msgspec.Struct, frozen=True):
    """What measured: the version, and a hash over the sources of the measured core."""

    version: str
    core_hash: str


class Asked(msgspec.Struct, frozen=True):
    """What `bench` was given, so that the run can be made again (rounds and such: `settings`)."""

    scenarios: list[str]
    """Shipped names; of a path its file name only, since folders can contain a user's name."""
    engines: list[str]
    settings: dict[str, list[str]]
    """What `--set` was given, apart from `channel.folder`, which is never part of a result."""


OWN_PYTHON = "own"
"""The key in `Run.pythons` of the one that ran iomodels, which has no label."""


class PythonBuild(msgspec.Struct, frozen=True):
    """A Python that measured engines in Python: what makes one faster than another of its version.

    Nothing in it is a path, or the value of an environment variable.
    """

    version: str
    implementation: str
    compiler: str
    optimisation: str
    """As it was compiled: `-O3, PGO, LTO`."""
    free_threaded: bool
    """Whether it was built to run without a GIL."""
    gil: bool
    """Whether there is one when it measures."""
    debug: bool
    jit: bool | None
    """Whether it compiles at run time; None where it does not say."""
    switches: list[str]
    """Of the interpreter, in force when it measures: `-O`, `-X dev`."""
    architecture: str
    libc: str | None
    core_hash: str
    """Of the core that it loads, which a build without a GIL has of its own."""
    packages: dict[str, str] = {}
    """The versions of what the engines need besides the standard library (uvloop)."""

    def is_like(self, other: PythonBuild) -> bool:
        """Whether times of both can be compared: all is the same, but for a package that only one
        of them needed."""
        shared = self.packages.keys() & other.packages.keys()
        return msgspec.structs.replace(self, packages={}) == msgspec.structs.replace(
            other, packages={}
        ) and all(self.packages[name] == other.packages[name] for name in shared)

    @property
    def in_words(self) -> str:
        """`CPython 3.13.0 (GCC 12.2.0, -O3, PGO; no GIL; uvloop 0.21.0)`."""
        gil = "" if self.gil else "no GIL"
        gil = "free-threaded build with its GIL on" if self.free_threaded and self.gil else gil
        parts = [
            f"{self.compiler}, {self.optimisation}" if self.optimisation else self.compiler,
            gil,
            "debug build" if self.debug else "",
            "JIT" if self.jit else "",
            " ".join(self.switches),
            ", ".join(f"{name} {version}" for name, version in self.packages.items()),
        ]
        return f"{self.implementation} {self.version} ({'; '.join(filter(None, parts))})"


ARM = "arm"
"""The key of `Run.settings` that the kept trials of one arm of an A/B have: "a" or "b"."""


class Plugin(msgspec.Struct, frozen=True):
    """The installed package that an engine came from. A result never loads one."""

    package: str
    version: str
    sha256: str
    """Of the shared object, or of all modules of the Python package: another one is other code."""

    @property
    def in_words(self) -> str:
        """`mine-all 1.2 (1a2b3c4d5e6f7890)`."""
        return f"{self.package} {self.version} ({self.sha256[:16]})"


class Run(msgspec.Struct, frozen=True):
    """One `iomodels bench` and its result file."""

    schema: str
    tool: Tool
    created_utc: str
    seed: int
    settings: dict[str, Parameter]
    """How it was measured: rounds, duration_s, warmup_s."""
    environment: dict[str, Parameter | None]
    warnings: list[Notice]
    cells: list[Cell]
    questions: dict[str, str] = {}
    """The question that each scenario answers, by scenario name."""
    titles: dict[str, str] = {}
    """What each scenario's file calls it, by scenario name."""
    changed: dict[str, list[str]] = {}
    """The keys in which a scenario is not as its file says, by scenario name: those of `--set`, and
    of a suite."""
    asked: Asked | None = None
    """None in files of versions that did not keep it."""
    others_cores: float | None = None
    """The cores that other processes kept busy in the median trial; None where nobody looked."""
    pythons: dict[str, PythonBuild] = {}
    """Those that measured engines in Python, by their label (`python:asyncio:python=3.13.0`); the
    one that ran iomodels is `OWN_PYTHON`."""
    plugins: dict[str, Plugin] = {}
    """The engines of other packages that took part, by their names."""
    known_change: str = ""
    """In a history: what is known to have changed before this run, in its recorder's words. Runs
    before it are no baseline any more."""

    @property
    def pythons_in_words(self) -> dict[str, str]:
        """Of each of `pythons` its `Cell.language`, and what it is."""
        return {
            "Python" if label == OWN_PYTHON else f"Python {label}": build.in_words
            for label, build in self.pythons.items()
        }
