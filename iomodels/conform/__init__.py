"""Whether an engine keeps the rules: real trials in the real worker, judged by their records."""
