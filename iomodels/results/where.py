"""Where results are unless somebody says otherwise, and the name of the newest of them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("results")
"""Where `iomodels bench` puts a result unless it is told otherwise."""
LATEST = "latest"
"""What stands for the newest result in `FOLDER`, on a command line and in the library."""
