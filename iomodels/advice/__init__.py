"""What to use, and how sure that is: the answer of `advise`, and its document."""
