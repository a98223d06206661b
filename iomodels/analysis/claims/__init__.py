"""Sentences that people say about I/O models, and what a run says of each (`sets.py`)."""
