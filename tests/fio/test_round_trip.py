"""fio itself, watched: what a log shows of a job is what the job file says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from iomodels.observe.from_log import observation_of
from iomodels.observe.scenarios import scenarios_of
from iomodels.workload.writing import WrittenScenario

from .files import imported_text

pytestmark = pytest.mark.skipif(
    not (shutil.which("fio") and shutil.which("strace")), reason="needs fio and strace"
)

READ = "rw=randread\ndirect=1\nsize=2m\nbs=4k\n"
JOBS = {
    "kernel-aio": f"{READ}ioengine=libaio\niodepth=8\n",
    "in-batches": f"{READ}ioengine=libaio\niodepth=8\niodepth_batch=4\n"
    "iodepth_batch_complete_min=4\n",
    "one-by-one": READ,
    "several-sizes": "rw=randwrite\ndirect=1\nsize=32m\nnorandommap\nbssplit=4k/25:64k/75\n",
    "durable-log": "rw=write\nsize=512k\nbs=8k\nfdatasync=1\n",
    "synchronous": "rw=write\nsize=512k\nbs=8k\nsync=dsync\n",
    "copies": "rw=randread\ndirect=1\nsize=2m\nbs=16k\nnumjobs=3\nthread\n",
    "mixed": "rw=randrw\nrwmixread=75\ndirect=1\nsize=8m\nbs=4k\n",
}


def seen(job: str, folder: Path) -> list[WrittenScenario]:
    """The scenarios of what fio does with the job."""
    (folder / "job.fio").write_text(job)
    log = folder / "fio.log"
    command = "strace -f -ttt -T -y -s 0 -e abbrev=execve -o fio.log fio --output=out job.fio"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True, timeout=100)
    with log.open("rb") as stream:
        return list(scenarios_of(observation_of(stream)))


def shares(block: object) -> dict[str, float]:
    parts = [part.partition("/") for part in str(block).split(":")]
    return {size: float(share or 100) for size, _, share in parts}


@pytest.mark.parametrize("name", JOBS)
def test_the_log_of_a_job_is_the_job(name: str, tmp_path: Path) -> None:
    job = f"[job]\n{JOBS[name]}"
    (written,) = imported_text(job).scenarios
    wanted = written.settings
    does = wanted["load.operation"]
    found = next(
        each for each in seen(job, tmp_path) if each.settings.get("load.operation", "read") == does
    )
    for key in ("load.pattern", "load.sync", "channel.cache", "channel.append"):
        assert found.settings.get(key) == wanted.get(key), key
    assert found.settings["load.depth"] == wanted["load.depth"]
    assert found.today == written.today
    assert found.settings.get("load.batch", 1) == wanted.get("load.batch", 1)
    assert found.settings.get("load.read_share", 1) == pytest.approx(
        wanted.get("load.read_share", 1), abs=0.04
    )
    assert shares(found.settings["load.block"]) == pytest.approx(
        shares(wanted["load.block"]), abs=6
    )
