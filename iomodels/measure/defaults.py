"""How much a run measures unless it is told otherwise; apart, since options name these too."""

ROUNDS = 7
MAX_ROUNDS = 1000
DURATION_S = 0.5
WARMUP_S = 0.1
BUDGET_S, MIN_BUDGET_S, MAX_BUDGET_S = 300, 1, 24 * 3600
MIN_SHARE = 0.001
QUICK_ROUNDS, QUICK_DURATION_S, QUICK_WARMUP_S = 3, 0.1, 0.02
MIN_DURATION_S, MAX_SECONDS = 0.001, 3600
LIMITS = {
    "rounds": (1, MAX_ROUNDS),
    "duration_s": (MIN_DURATION_S, MAX_SECONDS),
    "warmup_s": (0, MAX_SECONDS),
}
"""Of a run's settings, wherever they come from: a file may be a stranger's."""
MAX_SEED = 2**53 - 1
"""What every JSON reader keeps exactly (RFC 8259, section 6)."""
