from setuptools import Extension, setup

from iomodels.headers import folder

# No extension module of Python's, but a shared object all the same, and setuptools builds it.
setup(
    ext_modules=[
        Extension(
            "iomodels_mmap.engine",
            sources=["iomodels_mmap/engine.c"],
            include_dirs=[str(folder())],
            define_macros=[("_GNU_SOURCE", "1")],
            extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
            py_limited_api=True,
        )
    ]
)
