"""One trial: preparation, child process, worker, reading the record, why it failed."""
