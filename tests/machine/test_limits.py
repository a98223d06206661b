"""What stands in an engine's way on a machine, and what to do about it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.machine import environment, limits, probes
from iomodels.machine.check import Check

from .roots import put

FILTER = Path(__file__).parents[1] / "seccomp.py"
IN_FILTER = """
import json
from iomodels.machine import doctor
print(json.dumps({c.name: [c.status, c.value, c.remedy] for c in doctor.checks(window_s=0.0)}))
"""


def found(root: Path, **facts: object) -> dict[str, Check]:
    known = environment.describe(root, root=root) | facts
    every = [*limits.limits(known, root), *limits.asynchronous(known, root)]
    return {check.name: check for check in every}


def behind_filter(number: int) -> dict[str, list[str]]:
    """What the doctor says where this system call answers ENOSYS."""
    done = subprocess.run(
        [sys.executable, str(FILTER), str(number), sys.executable, "-c", IN_FILTER],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


def test_a_filter_that_hides_io_uring_is_told_from_an_old_kernel():
    status, value, remedy = behind_filter(probes.SYS_IO_URING_SETUP)["io_uring"]
    assert status == "note"
    assert value == "missing, or not allowed by the seccomp filter"
    assert "seccomp=unconfined" in remedy
    assert "5.1" in remedy


def test_a_filter_that_hides_kernel_aio_is_told():
    number = probes.SYS_IO_SETUP.get(os.uname().machine)
    if number is None:
        pytest.skip(f"the number of io_setup on {os.uname().machine} is not known")
    told = behind_filter(number)
    assert told["kernel AIO"][:2] == ["note", "missing"]
    assert told["io_uring"][1] != "missing"


@pytest.mark.parametrize(
    ("error", "setting", "seccomp", "value", "advice"),
    [
        (errno.EPERM, "2", "off", "disabled (kernel.io_uring_disabled=2)", "io_uring_disabled=0"),
        (errno.EPERM, "1", "off", "disabled (kernel.io_uring_disabled=1)", "io_uring_group"),
        (errno.EPERM, "0", "filter", "not allowed (Operation not permitted)", "unconfined"),
        (errno.ENOSYS, "", "off", "missing", "5.1 or later"),
        (errno.EFAULT, "0", "filter", "available", None),
    ],
)
def test_io_uring_is_there_or_what_is_in_its_way(
    tmp_path, monkeypatch, error, setting, seccomp, value, advice
):
    put(tmp_path, "proc/sys/kernel/io_uring_disabled", setting)
    monkeypatch.setattr(probes, "io_uring_error", lambda: error)
    check = found(tmp_path, seccomp=seccomp)["io_uring"]
    assert check.value == value
    assert check.status == ("note" if advice else "ok")
    assert (advice is None and check.remedy is None) or advice in check.remedy


@pytest.mark.parametrize(
    ("limit", "capabilities", "status"),
    [
        (65536, "0000000000000000", "note"),
        (65536, "000001ffffffffff", "ok"),
        (8 << 20, "0000000000000000", "ok"),
        ("unlimited", "0000000000000000", "ok"),
        (None, "", "ok"),
    ],
)
def test_little_locked_memory_is_told_unless_the_process_is_exempt(
    tmp_path, limit, capabilities, status
):
    put(tmp_path, "proc/self/status", f"CapEff:\t{capabilities}")
    check = found(tmp_path, limit_locked_memory_bytes=limit)["locked memory"]
    assert check.status == status
    assert (check.remedy is None) == (status == "ok")


@pytest.mark.parametrize(
    ("used", "most", "status"),
    [("0", "65536", "ok"), ("65000", "65536", "note"), ("0", "512", "note")],
)
def test_room_for_kernel_aio_is_what_others_have_left(tmp_path, used, most, status):
    put(tmp_path, "proc/sys/fs/aio-nr", used)
    put(tmp_path, "proc/sys/fs/aio-max-nr", most)
    check = found(tmp_path)["fs.aio-nr of aio-max-nr"]
    assert (check.status, check.value) == (status, f"{used} of {most}")


@pytest.mark.parametrize(("hard", "status"), [(4096, "note"), (8191, "note"), (8192, "ok")])
def test_four_thousand_connections_take_both_their_ends(tmp_path, hard, status):
    facts = {"limit_open_files_soft": hard, "limit_open_files_hard": hard}
    assert found(tmp_path, **facts)["open files"].status == status


@pytest.mark.parametrize(("limit", "status"), [(1023, "warn"), (1024, "ok"), ("unlimited", "ok")])
def test_few_pending_signals_are_a_warning(tmp_path, limit, status):
    check = found(tmp_path, limit_pending_signals=limit)["pending signals"]
    assert check.status == status
    assert "lost" in check.meaning
