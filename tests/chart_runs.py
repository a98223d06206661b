"""For the tests of the pictures: fixed synthetic runs, and ways to look at what was drawn."""

from __future__ import annotations

from functools import cache

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg

from iomodels import charts
from iomodels.results.schema import Cell, OverlapParts, Run, Trial

from .factory import histogram_of, make_cell, make_run, make_trial

ROUNDS = 7
ENVIRONMENT = {"kernel": "6.1.0", "cpu": "Test CPU", "cores_allowed": 2, "hypervisor": "KVM"}
SETTINGS = {"rounds": ROUNDS, "duration_s": 0.5, "warmup_s": 0.1}
CALLS = {
    "blocking": {"read": 1.0},
    "nonblocking": {"read": 120.0},
    "select": {"read": 2.0, "select": 1.0},
    "aio": {"aio_read": 1.0, "aio_error": 1.5, "aio_return": 1.0, "aio_suspend": 1.0},
}
LATENCY_NS = {"blocking": 110_000, "nonblocking": 102_000, "select": 115_000, "aio": 150_000}
CPU_NS = {"blocking": 6_000.0, "nonblocking": 99_000.0, "select": 9_000.0, "aio": 20_000.0}
AIO_CALLS = {
    "aio:notify=poll": {"aio_read": 1.0, "aio_error": 420.0, "aio_return": 1.0},
    "aio:notify=list": {"lio_listio": 1.0, "aio_error": 1.0, "aio_return": 1.0},
    "aio:notify=list,mode=nowait": {"lio_listio": 1.0, "aio_suspend": 1.0, "aio_error": 1.5},
    "aio:notify=signal": {"aio_read": 1.0, "ppoll": 1.02, "aio_error": 1.0, "sigprocmask": 2.0},
    "aio:notify=signal,chain=handler": {"aio_read": 1.0, "ppoll": 1.0, "aio_error": 1.0},
    "aio:notify=callback": {"aio_read": 1.0, "futex": 1.7, "aio_error": 1.0, "aio_return": 1.0},
}
"""What a variant of aio calls, where it is not what aio does."""
TWELVE = (
    "blocking",
    "nonblocking",
    "select",
    "threads",
    "aio",
    "aio:notify=poll",
    "aio:notify=list",
    "aio:notify=list,mode=nowait",
    "aio:notify=signal",
    "aio:notify=signal,chain=handler",
    "aio:notify=callback",
    "io_uring",
)

HOSTILE = "<script>alert(1)</script> $x^{2$ \\frac \x1b[31m\r\n \u202egnp.exe 中文 " + "e" * 500


def latencies_ns(base_ns: int, count: int = 2000) -> list[int]:
    """A plain body and a long tail: the slowest of 2000 takes 100 times as long."""
    return [
        base_ns + base_ns * i // 8000 + base_ns * 200 // (2 * (count - i) + 1) for i in range(count)
    ]


def trial(engine: str, number: int, scale: float = 1.0, **others: object) -> Trial:
    """The trial of a round; each round is a little slower or faster than the median one."""
    name = engine.partition(":")[0]
    off = 1 + 0.02 * ((number * 3) % ROUNDS - 3)
    base_ns = round(LATENCY_NS.get(name, 130_000) * scale * off)
    fields: dict[str, object] = {
        "latency_ns": latencies_ns(base_ns),
        "throughput_ops": 1e9 / base_ns,
        "cpu_ns_per_op": CPU_NS.get(name, 15_000.0) * scale * off,
        "calls": AIO_CALLS.get(engine) or CALLS.get(name, {"read": 1.0}),
        "eagain_per_op": {"nonblocking": 119.0, "select": 1.0}.get(name, 0.0),
        "started_utc": f"2026-01-01T00:{number:02}:{len(engine) % 60:02}Z",
    }
    return make_trial(number, **(fields | others))


def cell(engine: str, rounds: int = ROUNDS, scale: float = 1.0, **others: object) -> Cell:
    return make_cell(engine, [trial(engine, n, scale) for n in range(rounds)], **others)


def run(cells: list[Cell], **others: object) -> Run:
    fields = {"environment": ENVIRONMENT, "settings": SETTINGS}
    return make_run(cells, **(fields | others))


@cache
def four(rounds: int = ROUNDS, scale: float = 1.0) -> Run:
    """The four models on one point, and the harness, which no picture shows."""
    cells = [cell(engine, rounds, scale) for engine in CALLS]
    return run([*cells, cell("null", rounds)], settings=SETTINGS | {"rounds": rounds})


@cache
def windowed(rounds: int = ROUNDS, *, few: bool = False) -> Run:
    """The four models, with their throughput in 50 slices of 4 ms; the last one drains.

    With `few`, of the last model too few operations to show each slice.
    """
    cells = []
    for engine in CALLS:
        base = 4_000_000 / LATENCY_NS[engine] / (5 if few and engine == "aio" else 1)
        lines = [
            [round(base * (1 + 0.04 * ((part * 7 + n * 3) % 11 - 5))) for part in range(49)]
            + [round(3 * base)]
            for n in range(rounds)
        ]
        trials = [
            trial(engine, n, timeline=line, duration_ns=200_000_000) for n, line in enumerate(lines)
        ]
        cells.append(make_cell(engine, trials))
    return run(cells, settings=SETTINGS | {"rounds": rounds})


@cache
def swept(scale: float = 1.0) -> Run:
    """Three depths: one engine n/a beyond the first, one failed at the last."""
    cells = []
    for depth in (1, 4, 16):
        at = {"scenario": "slow-devices", "parameters": {"load.depth": depth}}
        for engine in CALLS:
            if engine == "blocking" and depth > 1:
                reason = f"blocking supports one request in flight; this point needs {depth}"
                cells.append(make_cell(engine, [], status="n/a", reason=reason, **at))
            elif engine == "aio" and depth == 16:
                reason = "hung: no answer for 10.5 s after 3 operations, so it was killed"
                cells.append(make_cell(engine, [], status="failed", reason=reason, **at))
            else:
                cells.append(cell(engine, scale=scale / depth**0.9, **at))
    return run(cells, questions={"slow-devices": "Which models keep several devices busy?"})


def computing(aio: str = "aio") -> Run:
    """The four models with computation on each result; `aio` is how the fourth is told."""
    at = {"parameters": {"load.compute": 50_000}}
    engines = [aio if engine == "aio" else engine for engine in CALLS]
    return run([cell(engine, **at) for engine in engines])


def cancelling() -> Run:
    """Two engines under a deadline, one of which is mostly too late."""
    shares = {"aio": 0.05, "select": 1.0}
    cells = []
    for engine, share in shares.items():
        trials = [
            trial(
                engine,
                n,
                cancel_ns=histogram_of([20_000 + 100 * n]),
                cancel_late_ns=histogram_of([400_000]) if share < 1 else None,
                counters={
                    "cancels_done": 1000.0 * share,
                    "cancels_too_late": 1000.0 * (1 - share) + n * (share < 1),
                },
            )
            for n in range(ROUNDS)
        ]
        parameters = {"load.depth": 16, "load.deadline": 500_000}
        cells.append(make_cell(engine, trials, scenario="cancel", parameters=parameters))
    return run(cells, questions={"cancel": "How long does it take to cancel a request?"})


@cache
def overlapping() -> Run:
    """A sweep of computation: blocking hides nothing, aio almost everything."""
    cells = []
    for compute in (0, 500_000, 1_000_000, 2_000_000):
        for engine, overlap in (("blocking", 0.02), ("aio", 0.9)):
            trials = [
                trial(engine, n, **overlap_fields(compute, overlap + 0.01 * (n - 3)))
                for n in range(ROUNDS)
            ]
            parameters = {"load.compute": compute}
            cells.append(make_cell(engine, trials, scenario="overlap", parameters=parameters))
    return run(cells, questions={"overlap": "How much computation is hidden?"})


def overlap_fields(compute: int, overlap: float) -> dict[str, object]:
    if not compute:
        return {}
    io_ns, cpu_ns = 1_000_000.0, float(compute)
    both_ns = io_ns + cpu_ns - overlap * min(io_ns, cpu_ns)
    parts = OverlapParts(io_ns=io_ns, cpu_ns=cpu_ns, both_ns=both_ns)
    return {"overlap": overlap, "overlap_parts": parts}


@cache
def twelve() -> Run:
    """Twelve engines on one point, some of them of one name, one that is not known here."""
    cells = [cell(engine, scale=1 + 0.15 * n) for n, engine in enumerate(TWELVE)]
    return run(cells)


@cache
def twelve_swept() -> Run:
    """Twelve engines over three depths; four of them cannot do the last."""
    cells = []
    for depth in (1, 4, 16):
        at = {"scenario": "slow-devices", "parameters": {"load.depth": depth}}
        for n, engine in enumerate(TWELVE):
            if depth == 16 and n % 3 == 0:
                reason = "it does not do 16 at a time"
                cells.append(make_cell(engine, [], status="n/a", reason=reason, **at))
            else:
                cells.append(cell(engine, scale=(1 + 0.15 * n) / depth**0.7, **at))
    return run(cells, questions={"slow-devices": "Which models keep several devices busy?"})


TODAY = (
    *("blocking", "nonblocking", "select", "poll", "epoll", "sigio", "aio", "threads", "kaio"),
    *("io_uring", "io_uring:sqpoll=on", "io_uring:wait=spin", "sockets-of-tomorrow"),
)
THREADS = {"aio": 16.0, "threads": 16.0, "io_uring:sqpoll=on": 1.0}


@cache
def today() -> Run:
    """All I/O models over two depths, and one that is not known here; one cannot do the second."""
    cells = []
    for depth in (1, 16):
        at = {"scenario": "slow-devices", "parameters": {"load.depth": depth}}
        for n, engine in enumerate(TODAY):
            if depth == 16 and engine == "blocking":
                reason = "blocking supports one request in flight; this point needs 16"
                cells.append(make_cell(engine, [], status="n/a", reason=reason, **at))
                continue
            scale = (1 + 0.07 * n) / depth**0.9
            counters = {"threads": 1 + THREADS.get(engine, 0.0)}
            trials = [trial(engine, number, scale, counters=counters) for number in range(ROUNDS)]
            cells.append(make_cell(engine, trials, **at))
    return run(cells, questions={"slow-devices": "Which models keep several devices busy?"})


def long_points() -> Run:
    """Three parameters swept, which takes more room than a panel has."""
    cells = [
        cell(
            engine,
            3,
            parameters={
                "load.descriptors": 1024,
                "load.block": block,
                "load.depth": depth,
                "load.rate": 25_000 * depth,
            },
        )
        for block in (4096, 65536)
        for depth in (16, 256)
        for engine in ("aio:notify=signal,chain=handler", "aio:notify=signal,signal=SIGIO")
    ]
    return run(cells)


def hostile_run() -> Run:
    """Two depths and an n/a cell, with the same hostile text wherever a text can be."""
    one = trial("blocking", 0, calls={HOSTILE: 1.0}, started_utc=HOSTILE)
    fields = {"scenario": HOSTILE, "note": HOSTILE}
    measured = [
        make_cell(HOSTILE, [one, one], parameters={HOSTILE: value}, **fields) for value in (1, 2)
    ]
    missing = make_cell("aio", [], status="n/a", reason=HOSTILE, scenario=HOSTILE)
    return run(
        [*measured, missing],
        questions={HOSTILE: HOSTILE},
        environment={"kernel": HOSTILE, "cpu": HOSTILE},
        created_utc=HOSTILE,
    )


def drawn(kind, *runs, names=(), scenario=None):
    """The figure of that kind in the first scenario that has it."""
    found = charts.pictures(runs, names=names, scenario=scenario)
    return next(p for p in found if p.name.endswith(kind)).draw()


def artists(figure, label):
    """All lines and collections of that label, panel by panel."""
    return [
        artist
        for ax in figure.axes
        for artist in (*ax.lines, *ax.collections)
        if artist.get_label() == label
    ]


def pixels(figure):
    """What is seen, row by row from the top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return numpy.asarray(canvas.buffer_rgba())


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        found += [text.get_text() for text in ax.texts]
        found += [ax.get_title(loc=loc) for loc in ("left", "center", "right")]
        found += [ax.get_xlabel(), ax.get_ylabel()]
    return [text for text in found if text]


def cells(run: Run):
    return [cell for cell in run.cells if cell.engine != "null"]
