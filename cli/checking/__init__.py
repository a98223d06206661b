"""What `iomodels check` does: one module for each kind of check."""
