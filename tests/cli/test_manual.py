"""`help`, `-V` and the manual page."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from .running import cli

__all__ = ["cli"]
MANUAL = Path(__file__).parents[2] / "docs" / "iomodels.1"
main = import_module("iomodels.cli.main")


def test_help_is_what_the_option_says(cli) -> None:
    assert cli("help").stdout == cli("--help").stdout
    assert cli("help", "bench").stdout == cli("bench", "--help").stdout
    wrong = cli("help", "benhc")
    assert wrong.returncode == 2
    assert "did you mean 'bench'?" in wrong.stderr


def test_a_short_option_shows_the_version(cli) -> None:
    assert cli("-V").stdout == cli("--version").stdout


def test_the_manual_page_is_the_generated_one(cli) -> None:
    """To renew it: `iomodels man > docs/iomodels.1`."""
    done = cli("man")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == MANUAL.read_text()


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff on this machine")
def test_the_manual_page_is_sound_and_has_every_option() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-P-c", "-P-b", "-P-u", str(MANUAL)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    words = done.stdout.split()
    for name in main.COMMANDS:
        assert f"iomodels {name}" in " ".join(words)
        for parameter in import_module(
            f"iomodels.cli.{main.MODULES.get(name, name)}"
        ).command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert {f"{option}{end}" for option in parameter.opts for end in ("", ",")} & {
                    *words
                }
