"""The parts of `iomodels import`: reading what is imported, and showing what became of it."""
