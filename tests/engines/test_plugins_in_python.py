"""What a plug-in in Python gets wrong is one sentence, wherever it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from iomodels.base.exit_codes import Exit

from ..plugged import Environment

FRAME = """
import os, sys, threading, time
from dataclasses import replace
from iomodels.python import blocking
from iomodels.python.contract import PythonOption
from iomodels.python.making import make_all
def right(setup):
    work = setup.work
    while work.wait():
        make_all(work, work.take())
def drive(options):
    return run
def run(setup):
    {run}
{more}
ENGINE = replace(blocking.ENGINE, name={name!r}, drive=drive{fields})
"""
WHEN_MEASURED = {
    "fails": ("raise ValueError('no more of it')", "its last words: ValueError: no more of it"),
    "keeps-secrets": ("raise OSError('/home/me/x')", "its last words: OSError"),
    "lacks": ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    "returns": ("return", "ReturnedEarlyError: the engine returned before its work was over"),
    "exits": ("os._exit(0)", "ended early with exit code 0"),
    "aborts": ("os.abort()", "ended by SIGABRT"),
    "prints": ("print('hello'); right(setup)", "wrote 'hello' to standard output"),
    "asks": ("input(); right(setup)", "its last words: EOFError"),
    "too-much": (
        "t = setup.work.wait() and setup.work.take(); setup.work.next(t, 1 << 40); right(setup)",
        "it reported more bytes than a request has",
    ),
    "prints-a-number": ("print('9', flush=True); right(setup)", "wrote '9' to standard output"),
    "wrong-type": (
        "t = setup.work.wait() and setup.work.take(); setup.work.next(t, 'text')",
        "its last words: TypeError",
    ),
}
"""By the engine's name: what its `run` does, and what is said of its trial."""
WHEN_NAMED = {
    "raises-when-asked": (
        "def missing(options): raise KeyError('zap')",
        ", missing=missing",
        "missing() raised KeyError: 'zap'",
    ),
    "says-no-sentence": (
        "def cannot(question): return False",
        ", cannot=cannot",
        "cannot() must return a sentence or None, not bool",
    ),
    "varies-to-nothing": (
        "def vary(engine, options): pass",
        ", vary=vary",
        "vary() must return a PythonEngine, not NoneType",
    ),
    "no-level": ("", ", complexity='easy'", "its complexity is 'easy', not one of one call,"),
    "no-flag": ("", ", flags=frozenset({'fast'})", "it has the flag fast, and the flags are"),
    "no-twin": ("", ", twin='sister'", "its twin is 'sister', not one of blocking,"),
    "no-title": ("", ", title=None", "its title is no text"),
    "no-drive": ("drive = None", "", "its drive is no function"),
    "own-option": (
        "",
        ", options=(PythonOption('python', 'which', ('a',)),)",
        "its option 'python' is one that every engine in Python has",
    ),
    "no-set": ("", ", flags=None", "the wrong form: Expected `array`, got `null` - at `$.flags`"),
    "no-words": ("", ", summary=''", "the wrong form: Expected `str` of length >= 1"),
    "talks": ("", ", title='x' * 10_000_000", "the wrong form: Expected `str` of length <= 500"),
    "no-number": ("", ", max_depth='many'", "Expected `int`, got `str` - at `$.max_depth`"),
    "odd-option": (
        "",
        ", options=(PythonOption('a=,b', 'which', ('a',)),)",
        "Expected `str` matching regex",
    ),
    "two-options": (
        "",
        ", options=(PythonOption('a', 'which', ('a',)),) * 2",
        "two of its options have the same name",
    ),
    "no-such-option": (
        "",
        ", options=(PythonOption('a', 'which', ('a',), only=('b', ('c',))),)",
        "its option 'a' depends on a choice that is none of b's",
    ),
    "varies-to-nonsense": (
        "def vary(engine, options): return replace(engine, max_depth='many')",
        ", vary=vary",
        "with these options something that it says has the wrong form",
    ),
    "leaves": (
        "def cannot(question): raise SystemExit('away')",
        ", cannot=cannot",
        "cannot() raised SystemExit: away",
    ),
    "hangs": (
        "def cannot(question): time.sleep(600)",
        ", cannot=cannot",
        "cannot() raised TookTooLong: it did not end within 0.5 s",
    ),
    "hangs-at-import": (
        "time.sleep(600)",
        "",
        "cannot be imported: it did not end within 0.5 s",
    ),
    "exits-at-import": (
        "os._exit(0)",
        "",
        "cannot be imported: it ended its process (exit code 0)",
    ),
    "crashes-at-import": (
        "os.kill(os.getpid(), 11)",
        "",
        "cannot be imported: it crashed (SIGSEGV)",
    ),
    "does-not-say": (
        "class Wrong(Exception):\n    def __str__(self): raise ValueError\nraise Wrong",
        "",
        "cannot be imported: Wrong",
    ),
    "needs": (
        "def missing(options): return 'it needs zap: pip install zap'",
        ", missing=missing",
        "it needs zap: pip install zap",
    ),
}
"""By the engine's name: what its module has, what the engine, and what is said of it."""


def module(name: str, run: str = "right(setup)", more: str = "", fields: str = "") -> str:
    return FRAME.format(name=name, run=run, more=more, fields=fields)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("plugged") / "venv")
    texts = {name: module(name, run=run) for name, (run, _) in WHEN_MEASURED.items()}
    for name, (more, fields, _) in WHEN_NAMED.items():
        texts[name] = module(name, more=more, fields=fields)
    texts["leaves-a-thread"] = module(
        "leaves-a-thread", "threading.Thread(target=time.sleep, args=(60,)).start(); right(setup)"
    )
    modules = {f"wrong_{name.replace('-', '_')}": text for name, text in texts.items()}
    points = {name: f"wrong_{name.replace('-', '_')}:ENGINE" for name in texts}
    made.install("many-wrong", points, modules)
    return made


@pytest.fixture(scope="module")
def failures(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a run with all that only show when they are measured."""
    run = tmp_path_factory.mktemp("run") / "run.json"
    engines = ",".join(WHEN_MEASURED)
    words = ("cached-read", "-e", engines, "-r", "1", "-d", "10ms", "-o", run)
    done = environment.iomodels("bench", *words)
    assert done.returncode == Exit.NOTHING
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", WHEN_MEASURED)
def test_a_trial_that_its_engine_spoils_says_how(failures: str, name: str) -> None:
    _, sentence = WHEN_MEASURED[name]
    (line,) = re.findall(rf"failed: cached-read · {name}, round 1: (.*)", failures)
    assert sentence in line


ASK = """
import json, sys
from iomodels.base.errors import EngineError
from iomodels.engines.plugins import finding, python_engine
from iomodels.engines.spec import parse_list
said = {}
for name in sys.argv[1:]:
    # Of those that hang only: the others may take long on a busy machine.
    finding.IMPORT_LIMIT_S = 0.5 if name == "hangs-at-import" else 60
    python_engine.ANSWER_LIMIT_S = 0.5 if name == "hangs" else 60
    try:
        (spec,) = parse_list([name])
        said[name] = spec.caps and str(spec.answers('file', {}))
    except EngineError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(environment: Environment) -> dict[str, str]:
    found: dict[str, str] = json.loads(environment.runs(ASK, *WHEN_NAMED))
    return found


@pytest.mark.parametrize("name", WHEN_NAMED)
def test_what_an_engine_says_of_itself_is_checked_when_it_is_named(
    said: dict[str, str], name: str
) -> None:
    *_, sentence = WHEN_NAMED[name]
    assert sentence in said[name]
    assert f"engine '{name}' of many-wrong 1.0" in said[name] or name == "needs"


def test_what_a_module_prints_at_its_import_is_no_answer(
    environment: Environment, tmp_path: Path
) -> None:
    text = "import os\nos.write(1, b'hello\\n')\n"
    text += module("hails", fields=", missing=lambda options: None")
    environment.install("hailing", {"hails": "hails:ENGINE"}, {"hails": text})
    words = ("cached-read", "-e", "hails", "-r", "1", "-d", "10ms", "-o", tmp_path / "run.json")
    done = environment.iomodels("bench", *words)
    assert "the trial's process wrote 'hello' to standard output" in done.stderr


def test_what_the_environment_asks_of_python_does_not_reach_a_trial(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is measured as a program runs: with the collector of garbage, and without what debugs."""
    collector = "gc.isenabled(), gc.get_freeze_count()"
    told = f"{collector}, sys.flags.optimize, asyncio.coroutines._is_debug_mode()"
    text = module("tells", f"import asyncio, gc; raise ValueError(f'{{({told})}}')")
    environment.install("telling", {"tells": "tells:ENGINE"}, {"tells": text})
    for name in ("PYTHONOPTIMIZE", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):
        monkeypatch.setenv(name, "1")
    words = ("cached-read", "-e", "tells", "-r", "1", "-d", "10ms", "-o", tmp_path / "run.json")
    done = environment.iomodels("bench", *words)
    assert "its last words: ValueError: (True, 0, 0, False)" in done.stderr


def test_a_python_that_is_observed_is_not_measured(
    environment: Environment, tmp_path: Path
) -> None:
    """As coverage starts itself in every process of a Python: by a .pth file."""
    (packages,) = environment.folder.glob("lib/python*/site-packages")
    observing = packages / "observing.pth"
    observing.write_text("import sys; sys.setprofile(lambda *_: None)\n")
    words = ("cached-read", "-e", "python:blocking", "-r", "1", "-d", "10ms")
    done = environment.iomodels("bench", *words, "-o", tmp_path / "run.json")
    observing.unlink()
    assert done.returncode == Exit.NOTHING
    assert (
        "this Python is observed (coverage, a profiler, a debugger): switch it off" in done.stderr
    )


def test_a_process_that_an_engine_has_forked_ends_with_its_trial(
    environment: Environment, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    run = f"child = os.fork() or time.sleep(600); open({str(pid)!r}, 'w').write(str(child)); "
    text = module("forks", run + "right(setup)")
    environment.install("forking", {"forks": "forks:ENGINE"}, {"forks": text})
    words = ("cached-read", "-e", "forks", "-r", "1", "-d", "10ms", "-o", tmp_path / "run.json")
    done = environment.iomodels("bench", *words)
    assert done.returncode == Exit.DONE, done.stderr
    try:
        status = Path(f"/proc/{pid.read_text()}/stat").read_text()
    except FileNotFoundError:
        return
    assert status.rpartition(")")[2].split()[0] in "ZX"  # killed: whoever adopts it has to reap it


def test_a_thread_that_is_left_keeps_no_command_waiting(
    environment: Environment, tmp_path: Path
) -> None:
    words = ("cached-read", "-e", "leaves-a-thread", "-r", "1", "-d", "10ms")
    done = environment.iomodels("bench", *words, "-o", tmp_path / "run.json", timeout_s=30)
    assert done.returncode == Exit.DONE, done.stderr
