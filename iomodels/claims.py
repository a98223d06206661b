"""The article's claims A1 to A12, each tested against a run.

A claim is data: what it says, which cells it needs, and which interval decides it. It *holds* where
the whole interval lies on its side, *does not hold here* where the whole interval lies on the
other, and otherwise this run *cannot tell*. Medians alone never decide anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iomodels.results import Cell, Interval, Parameter, Run, Trial
from iomodels.statistics import (
    MIN_ROUNDS,
    cpu_ns_per_op,
    latency_p50_ns,
    median_interval,
    paired_ratio,
    percentile_ns,
)

Outcome = Literal["holds", "does not hold here", "cannot tell"]
Value = Callable[[Trial], float]


@dataclass(frozen=True)
class Place:
    """One cell that a claim needs: a scenario, an engine, and the parameters that single it out."""

    scenario: str
    engine: str
    parameters: Mapping[str, Parameter]

    def fits(self, cell: Cell) -> bool:
        """Whether the cell is the one that is meant."""
        return (
            cell.scenario == self.scenario
            and cell.engine == self.engine
            and all(cell.parameters.get(key) == value for key, value in self.parameters.items())
        )

    @property
    def name(self) -> str:
        """The place in a few words."""
        varied = ", ".join(f"{k.partition('.')[2]} {v}" for k, v in self.parameters.items())
        return f"{self.scenario}/{self.engine}" + (f" ({varied})" if varied else "")


@dataclass(frozen=True)
class Quantity:
    """What decides: a value of the first place's trials, or its ratio to the second place's."""

    words: str
    value: Value
    is_ratio: bool = False
    as_percent: bool = False

    def show(self, interval: Interval) -> str:
        """The number with its interval."""
        scale, unit = (100, " %") if self.as_percent else (1, "")
        median, low, high = (
            f"{x * scale:.3g}" for x in (interval.median, interval.low, interval.high)
        )
        return f"{self.words} {median}{unit} ({low} to {high})"


@dataclass(frozen=True)
class Test:
    """Holds where the whole interval is at least `least` (or at most `most`)."""

    quantity: Quantity
    places: tuple[Place, ...]
    least: float | None = None
    most: float | None = None

    def outcome(self, interval: Interval) -> Outcome:
        """What the interval says, by itself."""
        if self.least is not None:
            holds, fails = interval.low > self.least, interval.high < self.least
        else:
            assert self.most is not None
            holds, fails = interval.high < self.most, interval.low > self.most
        return "holds" if holds else "does not hold here" if fails else "cannot tell"


@dataclass(frozen=True)
class Claim:
    """One claim, in our own words, with the tests that must all hold."""

    id: str
    says: str
    explained: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Verdict:
    """What a run says of a claim; `numbers` are the deciding quantities, `cells` where from."""

    claim: Claim
    outcome: Outcome
    numbers: tuple[str, ...]
    cells: tuple[str, ...]


def verdicts(run: Run) -> list[Verdict]:
    """A verdict for each claim whose cells are in the run, measured or not; no other claims."""
    return [
        _verdict(claim, run.cells)
        for claim in CLAIMS
        if all(_find(place, run.cells) for test in claim.tests for place in test.places)
    ]


def _verdict(claim: Claim, cells: Sequence[Cell]) -> Verdict:
    outcomes: list[Outcome] = []
    numbers: list[str] = []
    for test in claim.tests:
        interval, why_not = _measure(test, cells)
        if interval is None:
            outcomes.append("cannot tell")
            numbers.append(why_not)
            continue
        outcomes.append(test.outcome(interval))
        numbers.append(test.quantity.show(interval))
    places = dict.fromkeys(place.name for test in claim.tests for place in test.places)
    return Verdict(claim, _together(outcomes), tuple(numbers), tuple(places))


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """One test that fails sinks the claim; one that cannot tell leaves it open."""
    for outcome in ("does not hold here", "cannot tell"):
        if outcome in outcomes:
            return outcome
    return "holds"


def _measure(test: Test, cells: Sequence[Cell]) -> tuple[Interval | None, str]:
    trials: list[Sequence[Trial]] = []
    for place in test.places:
        cell = _find(place, cells)
        assert cell is not None, place
        if not cell.trials:
            return None, f"{place.name} is {cell.status}: {cell.reason}"
        trials.append(cell.trials)
    if test.quantity.is_ratio:
        ratio = paired_ratio(trials[0], trials[1], test.quantity.value)
        interval, rounds = (ratio.interval, ratio.rounds) if ratio else (None, 0)
    else:
        values = [test.quantity.value(trial) for trial in trials[0]]
        if not all(math.isfinite(value) for value in values):
            return None, f"{test.places[0].name} did not measure it"
        interval, rounds = median_interval(values), len(values)
    if interval is None or rounds < MIN_ROUNDS:
        return None, f"{rounds} rounds are too few, {MIN_ROUNDS} are needed"
    return interval, ""


def _find(place: Place, cells: Sequence[Cell]) -> Cell | None:
    return next((cell for cell in cells if place.fits(cell)), None)


# ------------------------------------------------------------------ quantities


def _throughput(trial: Trial) -> float:
    return trial.throughput_ops


def _cpu_share_of_io(trial: Trial) -> float:
    share = trial.overlap_parts.io_cpu_share if trial.overlap_parts else None
    return float("nan") if share is None else share


def _all_calls(trial: Trial) -> float:
    return sum(trial.calls_per_op.values())


def _added_p50(trial: Trial) -> float:
    return percentile_ns(trial.added_ns or [], 0.5)


def _completions_per_select(trial: Trial) -> float:
    return 1 / trial.calls_per_op["select"] if trial.calls_per_op.get("select") else float("nan")


def _submit_share(trial: Trial) -> float:
    return percentile_ns(trial.submit_ns, 0.5) / latency_p50_ns(trial)


def _overlap(trial: Trial) -> float:
    return float("nan") if trial.overlap is None else trial.overlap


def _io_alone(trial: Trial) -> float:
    """Operations per second of the same process without the computation."""
    return 1e9 / trial.overlap_parts.io_ns if trial.overlap_parts else float("nan")


# ------------------------------------------------------------------ the claims


def _place(scenario: str, engine: str, **parameters: Parameter) -> Place:
    return Place(scenario, engine, {f"load.{key}": value for key, value in parameters.items()})


def _slow(engine: str) -> Place:
    return _place("slow-device", engine)


def _slow_devices(engine: str, depth: int) -> Place:
    return _place("slow-devices", engine, depth=depth)


def _computing(engine: str, compute_ns: int) -> Place:
    return _place("overlap", engine, compute=compute_ns)


def _ratio(words: str, value: Value) -> Quantity:
    return Quantity(words, value, is_ratio=True)


MS = 1_000_000

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "A1",
        "A blocked application uses no CPU while it waits",
        "CPU share of blocking on a device of 1 ms, without computation. What is left is the call "
        "and the wake-up, so the claim counts as held below 5 %.",
        (
            Test(
                Quantity("CPU share", _cpu_share_of_io, as_percent=True),
                (_computing("blocking", MS),),
                most=0.05,
            ),
        ),
    ),
    Claim(
        "A2",
        "Non-blocking I/O needs many calls for one transfer",
        "Calls per operation on a device of 100 µs; more than two count as many.",
        (Test(Quantity("calls per operation", _all_calls), (_slow("nonblocking"),), least=2),),
    ),
    Claim(
        "A3",
        "Waiting by trying again is inefficient",
        "CPU per operation, nonblocking over blocking, on a device of 100 µs.",
        (
            Test(
                _ratio("CPU per operation, nonblocking over blocking:", cpu_ns_per_op),
                (_slow("nonblocking"), _slow("blocking")),
                least=1,
            ),
        ),
    ),
    Claim(
        "A4",
        "Non-blocking I/O adds latency, since data waits for the next try",
        "Latency beyond the device's own time, nonblocking over blocking. On an idle machine the "
        "next try comes within a microsecond, and a sleeper's wake-up takes longer than that.",
        (
            Test(
                _ratio("latency beyond the device, nonblocking over blocking:", _added_p50),
                (_slow("nonblocking"), _slow("blocking")),
                least=1,
            ),
        ),
    ),
    Claim(
        "A5",
        "One select watches many descriptors",
        "Completions per select call with 16 requests in flight.",
        (
            Test(
                Quantity("completions per select", _completions_per_select),
                (_slow_devices("select", 16),),
                least=1,
            ),
        ),
    ),
    Claim(
        "A6",
        "select is not efficient enough for high performance",
        "CPU per operation with 900 descriptors watched over that with 8, one of them active. "
        "The claim counts as held where it more than doubles.",
        (
            Test(
                _ratio("CPU per operation, 900 over 8 descriptors:", cpu_ns_per_op),
                (
                    _place("many-descriptors", "select", descriptors=900),
                    _place("many-descriptors", "select", descriptors=8),
                ),
                least=2,
            ),
        ),
    ),
    Claim(
        "A7",
        "An asynchronous read returns at once",
        "Time held in the submitting call, as a share of the whole latency; a tenth counts as "
        "at once.",
        (
            Test(
                Quantity("submit over latency", _submit_share, as_percent=True),
                (_slow("aio"),),
                most=0.1,
            ),
        ),
    ),
    Claim(
        "A8",
        "AIO overlaps computation and I/O, and blocking cannot",
        "Overlap with 1 ms of computation on a device of 1 ms: 1 where all of it is hidden, 0 "
        "where none is. AIO must reach a half, and blocking must stay below a quarter.",
        (
            Test(Quantity("aio hides", _overlap), (_computing("aio", MS),), least=0.5),
            Test(Quantity("blocking hides", _overlap), (_computing("blocking", MS),), most=0.25),
        ),
    ),
    Claim(
        "A9",
        "Many transfers can be in flight in one process",
        "Throughput of aio at depth 16 over that at depth 1, on devices of 100 µs; it must more "
        "than double.",
        (
            Test(
                _ratio("throughput, depth 16 over depth 1:", _throughput),
                (_slow_devices("aio", 16), _slow("aio")),
                least=2,
            ),
        ),
    ),
    Claim(
        "A10",
        "Starting many transfers with one lio_listio is worth it",
        "CPU per operation, lists over single submits, in batches of 16 cached reads.",
        (
            Test(
                _ratio("CPU per operation, list over single submits:", cpu_ns_per_op),
                (
                    _place("aio-batch", "aio:notify=list,mode=nowait", batch=16),
                    _place("aio-batch", "aio", batch=16),
                ),
                most=1,
            ),
        ),
    ),
    Claim(
        "A11",
        "The completion handler is the ideal place to start the next transfer",
        "Throughput with the next transfer started in the signal handler, over that with it "
        "started in the main loop.",
        (
            Test(
                _ratio("throughput, handler over loop:", _throughput),
                (
                    _place("aio-chain", "aio:notify=signal,chain=handler"),
                    _place("aio-chain", "aio:notify=signal"),
                ),
                least=1,
            ),
        ),
    ),
    Claim(
        "A12",
        "The model matters most where I/O and computation are both present",
        "Speed-up of aio over blocking with as much computation as I/O; without computation there "
        "is nothing to gain. It must be a third at least, and at most a tenth without.",
        (
            Test(
                _ratio("throughput, aio over blocking, with computation:", _throughput),
                (_computing("aio", MS), _computing("blocking", MS)),
                least=4 / 3,
            ),
            Test(
                _ratio("with the I/O alone:", _io_alone),
                (_computing("aio", MS), _computing("blocking", MS)),
                most=1.1,
            ),
        ),
    ),
)


def reference_page() -> str:
    """The page that explains each claim, in Markdown."""
    lines = [
        "# The article's claims, and how each is tested",
        "",
        "`iomodels bench article` runs the cells that these need and prints a verdict for each. A "
        "claim *holds* where the whole 95 % interval lies on its side, *does not hold here* where "
        "the whole interval lies on the other, and otherwise the run *cannot tell*. (Generated "
        "from `iomodels/claims.py`.)",
    ]
    for claim in CLAIMS:
        lines += ["", f"## {claim.id}: {claim.says}", "", claim.explained, ""]
        for test in claim.tests:
            side = f"above {test.least:.3g}" if test.least is not None else f"below {test.most:.3g}"
            where = ", ".join(place.name for place in test.places)
            lines.append(f"- {test.quantity.words.rstrip(':')}: {side}. Cells: {where}.")
    return "\n".join(lines) + "\n"
