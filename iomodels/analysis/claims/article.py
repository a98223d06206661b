"""The article's claims, A1 to A12."""

from __future__ import annotations

from iomodels.analysis.claims.definition import Claim, ClaimQuantity, Condition, Place
from iomodels.analysis.claims.values import NEWS, ratio, submit_share
from iomodels.analysis.quantities import CPU, THROUGHPUT, named
from iomodels.results.schema import Trial

# ------------------------------------------------------------------ quantities


def _cpu_share_of_io(trial: Trial) -> float:
    share = trial.overlap_parts.io_cpu_share if trial.overlap_parts else None
    return float("nan") if share is None else share


def _completions_per_select(trial: Trial) -> float:
    return 1 / trial.calls_per_op["select"] if trial.calls_per_op.get("select") else float("nan")


def _over_io_alone(trial: Trial) -> float:
    """Throughput over that of the same process without the computation."""
    parts = trial.overlap_parts
    return trial.throughput_ops * parts.io_ns / 1e9 if parts else float("nan")


def _over_computation_alone(trial: Trial) -> float:
    parts = trial.overlap_parts
    return trial.throughput_ops * parts.cpu_ns / 1e9 if parts else float("nan")


# ------------------------------------------------------------------ the claims


MS = 1_000_000


def _slow(engine: str) -> Place:
    return Place("slow-device", engine, {})


def _slow_devices(engine: str, depth: int) -> Place:
    return Place("slow-devices", engine, {"load.depth": depth})


def _computing(engine: str, compute_ns: int) -> Place:
    return Place("overlap", engine, {"load.compute": compute_ns})


def _watching(engine: str, descriptors: int) -> Place:
    return Place("many-descriptors", engine, {"load.descriptors": descriptors})


def _batch(engine: str) -> Place:
    return Place("aio-batch", engine, {"load.batch": 16})


def _chain(engine: str) -> Place:
    return Place("aio-chain", engine, {})


_LISTS = (_batch("aio:notify=list,mode=nowait"), _batch("aio"))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "A1",
        "A blocked application uses no CPU while it waits",
        "CPU of blocking on a device of 1 ms, with I/O alone: measured in the same process as the "
        "overlap, before the computation is added. The call and the wake-up "
        "need some CPU, so the limit is 5 %.",
        (
            Condition(
                ClaimQuantity(
                    "CPU of I/O alone, measured in the same process:",
                    _cpu_share_of_io,
                    as_percent=True,
                ),
                (_computing("blocking", MS),),
                most=0.05,
            ),
        ),
    ),
    Claim(
        "A2",
        "Non-blocking I/O needs many calls for one transfer",
        "Calls per operation on a device of 100 µs. More than two are many.",
        (
            Condition(
                ClaimQuantity("calls per operation", named("calls_per_op").of_trial),
                (_slow("nonblocking"),),
                least=2,
            ),
        ),
    ),
    Claim(
        "A3",
        "Waiting by trying again is inefficient",
        "CPU per operation of nonblocking, divided by that of blocking, on a device of 100 µs.",
        (
            Condition(
                ratio("CPU per operation, nonblocking / blocking:", CPU.of_trial),
                (_slow("nonblocking"), _slow("blocking")),
                least=NEWS,
            ),
        ),
    ),
    Claim(
        "A4",
        "Non-blocking I/O adds latency and lowers throughput, since data waits for the next try",
        "Latency beyond the service time of the device, and throughput, of nonblocking divided by "
        "blocking. On an idle machine the next try comes within one microsecond, and waking up a "
        "sleeping thread takes longer.",
        (
            Condition(
                ratio(
                    "latency beyond the device, nonblocking / blocking:",
                    named("added_ns.p50").of_trial,
                ),
                (_slow("nonblocking"), _slow("blocking")),
                least=NEWS,
            ),
            Condition(
                ratio("throughput:", THROUGHPUT.of_trial),
                (_slow("nonblocking"), _slow("blocking")),
                most=1 / NEWS,
            ),
        ),
    ),
    Claim(
        "A5",
        "One select watches many descriptors",
        "Completions per select call with 16 requests in flight.",
        (
            Condition(
                ClaimQuantity("completions per select", _completions_per_select),
                (_slow_devices("select", 16),),
                least=1,
            ),
        ),
    ),
    Claim(
        "A6",
        "select is not efficient enough for high performance",
        "CPU per operation with 900 watched descriptors, divided by that with 8; one of them is "
        "active. The claim holds if the ratio is above 2.",
        (
            Condition(
                ratio("CPU per operation, 900 / 8 descriptors:", CPU.of_trial),
                (
                    _watching("select", 900),
                    _watching("select", 8),
                ),
                least=2,
            ),
        ),
    ),
    Claim(
        "A7",
        "An asynchronous read returns at once",
        "Time in submit is the time in the call that starts the request (aio_read), as a share of "
        "its latency. Below 10 % is at once.",
        (
            Condition(
                ClaimQuantity(
                    "time in submit (aio_read) / latency:", submit_share, as_percent=True
                ),
                (_slow("aio"),),
                most=0.1,
            ),
        ),
    ),
    Claim(
        "A8",
        "AIO overlaps computation and I/O, and blocking cannot",
        "Overlap with 1 ms of computation on a device of 1 ms: 1 if all of it is hidden, 0 if "
        "nothing is. The claim holds if aio is above 0.5 and blocking below 0.25.",
        (
            Condition(
                ClaimQuantity("overlap of aio", named("overlap").of_trial),
                (_computing("aio", MS),),
                least=0.5,
            ),
            Condition(
                ClaimQuantity("overlap of blocking", named("overlap").of_trial),
                (_computing("blocking", MS),),
                most=0.25,
            ),
        ),
    ),
    Claim(
        "A9",
        "Many transfers can be in flight in one process",
        "Throughput of aio at depth 16, divided by that at depth 1, on devices of 100 µs. The "
        "claim holds if the ratio is above 2.",
        (
            Condition(
                ratio("throughput, depth 16 / depth 1:", THROUGHPUT.of_trial),
                (_slow_devices("aio", 16), _slow("aio")),
                least=2,
            ),
        ),
    ),
    Claim(
        "A10",
        "Starting many transfers with one lio_listio is worth it",
        "CPU and calls per operation of lists, divided by those of single submits, in batches of "
        "16 cached reads. The claim holds if lists need less of both.",
        (
            Condition(
                ratio("CPU per operation, list / single submits:", CPU.of_trial),
                _LISTS,
                most=1 / NEWS,
            ),
            Condition(
                ratio("calls per operation:", named("calls_per_op").of_trial),
                _LISTS,
                most=1 / NEWS,
            ),
        ),
    ),
    Claim(
        "A11",
        "The completion handler is the ideal place to start the next transfer",
        "Throughput if the signal handler starts the next transfer, divided by that if the main "
        "loop starts it.",
        (
            Condition(
                ratio("throughput, handler / loop:", THROUGHPUT.of_trial),
                (
                    _chain("aio:notify=signal,chain=handler"),
                    _chain("aio:notify=signal"),
                ),
                least=NEWS,
            ),
        ),
    ),
    Claim(
        "A12",
        "The model matters most where I/O and computation are both present",
        "Throughput of aio divided by that of blocking, with as much computation as I/O: it must "
        "be above 4/3. That gain divided by the gain with I/O alone, and by that with computation "
        "alone, both measured in the same processes: it must be above 1.1.",
        (
            Condition(
                ratio("throughput, aio / blocking, with computation:", THROUGHPUT.of_trial),
                (_computing("aio", MS), _computing("blocking", MS)),
                least=4 / 3,
            ),
            Condition(
                ratio("gain with computation ÷ gain with I/O alone:", _over_io_alone),
                (_computing("aio", MS), _computing("blocking", MS)),
                least=1.1,
            ),
            Condition(
                ratio(
                    "gain with computation ÷ gain with computation alone:", _over_computation_alone
                ),
                (_computing("aio", MS), _computing("blocking", MS)),
                least=1.1,
            ),
        ),
    ),
)
