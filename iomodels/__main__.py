"""`python -m iomodels`: the command line without an installed script."""

from __future__ import annotations

from importlib import import_module

if __name__ == "__main__":
    # By name, because the command line's folder is mapped into the package when it is installed.
    import_module("iomodels.cli.main").main()
