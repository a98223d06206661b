"""What everything stands on.

Errors, units, TOML with paths in its errors, escaping, safe writing of files.
"""
