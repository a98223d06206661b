"""What the options of a job become, one rule each."""

from __future__ import annotations

import pytest

from iomodels.base.errors import JobFileError

from .files import imported_text, settings

READ = "[j]\nrw=randread\nsize=16m\ndirect=1\n"
WRITE = "[j]\nrw=write\nsize=16m\ndirect=1\n"
MIX = "[j]\nrw=randrw\nsize=16m\ndirect=1\n"
AIO = READ + "ioengine=libaio\n"


def fate(text: str, option: str) -> str:
    """What became of an option of the one job."""
    (job,) = imported_text(text).jobs
    (found,) = [each for each in job.fates if each.option == option]
    return found.becomes


@pytest.mark.parametrize(
    ("rw", "operation", "pattern"),
    [
        ("read", "read", "sequential"),
        ("write", "write", "sequential"),
        ("randread", "read", "random"),
        ("randwrite", "write", "random"),
        ("rw", "mixed", "sequential"),
        ("readwrite", "mixed", "sequential"),
        ("randrw", "mixed", "random"),
        ("randread:1", "read", "random"),
    ],
)
def test_rw(rw: str, operation: str, pattern: str) -> None:
    found = settings(f"[j]\nrw={rw}\nsize=16m\ndirect=1\n")
    assert (found["load.operation"], found["load.pattern"]) == (operation, pattern)


@pytest.mark.parametrize("rw", ["trim", "randtrim", "trimwrite", "randread:8", "write:4k"])
def test_what_no_scenario_can_say_of_rw_is_refused(rw: str) -> None:
    assert imported_text(f"[j]\nrw={rw}\nsize=16m\ndirect=1\n").scenarios == ()


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ("", 0.5),
        ("rwmixread=70", 0.7),
        ("rwmixwrite=70", 0.3),
        ("rwmixread=70\nrwmixwrite=10", 0.9),
        ("rwmixwrite=10\nrwmixread=70", 0.7),
    ],
)
def test_the_mix_is_what_stands_last(options: str, share: float) -> None:
    assert settings(f"{MIX}{options}\n")["load.read_share"] == pytest.approx(share)


@pytest.mark.parametrize(("share", "operation"), [(0, "write"), (100, "read")])
def test_a_mix_of_one_is_none(share: int, operation: str) -> None:
    found = settings(f"{MIX}rwmixread={share}\n")
    assert found["load.operation"] == operation
    assert "load.read_share" not in found


@pytest.mark.parametrize(
    ("options", "block"),
    [
        ("bs=8k", 8192),
        ("bs=8k,16k", 8192),
        ("bs=,16k", 4096),
        ("bsrange=4k-16k", "4 KiB/25:8 KiB/25:12 KiB/25:16 KiB/25"),
        ("bsrange=8k-8k", 8192),
        ("bsrange=4k-10k", "4 KiB/40:8 KiB/40:10 KiB/20"),
        ("bssplit=4k/10:64k/50:32k/40", "4 KiB/10:32 KiB/40:64 KiB/50"),
        ("bs=1k\nbssplit=4k/50:8k/", "4 KiB/50:8 KiB/50"),
        ("bssplit=4k/50:8k/50,64k/100", "4 KiB/50:8 KiB/50"),
    ],
)
def test_block_sizes(options: str, block: object) -> None:
    assert settings(f"{READ}{options}\n")["load.block"] == block


def test_sizes_of_writes_are_the_second() -> None:
    assert settings(f"{WRITE}bs=8k,16k\n")["load.block"] == 16384
    assert settings(f"{WRITE}bs=8k\n")["load.block"] == 8192


def test_a_range_of_many_sizes_is_thinned_evenly() -> None:
    block = settings(f"{READ}bsrange=4k-1m\n")["load.block"]
    assert isinstance(block, str)
    assert len(block.split(":")) == 16


def test_what_fios_map_makes_of_several_sizes_is_said() -> None:
    def notes(options: str) -> str:
        (scenario,) = imported_text(f"{READ}{options}\n").scenarios
        return " ".join(scenario.notes)

    assert "shortens" in notes("bsrange=4k-8k")
    assert "shortens" not in notes("bsrange=4k-8k\nnorandommap")
    assert "shortens" not in notes("bs=4k")


@pytest.mark.parametrize(
    ("engine", "today"),
    [
        ("psync", "blocking"),
        ("sync", "blocking"),
        ("pvsync2", "blocking"),
        ("posixaio", "aio"),
        ("libaio", "kaio"),
        ("io_uring", "io_uring"),
    ],
)
def test_the_engine_is_the_model_of_today(engine: str, today: str) -> None:
    assert settings(f"{READ}ioengine={engine}\n")["today"] == today


@pytest.mark.parametrize(
    ("options", "today"),
    [
        ("sqthread_poll=1", "io_uring:sqpoll=on"),
        ("fixedbufs", "io_uring:fixed=buffers"),
        ("registerfiles\nfixedbufs=0", "io_uring:fixed=files"),
        ("sqthread_poll\nfixedbufs\nregisterfiles", "io_uring:sqpoll=on,fixed=both"),
    ],
)
def test_options_of_io_uring(options: str, today: str) -> None:
    assert settings(f"{READ}ioengine=io_uring\n{options}\n")["today"] == today


@pytest.mark.parametrize(
    ("options", "depth", "today"),
    [
        ("ioengine=libaio\niodepth=16", 16, "kaio"),
        ("ioengine=libaio\niodepth=16\nnumjobs=4", 64, "kaio"),
        ("ioengine=psync\niodepth=16", 1, "blocking"),
        ("ioengine=psync\niodepth=16\nnumjobs=4", 4, "threads:handoff=none"),
        ("ioengine=libaio\niodepth=16\nthinktime=5\nthinktime_spin=5", 1, "kaio"),
    ],
)
def test_requests_in_flight(options: str, depth: int, today: str) -> None:
    found = settings(f"{READ}{options}\n")
    assert (found["load.depth"], found["today"]) == (depth, today)


def test_each_request_is_submitted_alone_unless_the_job_says_otherwise() -> None:
    assert settings(f"{AIO}iodepth=16\n")["load.batch"] == 1
    together = f"{AIO}iodepth=16\niodepth_batch_submit=8\niodepth_batch_complete=8\n"
    assert settings(together)["load.batch"] == 8
    assert "load.batch" not in settings(AIO)
    assert fate(f"{AIO}iodepth=16\niodepth_batch=8\n", "iodepth_batch") == "refused"


def test_copies_have_files_of_their_own_unless_the_job_names_one() -> None:
    assert settings(f"{READ}numjobs=3\n")["channel.size"] == 3 * (16 << 20)
    assert settings(f"{READ}numjobs=3\nfilename=x\n")["channel.size"] == 16 << 20
    files = "[j]\nrw=randread\ndirect=1\nnrfiles=4\nfilesize=1m\n"
    assert settings(files)["channel.size"] == 4 << 20


def test_the_file_has_whole_blocks() -> None:
    assert settings("[j]\nrw=read\ndirect=1\nsize=100000\nbs=4k\n")["channel.size"] == 24 * 4096
    assert settings("[j]\nrw=rw\ndirect=1\nsize=4k\nbs=4k\n")["channel.size"] == 2 * 4096


@pytest.mark.parametrize(
    ("options", "cache"),
    [
        ("direct=1", "direct"),
        ("buffered=0", "direct"),
        ("direct=1\nbuffered=1", "warm or cold"),
        ("direct=0", "cold"),
        ("invalidate=0", "warm"),
        ("pre_read=1", "warm"),
        ("time_based\nruntime=10", "warm"),
        ("time_based", "cold"),
        ("loops=2", "warm"),
        ("io_size=64m", "warm"),
        ("io_size=8m", "cold"),
        ("loops=2\nsize=100g", "cold"),
    ],
)
def test_whether_pages_are_in_memory(options: str, cache: str) -> None:
    found = settings(f"[j]\nrw=randread\nsize=16m\n{options}\n")
    assert str(found["channel.cache"]) in cache


def test_pages_that_are_kept_and_do_not_fit_are_neither() -> None:
    text = "[j]\nrw=randread\nsize=100g\ninvalidate=0\n"
    assert fate(text, "invalidate") == "refused"
    assert settings(text, partly=True)["channel.cache"] == "warm"


def test_a_mix_that_begins_without_its_pages_is_refused() -> None:
    assert imported_text("[j]\nrw=randrw\nsize=16m\n").scenarios == ()
    assert settings("[j]\nrw=randrw\nsize=16m\n", partly=True)["channel.cache"] == "warm"
    assert settings("[j]\nrw=randrw\nsize=16m\nloops=9\n")["channel.cache"] == "warm"


@pytest.mark.parametrize(
    ("options", "sync"),
    [
        ("fsync=1", "every"),
        ("fdatasync=1", "data"),
        ("sync=1", "every"),
        ("sync=sync", "every"),
        ("sync=dsync", "data"),
        ("fsync=1\nfdatasync=1", "every"),
        ("fsync=0", None),
        ("sync=none", None),
        ("end_fsync=1", None),
    ],
)
def test_syncs(options: str, sync: str | None) -> None:
    assert settings(f"{WRITE}{options}\n").get("load.sync") == sync


def test_a_sync_now_and_then_is_refused_and_partly_the_nearest() -> None:
    text = f"{WRITE}fsync=32\n"
    assert fate(text, "fsync") == "refused"
    assert "load.sync" not in settings(text, partly=True)
    assert settings(f"{WRITE}fdatasync=2\n", partly=True)["load.sync"] == "data"
    assert fate(f"{READ}fsync=32\n", "fsync") == "harmless"


@pytest.mark.parametrize(
    ("text", "arrivals", "rate"),
    [
        (f"{READ}rate_iops=500\n", "constant", 500),
        (f"{READ}rate_iops=500\nnumjobs=2\n", "constant", 1000),
        (f"{READ}rate_iops=500\nrate_process=poisson\n", "poisson", 500),
        (f"{READ}rate=4m\nbs=4k\n", "constant", 1024),
        (f"{READ}rate_iops=100\nbssplit=4k/50:12k/50\n", "constant", 50),
        (f"{MIX}rate_iops=300,100\n", "constant", 400),
        (f"{MIX}rate_iops=100\n", "constant", 200),
    ],
)
def test_a_rate_is_an_open_loop(text: str, arrivals: str, rate: float) -> None:
    found = settings(text)
    assert (found["load.arrivals"], found["load.rate"]) == (arrivals, rate)
    assert "load.batch" not in found


def test_rates_of_a_mix_decide_its_share() -> None:
    assert settings(f"{MIX}rate_iops=300,100\n")["load.read_share"] == 0.75
    assert imported_text(f"{MIX}rate_iops=300,\n").scenarios == ()
    assert imported_text(f"{MIX}rate_iops=,100\n").scenarios == ()


def test_computing_is_said_and_sleeping_is_not() -> None:
    assert settings(f"{READ}thinktime=100\nthinktime_spin=100\n")["load.compute"] == 100_000
    assert fate(f"{READ}thinktime=100\n", "thinktime") == "refused"
    assert fate(f"{READ}thinktime=100\nthinktime_spin=50\n", "thinktime") == "refused"
    assert settings(f"{READ}thinktime=1ms\n", partly=True)["load.compute"] == 1_000_000
    assert "load.compute" not in settings(f"{READ}thinktime=0\nthinktime_spin=9\n")


@pytest.mark.parametrize(
    ("text", "verifies"),
    [
        (f"{WRITE}verify=crc32c\n", True),
        (f"{READ}verify=md5\n", True),
        (f"{WRITE}verify=crc32c\ndo_verify=0\n", False),
        (f"{WRITE}verify=0\n", False),
        (f"{WRITE}verify=null\n", False),
    ],
)
def test_verifying(text: str, verifies: bool) -> None:
    assert settings(text).get("load.verify", False) == verifies


@pytest.mark.parametrize(
    "option",
    [
        "zonemode=strided",
        "random_distribution=zipf:1.2",
        "percentage_random=50",
        "ioengine=mmap",
        "bsrange=4k-8k\nba=512",
        "numjobs=2000",
        "exec_prerun=true",
        "ioengine=libaio\niodepth=8\niodepth_low=4",
        "lockfile=readwrite",
        "latency_target=10ms",
        "flow=2",
    ],
)
def test_what_changes_the_measurement_is_refused_unless_partly(option: str) -> None:
    text = f"{READ}{option}\n"
    assert imported_text(text).scenarios == ()
    (scenario,) = imported_text(text, partly=True).scenarios
    assert any(option.partition("=")[0] in note for note in scenario.notes) or "\n" in option


@pytest.mark.parametrize(
    "option",
    [
        "zonemode=none",
        "flow=0",
        "percentage_random=100",
        "ba=4k",
        "iodepth_low=4",
        "fadvise_hint=0",
        "sync_file_range=write:8",
        "latency_percentile=99",
        "flow_id=7",
        "replay_no_stall=1",
        "rw_sequencer=identical",
        "exec_postrun=true",
    ],
)
def test_what_asks_for_nothing_is_not_refused(option: str) -> None:
    assert imported_text(f"{READ}{option}\n").scenarios != ()


def test_advice_counts_where_pages_are_read_from_the_device() -> None:
    cold = "[j]\nrw=randread\nsize=16m\nfadvise_hint="
    assert fate(f"{cold}sequential\n", "fadvise_hint") == "refused"
    assert fate(f"{cold}random\n", "fadvise_hint") == "harmless"
    assert fate(f"{cold}0\nloops=2\n", "fadvise_hint") == "harmless"


@pytest.mark.parametrize("option", ["read_iolog=x", "ioengine=null", "rw=trim", "create_only=1"])
def test_what_leaves_nothing_is_refused_even_partly(option: str) -> None:
    assert imported_text(f"{READ}{option}\n", partly=True).scenarios == ()


def test_limits_of_a_scenario_are_said() -> None:
    (job,) = imported_text(f"{READ}bs=100m\nsize=1g\n").jobs
    assert "load.block" in job.obstacles[0]
    (job,) = imported_text("[j]\nrw=write\nbs=100\nsize=1m\n").jobs
    assert "512" in job.obstacles[0]


def test_options_of_a_global_section_are_for_the_jobs_below_it() -> None:
    text = "[global]\nrw=read\nsize=1m\n[a]\n[global]\nbs=8k\n[b]\n"
    text += "[global]\nbs=16k\n[global]\nrw=write\n"
    found = imported_text(text)
    assert [each.settings["load.block"] for each in found.scenarios] == [4096, 8192]
    assert [(each.option, each.line) for each in found.unused] == [("bs", 9), ("rw", 11)]


def test_an_unknown_option_of_an_unused_section_is_an_error_too() -> None:
    with pytest.raises(JobFileError, match="line 4: fio has no option frob"):
        imported_text("[a]\nrw=read\n[global]\nfrob=1\n")


def test_an_unknown_option_that_could_be_a_path_is_not_shown() -> None:
    with pytest.raises(JobFileError, match=r"line 2: fio has no such option \("):
        imported_text("[a]\n/home/ann=1\n")
