"""The interpreters that measure engines in Python: asked what they are, and known by a label."""
