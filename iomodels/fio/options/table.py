"""All options of fio, and what becomes of each: the one table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from iomodels.fio.options.harmless import HARMLESS
from iomodels.fio.options.option import FioOption, options
from iomodels.fio.options.refused import REFUSED

_becomes = partial(options, "translated")

TRANSLATED: list[FioOption] = [
    *_becomes(
        "rw/readwrite",
        "load.operation and load.pattern; trim, and an order of its own "
        "(`rw=read:8k`, `rw=randread:8`), are refused",
    ),
    *_becomes(
        "rw_sequencer", "nothing, where rw has no order of its own; otherwise refused with that"
    ),
    *_becomes(
        "fadvise_hint",
        "nothing, where no page comes from the device, or where it is the advice that fits the "
        "pattern; otherwise refused: the advice here is iomodels' own",
    ),
    *_becomes(
        "iodepth_low",
        "nothing, where there is no more than one request; otherwise refused: requests are "
        "refilled one by one or in batches",
    ),
    *_becomes(
        "sync_file_range write_barrier",
        "nothing, where the job only reads; otherwise refused: load.sync knows fsync and fdatasync",
    ),
    *_becomes("rwmixread rwmixwrite", "load.read_share, where rw mixes"),
    *_becomes(
        "bs/blocksize bsrange/blocksize_range bssplit",
        "load.block: a size, or a distribution; reads and writes of different sizes in one "
        "job are refused",
    ),
    *_becomes("ba/blockalign", "nothing, where it is the block; otherwise refused"),
    *_becomes(
        "size filesize nrfiles/nr_files",
        "channel.size: that of all files of the job and its copies together",
    ),
    *_becomes(
        "file_append",
        "channel.append, where the job writes in order with one request in "
        "flight; otherwise refused",
    ),
    *_becomes("direct buffered", "channel.cache"),
    *_becomes(
        "invalidate pre_read",
        "channel.cache of buffered reads: cold, where each block is read once after fio has "
        "dropped the pages; otherwise warm",
    ),
    *_becomes(
        "ioengine",
        "`today`, the model that the job uses; engines that move no data, or "
        "not by calls on files or sockets, are refused",
    ),
    *_becomes("iodepth", "load.depth, with engines that have more than one request in flight"),
    *_becomes(
        "numjobs",
        "load.depth: all requests in flight together; the copies of a blocking job are threads",
    ),
    *_becomes(
        "iodepth_batch/iodepth_batch_submit "
        "iodepth_batch_complete_min/iodepth_batch_complete iodepth_batch_complete_max",
        "load.batch, where requests are submitted and completed in the same groups",
    ),
    *_becomes(
        "fsync fdatasync sync", "load.sync, where it is after every write; more rarely is refused"
    ),
    *_becomes("verify", "load.verify"),
    *_becomes("random_distribution", "nothing, where it is even; otherwise refused"),
    *_becomes("percentage_random", "load.pattern, where it is 0 or 100; otherwise refused"),
    *_becomes("rate rate_iops", "load.arrivals and load.rate"),
    *_becomes(
        "rate_process",
        "load.arrivals: constant, or poisson (whose gaps fio cuts to whole "
        "microseconds, so that high rates come out higher)",
    ),
    *_becomes(
        "thinktime thinktime_spin thinktime_blocks thinktime_blocks_type thinktime_iotime",
        "load.compute, where it is spent computing; a job that sleeps is refused",
    ),
    *_becomes("kb_base", "the sizes: k is 1024 or 1000"),
    *_becomes(
        "sqthread_poll fixedbufs registerfiles",
        "options of `today`",
        engines="io_uring io_uring_cmd",
    ),
    *_becomes(
        "hostname",
        "nothing, where it is this machine; otherwise refused",
        engines="net netsplice rdma",
    ),
    *_becomes(
        "protocol/proto listen pingpong",
        "channel.family, channel.exchange; UDP and vsock are refused",
        engines="net netsplice",
    ),
]
"""Their meaning depends on each other: functions make it (`access.py`, `requests.py`)."""

OPTIONS: Mapping[str, FioOption] = {
    option.name: option for option in [*TRANSLATED, *HARMLESS, *REFUSED]
}
"""By name. `BY_ANY_NAME` has aliases, too."""

BY_ANY_NAME: Mapping[str, FioOption] = {
    name: option for option in OPTIONS.values() for name in (option.name, *option.aliases)
}

_BARE = (
    "bs_unaligned norandommap ignore_error time_based verify_only replay_skip cpus_allowed "
    "numa_cpu_nodes numa_mem_policy exitall exitall_on_error stonewall new_group thread "
    "write_bw_log write_lat_log write_iops_log write_hist_log log_compression_cpus "
    "group_reporting zero_buffers refill_buffers hipri fixedbufs registerfiles sqthread_poll "
    "userspace_reap listen pingpong"
)
MAY_BE_BARE = frozenset(_BARE.split())
"""The options that fio takes without a value; most are switched on by that."""
