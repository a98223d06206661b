"""How a trial's process comes to be: what is asked of it first, and who stands in between."""
