"""What is kept of a machine names the file system that the files were on."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomodels.check import pair_runs
from iomodels.check.kept_pairs import KeptPairs
from iomodels.engines.spec import parse_list
from iomodels.machine import environment, storage
from iomodels.measure.recording import record
from iomodels.results import partial
from iomodels.results.partial import KeptLine

from ..factory import make_trial

ELSEWHERE = Path("/dev/shm")


@pytest.fixture(autouse=True)
def _another_file_system() -> None:
    if storage.file_system_of(ELSEWHERE) == storage.file_system_of(Path("/var/tmp")):
        pytest.skip("/dev/shm and /var/tmp are one file system here")


def test_a_trace_names_the_file_system_of_its_file() -> None:
    settings = {"channel.folder": [str(ELSEWHERE)], "channel.size": ["64 KiB"]}
    (recording,) = record(["blocking"], "cached-read", settings, requests=2)
    assert recording.trace is not None, recording.reason
    here = environment.describe(ELSEWHERE)["file_system"]
    assert recording.trace.environment["file_system"] == here


def test_each_arms_trials_name_the_file_system_of_their_files(tmp_path: Path) -> None:
    a, b = (pair_runs.parse_arm([f"channel.folder={f}"]) for f in ("/var/tmp", ELSEWHERE))
    cells = pair_runs.plan_cells(["cached-read"], parse_list(["blocking"]), {}, a, b)
    with KeptPairs(None, cells, tmp_path / "ab.json", 1) as kept:  # type: ignore[arg-type]
        for writer in kept._writers.values():
            writer.append(KeptLine(0, make_trial()))
        runs = [partial.read(path.read_bytes(), path)[0] for path in kept.paths]
    assert [run.environment["file_system"] for run in runs] == [
        environment.describe(folder)["file_system"] for folder in (Path("/var/tmp"), ELSEWHERE)
    ]
