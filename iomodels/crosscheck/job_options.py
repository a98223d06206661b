"""A job as fio gets it, what of it cannot be checked, and in what both differ from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iomodels.base.units import Size, exact_size
from iomodels.crosscheck.fio_run import DATA, PASSED
from iomodels.engines.ability import ability
from iomodels.engines.spec import EngineSpec
from iomodels.fio.importing import ImportedJob
from iomodels.workload.channels import FileChannel
from iomodels.workload.point import Point

WARMUP_S = 0.1
MOST_BYTES = Size(256 << 20)
"""Of the file: both make one of their own before they begin."""
OF_THE_LOAD = (
    *("rate", "thinktime", "fsync", "fdatasync", "sync", "numjobs", "iodepth", "fixed"),
    *("register", "sqthread", "pre_read", "direct", "buffered"),
)
"""Options that the engine which does nothing is not given: they are no part of fio's loop."""


def small_enough(point: Point) -> dict[str, list[str]]:
    assert isinstance(point.channel, FileChannel)
    if point.channel.size <= MOST_BYTES:
        return {}
    block = int(point.load.block.largest)
    return {"channel.size": [str(max(MOST_BYTES // block, 2) * block)]}


def why_not(job: ImportedJob, point: Point, spec: EngineSpec) -> str | None:
    """Why the job cannot be measured with both, or None."""
    channel = point.channel
    if not isinstance(channel, FileChannel):
        return "only jobs on files are checked: fio and iomodels have different peers"
    if channel.append:
        return "fio appends to a file that grows, and iomodels begins anew with each trial"
    if point.load.verify:
        return "fio verifies what it has written before, and iomodels what a file contains"
    if not job.scenario or not job.scenario.today:
        return "no engine corresponds to the ioengine of the job"
    return ability(spec, point).na_reason


def notes(job: ImportedJob, point: Point, given: Mapping[str, str]) -> Iterator[str]:
    """In what both are not given quite what the job says."""
    assert job.scenario is not None
    size = job.scenario.settings.get("channel.size")
    if isinstance(size, int) and size > MOST_BYTES:
        assert isinstance(point.channel, FileChannel)
        yield f"the file has {exact_size(point.channel.size)} for both, not {exact_size(size)}"
    left_out = [name for name, _ in job.given if name not in PASSED | _REPLACED]
    if left_out:
        yield f"fio is not given {', '.join(sorted(left_out))}"
    if given.get("invalidate") == "0":
        yield "the file is in the page cache before each run of either"


_REPLACED = frozenset({"size", "filesize", "nrfiles", "invalidate", "pre_read"})
"""Options that say what is set here otherwise."""


def options_of(job: ImportedJob, point: Point, duration_s: float) -> dict[str, str]:
    """What fio is given: the job's own, and ours for the file, the time and the report."""
    channel = point.channel
    assert isinstance(channel, FileChannel)
    own = {name: value for name, value in job.given if name in PASSED}
    kilo = {"kb_base": own.pop("kb_base")} if "kb_base" in own else {}
    goes_once = channel.cache == "cold"
    warmup = {} if goes_once else {"time_based": "1", "ramp_time": f"{round(WARMUP_S * 1e3)}ms"}
    warm = {"invalidate": "0"} if channel.cache == "warm" else {}
    if warm and not point.load.writes:
        warm["pre_read"] = "1"
    return {
        "name": "job",
        **kilo,  # before the sizes that it is about
        "filename": DATA,
        "size": str(int(channel.size)),
        **own,
        **warmup,
        **warm,
        "runtime": f"{round(duration_s * 1e3)}ms",
        "group_reporting": "1",
        "unified_rw_reporting": "both",
        "lat_percentiles": "1",
        "clat_percentiles": "0",
        "percentile_list": "50:99",
        "output-format": "json",
        "eta": "never",
    }


def of_the_loop_alone(given: Mapping[str, str], duration_s: float) -> dict[str, str]:
    """The same with fio's engine that does nothing, and nothing to wait for."""
    plain = {name: value for name, value in given.items() if not name.startswith(OF_THE_LOAD)}
    return {**plain, "ioengine": "null", "runtime": f"{round(duration_s * 1e3)}ms"}


def of_the_start_alone(given: Mapping[str, str]) -> dict[str, str]:
    """The same, ended after one request."""
    kept = {name: v for name, v in given.items() if name not in ("time_based", "ramp_time")}
    return {**kept, "number_ios": "1"}
