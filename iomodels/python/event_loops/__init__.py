"""What `python:asyncio` and `python:uvloop` do on their event loops: both make the same calls.

These modules import asyncio. They are imported when a trial's engine begins, and not before.
"""
