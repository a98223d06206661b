"""A trace: its file, the ring of events, the flow of one request."""
