"""Which engine is best for a workload: candidates, rounds that halve them, turning points."""
