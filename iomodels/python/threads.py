"""`python:threads`: blocking calls on threads: a pool of them, or one for each slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from iomodels.python.contract import Options, PythonEngine, PythonOption, Setup

_POOL_THREADS = "one for each request in flight, and one that submits new requests"
_OWN_THREADS = "one for each request in flight"


def _drive(options: Options) -> Callable[[Setup], None]:
    if options["run"] == "each":
        from iomodels.python.flows import each

        return each.run
    from iomodels.python.flows import pool

    return pool.run


def _vary(engine: PythonEngine, options: Options) -> PythonEngine:
    if options["run"] == "pool":
        return engine
    return replace(
        engine,
        summary="a blocking thread for each request in flight",
        threads=_OWN_THREADS,
        twin="threads:handoff=none",
    )


ENGINE = PythonEngine(
    name="threads",
    title="Python: threads",
    calls="os.read, os.preadv, os.write, in threads",
    summary="each request is a blocking call that a pool of threads makes",
    drive=_drive,
    flags=frozenset({"files", "streams", "waits", "moves_data"}),
    news="completion",
    worker="helper threads",
    complexity="threads",
    threads=_POOL_THREADS,
    twin="threads",
    synchronous=True,
    blocking=True,
    options=(
        PythonOption(
            "run",
            "pool: each request goes to a ThreadPoolExecutor and comes back; each: each thread "
            "starts its next request itself and, in a server, owns one connection",
            ("pool", "each"),
        ),
    ),
    vary=_vary,
)
