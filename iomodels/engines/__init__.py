"""The catalogue of engines in words, parsing of specs, ability (n/a and why)."""
