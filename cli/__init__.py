"""The command line: one module per command. Installed as `iomodels.cli`."""
