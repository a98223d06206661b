"""A run against the earlier runs of this machine."""
