"""I/O models of Python, measured in Python: each engine drives a trial's transfers by itself.

The standard library only, and nothing else of iomodels: a trial loads these modules into whatever
interpreter it measures, which need not have iomodels installed.
"""
