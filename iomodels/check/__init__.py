"""The gate: a baseline, A against B, the self-test."""
