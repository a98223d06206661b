"""The options that change nothing of what is measured, each with the reason."""

from __future__ import annotations

from functools import partial

from iomodels.fio.options.option import FioOption, options

_said = partial(options, "harmless")

HARMLESS: list[FioOption] = [
    *_said("name description", "a text for people"),
    *_said(
        "filename directory filename_format unique_filename opendir openfiles file_service_type "
        "create_serialize create_fsync create_on_open allow_file_create allow_mounted_write "
        "fallocate overwrite unlink unlink_each_loop",
        "the data file is one of iomodels' own, in channel.folder, written before it measures",
    ),
    *_said(
        "offset/fileoffset offset_increment offset_align",
        "where in the file does not matter: the data file is one of iomodels' own",
    ),
    *_said(
        "runtime/timeout number_ios io_size/io_limit loops time_based",
        "how long: `-d` of bench says it (loops and time_based also decide on channel.cache)",
    ),
    *_said("ramp_time startdelay", "when it is measured: `--warmup` of bench says it"),
    *_said(
        "steadystate/ss steadystate_duration/ss_dur steadystate_ramp_time/ss_ramp",
        "when to stop: `--precision` of bench says it",
    ),
    *_said(
        "stonewall/wait_for_previous wait_for new_group",
        "one scenario is always measured after the other",
    ),
    *_said(
        "exec_postrun",
        "it would run after what is measured; iomodels runs no command out of a file",
    ),
    *_said("exitall exit_what exitall_on_error", "when to stop other jobs"),
    *_said(
        "end_fsync fsync_on_close",
        "a sync after the last write, outside of the time that is measured",
    ),
    *_said(
        "randrepeat randseed allrandrepeat random_generator norandommap softrandommap",
        "which random numbers: `--seed` of bench says it",
    ),
    *_said(
        "thread",
        "fio's jobs are processes or threads; the engines here are threads of one process",
    ),
    *_said(
        "nice prio prioclass cpumask cpus_allowed cpus_allowed_policy numa_cpu_nodes "
        "numa_mem_policy cgroup cgroup_nodelete cgroup_weight uid gid ioscheduler",
        "a state of the process or the machine, the same for every engine: start `iomodels bench` "
        "in it (nice, ionice, taskset, numactl)",
    ),
    *_said(
        "mem/iomem iomem_align/mem_align hugepage-size thp",
        "the buffers: iomodels has its own, on ordinary pages",
    ),
    *_said(
        "zero_buffers refill_buffers scramble_buffers buffer_pattern buffer_compress_percentage "
        "buffer_compress_chunk dedupe_percentage dedupe_mode dedupe_working_set_percentage "
        "dedupe_global",
        "what is written; it matters only where the storage compresses",
    ),
    *_said(
        "do_verify verify_interval verify_offset verify_pattern verify_fatal verify_dump "
        "verify_async verify_async_cpus verify_backlog verify_backlog_batch "
        "experimental_verify verify_state_load verify_state_save "
        "verify_header_seed verify_write_sequence verify_header_errors",
        "how to verify: load.verify checks all bytes in iomodels' own way",
    ),
    *_said(
        "rate_min/ratemin rate_iops_min rate_cycle/ratecycle rate_ignore_thinktime max_latency",
        "a check, or a detail, of how fio keeps its rate",
    ),
    *_said(
        "group_reporting stats per_job_logs write_bw_log bwavgtime write_lat_log write_iops_log "
        "iopsavgtime log_entries log_avg_msec log_hist_msec log_hist_coarseness write_hist_log "
        "log_max_value log_window_value log_offset log_prio log_issue_time log_compression "
        "log_compression_cpus "
        "log_store_compressed log_unix_epoch log_alternate_epoch log_alternate_epoch_clock_id "
        "block_error_percentiles clat_percentiles lat_percentiles slat_percentiles "
        "percentile_list significant_figures disk_util unified_rw_reporting write_iolog "
        "unit_base cmdprio_percentage_log",
        "a report or log of fio's",
    ),
    *_said(
        "clocksource gtod_reduce gtod_cpu disable_lat disable_clat disable_slat "
        "disable_bw_measurement/disable_bw job_start_clock_id",
        "how fio measures",
    ),
    *_said("ignore_error continue_on_error error_dump", "what fio does about errors"),
    *_said(
        "serialize_overlap",
        "requests in flight have places of their own in the file here",
    ),
    *_said("write_hint", "a hint to the device"),
    *_said(
        "nonvectored userspace_reap sqthread_poll_cpu",
        "a detail of fio's engine",
        engines="io_uring io_uring_cmd libaio",
    ),
    *_said(
        "port nodelay",
        "the connections are iomodels' own, with TCP_NODELAY",
        engines="net netsplice rdma",
    ),
]
