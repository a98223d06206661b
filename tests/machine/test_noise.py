"""Other work, stolen time and throttling are noticed; our own work is not taken for others'."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iomodels.machine import noise

SPIN = """
import sys, time
for line in sys.stdin:
    end = time.process_time() + float(line)
    while time.process_time() < end:
        pass
    print("spun", flush=True)
"""

IDLE = noise.Sample(
    at_s=100.0, cpus=4, idle_s=0.0, busy_s=0.0, steal_s=0.0, own_cpu_s=0.0, own_wakes=0
)


def codes(notices) -> list[str]:
    return [notice.code for notice in notices]


def after(before: noise.Sample, wall_s: float, *, busy_s: float, **changes) -> noise.Sample:
    """The sample `wall_s` later, in which all CPUs together were busy for `busy_s`."""
    return replace(
        before,
        at_s=before.at_s + wall_s,
        busy_s=before.busy_s + busy_s,
        idle_s=before.idle_s + wall_s * before.cpus - busy_s - changes.get("steal_s", 0.0),
        **changes,
    )


@pytest.fixture
def spinner():
    """A process that uses so many seconds of CPU as it is told, and then says so."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SPIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def spin(seconds: float) -> None:
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "spun\n"

    yield spin
    process.communicate()


def test_a_process_that_spins_beside_the_trials_is_noticed(spinner):
    monitor = noise.Monitor()
    monitor.start()
    for _ in range(3):
        monitor.trial_started()
        spinner(0.3)
        monitor.trial_ended()
    found = {notice.code: notice.message for notice in monitor.notices()}
    assert "other processes used" in found[noise.BUSY_THROUGHOUT]
    assert noise.BUSY_REMEDY in found[noise.BUSY_THROUGHOUT]
    assert "\n" not in found[noise.BUSY_THROUGHOUT]


def test_our_own_reaped_children_are_not_others():
    before = noise.take_sample()
    code = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
    late = noise.take_sample()
    assert late.own_cpu_s - before.own_cpu_s >= 0.3
    use = noise.between(before, late)
    awake_s = use.wall_s * late.cpus - (late.idle_s - before.idle_s) - use.steal_s
    assert use.foreign_s <= awake_s - 0.3


def test_others_work_is_what_is_neither_idle_nor_our_own():
    late = after(IDLE, 2.0, busy_s=3.0, own_cpu_s=1.0)
    use = noise.between(IDLE, late)
    assert use.foreign_s == pytest.approx(2.0)
    assert use.foreign_cores == pytest.approx(1.0)


def test_our_own_wakeups_are_allowed_for():
    late = after(IDLE, 1.0, busy_s=0.3, own_cpu_s=0.25, own_wakes=10_000)
    assert noise.between(IDLE, late).foreign_s == pytest.approx(0.0)


def test_sampling_this_machine_counts_its_cpus_and_moves_on():
    early = noise.take_sample()
    sum(range(200_000))
    late = noise.take_sample()
    assert early.cpus == os.cpu_count()
    assert late.at_s > early.at_s
    assert late.own_cpu_s > early.own_cpu_s
    assert late.idle_s + late.busy_s > 0


class Machine:
    """A machine whose accounts are files that a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.columns = {"user": 0, "idle": 0, "steal": 0}
        self.put("proc/self/cgroup", "0::/")
        self.put("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
        self.put("proc/loadavg", "0.00 0.00 0.00 1/100 1")
        self.tick()

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def tick(self, **columns: int) -> None:
        for name, ticks in columns.items():
            self.columns[name] += ticks
        c = self.columns
        row = f"{c['user']} 0 0 {c['idle']} 0 0 0 {c['steal']} 0 0"
        self.put("proc/stat", f"cpu  {row}\ncpu0 {row}\nintr 5\n")


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("stolen", "expected"), [(0, False), (1, False), (5, False), (20, True), (400, True)]
)
def test_stolen_time_over_one_percent_is_noticed(machine, stolen, expected):
    machine.tick()
    monitor = noise.Monitor(machine.root)
    monitor.start()
    monitor.trial_started()
    machine.tick(user=1000, steal=stolen)
    monitor.trial_ended()
    assert ("steal" in codes(monitor.notices())) is expected


@pytest.mark.parametrize(("idle", "busy"), [((100, -100, -100), True), ((100, 100, -100), False)])
def test_what_others_used_is_that_of_the_median_trial(machine, idle, busy):
    """Ticks that no CPU idled, in trials that take no time: 100 fewer are many busy cores."""
    monitor = noise.Monitor(machine.root)
    monitor.start()
    assert monitor.others_cores is None
    for ticks in idle:
        monitor.trial_started()
        machine.tick(idle=ticks)
        monitor.trial_ended()
    assert monitor.others_cores is not None
    assert (monitor.others_cores > 1) is busy
    assert busy or monitor.others_cores == 0
    with_nothing = noise.Monitor(machine.root / "empty")
    with_nothing.trial_started()
    with_nothing.trial_ended()
    assert with_nothing.others_cores is None


@pytest.mark.parametrize(
    ("early", "late", "milliseconds"),
    [
        (
            "nr_throttled 3\nthrottled_usec 1000\n",
            "nr_throttled 5\nthrottled_usec 251000\n",
            "250 ms",
        ),
        (
            "nr_throttled 0\nthrottled_time 0\n",
            "nr_throttled 1\nthrottled_time 40000000\n",
            "40 ms",
        ),
    ],
)
def test_throttling_by_quota_is_noticed_in_both_cgroup_versions(machine, early, late, milliseconds):
    monitor = noise.Monitor(machine.root)
    machine.put("sys/fs/cgroup/cpu.stat", early)
    monitor.start()
    monitor.trial_started()
    machine.put("sys/fs/cgroup/cpu.stat", late)
    monitor.trial_ended()
    [message] = [n.message for n in monitor.notices() if n.code == "throttled"]
    assert milliseconds in message
    assert "quota" in message


def test_throttling_by_heat_is_noticed(machine):
    counter = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    monitor = noise.Monitor(machine.root)
    machine.put(counter, "7")
    monitor.start()
    monitor.trial_started()
    machine.put(counter, "9")
    monitor.trial_ended()
    [message] = [n.message for n in monitor.notices() if n.code == "throttled"]
    assert "2 times" in message


def test_a_quiet_trial_is_not_called_throttled():
    before = noise.take_sample()
    monitor = noise.Monitor()
    monitor.start()
    monitor.trial_started()
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    monitor.trial_ended()
    late = noise.take_sample()
    held = (late.throttled, late.thermal) != (before.throttled, before.thermal)
    assert ("throttled" in codes(monitor.notices())) <= held


def trials(shares: list[float], cpus: int = 4) -> list[noise.Use]:
    """Trials of one second that met others' work of so many cores each."""
    start = replace(IDLE, cpus=cpus)
    return [
        noise.between(start, after(start, 1.0, busy_s=max(0.0, share), own_cpu_s=max(0.0, -share)))
        for share in shares
    ]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.0] * 40, False),
        ([0.02, -0.02] * 20, False),
        ([0.2] * 40, True),
        ([0.0] * 19 + [5.0], True),
        ([0.0] * 39 + [5.0], False),
        ([0.0] * 38 + [5.0] * 2, True),
    ],
)
def test_lasting_work_and_frequent_bursts_are_noticed_and_single_ones_are_not(shares, expected):
    assert codes(noise.disturbances(trials(shares))) == (["busy"] if expected else [])


def test_lasting_work_on_a_large_scale_has_a_code_of_its_own():
    assert codes(noise.disturbances(trials([0.5] * 11 + [0.0] * 9))) == [noise.BUSY_THROUGHOUT]
    assert codes(noise.disturbances(trials([0.5] * 9 + [0.0] * 11))) == ["busy"]


def test_thresholds_grow_with_the_machine():
    assert noise.disturbances(trials([0.2] * 10, cpus=64)) == []
    assert noise.disturbances(trials([0.0] * 9 + [1.0], cpus=64)) == []
    assert codes(noise.disturbances(trials([2.0] * 10, cpus=64))) == ["busy"]


def test_start_forgets_and_an_unfinished_trial_is_left_out(machine):
    machine.tick()
    monitor = noise.Monitor(machine.root)
    monitor.start()
    monitor.trial_started()
    machine.tick(steal=500)
    monitor.trial_ended()
    assert "steal" in codes(monitor.notices())
    monitor.start()
    monitor.trial_ended()
    monitor.trial_started()
    assert monitor.notices() == []


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave", "governor"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", "clocksource"),
        ("proc/loadavg", "900.00 1.00 1.00 1/100 1", "busy"),
    ],
)
def test_preflight_names_what_spoils_a_run(machine, name, text, code):
    assert noise.preflight(0.0, root=machine.root) == []
    machine.put(name, text)
    [notice] = noise.preflight(0.0, root=machine.root)
    assert notice.code == code
    assert text.split()[0] in notice.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "arch_sys_counter"),
    ],
)
def test_preflight_is_silent_about_what_is_well(machine, name, text):
    machine.put(name, text)
    assert noise.preflight(0.0, root=machine.root) == []


def test_what_cannot_be_watched_is_not_called_quiet(machine):
    machine.put("proc/stat", "")
    [notice] = noise.preflight(0.0, root=machine.root)
    assert notice.code == "unwatched"
    assert "/proc/stat" in notice.message


def test_preflight_sees_a_process_that_spins():
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "print('on', flush=True)\nwhile True: pass"],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"on\n"
        assert "busy" in codes(noise.preflight(0.25))
    finally:
        process.kill()
        process.communicate()
