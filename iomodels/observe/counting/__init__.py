"""Numbers about transfers in constant memory: sizes, order, flight, pace."""
