"""Reading a TOML file that anybody may have written, and the words for what is wrong with it.

Every refusal is one sentence: the file, the path to the key, what was found, what is allowed.
"""

from __future__ import annotations

import difflib
import errno
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Meta

from iomodels.base.errors import ScenarioError

MAX_BYTES = 1 << 20
_MAX_DOTS = 200
"""In one line. A dotted key is one line, and its parsing takes the square of its parts: without a
limit a file of 1 MiB can take a minute."""

_T = TypeVar("_T", bound=msgspec.Struct)


def read(path: Path, where: str) -> dict[str, Any]:
    """Read and parse a TOML file; `where` names it in errors.

    Raises `ScenarioError` if it cannot be read, is no regular file, is over 1 MiB, is not text, is
    not TOML (with the line), or is nested too deeply.
    """
    try:
        text = _read_bytes(path, where).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{where}: byte {error.start} is not UTF-8 text, and a scenario is a TOML text file"
        ) from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MAX_DOTS:
            raise ScenarioError(f"{where}: line {number} has over {_MAX_DOTS} dots, too many")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{where} is not valid TOML: {printable(str(error))}") from None
    except ValueError:
        # Not a TOMLDecodeError: Python itself refuses thousands of digits, or a 13th month.
        raise ScenarioError(f"{where} is not valid TOML: it contains an invalid number") from None
    except RecursionError:
        raise ScenarioError(_too_deep(where)) from None


def _too_deep(where: str) -> str:
    return f"{where} is nested too deeply to be a scenario"


def _read_bytes(path: Path, where: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{where}: {_why_unreadable(error)}") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ScenarioError(f"{where} is a folder: name a TOML file in it")
        if not stat.S_ISREG(mode):
            raise ScenarioError(f"{where} is not a regular file: save it as one first")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{where}: {_why_unreadable(error)}") from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ScenarioError(f"{where} is larger than 1 MiB, too large for a scenario")
    return content


def _why_unreadable(error: Exception) -> str:
    if not isinstance(error, OSError):
        return "no file can have this name"
    remedies = {
        errno.ENOENT: "there is no such file (a shipped scenario is named without .toml)",
        errno.EACCES: "you may not read this file: check its permissions",
    }
    return remedies.get(error.errno or 0, f"it cannot be read ({error.strerror})")


def text_meta(description: str) -> Meta:
    """For a field that is a sentence or a name."""
    allowed = "a text of 1 to 1000 characters"
    return Meta(pattern=r"\S", max_length=1000, description=description, extra={"allowed": allowed})


def names_meta(description: str) -> Meta:
    """For a field that lists names."""
    allowed = "a list of 1 to 64 names, each in quotes"
    return Meta(min_length=1, max_length=64, description=description, extra={"allowed": allowed})


def decode(data: Mapping[str, Any], struct: type[_T], where: str, table: str = "") -> _T:
    """Turn one TOML table into `struct`; `table` is its path, such as `run[2]`.

    Each field says in `Meta(extra={"allowed": …})` what it may hold. Raises `ScenarioError`.
    """
    try:
        return msgspec.convert(data, struct)
    except msgspec.ValidationError as error:
        reason = _explain(str(error), data, struct, f"{table}." if table else "")
        raise ScenarioError(f"{where}: {reason}") from None
    except RecursionError:
        raise ScenarioError(_too_deep(where)) from None


_NAMED = re.compile(r"(?s)Object (contains unknown|missing required) field `(.*?)`(?: - at `.*)?")
_AT = re.compile(r"(?s).* - at `\$\.(\w+).*")


def _explain(
    message: str, data: Mapping[str, Any], struct: type[msgspec.Struct], prefix: str
) -> str:
    """Say msgspec's error in this project's words, with what was found and what is allowed."""
    fields = {known.encode_name: known for known in msgspec.structs.fields(struct)}
    named, at = _NAMED.fullmatch(message), _AT.fullmatch(message)
    if named and named[1] == "contains unknown":
        return unknown_key(named[2], fields, prefix)
    name = named[2] if named else at[1] if at else ""
    state = "is missing" if named else f"is {describe_value(data.get(name))}"
    allowed = fields[name].type.__metadata__[0].extra["allowed"]
    return f"{prefix}{name} {state}: it must be {allowed}"


def unknown_key(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The words for a key that does not exist."""
    known = list(known)
    hint = did_you_mean(name, known) or f": the keys here are {', '.join(known)}"
    return f"there is no key {printable(prefix + name)}{hint}"


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """` (did you mean 'x'?)` where one of `known` is close to `word`, otherwise nothing."""
    names = [name for name in known if isinstance(name, str)]
    if not isinstance(word, str) or len(word) > 200:
        return ""
    close = difflib.get_close_matches(word, names, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def describe_value(value: object) -> str:
    """A value from TOML as a few words, whatever its size."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number far too large" if abs(value) >= 10**18 else f"{value}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    return "nothing" if value is None else "a date or time"


def as_toml(values: Sequence[object], longest: int = 60) -> str:
    """A list of numbers, texts and booleans as TOML; empty where it has something else or is
    longer than `longest` characters."""
    if not all(isinstance(value, str | int | float) for value in values):
        return ""
    written = json.dumps(list(values))  # of such values JSON and TOML are the same
    return written if len(written) <= longest else ""


def printable(text: str) -> str:
    """`text` on one line and of bounded length, with control characters escaped."""
    text = text if len(text) <= 200 else text[:200] + "…"
    return text if text.isprintable() else repr(text)
