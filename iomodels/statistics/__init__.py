"""Numbers from numbers: histograms, summaries, intervals, sign-flip, rank tests, screening."""
