"""The machines of two runs: in what they differ, and which differences are allowed."""
