"""What lies beneath a folder: overlays, loop devices, RAM disks, file systems in user space."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iomodels.machine import doctor
from iomodels.machine.storage import UNKNOWN_DEVICE, Storage, storage_of

from ..fresh import run_iomodels
from .roots import put


def machine(root: Path, *mounts: str, devices: dict[str, str] | None = None) -> Path:
    """A root whose /proc has these mounts (point, device number, kind, source, options)."""
    lines = []
    for number, mount in enumerate(mounts):
        point, device, kind, source, options = mount.split()
        lines.append(f"{number + 30} 1 {device} / {point} rw - {kind} {source} {options}")
    put(root, "proc/self/mountinfo", "\n".join(lines))
    for number_of, name in (devices or {}).items():
        link = root / "sys/dev/block" / number_of
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../block/{name}")
    return root


DISK = "/ 254:0 ext4 /dev/vda rw"


def test_a_disk_is_a_device(tmp_path: Path) -> None:
    found = storage_of(tmp_path, machine(tmp_path, DISK, devices={"254:0": "vda"}))
    assert found == Storage("ext4", "vda")
    assert found.text == "ext4 on vda"
    assert found.why_no_device is None
    assert found.doubt is None


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_memory_is_no_device(tmp_path: Path, kind: str) -> None:
    found = storage_of(tmp_path, machine(tmp_path, f"/ 0:5 {kind} none rw"))
    assert found.why_no_device == f"channel.folder is in memory ({kind}), and there is no device"


@pytest.mark.parametrize("name", ["ram0", "zram1"])
def test_a_ram_disk_is_memory(tmp_path: Path, name: str) -> None:
    found = storage_of(tmp_path, machine(tmp_path, DISK, devices={"254:0": name}))
    assert f"in memory (ext4 on {name})" in str(found.why_no_device)


@pytest.mark.parametrize("kind", ["fuse", "fuse.bindfs", "fuseblk", "fuse.sshfs"])
def test_in_user_space_another_process_answers(tmp_path: Path, kind: str) -> None:
    found = storage_of(tmp_path, machine(tmp_path, f"/ 0:60 {kind} /dev/fuse rw"))
    assert f"user space ({kind})" in str(found.why_no_device)
    (check,) = (
        c for c in doctor.checks(tmp_path, root=tmp_path, window_s=0) if c.name == "file system"
    )
    assert (check.status, check.value) == ("note", kind)


def overlay(root: Path, upper: Path | str, *below: str, devices: dict[str, str]) -> Storage:
    folder = root / "merged"
    folder.mkdir()
    work = f"{upper}-work"
    if isinstance(upper, Path):
        upper.mkdir(parents=True)
        Path(work).mkdir()
    over = f"{folder} 0:70 overlay overlay rw,lowerdir=/lower,upperdir={upper},workdir={work}"
    return storage_of(folder, machine(root, *below, over, devices=devices))


def test_an_overlay_is_where_its_upper_layer_is(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    vda = {"254:0": "vda"}
    on_disk = overlay(tmp_path, tmp_path / "upper", DISK, devices=vda)
    assert on_disk == Storage("overlay", "vda")
    (tmp_path / "merged").rmdir()
    (tmp_path / "sys/dev/block/254:0").unlink()
    mounts = (DISK, f"{memory} 0:71 tmpfs none rw")
    in_memory = overlay(tmp_path, memory / "upper", *mounts, devices=vda)
    assert in_memory.text == "overlay on memory (tmpfs)"
    assert in_memory.memory


def test_an_overlay_whose_layers_cannot_be_seen_is_asked_for_its_places(tmp_path: Path) -> None:
    """As in a container, whose mounts name folders of the host."""
    found = overlay(tmp_path, "/no/such/upper", DISK, devices={"254:0": "vda"})
    assert found.device == UNKNOWN_DEVICE
    here = storage_of(tmp_path)
    assert found.may_be_memory == here.memory
    assert (found.doubt is None) == found.may_be_memory or "is not known" in str(found.doubt)


@pytest.mark.parametrize(("direct", "doubtful"), [("0", True), ("1", False)])
def test_a_loop_device_may_answer_from_its_files_cache(
    tmp_path: Path, direct: str, doubtful: bool
) -> None:
    root = machine(tmp_path, DISK, devices={"254:0": "loop3"})
    put(root, "sys/block/loop3/loop/backing_file", "/no/such/image")
    put(root, "sys/block/loop3/loop/dio", direct)
    found = storage_of(tmp_path, root)
    assert found.why_no_device is None
    assert ("loop3" in str(found.doubt)) == doubtful


def test_a_loop_device_in_memory_and_what_is_made_of_it(tmp_path: Path) -> None:
    image = tmp_path / "memory/image"
    mounts = (DISK, f"{image.parent} 0:71 tmpfs none rw")
    root = machine(tmp_path, *mounts, devices={"254:0": "dm-0"})
    put(tmp_path, "memory/image", "")
    put(root, "sys/block/loop0/loop/backing_file", str(image))
    put(root, "sys/block/dm-0/slaves/loop0", "")
    found = storage_of(Path("/"), root)
    assert found.text == "ext4 on dm-0"
    assert found.memory
    assert found.cached_below


def test_without_proc_nothing_is_claimed(tmp_path: Path) -> None:
    found = storage_of(tmp_path, tmp_path)
    assert found.kind is None
    assert found.doubt is not None
    checks = doctor.checks(tmp_path, root=tmp_path, window_s=0)
    said = {check.name: (check.status, check.value) for check in checks}
    assert said["file system"] == ("note", "an unknown file system")
    assert said["hypervisor"] == ("note", "unknown")
    assert said["other processes"] == ("note", "unknown")
    assert said["kernel clock source"] == ("note", "unknown")
    assert said["container"][1].endswith("CPU quota unknown")
    assert said["frequency governor"] == ("note", "unknown")


def test_a_kernel_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    root = machine(tmp_path, DISK)
    (check,) = (c for c in doctor.checks(tmp_path, root=root, window_s=0) if c.name == "container")
    assert check.status == "ok"
    put(root, "proc/self/cgroup", "0::/")
    put(root, "proc/sys/kernel/osrelease", "6.1")
    (check,) = (c for c in doctor.checks(tmp_path, root=root, window_s=0) if c.name == "container")
    assert check.status == "note"
    assert check.remedy == "mount /sys/fs/cgroup"


@pytest.fixture
def overlay_in_memory(tmp_path: Path) -> Iterator[Path]:
    def mount(*arguments: str) -> None:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")

    mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path))
    try:
        for name in ("lower", "upper", "work", "merged"):
            (tmp_path / name).mkdir()
        merged = str(tmp_path / "merged")
        layers = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
        mount("-t", "overlay", "overlay", "-o", layers, merged)
        try:
            yield tmp_path / "merged"
        finally:
            subprocess.run(["umount", merged], check=True)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("scenario", ["direct-read", "cold-read"])
def test_no_device_is_measured_in_memory(
    overlay_in_memory: Path, scenario: str, tmp_path: Path
) -> None:
    done = run_iomodels(
        *("bench", scenario, "-e", "blocking", "-r", "1", "-d", "0.05", "-s", "load.depth=1"),
        *("-s", "channel.size=1MiB", "-s", f"channel.folder={overlay_in_memory}"),
        cwd=tmp_path,
    )
    assert done.returncode == 3, done.stdout
    assert "channel.folder is in memory (overlay on memory (tmpfs))" in done.stderr
