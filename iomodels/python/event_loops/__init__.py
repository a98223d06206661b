"""What `python:asyncio` and `python:uvloop` do on their event loops: both make the same calls.

Only `engine_words` is cheap to import. The other modules import asyncio, and are imported when a
trial's engine begins.
"""
