"""The machine is described from its own files; what is missing is None, and nobody is named."""

import os
import re
import resource
from pathlib import Path

import pytest

from iomodels.machine import environment, proc

from .roots import put


def test_this_machine_agrees_with_what_the_system_calls_say(tmp_path):
    facts = environment.describe(tmp_path)
    assert facts["kernel"] == os.uname().release
    assert facts["page_size_bytes"] == os.sysconf("SC_PAGE_SIZE")
    assert facts["cores_allowed"] == len(os.sched_getaffinity(0))
    assert facts["limit_open_files_soft"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert facts["memory_bytes"] == pytest.approx(memory, rel=0.01)
    assert re.fullmatch(r"(glibc|musl) [0-9.]+", facts["libc"])
    assert facts["libc"].split()[0] in facts["aio"]
    assert facts["cpu"]


def test_every_value_is_plain_json(tmp_path):
    for name, value in environment.describe(tmp_path).items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert value is None or type(value) in (str, int, float, bool), name


def test_a_machine_that_shows_nothing_is_described_without_an_error(tmp_path):
    facts = environment.describe(Path("/var/tmp"), root=tmp_path)
    known = environment.describe(Path("/var/tmp"))
    assert facts.keys() == known.keys()
    for name in ("kernel", "cpu", "clocksource", "aio_nr", "memory_bytes", "file_system"):
        assert facts[name] is None, name


@pytest.mark.parametrize(
    "text", ["", "\0\0", "max", "-", "9" * 30, "::\n: : :\n- - -\n0:cpu", "\xff"]
)
def test_files_of_an_unknown_form_are_no_error(tmp_path, text):
    names = (
        "proc/cpuinfo proc/meminfo proc/self/status proc/self/cgroup proc/self/mountinfo "
        "proc/sys/fs/aio-nr proc/self/timerslack_ns sys/class/dmi/id/sys_vendor "
        "sys/devices/system/cpu/smt/active sys/devices/system/cpu/vulnerabilities/mds"
    )
    for name in names.split():
        put(tmp_path, name, text)
    facts = environment.describe(Path("/var/tmp"), root=tmp_path)
    assert facts["memory_bytes"] is None
    assert facts["smt"] is None


def test_a_folder_in_place_of_a_file_reads_as_missing(tmp_path):
    assert proc.read(tmp_path) is None
    assert proc.read_int(tmp_path / "no such file") is None


def test_nobody_and_no_path_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "secretvalue")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "secretvalue")
    folder = tmp_path / "secretfolder"
    folder.mkdir()
    for source in ("/dev/mapper/secrethost--vg-root", "secrethost:/export", "secretpool/home"):
        put(tmp_path, "proc/self/mountinfo", f"27 1 0:40 / / rw - nfs {source} rw")
        put(tmp_path, "proc/sys/kernel/hostname", "secrethost")
        described = (environment.describe(folder), environment.describe(folder, root=tmp_path))
        for facts in described:
            assert "secret" not in repr(facts)


X86 = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu tsc {flag}\n\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (X86 * 2, "AMD EPYC 7763"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "Neoverse-N1"),
        (
            "CPU implementer : 0x41\nCPU part : 0xd03\n\n"
            "CPU implementer : 0x41\nCPU part : 0xd08\n",
            "Cortex-A53 + Cortex-A72",
        ),
        (
            "CPU implementer\t: 0x99\nCPU part\t: 0x001\n",
            "ARM implementer 0x99 part 0x001",
        ),
        ("", None),
    ],
)
def test_cpu_model_on_x86_and_arm(cpuinfo, name):
    assert environment.cpu_model(cpuinfo) == name


@pytest.mark.parametrize(
    ("cpus", "text"), [({0}, "0"), ({0, 1, 2, 8}, "0-2,8"), ({5, 1, 3}, "1,3,5"), (set(), "")]
)
def test_cpu_list_is_written_as_the_kernel_does(cpus, text):
    assert environment.cpu_list(cpus) == text


@pytest.mark.parametrize(
    ("flag", "files", "kind"),
    [
        ("hypervisor", {"sys/class/dmi/id/sys_vendor": "QEMU"}, "QEMU"),
        ("hypervisor", {}, "of unknown kind"),
        (
            "hypervisor",
            {"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc kvm-clock"},
            "KVM",
        ),
        ("", {"sys/class/dmi/id/sys_vendor": "QEMU"}, None),
    ],
)
def test_hypervisor_on_x86_is_told_by_the_cpu_flag(tmp_path, flag, files, kind):
    put(tmp_path, "proc/cpuinfo", X86.format(flag=flag))
    for name, text in files.items():
        put(tmp_path, name, text)
    assert environment.hypervisor(tmp_path) == kind


@pytest.mark.parametrize(
    ("vendor", "product", "kind"),
    [
        ("Amazon EC2", "c7g.large", "Amazon EC2 c7g.large"),
        ("Amazon EC2", "c7g.metal", None),
        ("GIGABYTE", "R152-P30", None),
    ],
)
def test_hypervisor_on_arm_is_told_by_the_firmware(tmp_path, vendor, product, kind):
    put(tmp_path, "proc/cpuinfo", "Features\t: fp asimd\nCPU implementer\t: 0x41\n")
    put(tmp_path, "sys/class/dmi/id/sys_vendor", vendor)
    put(tmp_path, "sys/class/dmi/id/product_name", product)
    assert environment.hypervisor(tmp_path) == kind


V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
V1_MOUNT = "31 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"


def test_the_tightest_quota_of_all_groups_above_counts(tmp_path):
    put(tmp_path, "proc/self/cgroup", "0::/job/step")
    put(tmp_path, "proc/self/mountinfo", V2_MOUNT)
    assert environment.cgroup_quota_cores(tmp_path) is None
    put(tmp_path, "sys/fs/cgroup/job/step/cpu.max", "max 100000")
    assert environment.cgroup_quota_cores(tmp_path) is None
    put(tmp_path, "sys/fs/cgroup/job/cpu.max", "150000 100000")
    assert environment.cgroup_quota_cores(tmp_path) == 1.5
    put(tmp_path, "sys/fs/cgroup/job/step/cpu.max", "50000 100000")
    assert environment.cgroup_quota_cores(tmp_path) == 0.5


@pytest.mark.parametrize(("quota_us", "cores"), [("-1", None), ("200000", 2.0)])
def test_quota_of_the_first_cgroup_version(tmp_path, quota_us, cores):
    put(tmp_path, "proc/self/cgroup", "4:memory:/x\n1:cpu,cpuacct:/on/the/host\n0::/")
    put(tmp_path, "proc/self/mountinfo", V1_MOUNT)
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota_us)
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert environment.cgroup_quota_cores(tmp_path) == cores


def test_container_hints(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    put(tmp_path, "proc/self/cgroup", "0::/user.slice")
    assert not environment.in_container(tmp_path)
    put(tmp_path, "proc/self/cgroup", "0::/kubepods/besteffort/pod1")
    assert environment.in_container(tmp_path)
    put(tmp_path, "proc/self/cgroup", "0::/")
    put(tmp_path, ".dockerenv", "")
    assert environment.in_container(tmp_path)


def test_the_longest_and_last_mount_over_a_folder_holds_it(tmp_path):
    folder = tmp_path / "with space" / "data"
    folder.mkdir(parents=True)
    inner = str(folder.parent).replace(" ", r"\040")
    lines = [
        "27 1 254:0 / / rw - ext4 /dev/vda rw",
        f"28 27 0:50 / {inner} rw shared:1 - tmpfs hidden rw",
        f"29 28 0:51 / {inner} rw shared:1 master:2 - xfs /dev/nowhere rw",
        f"30 27 0:52 / {inner}/da rw - btrfs elsewhere rw",
    ]
    put(tmp_path, "proc/self/mountinfo", "\n".join(lines))
    assert environment.describe(folder, root=tmp_path)["file_system"] == "xfs"
    assert environment.describe(Path("/usr"), root=tmp_path)["file_system"] == "ext4"


def test_the_device_has_the_kernels_name(tmp_path):
    put(tmp_path, "proc/self/mountinfo", "27 1 253:1 / / rw - ext4 /dev/mapper/name rw")
    link = tmp_path / "sys/dev/block/253:1"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../devices/virtual/block/dm-1")
    assert environment.describe(Path("/"), root=tmp_path)["file_system_device"] == "dm-1"


def test_switches_flaws_and_governors(tmp_path):
    cpu = "sys/devices/system/cpu"
    put(tmp_path, f"{cpu}/intel_pstate/no_turbo", "0\n")
    put(tmp_path, f"{cpu}/smt/active", "1\n")
    put(tmp_path, f"{cpu}/cpu0/cpufreq/scaling_governor", "powersave\n")
    put(tmp_path, f"{cpu}/cpu1/cpufreq/scaling_governor", "performance\n")
    put(tmp_path, f"{cpu}/vulnerabilities/meltdown", "Mitigation: PTI\n")
    put(tmp_path, f"{cpu}/vulnerabilities/mds", "Vulnerable: no microcode\n")
    put(tmp_path, f"{cpu}/vulnerabilities/srbds", "Not affected\n")
    facts = environment.describe(root=tmp_path)
    assert facts["turbo"] is True
    assert facts["smt"] is True
    assert facts["governor"] == "performance, powersave"
    assert facts["mitigations"] == "mitigated: meltdown; vulnerable: mds"


def test_musl_is_asked_through_its_loader(tmp_path):
    assert environment.musl(tmp_path) is None
    loader = tmp_path / "lib" / "ld-musl-x86_64.so.1"
    put(tmp_path, "lib/ld-musl-x86_64.so.1", "#!/bin/sh\necho 'Version 1.2.4' >&2\nexit 1\n")
    assert environment.musl(tmp_path) == "musl"
    loader.chmod(0o755)
    assert environment.musl(tmp_path) == "musl 1.2.4"


def test_limits_that_a_sandbox_does_not_show_are_unknown(monkeypatch):
    def refused(which):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(environment.resource, "getrlimit", refused)
    assert environment.describe()["limit_processes"] is None
