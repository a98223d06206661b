"""One run of fio on a file of ours, and its numbers.

fio gets a job's options one by one as it says them, and nothing of where the job reads or writes:
the file is one that is made here. Whatever starts programs or opens other files is not among
`PASSED`.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from iomodels.base.errors import NothingMeasured, TrialError, UsageError

_PASSED = (
    "rw rwmixread rwmixwrite percentage_random bs bsrange bssplit ba direct buffered ioengine "
    "iodepth numjobs sqthread_poll fixedbufs registerfiles iodepth_batch "
    "iodepth_batch_complete_min iodepth_batch_complete_max fsync fdatasync sync rate rate_iops "
    "rate_process thinktime thinktime_blocks thinktime_blocks_type thinktime_iotime thinktime_spin "
    "kb_base"
)
PASSED = frozenset(_PASSED.split())
"""The options of a job that fio is given."""
DATA = "data"
"""The name of the file, in the folder that is given."""
PATIENCE_S = 30.0
"""How much longer than asked a run may take, before it counts as hanging."""
_OUTPUT_END = 300


# ------------------------------------------------------------------ what fio writes (fio(1))


class FioTimes(msgspec.Struct, frozen=True):
    percentile: dict[str, int] = {}


class FioTotals(msgspec.Struct, frozen=True):
    """Reads and writes together (unified_rw_reporting)."""

    total_ios: int
    iops: float
    bw_bytes: int
    lat_ns: FioTimes


class FioSyncs(msgspec.Struct, frozen=True):
    """Syncs, which are in no other number."""

    lat_ns: FioTimes = FioTimes()


class FioReport(msgspec.Struct, frozen=True):
    """Of the job, all copies together. Times in ms, CPU in percent of them."""

    error: int
    job_runtime: int
    usr_cpu: float
    sys_cpu: float
    mixed: FioTotals
    sync: FioSyncs = FioSyncs()


class FioOutput(msgspec.Struct, frozen=True):
    version: str = msgspec.field(name="fio version")
    jobs: list[FioReport]


# ------------------------------------------------------------------ what is made of it


@dataclass(frozen=True)
class FioNumbers:
    """One run: by key of the quantity, in its unit. `syncs` are the latencies of syncs alone;
    `process_cpu_ns` is the CPU of fio's whole process, its start included."""

    values: Mapping[str, float]
    syncs: Mapping[str, float]
    operations: int
    process_cpu_ns: float


@dataclass(frozen=True)
class Fio:
    """The program, and the folder in which it works."""

    path: str
    version: str
    folder: Path

    def run(self, options: Mapping[str, str], limit_s: float) -> FioNumbers:
        """Run it once. Raises `TrialError`, one sentence, where it fails, hangs or does nothing."""
        output = self.folder / "output"
        words = [f"--{name}={value}" for name, value in options.items()]
        before = _children_cpu_ns()
        code, said = _started([self.path, *words, f"--output={output}"], self.folder, limit_s)
        took = _children_cpu_ns() - before
        if code != 0:
            raise TrialError(f"fio ended with exit code {code}: {said or 'it says nothing'}")
        return _numbers(_parsed(output.read_bytes()), took)


def find(folder: Path) -> Fio:
    """The fio on PATH. Raises `UsageError` where there is none."""
    path = shutil.which("fio")
    if path is None:
        raise UsageError("fio is not installed (Debian: apt install fio)")
    try:
        asked = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        raise NothingMeasured("fio cannot be started: see what `fio --version` says") from None
    return Fio(path, asked.stdout.strip()[:40], folder)


def _children_cpu_ns() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


def _started(command: Sequence[str], folder: Path, limit_s: float) -> tuple[int, str]:
    """Its exit code and the end of what it says; ended with all its processes in any case."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    ) as process:
        try:
            _, said = process.communicate(timeout=limit_s + PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise TrialError(f"fio did not end within {limit_s + PATIENCE_S:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    text = " ".join(said.decode(errors="replace").replace(str(folder), "").split())
    return process.returncode, text[-_OUTPUT_END:]


def _parsed(content: bytes) -> FioOutput:
    """fio writes its remarks into the same file, before the JSON."""
    try:
        return msgspec.json.decode(content[max(content.find(b"{"), 0) :], type=FioOutput)
    except msgspec.DecodeError as error:
        raise TrialError(f"the JSON that fio wrote is not as expected: {error}") from None


def _numbers(output: FioOutput, process_cpu_ns: float) -> FioNumbers:
    if len(output.jobs) != 1:
        raise TrialError(f"fio reports {len(output.jobs)} jobs, and was given one")
    (job,) = output.jobs
    done = job.mixed
    if job.error or done.total_ios == 0:
        raise TrialError(
            f"fio's job failed: {os.strerror(job.error)}" if job.error else "fio measured nothing"
        )
    cpu_ns = (job.usr_cpu + job.sys_cpu) / 100 * job.job_runtime * 1e6
    values = {
        "throughput_ops": done.iops,
        "throughput_bytes": float(done.bw_bytes),
        "cpu_ns_per_op": cpu_ns / done.total_ios,
        **dict(_percentiles(done.lat_ns.percentile)),
    }
    syncs = dict(_percentiles(job.sync.lat_ns.percentile))
    return FioNumbers(values, syncs, done.total_ios, process_cpu_ns)


def _percentiles(found: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    for key, name in (("50.000000", "p50"), ("99.000000", "p99")):
        if key in found:
            yield f"latency_ns.{name}", float(found[key])
