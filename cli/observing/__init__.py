"""What `observe` shows."""
