"""The doctor tells what a machine allows, marks what is not well, and says what to do about it."""

import json
import os
import re
import resource
import subprocess
import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner

from iomodels.machine import doctor, probes, storage
from iomodels.machine.check import Check

from .roots import put

TSC = {"source": "tsc", "frequency_hz": 2_600_000_000, "read_ns": 12.0}


def named(found: list[Check], name: str) -> Check:
    [check] = [check for check in found if check.name == name]
    return check


def look(root: Path, folder: Path | None = None, clock=TSC) -> list[Check]:
    return doctor.checks(folder or root, clock=clock, root=root, window_s=0.0)


def test_whatever_is_not_well_has_a_remedy_and_what_is_well_has_none():
    for check in doctor.checks(clock=TSC):
        assert check.meaning
        assert check.value
        assert (check.remedy is None) == (check.status == "ok"), check


def test_every_subject_is_covered_once(tmp_path):
    found = look(tmp_path)
    names = [check.name for check in found]
    assert len(set(names)) == len(names)
    for name in (
        "kernel",
        "C library",
        "POSIX AIO",
        "CPUs to run on",
        "open files",
        "select's descriptors",
        "pending signals",
        "processes and threads",
        "fs.aio-nr of aio-max-nr",
        "kernel clock source",
        "clock for time stamps",
        "timer slack",
        "frequency governor",
        "hypervisor",
        "container",
        "io_uring",
        "file system",
        "direct I/O",
    ):
        assert name in names


def test_groups_are_not_torn_apart(tmp_path):
    groups = [group for group, _ in groupby(check.group for check in look(tmp_path))]
    assert len(set(groups)) == len(groups)


@pytest.mark.parametrize(
    ("name", "file", "text", "status"),
    [
        (
            "kernel clock source",
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "hpet",
            "warn",
        ),
        (
            "kernel clock source",
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "tsc",
            "ok",
        ),
        (
            "frequency governor",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "powersave",
            "warn",
        ),
        (
            "frequency governor",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "schedutil",
            "note",
        ),
        (
            "frequency governor",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "performance",
            "ok",
        ),
        ("turbo", "sys/devices/system/cpu/cpufreq/boost", "1", "note"),
        ("turbo", "sys/devices/system/cpu/cpufreq/boost", "0", "ok"),
        ("timer slack", "proc/self/timerslack_ns", "50000", "ok"),
        ("timer slack", "proc/self/timerslack_ns", "40000000", "note"),
        ("seccomp", "proc/self/status", "Seccomp:\t2", "note"),
        ("hypervisor", "proc/cpuinfo", "flags : fpu hypervisor", "note"),
        ("hypervisor", "proc/cpuinfo", "flags : fpu tsc", "ok"),
    ],
)
def test_status_follows_what_the_machine_shows(tmp_path, name, file, text, status):
    put(tmp_path, file, text)
    check = named(look(tmp_path), name)
    assert check.status == status
    assert (check.remedy is None) == (status == "ok")


def test_stolen_time_turns_the_hypervisor_into_a_warning(tmp_path):
    put(tmp_path, "proc/cpuinfo", "flags : fpu hypervisor")
    put(tmp_path, "proc/stat", "cpu  900 0 0 5000 0 0 0 100 0 0\ncpu0 900 0 0 5000 0 0 0 100 0 0")
    check = named(look(tmp_path), "hypervisor")
    assert check.status == "warn"
    assert "10.0%" in check.value


@pytest.mark.parametrize(("used", "status"), [("0", "ok"), ("65000", "note")])
def test_kernel_aio_counts_are_shown_with_what_they_do_not_count(tmp_path, used, status):
    put(tmp_path, "proc/sys/fs/aio-nr", used)
    put(tmp_path, "proc/sys/fs/aio-max-nr", "65536")
    check = named(look(tmp_path), "fs.aio-nr of aio-max-nr")
    assert check.status == status
    assert check.value == f"{used} of 65536"
    assert "kaio reserves one for each request in flight" in check.meaning
    assert "aio, does not use it" in check.meaning
    assert ("aio-max-nr=" in (check.remedy or "")) == (status == "note")


def test_a_cpu_quota_is_told_in_cores(tmp_path):
    put(tmp_path, "proc/self/cgroup", "0::/")
    put(tmp_path, "proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    put(tmp_path, "sys/fs/cgroup/cpu.max", "50000 100000")
    check = named(look(tmp_path), "container")
    assert check.status == "note"
    assert "0.5 cores" in check.value


@pytest.mark.parametrize(
    ("clock", "status", "text"),
    [
        (TSC, "ok", "TSC at 2.600 GHz, 12 ns a reading"),
        (
            {"source": "clock_gettime", "frequency_hz": 0, "read_ns": 24.0},
            "ok",
            "clock_gettime, 24 ns a reading",
        ),
        (
            {"source": "clock_gettime", "frequency_hz": 0, "read_ns": 900.0},
            "warn",
            "clock_gettime, 900 ns a reading",
        ),
    ],
)
def test_a_slow_stamping_clock_is_a_warning(tmp_path, clock, status, text):
    check = named(look(tmp_path, clock=clock), "clock for time stamps")
    assert (check.status, check.value) == (status, text)


SLOW_TSC = {"source": "tsc", "frequency_hz": 2_600_000_000, "read_ns": 404.0}
SLOW_CALL = {"source": "clock_gettime", "frequency_hz": 0, "read_ns": 404.0}


@pytest.mark.parametrize(
    ("source", "clock", "advised"),
    [("tsc", SLOW_TSC, False), ("kvm-clock", SLOW_CALL, False), ("hpet", SLOW_CALL, True)],
)
def test_no_clock_source_is_advised_that_is_used_already(tmp_path, source, clock, advised):
    put(tmp_path, "sys/devices/system/clocksource/clocksource0/current_clocksource", source)
    check = named(look(tmp_path, clock=clock), "clock for time stamps")
    assert check.status == "warn"
    assert ("clocksource=tsc" in check.remedy) == advised


def test_the_kind_of_file_system_that_is_there_is_not_advised(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "direct_io_error", lambda folder: "Invalid argument")
    put(tmp_path, "proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw")
    check = named(look(tmp_path), "direct I/O")
    assert check.status == "warn"
    assert "ext4" not in check.remedy
    assert "xfs" in check.remedy


def test_the_limit_of_the_control_group_counts_if_it_is_lower(tmp_path):
    put(tmp_path, "proc/self/cgroup", "0::/")
    put(tmp_path, "proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    put(tmp_path, "sys/fs/cgroup/pids.max", "8")
    check = named(look(tmp_path), "processes and threads")
    assert (check.value, check.status) == ("8", "warn")
    assert "--pids-limit" in check.remedy


def test_a_low_limit_on_open_files_is_told():
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))\n"
        "from iomodels.machine import doctor\n"
        "[c] = [c for c in doctor.checks(window_s=0.0) if c.name == 'open files']\n"
        "print(c.status, c.value, c.remedy, sep='|')"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 512
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, value, remedy = done.stdout.strip().split("|")
    assert (status, value) == ("note", "64, at most 512")
    assert "ulimit" in remedy


def test_one_cpu_is_a_warning():
    code = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from iomodels.machine import doctor\n"
        "[c] = [c for c in doctor.checks(window_s=0.0) if c.name == 'CPUs to run on']\n"
        "print(c.status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "warn\n"


def test_memory_is_no_place_for_direct_io():
    shared = Path("/dev/shm")
    if not shared.is_dir():
        pytest.skip("this machine has no /dev/shm, which is a tmpfs wherever it exists")
    found = doctor.checks(shared, window_s=0.0)
    assert named(found, "file system").status == "warn"
    assert named(found, "direct I/O").status == "warn"


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_hold_files_is_a_warning(tmp_path, folder):
    (tmp_path / "file").write_text("not a folder")
    check = named(look(tmp_path, tmp_path / folder), "direct I/O")
    assert check.status == "warn"
    assert "--folder" in check.remedy


def test_trying_direct_io_leaves_nothing_behind(tmp_path):
    descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - names, not paths
    storage.direct_io_error(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)  # noqa: PTH208


def doctor_command(*arguments: str) -> str:
    command = import_module("iomodels.cli.doctor").command
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_command_reads_well_at_80_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    output = doctor_command()
    lines = output.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line != line.rstrip()]
    assert "\x1b" not in output
    for line in lines:
        assert re.match(r"\S| {2}(ok|note|warn) +\S| {8}\S|$", line), line


def test_the_command_shows_a_remedy_below_what_is_not_well():
    words = " ".join(doctor_command("--folder", "/proc").split())
    assert "warn direct I/O: no file can be created there" in words
    assert "Fix: use a folder with write permission" in words


def test_the_command_gives_json_and_nothing_else():
    found = json.loads(doctor_command("--json"))["checks"]
    assert {check["status"] for check in found} <= {"ok", "note", "warn"}
    assert found[0].keys() == {"group", "name", "value", "status", "meaning", "remedy"}


def test_a_kernel_that_reclaims_early_is_told_by_its_thread(tmp_path):
    comm = tmp_path / "proc" / "77" / "comm"
    comm.parent.mkdir(parents=True)
    comm.write_text("kworker/0:1\n")
    assert not probes.reclaims_proactively(tmp_path)
    comm.write_text("kdamond.0\n")
    assert probes.reclaims_proactively(tmp_path)
