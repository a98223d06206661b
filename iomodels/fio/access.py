"""What is read and written, and where: rw, block sizes, the file and its pages."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from iomodels.base.units import MAX_SIZE, Size, exact_size
from iomodels.fio.job import Job
from iomodels.fio.translation import Translation
from iomodels.fio.values import parse_int, parse_range, parse_split, per_direction, wrong
from iomodels.workload.block import MAX_SIZES, block_of_counts

_OPERATIONS = {
    "read": ("read", "sequential"),
    "write": ("write", "sequential"),
    "randread": ("read", "random"),
    "randwrite": ("write", "random"),
    **dict.fromkeys(("rw", "readwrite"), ("mixed", "sequential")),
    "randrw": ("mixed", "random"),
    **dict.fromkeys(("trim", "randtrim", "trimwrite", "randtrimwrite"), ("write", "random")),
}
_PAGES = "channel.cache"
LARGE = 16 << 30
"""Bytes of a data file about which a note says how to make it smaller."""


def operation(job: Job, out: Translation) -> None:
    """rw, and how the offsets are spread."""

    def known(text: str) -> tuple[str, str]:
        base, _, rule = text.partition(":")
        if base not in _OPERATIONS:
            raise wrong(f"one of {', '.join(_OPERATIONS)}")
        return base, rule

    base, rule = job.read("rw", ("read", ""), known)
    does, pattern = _OPERATIONS[base]
    out.settings |= {"load.operation": does, "load.pattern": pattern}
    has_rule = rule not in ("", "1")
    if "trim" in base:
        job.refused("rw", "no engine trims")
    elif has_rule:
        job.refused(
            "rw", "the order of offsets has no such rule", f"load.pattern = {pattern} without it"
        )
    else:
        job.translated("rw", f"load.operation = {does}, load.pattern = {pattern}")
    if has_rule and job.has("rw_sequencer"):
        job.refused("rw_sequencer", "the order of offsets has no such rule", "it is left out")
    else:
        job.harmless("rw_sequencer", "rw has no order of its own")
    _mix(job, out)
    _spread(job, out)


def _mix(job: Job, out: Translation) -> None:
    given = job.last_of("rwmixread", "rwmixwrite")
    share = job.number(given or "rwmixread", 50, high=100)
    reads = 100 - share if given == "rwmixwrite" else share
    for option in ("rwmixread", "rwmixwrite"):
        if job.has(option) and not out.is_mixed:
            job.harmless(option, "rw does not mix")
        elif job.has(option) and option != given:
            job.harmless(option, f"{given} stands below it")
    if not out.is_mixed:
        return
    if reads in (0, 100):
        assert given
        out.said(job, given, "load.operation", "read" if reads else "write")
    elif given:
        out.said(job, given, "load.read_share", reads / 100)
    else:
        out.settings["load.read_share"] = 0.5


def _spread(job: Job, out: Translation) -> None:
    is_random = out.settings["load.pattern"] == "random"
    even = job.text("random_distribution", "random").partition(":")[0] == "random"
    if even or not is_random:
        job.harmless("random_distribution", "offsets are even here, or the job is sequential")
    else:
        job.refused(
            "random_distribution",
            "random offsets are equally likely here",
            "load.pattern = random, all offsets equally likely",
        )
    if not job.has("percentage_random"):
        return
    index = 0 if out.reads else 1
    share = job.read(
        "percentage_random", 100, lambda text: parse_int(per_direction(text, index), high=100)
    )
    if not is_random or share == 100:
        job.harmless("percentage_random", "all offsets are random, or the job is sequential")
    elif share == 0:
        out.said(job, "percentage_random", "load.pattern", "sequential")
    else:
        job.refused(
            "percentage_random", "offsets are all random, or all in order", "load.pattern = random"
        )


# ------------------------------------------------------------------ block sizes


def blocks(job: Job, out: Translation) -> None:
    """bs, bsrange and bssplit, of which the later ones go before the earlier ones."""
    options = ("bssplit", "bsrange", "bs")
    used = next((option for option in options if job.has(option)), "bs")
    readers = {"bssplit": parse_split, "bsrange": _of_range, "bs": _of_size}

    def of(index: int) -> dict[int, Fraction]:
        return job.read(
            used,
            {4096: Fraction(100)},
            lambda text: readers[used](
                per_direction(text, index, ",:-" if used == "bs" else ","), job.kilo
            ),
        )

    reads, writes = of(0), of(1)
    found = reads if out.reads else writes
    # With the shares times a number that makes them whole, as if they had been counted.
    whole = math.lcm(*(share.denominator for share in found.values()))
    out.block = block_of_counts({size: int(share * whole) for size, share in found.items()})
    out.settings["load.block"] = out.block.value
    text = f"load.block = {out.block}"
    for option in options:
        if job.has(option) and option != used:
            job.harmless(option, f"{used} goes before it")
    if out.is_mixed and reads != writes:
        why = "reads and writes of one scenario have the same sizes"
        job.refused(used, why, f"{text}, that of the reads")
    elif len(found) > MAX_SIZES:
        why = f"a distribution has {MAX_SIZES} sizes at most"
        job.refused(used, why, f"{text}, the most frequent ones")
    else:
        job.translated(used, text)
    if not out.block.is_fixed and out.settings["load.pattern"] == "random":
        _note_on_the_map(job, out)
    _alignment(job, out)


def _note_on_the_map(job: Job, out: Translation) -> None:
    """Of `4k/50:64k/50` over 16 MiB, fio 3.33 made 18 % of 64 KiB, and several sizes between."""
    if not job.flag("norandommap"):
        out.notes.append(
            "fio shortens blocks for which its map of the file has no room any more, so that it "
            "makes more small ones than the job asks for (norandommap=1: as many); here they are "
            "as the job has them."
        )


def _of_size(text: str, kilo: int) -> dict[int, Fraction]:
    return {parse_int(text, kilo, low=1) if text else 4096: Fraction(100)}


def _of_range(text: str, kilo: int) -> dict[int, Fraction]:
    """fio draws from all lengths up to the largest size beyond the smallest one, takes the multiple
    of the smallest below, and the largest for what would be beyond.

    Where these are more than a distribution has, as many, evenly over the range.
    """
    low, high = parse_range(text, kilo)
    whole, rest = divmod(high, low)
    step = -(-(whole + bool(rest)) // MAX_SIZES)
    sizes = {low * n: Fraction(low) for n in range(1, whole + 1, step)}
    if rest and step == 1:
        sizes[high] = Fraction(rest)
    return sizes


def _alignment(job: Job, out: Translation) -> None:
    if not job.has("ba"):
        return
    index = 0 if out.reads else 1
    found = job.read("ba", 0, lambda text: parse_int(per_direction(text, index), job.kilo))
    if found in (0, out.block.largest) and out.block.is_fixed:
        job.translated("ba", "blocks lie at multiples of their size")
    else:
        job.refused("ba", "blocks lie at multiples of their size", "they do")


# ------------------------------------------------------------------ the file


def file(job: Job, out: Translation) -> None:
    """The data file: its size, and whether its pages are in memory."""
    out.settings["channel.kind"] = "file"
    _size(job, out)
    _append(job, out)
    _cache(job, out)
    if job.text("filename").startswith("/dev/"):
        out.notes.append("The job is on a device; the scenario on a file of a file system.")


def _size(job: Job, out: Translation) -> None:
    files = job.number("nrfiles", 1, low=1)
    copies = job.number("numjobs", 1) or 1
    used = "filesize" if job.has("filesize") and not job.has("size") else "size"
    own = _bytes(job, used)
    if own is not None and used == "filesize":
        own *= files
    total = None if own is None else own if job.has("filename") else own * copies
    for option in ("filesize", "nrfiles"):
        if job.has(option) and option != used:
            job.translated(option, "channel.size, of all files together, which are one here")
    if total is None:
        job.refused(
            used,
            "the job does not say how large its file is: add size=",
            "channel.size is its default, 64 MiB",
        )
        return
    # Whole blocks, and two of them for requests that read and write.
    step = int(out.block.largest)
    size = Size(max(total // step, 2 if out.is_mixed else 1) * step)
    if size > MAX_SIZE:
        size = Size(MAX_SIZE // step * step)
        out.settings["channel.size"] = size
        job.refused(used, f"a data file has {exact_size(MAX_SIZE)} at most", "it has")
        return
    more = "that of all copies of the job" if total != own else ""
    more = more or ("a multiple of the block" if size != total else "")
    out.said(job, used, "channel.size", size, more)
    if size > LARGE:
        out.notes.append(
            f"The data file has {exact_size(size)}: bench makes it first. A smaller one: "
            "`-s channel.size=1GiB`."
        )


def _bytes(job: Job, option: str) -> int | None:
    """None for what depends on the file: a share, a range, a number of zones, or nothing."""
    if not job.has(option):
        return None

    def parse(text: str) -> int | None:
        if text[-1:] in ("%", "z"):
            parse_int(text[:-1])
            return None
        if option == "filesize" and re.search("[-:]", text):
            parse_range(text, job.kilo)
            return None
        return parse_int(text, job.kilo) or None

    return job.read(option, None, parse)


def _append(job: Job, out: Translation) -> None:
    if not job.has("file_append"):
        return
    in_order = out.settings["load.operation"] == "write"
    in_order &= out.settings["load.pattern"] == "sequential" and out.settings["load.depth"] == 1
    if not job.flag("file_append"):
        job.harmless("file_append", "off")
    elif in_order:
        out.said(job, "file_append", "channel.append", True)
    else:
        job.refused(
            "file_append",
            "only writes in order, with one in flight, can append",
            "it writes over what is there",
        )


def _cache(job: Job, out: Translation) -> None:
    given = job.last_of("direct", "buffered", "atomic")
    on = job.flag(given) if given else False
    direct = on != (given == "buffered") if given else False
    for option in ("direct", "buffered"):
        if job.has(option) and option != given:
            job.harmless(option, f"{given} stands below it")
    if direct:
        out.settings[_PAGES] = "direct"
    else:
        _pages(job, out)
    if given and given != "atomic":
        job.translated(given, f"{_PAGES} = {out.settings[_PAGES]}")
    _advice(job, out)
    for option in ("invalidate", "pre_read"):
        if direct:
            job.harmless(option, "direct I/O leaves the page cache out")


def _advice(job: Job, out: Translation) -> None:
    """fadvise_hint: it decides on read-ahead, where something is read from the device through the
    page cache."""
    fitting = ("1", str(out.settings["load.pattern"]))
    if out.settings[_PAGES] != "cold" or job.text("fadvise_hint", "1") in fitting:
        job.harmless("fadvise_hint", "what is read ahead is the same")
    else:
        why = "the advice is iomodels' own: none for random access, the kernel's for sequential"
        job.refused("fadvise_hint", why, "it is left out")


def _pages(job: Job, out: Translation) -> None:
    """Whether buffered requests meet their pages in memory.

    fio drops the file's pages before it starts (invalidate=1), so what is read for the first time
    comes from the device. A job that goes on after one pass meets the pages that it has read.
    """
    out.settings[_PAGES] = "warm"
    if not out.reads:
        job.harmless("invalidate", "requests only write")
        job.harmless("pre_read", "requests only write")
        return
    size = int(out.settings.get("channel.size", 64 << 20))
    drops = job.flag("invalidate", default=True) and not job.flag("pre_read")
    fits = size <= out.memory_bytes // 2
    if not drops and fits:
        why = "the pages are in memory when the job begins"
    elif fits and _goes_round(job, size):
        why = "the pages are in memory after the first pass over the file"
    elif drops and not out.writes:
        out.settings[_PAGES] = "cold"
        why = (
            "each block is read once, after fio has dropped the pages"
            if fits
            else "the file is larger than the memory that could hold its pages"
        )
    else:
        why = "some reads find their pages in memory and others do not; a scenario has either"
        job.refused("invalidate", why, f"{_PAGES} = warm")
        job.translated("pre_read", f"{_PAGES} = warm")
        return
    out.notes.append(f"{_PAGES} is {out.settings[_PAGES]}: {why}.")
    job.translated("invalidate", f"{_PAGES} = {out.settings[_PAGES]}: {why}")
    job.translated("pre_read", f"{_PAGES} = {out.settings[_PAGES]}")


def _goes_round(job: Job, size: int) -> bool:
    """Whether the job reads more than its file has."""
    if job.flag("time_based") and job.time_us("runtime"):
        return True
    if job.number("loops", 1) > 1:
        return True
    amount = _bytes(job, "io_size")
    return amount is not None and amount > size
