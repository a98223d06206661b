"""The log of strace: its lines, one call each."""
