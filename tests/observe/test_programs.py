"""Programs that none of us wrote do what their manuals say: coreutils, tar, SQLite and fio."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..fresh import run_iomodels
from .straces import needs_strace

Work = dict[str, Any]
KIB, MIB = 1 << 10, 1 << 20


def observed(folder: Path, *command: str) -> dict[str, Any]:
    """What observe saw of the command, in a folder on a file system with direct I/O."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    needs_strace()
    done = run_iomodels("observe", "--json", "--", *command, cwd=folder)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["exit_code"] == 0, done.stderr
    assert str(folder) not in done.stdout
    return document["observation"]


def works(observation: dict[str, Any]) -> dict[str, Work]:
    """By what they do, the hottest of each."""
    found: dict[str, Work] = {}
    for work in observation["works"]:
        share = work["read_share"]
        how = "read" if share > 0.95 else "write" if share < 0.05 else "mixed"
        found.setdefault(f"{work['kind']} {how}", work)
    return found


def blocks(work: Work) -> dict[int, float]:
    return {each["block_bytes"]: each["share"] for each in work["blocks"]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * (64 * KIB))  # 16 MiB, without a hole
    return path


def test_cp_copies_through_one_buffer(data: Path) -> None:
    """In turns, from the beginning to the end; its buffer has at least 128 KiB."""
    # `never`: or the kernel copies by itself (copy_file_range).
    found = works(observed(data.parent, "cp", "--reflink=never", "data", "copy"))
    reads, writes = found["file read"], found["file write"]
    (block,) = blocks(reads)
    assert block >= 128 * KIB
    assert reads["operations"] == writes["operations"] == 16 * MIB // block
    for work in (reads, writes):
        assert (work["model"], work["depth"], work["active"]) == ("blocking", 1, 1)
        assert blocks(work) == {block: 1}
        assert work["sequential_share"] == 1
        assert (work["sync"], work["is_direct"]) == ("none", False)


@pytest.mark.parametrize("way", ["iflag", "oflag"])
def test_dd_with_direct_io(data: Path, way: str) -> None:
    """`bs` is the size of each read and write, and `direct` is O_DIRECT."""
    files = ("if=data", "of=/dev/null") if way == "iflag" else ("if=/dev/zero", "of=out")
    found = works(observed(data.parent, "dd", *files, "bs=64k", "count=200", f"{way}=direct"))
    (name, work), *others = found.items()
    assert not others
    assert name == ("file read" if way == "iflag" else "file write")
    assert (work["operations"], blocks(work)) == (200, {64 * KIB: 1})
    assert (work["model"], work["depth"], work["is_direct"]) == ("blocking", 1, True)
    assert work["sequential_share"] == 1


def test_tar_works_in_records_of_twenty_blocks(data: Path) -> None:
    """`--blocking-factor=20` of 512 B by default; it opens files with O_NONBLOCK."""
    found = works(observed(data.parent, "tar", "-cf", "out.tar", "data"))
    reads, writes = found["file read"], found["file write"]
    assert blocks(writes) == {10 * KIB: 1}
    assert blocks(reads)[10 * KIB] > 0.99
    assert writes["operations"] == pytest.approx(16 * MIB / (10 * KIB), rel=0.01)
    assert {work["model"] for work in (reads, writes)} == {"blocking"}
    assert {work["depth"] for work in (reads, writes)} == {1}


INSERTS = 100


def inserts(folder: Path, mode: str) -> dict[str, Work]:
    statements = "INSERT INTO t(b) VALUES(hex(randomblob(50)));\n" * INSERTS
    table = "CREATE TABLE t(a INTEGER PRIMARY KEY, b);\n"
    (folder / "inserts").write_text(f"PRAGMA journal_mode={mode};\n{table}{statements}")
    if shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed")
    found = observed(folder, "sh", "-c", "exec sqlite3 base < inserts > /dev/null")
    return works({"works": [work for work in found["works"] if work["sync"] != "none"]})


def test_sqlite_with_a_log_ahead(tmp_path: Path) -> None:
    """A commit adds a header of 24 B and a page of 4 KiB to the log, and syncs them."""
    log = inserts(tmp_path, "wal")["file write"]
    shares = blocks(log)
    assert set(shares) == {24, 4 * KIB}
    assert shares[24] == pytest.approx(0.5, abs=0.03)
    assert log["operations"] >= 2 * INSERTS
    assert log["writes_per_sync"] == pytest.approx(2, rel=0.2)
    assert (log["sync"], log["model"], log["depth"]) == ("data", "blocking", 1)
    assert log["sequential_share"] > 0.95


def test_sqlite_with_a_journal(tmp_path: Path) -> None:
    """A page goes into the journal between its number and a checksum of 4 B each. The journal is
    synced twice, and then the base, where pages are written in their places."""
    found = inserts(tmp_path, "delete")
    journal, base = found["file write"], found["file mixed"]
    assert {4, 4 * KIB} < set(blocks(journal))
    assert blocks(journal)[4] == pytest.approx(2 * blocks(journal)[4 * KIB], rel=0.05)
    assert blocks(base)[4 * KIB] > 0.5
    for work in (journal, base):
        assert (work["sync"], work["model"], work["depth"]) == ("data", "blocking", 1)
    assert base["writes_per_sync"] == pytest.approx(2, rel=0.2)


FIO_READS = 400


@pytest.mark.parametrize(
    ("engine", "model", "depth"),
    [
        ("psync", "blocking", 1),
        ("libaio", "kaio", 4),
        ("io_uring", "io_uring", 4),
        # The C library makes the transfers of one descriptor one after another.
        ("posixaio", "aio", 1),
    ],
)
def test_fio(tmp_path: Path, engine: str, model: str, depth: int) -> None:
    (tmp_path / "data").write_bytes(b"x" * (4 * MIB))
    options = "--name=x --filename=data --size=4m --bs=4k --rw=randread --direct=1 --iodepth=4"
    amount = f"--number_ios={FIO_READS}"
    seen = observed(tmp_path, "fio", *options.split(), amount, f"--ioengine={engine}")
    reads = [work for work in seen["works"] if work["is_direct"]]
    if engine == "io_uring" and not reads:
        pytest.skip("this fio, or this kernel, has no io_uring")
    (work,) = reads
    assert (work["kind"], work["read_share"], work["operations"]) == ("file", 1, FIO_READS)
    assert work["model"].partition(":")[0] == model
    assert work["active"] == 1
    if engine != "io_uring":
        assert work["depth"] == depth
    else:
        # Its requests are in no log. How many are in flight shows only where it waits for them.
        assert 1 <= work["depth"] <= depth
        assert f"its ring has {depth} entries" in work["model_evidence"]
        assert [each["count"] for each in seen["unseen"] if each["what"] == "io_uring"] == [
            FIO_READS
        ]
        return
    assert blocks(work) == {4 * KIB: 1}
    assert work["sequential_share"] < 0.1
