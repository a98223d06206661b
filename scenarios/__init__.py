"""The shipped workloads: one TOML file per scenario or suite, installed as package data."""
