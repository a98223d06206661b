"""Writing a file: whole or not at all, and never over another by accident."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from iomodels.base import signals
from iomodels.base.errors import NotWritten, OutputError
from iomodels.base.plain import PLAIN

MAX_SLUG = 80

_NO_PLACE_FOR_FILES = ("/dev", "/proc", "/sys")
_MEMORY = "/dev/shm"
_MAX_LINKS = 40
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def partial_path(path: str | os.PathLike[str]) -> Path:
    """Where the trials of a run that is being measured for `path` are kept: PATH.partial."""
    path = Path(path)
    return path.with_name(path.name + ".partial") if path.name else path


def check_output(path: str | os.PathLike[str], *, force: bool) -> None:
    """Refuse, before anything is measured, an output path that could not be written afterwards.

    Nothing stays of the test. Raises `OutputError` for a file that exists (unless `force`), for
    what is not a regular file, for "-", which is meant as standard output, for a link into /dev or
    /proc, and for a missing or read-only folder; `NotWritten` where the disk is full.
    """
    path = Path(path)
    try:
        _check_target(path, force=force)
        real = target(path)
        # The longest name that will be beside it. Tried, not asked: to the superuser `access`
        # allows even a read-only file system.
        with signals.held():
            probe = real.with_name(f"{real.name}.{secrets.token_hex(4)[1:]}")
            os.close(create(probe))
            probe.unlink()
    except (OSError, ValueError) as error:
        failure = cannot_write(path, error)
        full = getattr(error, "errno", None) in FULL
        raise (failure if full else OutputError(str(failure))) from None


def _check_target(path: Path, *, force: bool) -> None:
    if str(path) == "-":
        raise OutputError("'-' does not mean standard output here: name a file")
    if not path.name or path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file in it")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not a regular file: give the name of a new file")
    target(path)
    if os.path.lexists(path) and not force:
        raise OutputError(f"{path} exists already: name another, or --force to replace it")
    if not path.parent.exists():
        raise OutputError(
            f"the folder {path.parent} of {path.name} does not exist: make it, or name another"
        )


def target(path: Path) -> Path:
    """The file that a link leads to, or `path` itself: there it is written, and the link stays.

    Raises `OutputError` for what leads into /dev, /proc or /sys, such as /dev/stdout: a new file
    would take the place of what all programs use.
    """
    at = path
    for _ in range(_MAX_LINKS):
        folder = place(at.parent)
        if not _is_below(folder, _MEMORY) and any(
            _is_below(folder, each) for each in _NO_PLACE_FOR_FILES
        ):
            raise OutputError(
                f"{path} is in {folder}, where no files are: name a file elsewhere (--json and "
                "exports to '-' go to standard output)"
            )
        at = Path(folder, at.name)
        if not at.is_symlink():
            return at
        at = at.parent / at.readlink()
    raise OutputError(f"{path} is a link that leads to itself: name another")


def place(path: Path) -> str:
    """Where it is, through all links. Raises `NotWritten` where the current folder is gone."""
    try:
        return os.path.realpath(path)
    except OSError as error:
        raise NotWritten(
            f"cannot write {path}: the current folder cannot be used ({reason_of(error)}): "
            "change to another"
        ) from None


def _is_below(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(f"{top}/")


def write(
    data: bytes, path: str | os.PathLike[str], *, force: bool, kept: Path | None = None
) -> None:
    """Write an output file, whole or not at all, and never over an existing one unless `force`.

    A file that is replaced keeps its permissions, and a link stays one. Ctrl-C waits until it is
    written, so that nothing else is left behind. Raises `NotWritten` when it fails; `kept` is where
    the contents are safe all the same.
    """
    with signals.held():
        _write(data, Path(path), force=force, kept=kept)


def _write(data: bytes, path: Path, *, force: bool, kept: Path | None) -> None:
    real = target(path)
    if not force:
        real = path  # where there is a link, it is taken
    temporary = _temporary_beside(real)
    try:
        _write_synced(temporary, data)
        _keep_mode(temporary, real)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):  # what matters is why it could not be written
            temporary.unlink(missing_ok=True)
        raise cannot_write(path, error, kept=kept) from None
    try:
        _publish(temporary, real, force=force)
    except FileExistsError:
        raise NotWritten(
            f"{path} appeared meanwhile and is left as it is: "
            f"what was to be written is in {temporary}, rename that"
        ) from None
    except OSError as error:
        raise cannot_write(path, error, kept=temporary) from None
    _sync_folder(real.parent)


def write_new(data: bytes, folder: Path, stem: str, suffix: str) -> Path:
    """Write a file of that name into the folder, whole or not at all, and give its path: where the
    name is taken, also by somebody at this moment, it is STEM-2, STEM-3 and so on.

    Raises `NotWritten` when it fails; then nothing is left behind.
    """
    with signals.held():
        path = folder / f"{stem}{suffix}"
        temporary = _temporary_beside(path)
        try:
            _write_synced(temporary, data)
            for number in itertools.count(2):
                try:
                    _publish(temporary, path, force=False)
                    break
                except FileExistsError:
                    path = folder / f"{stem}-{number}{suffix}"
        except (OSError, ValueError) as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise cannot_write(path, error) from None
        _sync_folder(folder)
    return path


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, and gone again where nothing got into it.

    Raises `NotWritten` where it cannot be made.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)  # another run may have made it just now
    except (OSError, ValueError) as error:
        raise cannot_write(folder, error) from None
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):  # there is something in it, or it is gone already
                folder.rmdir()


def _keep_mode(temporary: Path, replaced: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        temporary.chmod(stat.S_IMODE(replaced.stat().st_mode))


def _write_synced(path: Path, data: bytes) -> None:
    with open(create(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary: Path, path: Path, *, force: bool) -> None:
    """Give the file its name in one step. Without `force`, raises `FileExistsError` if taken."""
    if not force:
        try:
            # A link refuses an existing name, which rename would replace without a word.
            os.link(temporary, path, follow_symlinks=False)
            temporary.unlink()
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
        os.close(create(path))  # no links on FAT and some network folders: reserve the name
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    # The file is complete and in its place. Not every file system can synchronise a folder, and
    # where it cannot, a power failure in the next seconds may still take the name: no error.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def create(path: Path) -> int:
    """A new file, open for writing. Raises `FileExistsError`, also for a dangling symlink."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _temporary_beside(path: Path) -> Path:
    # Short and independent of the path's own name, so that a long name has room for it.
    return path.with_name(f".iomodels-{secrets.token_hex(4)}.tmp")


def _in_ascii(sign: str) -> str:
    if sign in PLAIN:
        return PLAIN[sign]
    kind = unicodedata.category(sign)[0]
    if sign.isascii() or kind == "M":  # marks, such as the dots of an umlaut
        return sign if sign.isascii() else ""
    return f"u{ord(sign):04x}" if kind in "LN" else "-"


def slug(text: str) -> str:
    """A file name made of `text`: ASCII letters, digits, '.', '_' and '-', and never a path.

    Letters that have no ASCII are their numbers (`u6162`): names that differ stay different.
    """
    plain = "".join(map(_in_ascii, unicodedata.normalize("NFKD", text)))
    name = re.sub(r"[^A-Za-z0-9._]+", "-", plain)[:MAX_SLUG].strip("-._")
    return name or "unnamed"


def cannot_write(path: Path, error: Exception, kept: Path | None = None) -> NotWritten:
    if getattr(error, "errno", None) in FULL:
        remedy = "free some space, or name an output on another disk"
    else:
        remedy = "check the name and the permissions of its folder, or name another output"
    safe = f"; what was measured is kept in {kept}" if kept and kept.exists() else ""
    return NotWritten(f"cannot write {path} ({reason_of(error)}): {remedy}{safe}")


def reason_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
