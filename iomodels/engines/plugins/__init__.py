"""Engines from other packages: found by the name that a user gives, and by nothing else."""
