"""`python -m iomodels`: the command line without an installed script."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

if __name__ == "__main__":
    # `python -m` puts the current folder first, and a socket.py in it before Python's own. What of
    # ours is still to be loaded is found through the package.
    with suppress(OSError):  # the folder is gone
        first = sys.path[0] or os.curdir
        # Without pathlib, which could be a file of that folder.
        if not sys.flags.safe_path and os.path.samefile(first, os.curdir):  # noqa: PTH121
            del sys.path[0]
    # By name, because the command line's folder is mapped into the package when it is installed.
    import_module("iomodels.cli.start").main()
