"""fio beside iomodels: the same job with both, and where they differ, why."""
