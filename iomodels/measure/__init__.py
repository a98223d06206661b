"""The plan and the run, and the recording of traces."""
