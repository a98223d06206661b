"""How much a run measures unless it is told otherwise; apart, since options name these too."""

ROUNDS = 7
DURATION_S = 0.5
WARMUP_S = 0.1
QUICK_ROUNDS, QUICK_DURATION_S, QUICK_WARMUP_S = 3, 0.1, 0.02
