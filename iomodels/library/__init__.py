"""What `import iomodels` offers to Python programs; `iomodels/__init__.py` names it.

The outermost layer, as the command line is: it checks what it is given, calls what measures and
compares, and shows what comes back. Nothing of ours imports it.
"""
