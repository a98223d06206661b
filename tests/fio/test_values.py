"""Values as fio writes them, compared with what fio itself makes of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from iomodels.base.errors import JobFileError
from iomodels.fio.values import (
    expanded,
    parse_int,
    parse_range,
    parse_split,
    parse_time_us,
    per_direction,
)

needs_fio = pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")

SIZES = {
    "512": 512,
    "4096b": 4096,
    "4k": 4096,
    "4K": 4096,
    "4kB": 4096,
    "4KB": 4096,
    "4ki": 4096,
    "4kib": 4000,
    "2m": 2 << 20,
    "2mb": 2 << 20,
    "2mib": 2_000_000,
    "1g": 1 << 30,
    "1gib": 10**9,
    "1t": 1 << 40,
    "0x1000": 4096,
    "0X10": 16,
}
IN_DECIMAL = {"4k": 4000, "4kb": 4000, "4kib": 4096, "1m": 10**6, "1mib": 1 << 20, "100": 100}
TIMES = {
    "10": 10_000_000,
    "10s": 10_000_000,
    "5m": 300_000_000,
    "1h": 3_600_000_000,
    "1d": 86_400_000_000,
    "500ms": 500_000,
    "500msec": 500_000,
    "20us": 20,
    "20usec": 20,
}


def of_fio(folder: Path, *lines: str) -> list[int]:
    """The numbers that fio reads, in the order of the options."""
    job = folder / "job.fio"
    job.write_text("[job]\n" + "".join(f"{line}\n" for line in lines))
    command = ["fio", "--debug=parse", "--parse-only", str(job)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return [int(number) for number in re.findall(r"ret=0, out=(\d+)", done.stdout)]


@pytest.mark.parametrize("text", SIZES)
def test_sizes(text: str) -> None:
    assert parse_int(text) == SIZES[text]


@needs_fio
def test_sizes_are_those_of_fio(tmp_path: Path) -> None:
    assert of_fio(tmp_path, *(f"bs={text}" for text in SIZES)) == list(SIZES.values())


@needs_fio
def test_sizes_in_decimal_are_those_of_fio(tmp_path: Path) -> None:
    lines = (f"bs={text}" for text in IN_DECIMAL)
    assert of_fio(tmp_path, "kb_base=1000", *lines) == list(IN_DECIMAL.values())
    assert [parse_int(text, 1000) for text in IN_DECIMAL] == list(IN_DECIMAL.values())


@needs_fio
def test_times_are_those_of_fio(tmp_path: Path) -> None:
    assert of_fio(tmp_path, *(f"runtime={text}" for text in TIMES)) == list(TIMES.values())
    assert [parse_time_us(text) for text in TIMES] == list(TIMES.values())
    of_thinking = of_fio(tmp_path, "thinktime=100", "thinktime=10ms")
    assert of_thinking == [100, 10_000] == [parse_time_us(t, "us") for t in ("100", "10ms")]


@needs_fio
@pytest.mark.parametrize("text", ["4k,8k", "4k:8k", "8k-4k", "4k,8k,16k", "4k"])
def test_reads_and_writes_are_those_of_fio(text: str, tmp_path: Path) -> None:
    found = of_fio(tmp_path, f"bs={text}")
    expected = [found[0], found[min(1, len(found) - 1)]]
    assert [parse_int(per_direction(text, index)) for index in (0, 1)] == expected


@pytest.mark.parametrize(
    "text", ["", "k", "4x", "4 k", "1.5k", "-4", "4kk", "4kibi", "/etc/passwd", "9" * 30, "4p" * 9]
)
def test_what_is_no_size_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(JobFileError, match=r"^must be ") as error:
        parse_int(text)
    assert "/etc" not in str(error.value)


@pytest.mark.parametrize("text", ["", "10x", "10sec", "1.5s", "1h30m", "ms"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(JobFileError, match=r"^must be a time"):
        parse_time_us(text)


def test_ranges_and_splits() -> None:
    assert parse_range("4k-64k", 1024) == parse_range("64k:4k", 1024) == (4096, 65536)
    assert parse_split("4k/70:64k/30", 1024) == {4096: 70, 65536: 30}
    assert parse_split("4k/50:1k/:32k", 1024) == {1024: 25, 4096: 50, 32768: 25}
    assert parse_split("64k/0:4k", 1024) == {4096: 100}
    for text in ("4k/80:8k/40", "4k/50:8k/20", "4k/x", "4k/200", ":", "4k/50:"):
        with pytest.raises(JobFileError, match=r"^must be "):
            parse_split(text, 1024)


def test_variables() -> None:
    assert expanded("${A}m", {"A": "64"}) == "64m"
    assert expanded("plain", {}) == "plain"
    assert int(expanded("2*$pagesize", {})) == 2 * int(expanded("$pagesize", {}))
    assert int(expanded("($ncpus + 1) * 2 - 2", {})) == 2 * int(expanded("$ncpus", {}))
    with pytest.raises(JobFileError, match="not set"):
        expanded("${A}", {})
    for text in (
        "$ncpus**9",
        "$ncpus/0",
        "$ncpus+x",
        "__import__('os')*$ncpus",
        "(" * 150 + "$ncpus*2",
    ):
        with pytest.raises(JobFileError, match="must be a sum"):
            expanded(text, {})
