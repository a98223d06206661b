"""What the libraries that we use would take from the environment, and must not."""

from __future__ import annotations

import os
from pathlib import Path

THREADS_OF_NUMPY = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""OpenBLAS starts a thread for each CPU when it is loaded, and where it cannot, it ends the process
with SIGINT. Nothing here multiplies matrices."""


MOST_COLUMNS = 999
"""Rich pads a table with blanks to its width, and reads a number of thousands of digits never."""


def prepare() -> None:
    """Call it before numpy and matplotlib are loaded."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and len(columns) > len(str(MOST_COLUMNS)):
        os.environ["COLUMNS"] = str(MOST_COLUMNS)
    os.environ.update(dict.fromkeys(THREADS_OF_NUMPY, "1"))
    # A notebook's, which its children inherit; pictures become files here.
    os.environ.pop("MPLBACKEND", None)


def as_given() -> dict[bytes, bytes]:
    """The environment that this process was started with: that of a program that it starts for the
    user, who set no variable for it."""
    try:
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environb)
    pairs = (entry.partition(b"=") for entry in block.split(b"\0"))
    return {name: value for name, equals, value in pairs if name and equals}
