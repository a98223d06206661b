"""How requests are made: ioengine, how many are in flight, syncs, checks, rates, computation."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.base.units import Duration, exact_duration
from iomodels.fio.job import Job
from iomodels.fio.translation import Translation
from iomodels.fio.values import parse_int, per_direction, wrong
from iomodels.workload.writing import SOME_WRITES

MAX_DEPTH = 1024
THREADS = "threads:handoff=none"
"""Copies of a blocking job: each starts its own next request (at a rate, a schedule does)."""


@dataclass(frozen=True)
class IoEngine:
    """A value of ioengine: the engine here with its model, or why there is none.

    `queues`: it can have several requests in flight. `instead`: what is written all the same.
    """

    today: str = ""
    queues: bool = False
    reason: str = ""
    instead: str = ""


_NO_TODAY = "the workload without `today`"
_STORAGE = IoEngine(queues=True, reason="no engine speaks to such a storage")
_NO_IO = IoEngine(reason="it moves no data of a file or a socket")
_NO_IO_OF = (
    "null cpuio ftruncate filecreate filestat filedelete fileoperations exec falloc e4defrag"
)
_STORAGES = (
    "rdma rbd rados gfapi gfapi_async nbd mtd http nfs libhdfs libiscsi dfs xnvme libblkio "
    "libcufile libpmem libpmem2 pmemblk dev-dax librpma_apm_client librpma_apm_server "
    "librpma_gpspm_client librpma_gpspm_server windowsaio solarisaio guasi"
)
ENGINES: dict[str, IoEngine] = {
    **dict.fromkeys(("sync", "psync", "vsync", "pvsync", "pvsync2"), IoEngine("blocking")),
    "posixaio": IoEngine("aio", queues=True),
    "libaio": IoEngine("kaio", queues=True),
    "io_uring": IoEngine("io_uring", queues=True),
    "net": IoEngine("blocking"),
    "mmap": IoEngine(reason="no engine maps files into memory", instead=_NO_TODAY),
    "splice": IoEngine(reason="no engine uses splice", instead=_NO_TODAY),
    "netsplice": IoEngine(reason="no engine uses splice"),
    "io_uring_cmd": IoEngine(queues=True, reason="no engine passes commands to a device"),
    "sg": IoEngine(queues=True, reason="no engine sends SCSI commands"),
    "external": IoEngine(queues=True, reason="what an external engine does is not in the job file"),
    **dict.fromkeys(
        _NO_IO_OF.split(),
        _NO_IO,
    ),
    **dict.fromkeys(
        _STORAGES.split(),
        _STORAGE,
    ),
}


def engine(job: Job, out: Translation) -> None:
    """ioengine, iodepth, numjobs and batches: `today`, load.depth and load.batch."""
    job.read("ioengine", "psync", _known)
    found = ENGINES[job.engine]
    copies = job.number("numjobs", 1) or 1
    own = _own_depth(job, found)
    depth = copies * own
    out.settings["load.depth"] = depth
    out.today = found.today
    if found.today == "blocking" and depth > 1:
        out.today = "threads" if "load.arrivals" in out.settings else THREADS
    if found.reason:
        job.refused("ioengine", found.reason, found.instead)
    else:
        _options_of_today(job, out)
        job.translated("ioengine", f"today = {out.today}")
    _say_depth(job, out, found, copies)
    _batches(job, out, own if found.queues else 1)
    if found.queues and own > 1 and job.engine != "net":
        # One descriptor with all its requests in flight: POSIX AIO runs those one after another.
        out.settings["channel.opens"] = 1
        if copies > 1:
            out.notes.append(
                "Each copy of the job has a queue, a thread and a descriptor of its own; here one "
                "thread has all requests in flight, on one descriptor."
            )


def _known(text: str) -> str:
    if text.partition(":")[0] not in ENGINES:
        raise wrong("an engine of fio's (`fio --enghelp` lists them)")
    return text


def _own_depth(job: Job, found: IoEngine) -> int:
    """Of one copy of the job. A job that thinks waits until all its requests have ended."""
    asked = job.number("iodepth", 1, low=1)
    depth = asked if found.queues else 1
    thinks = job.time_us("thinktime", "us") and not job.has("thinktime_iotime")
    return min(depth, job.number("thinktime_blocks", 1, low=1)) if thinks else depth


def _say_depth(job: Job, out: Translation, found: IoEngine, copies: int) -> None:
    depth = out.settings["load.depth"]
    assert isinstance(depth, int)
    if depth > MAX_DEPTH:
        out.settings["load.depth"] = MAX_DEPTH
        which = "numjobs" if copies > 1 else "iodepth"
        job.refused(which, f"load.depth is {MAX_DEPTH} at most", f"load.depth = {MAX_DEPTH}")
        other = {"numjobs": "iodepth", "iodepth": "numjobs"}[which]
        job.translated(other, f"load.depth = {MAX_DEPTH}")
        return
    job.translated("numjobs", f"load.depth = {depth}, of all copies of the job together")
    if found.queues:
        job.translated("iodepth", f"load.depth = {depth}")
    else:
        job.harmless("iodepth", "this ioengine has one request in flight at a time")


def _options_of_today(job: Job, out: Translation) -> None:
    options = []
    if job.flag("sqthread_poll"):
        options.append("sqpoll=on")
    buffers, files = job.flag("fixedbufs"), job.flag("registerfiles")
    # fio's poller sees registered files only, and so it registers them.
    if buffers or files:
        both = "both" if buffers and files else ""
        options.append(f"fixed={both or ('buffers' if buffers else 'files')}")
    if options:
        out.today = ":".join([out.today, ",".join(options)])
    for option in ("sqthread_poll", "fixedbufs", "registerfiles"):
        job.translated(option, f"today = {out.today}")


def _batches(job: Job, out: Translation, depth: int) -> None:
    names = ("iodepth_batch", "iodepth_batch_complete_min", "iodepth_batch_complete_max")
    submit = job.number(names[0], 1) or depth
    least = job.number(names[1], 1)
    if depth == 1 or job.number("iodepth_low", depth) >= depth:
        job.harmless("iodepth_low", "there is nothing to refill below a mark")
    else:
        why = "requests are refilled one by one or in batches, not below a mark"
        job.refused("iodepth_low", why, "it is left out")
    job.number(names[2], least)  # a larger maximum than minimum only saves calls
    if depth == 1:
        for name in names:
            job.harmless(name, "there is one request in flight at a time")
        return
    if "load.arrivals" in out.settings:
        for name in names:
            job.harmless(name, "each request starts at its own time (rate)")
        return
    batch = min(max(submit, 1), depth)
    out.settings["load.batch"] = batch
    if least == 0:
        job.refused(
            names[1], "no engine asks for completions without waiting", f"load.batch = {batch}"
        )
        _translate(job, (names[0], names[2]), f"load.batch = {batch}")
    elif submit == least:
        _translate(job, names, f"load.batch = {batch}")
    else:
        which = next(name for name in names if job.has(name))
        job.refused(
            which,
            "requests are submitted and completed in the same groups here",
            f"load.batch = {batch}",
        )
        _translate(job, [name for name in names if name != which], f"load.batch = {batch}")


def _translate(job: Job, options: tuple[str, ...] | list[str], text: str) -> None:
    for option in options:
        job.translated(option, text)


# ------------------------------------------------------------------ after each write


def syncs(job: Job, out: Translation) -> None:
    """fsync, fdatasync and O_SYNC: load.sync."""
    strength = {"none": 0, "data": 1, "every": 2}
    strongest = "none"
    for option, kind in (("fdatasync", "data"), ("fsync", "every"), ("sync", "")):
        if not job.has(option):
            continue
        every = _writes_per_sync(job, option)
        if option == "sync":
            kind = "data" if job.text("sync") == "dsync" else "every"
        if every == 0:
            job.harmless(option, "no sync")
            continue
        if not out.writes:
            job.harmless(option, "requests only read")
            continue
        nearest = kind if every <= SOME_WRITES else "none"
        strongest = max(strongest, nearest, key=strength.__getitem__)
        if every == 1:
            how = ", made after the write" if option == "sync" else ""
            job.translated(option, f"load.sync = {kind}{how}")
        else:
            why = "a sync is after every write or after none"
            job.refused(option, why, f"load.sync = {nearest}")
    if strongest != "none":
        out.settings["load.sync"] = strongest
    _syncs_in_part(job, out)


def _syncs_in_part(job: Job, out: Translation) -> None:
    for option in ("sync_file_range", "write_barrier"):
        if not out.writes:
            job.harmless(option, "requests only read")
        elif job.text(option, "0") == "0":
            job.harmless(option, "no sync")
        else:
            job.refused(option, "load.sync knows fsync and fdatasync", "it is left out")


def _writes_per_sync(job: Job, option: str) -> int:
    if option != "sync":
        return job.number(option, 0)
    known = {"none": 0, "0": 0, "sync": 1, "1": 1, "dsync": 1}

    def parse(text: str) -> int:
        if text not in known:
            raise wrong(f"one of {', '.join(known)}")
        return known[text]

    return job.read("sync", 0, parse)


def checks(job: Job, out: Translation) -> None:
    """verify: load.verify."""
    if not job.has("verify"):
        return
    if job.text("verify") in ("0", "null"):
        job.harmless("verify", "nothing is verified")
    elif not job.flag("do_verify", default=True) and not out.reads:
        job.harmless("verify", "do_verify=0: nothing is read back")
    else:
        out.said(job, "verify", "load.verify", True)


# ------------------------------------------------------------------ when requests start


def arrivals(job: Job, out: Translation) -> None:
    """rate and rate_iops: an open loop."""
    option = next((name for name in ("rate_iops", "rate") if job.has(name)), None)
    if option is None:
        job.harmless("rate_process", "the job has no rate")
        return
    if option == "rate_iops" and job.has("rate"):
        raise job.wrong("rate", "contradicts rate_iops: leave one of them out")
    copies = job.number("numjobs", 1) or 1
    factor = copies / out.block.mean
    if option == "rate_iops":
        # fio counts its operations in bytes, as if all were of the smallest size.
        factor *= out.block.smallest

    def of(index: int) -> int | None:
        return job.read(option, None, lambda text: _of_direction(text, index, job.kilo))

    reads, writes = of(0), of(1)
    asked = [r for r, used in ((reads, out.reads), (writes, out.writes)) if used]
    rates = [rate for rate in asked if rate]
    if not rates:
        job.harmless(option, "no limit")
        job.harmless("rate_process", "the job has no rate")
        return
    kind = "poisson" if job.text("rate_process", "linear") == "poisson" else "constant"
    rate = float(f"{sum(rates) * factor:.6g}")
    out.settings |= {"load.arrivals": kind, "load.rate": rate}
    job.translated("rate_process", f"load.arrivals = {kind}")
    text = f"load.arrivals = {kind}, load.rate = {rate:g}"
    if len(rates) < len(asked):
        job.refused(option, "reads and writes of one scenario have one rate together", text)
        return
    if out.is_mixed:
        assert reads is not None
        out.settings["load.read_share"] = min(max(reads / sum(rates), 0.01), 0.99)
        text += f", load.read_share = {out.settings['load.read_share']:g}"
    job.translated(option, text)


def _of_direction(text: str, index: int, kilo: int) -> int | None:
    part = per_direction(text, index)
    return parse_int(part, kilo) if part else None


_OF_THINKING = ("thinktime_spin", "thinktime_blocks", "thinktime_blocks_type", "thinktime_iotime")


def thinking(job: Job, out: Translation) -> None:
    """thinktime: load.compute, where the time is spent computing."""
    think_us = job.time_us("thinktime", "us")
    spin_us = job.time_us("thinktime_spin", "us")
    blocks = job.number("thinktime_blocks", 1, low=1)
    if not think_us:
        for option in ("thinktime", *_OF_THINKING):
            job.harmless(option, "the job does not think")
        return
    compute = Duration(max(1, think_us * 1000 // blocks))
    out.settings["load.compute"] = compute
    text = f"load.compute = {exact_duration(compute)}"
    if spin_us < think_us:
        reason = "fio sleeps, and a request here waits for another or for a computation only"
    elif blocks > 1 or job.has("thinktime_iotime"):
        reason = "a computation follows each request, not a group of them"
    else:
        reason = ""
    if reason:
        job.refused("thinktime", reason, text)
    else:
        job.translated("thinktime", text)
        if out.today not in ("blocking", "threads", THREADS):
            out.notes.append(
                "fio waits for all requests before it thinks; here the next ones are in flight "
                "while the engine computes, where it can do both."
            )
    for option in _OF_THINKING:
        job.translated(option, text)
