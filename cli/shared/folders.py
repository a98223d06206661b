"""The folder that an output goes into, the names that outputs have, and what comes after them."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from iomodels.base.errors import NotWritten, OutputError, UsageError
from iomodels.results.where import FOLDER


def make_folder(folder: Path, how: str) -> None:
    """Make it, with those above it, unless it is there.

    Raises `OutputError`, which says `how` to name another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot make the folder '{folder}' ({getattr(error, 'strerror', None) or error}): "
            f"name another with {how}"
        ) from error


def check_scenario_output(path: Path, *, force: bool) -> None:
    """Refuse a file whose name no scenario can have, and one that could not be written.

    Raises `UsageError` and `OutputError`.
    """
    from iomodels.base import files
    from iomodels.workload.scenario import SCENARIO_NAME

    if path.suffix != ".toml" or not SCENARIO_NAME.fullmatch(path.stem):
        raise UsageError(
            f"-o '{path}' is no name of a scenario file: use letters, digits and . + - _, and "
            ".toml at its end"
        )
    files.check_output(path, force=force)


def what_next(scenarios: Path) -> tuple[str, ...]:
    """Lines that say where scenarios were written, and what can be done with them."""
    name = shlex.quote(str(scenarios))
    return (
        f"scenarios: {scenarios}",
        f"measure: iomodels bench {name}",
        f"advice: iomodels advise {name}",
    )


def default_output(scenarios: Sequence[str], now: datetime) -> Path:
    """`results/slow-device-20250131T120000Z.json`: the name is a slug, whatever was asked for."""
    from iomodels.base.files import slug

    name = slug("-".join(dict.fromkeys(Path(scenario).stem for scenario in scenarios)))[:60]
    path = FOLDER / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    return free_name(path) if path.exists() else path


def free_name(path: Path) -> Path:
    """`NAME-2.json`, or the next number that is free: another run has the name itself."""
    from iomodels.base.files import partial_path

    names = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(name for name in names if not name.exists() and not partial_path(name).exists())


def spare_inputs(output: Path, inputs: Sequence[str | Path]) -> None:
    """Refuse, by `OutputError`, an output in the place of an input, or of a run in a folder that is
    one: not even `--force` is meant for these. A comparison in such a folder is not read."""
    from iomodels.comparison.document import is_comparison

    for path in map(Path, inputs):
        inside = path.glob("*.json") if path.is_dir() else []
        if _is_same(output, path):
            raise OutputError(f"{output} is an input: name another output")
        if any(_is_same(output, each) for each in inside) and not is_comparison(output):
            raise OutputError(f"{output} is a run of the folder {path}: name another output")


def _is_same(output: Path, path: Path) -> bool:
    try:
        return output.samefile(path)
    except (OSError, ValueError):
        return False  # one of them is not there, or cannot be


@contextmanager
def default_folder(output: Path | None) -> Iterator[None]:
    """Make the default folder for as long as it takes, and for good if a result got into it."""
    if output is None or output.parent != FOLDER or FOLDER.exists():
        yield
        return
    try:
        FOLDER.mkdir(exist_ok=True)  # another run may have made it just now
    except OSError as error:
        raise NotWritten(
            f"cannot make the folder '{FOLDER}' here ({error.strerror}): "
            "name the result file with -o PATH"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # there is something in it, or it is gone already
            FOLDER.rmdir()
