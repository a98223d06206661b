"""Pictures of one request's way: its lanes, arrows, and the matrix's miniature."""
