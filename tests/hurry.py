"""Makes preparations, pairs and checks short: hundreds of tests measure, and few care how exactly.

How many rounds a check has must not depend on how noisy the machine is: beside other tests it would
have sixty of them, and minutes.

As a program (`python tests/hurry.py …`) it is `iomodels` in a hurry.
"""

from __future__ import annotations

import math
import runpy
import sys

from iomodels.check import pair_runs
from iomodels.check.history import confirmation
from iomodels.machine import noise
from iomodels.trials import preparation


def hurry() -> None:
    """For this process, and those that it forks."""
    noise.PREFLIGHT_S = 0.02
    preparation.CALIBRATION_NS = 10_000_000
    confirmation.PRECISION = 1e9
    confirmation.MOST_ROUNDS = confirmation.LEAST_ROUNDS
    pair_runs.measure.__kwdefaults__ |= {"slices": 2, "slice_s": 0.01}


def heed_no_load() -> None:
    """Tests run beside others, whose load changes every second: it decides no comparison of what a
    command measures. Not where load itself is tested."""
    noise.FOREIGN_BURST_CORES = math.inf


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, which has names of the standard library
    hurry()
    runpy.run_module("iomodels", run_name="__main__", alter_sys=True)
