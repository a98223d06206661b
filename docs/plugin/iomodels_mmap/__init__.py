"""An engine for iomodels: files, read through a mapping of them."""

from pathlib import Path

from iomodels.plugin import SharedObject

ENGINE = SharedObject(Path(__file__).with_name("engine.abi3.so"))
