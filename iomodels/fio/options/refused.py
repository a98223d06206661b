"""The options that change what is measured, and that no scenario can say, each with the reason."""

from __future__ import annotations

from functools import partial

from iomodels.fio.options.option import FioOption, options

_no = partial(options, "refused")
_LEFT_OUT = "it is left out"
_OF_URING = "io_uring io_uring_cmd"

REFUSED: list[FioOption] = [
    *_no(
        "bs_unaligned/blocksize_unaligned",
        "blocks lie at multiples of their size",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no(
        "bs_is_seq_rand",
        "a block is the same for sequential and random requests",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no(
        "io_submit_mode",
        "fio's submitting threads are a model of their own",
        neutral="inline",
        instead=_LEFT_OUT,
    ),
    *_no(
        "fill_device/fill_fs",
        "a data file has a size: nothing writes until the disk is full",
        neutral="0",
        instead="channel.size is its default",
    ),
    *_no("lockfile", "nothing locks a file between requests", neutral="none", instead=_LEFT_OUT),
    *_no(
        "atomic",
        "no engine makes atomic writes (O_ATOMIC, RWF_ATOMIC)",
        neutral="0",
        instead="direct I/O is",
    ),
    *_no(
        "verify_only",
        "nothing that an earlier run wrote can be verified",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no("trim_percentage num_range", "no engine trims", neutral="0", instead=_LEFT_OUT),
    *_no(
        "trim_verify_zero trim_backlog trim_backlog_batch",
        "no engine trims",
        of="trim_percentage",
        instead=_LEFT_OUT,
    ),
    *_no(
        "read_iolog",
        "a trace is replayed in time and place; a scenario is a workload: import a "
        "log of strace instead",
    ),
    *_no(
        "read_iolog_chunked replay_no_stall replay_redirect replay_scale replay_align "
        "replay_time_scale replay_skip merge_blktrace_file merge_blktrace_scalars "
        "merge_blktrace_iters",
        "no trace is replayed",
        of="read_iolog",
        instead=_LEFT_OUT,
    ),
    *_no(
        "exec_prerun",
        "iomodels runs no command out of a file, and it could change what is measured",
        instead="the command is not run",
    ),
    *_no("zonemode", "there are no zones in a data file", neutral="none", instead=_LEFT_OUT),
    *_no(
        "zonesize zonecapacity zonerange zoneskip read_beyond_wp max_open_zones "
        "job_max_open_zones ignore_zone_limits zone_reset_threshold zone_reset_frequency "
        "initial_zone_reset recover_zbd_write_error",
        "there are no zones in a data file",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no(
        "lockmem", "nothing takes memory away from the page cache", neutral="0", instead=_LEFT_OUT
    ),
    *_no(
        "latency_target",
        "the depth that a latency allows is found by a sweep of load.depth",
        neutral="0",
        instead="load.depth is iodepth",
    ),
    *_no(
        "latency_window latency_percentile latency_run",
        "the depth that a latency allows is found by a sweep of load.depth",
        of="latency_target",
        instead="load.depth is iodepth",
    ),
    *_no("create_only", "such a job makes no I/O that is measured", neutral="0"),
    *_no("profile", "a profile is a job of fio's own, which is not in the file"),
    *_no(
        "flow",
        "jobs that wait for each other run at once; scenarios are measured one after the other",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no(
        "flow_id flow_sleep",
        "jobs that wait for each other run at once; scenarios are measured one after the other",
        of="flow",
        instead=_LEFT_OUT,
    ),
    *_no(
        "fdp fdp_pli plids plid_select fdp_pli_select dataplacement dp_scheme",
        "no engine places data on the device",
        neutral="0",
        instead=_LEFT_OUT,
    ),
    *_no(
        "sprandom spr_op", "no preconditioning of a device is made", neutral="0", instead=_LEFT_OUT
    ),
    # ------------------------------------------------------------ of single engines of fio's
    *_no(
        "hipri",
        "no engine polls the device (IORING_SETUP_IOPOLL, RWF_HIPRI)",
        neutral="0",
        instead="completions come by interrupt",
        engines=f"{_OF_URING} pvsync2 sg xnvme",
    ),
    *_no(
        "hipri_percentage",
        "no engine polls the device (RWF_HIPRI)",
        neutral="0",
        instead="completions come by interrupt",
        engines="pvsync2",
    ),
    *_no(
        "cmdprio_percentage cmdprio_class cmdprio cmdprio_bssplit cmdprio_hint",
        "requests have no priorities of their own",
        neutral="0",
        instead=_LEFT_OUT,
        engines=f"{_OF_URING} libaio",
    ),
    *_no(
        "uncached",
        "no engine reads past the page cache but by direct I/O (RWF_UNCACHED)",
        neutral="0",
        instead=_LEFT_OUT,
        engines=f"{_OF_URING} pvsync2",
    ),
    *_no(
        "nowait",
        "a request that would block ends with an error in fio; here channel.nowait is "
        "for engines that then wait otherwise",
        neutral="0",
        instead=_LEFT_OUT,
        engines=f"{_OF_URING} libaio pvsync2",
    ),
    *_no(
        "force_async",
        "no request is handed to the kernel's workers by force",
        neutral="0",
        instead=_LEFT_OUT,
        engines=_OF_URING,
    ),
    *_no("cmd_type", "no engine passes commands to a device", engines=_OF_URING),
    *_no(
        "interface ttl window_size mss",
        "the connection is over loopback, with the kernel's own sizes",
        neutral="0",
        instead=_LEFT_OUT,
        engines="net netsplice",
    ),
    *_no("bindname verb", "no engine makes RDMA", engines="rdma"),
    *_no("cpuload cpuchunks cpumode exit_on_io_done", "such a job makes no I/O", engines="cpuio"),
    *_no(
        "clustername rbdname pool clientname busy_poll conf touch_objects volume brick "
        "single-instance uri namenode chunk_size hdfsdirectory",
        "no engine speaks to such a storage",
        engines="rbd rados gfapi gfapi_async nbd libhdfs",
    ),
    *_no("readfua writefua sg_write_mode stream_id", "no engine sends SCSI commands", engines="sg"),
    *_no("program arguments grace_time std_redirect", "no engine starts a program", engines="exec"),
    *_no("donorname inplace", "no engine defragments", engines="e4defrag"),
    *_no("stat_type", "no engine looks up names", engines="filestat"),
    *_no("skip_bad", "no engine speaks to such a storage", engines="mtd"),
    *_no(
        "serverip direct_write_to_pmem busy_wait_polling cont object_class http_host http_user "
        "http_pass https http_mode http_s3_region http_s3_key http_s3_keyid "
        "http_s3_sse_customer_key http_s3_sse_customer_algorithm http_s3_storage_class "
        "http_swift_auth_token http_verbose gpu_dev_ids cuda_io nfs_url xnvme_async xnvme_sync "
        "xnvme_admin xnvme_dev_nsid xnvme_iovec",
        "no engine speaks to such a storage",
        engines="librpma_apm_client librpma_apm_server librpma_gpspm_client "
        "librpma_gpspm_server dfs http libcufile nfs xnvme",
    ),
]
