"""Scenario files that are refused, and the words: what was found, where, and what is allowed."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base.errors import ScenarioError
from iomodels.workload import scenario

from .scenario_texts import FILE, HEAD, TIMER

PIPE = HEAD + '[channel]\nkind = "pipe"\n'
LOAD = "[load]\n"


def refusal(text, write, **settings):
    """The one sentence with which a file of this text is refused; checks that it is one."""
    path = write(text)
    with pytest.raises(ScenarioError) as caught:
        scenario.load(path, {key.replace("__", "."): value for key, value in settings.items()})
    sentence = str(caught.value)
    assert sentence.isprintable(), "one line, no control characters"
    assert len(sentence) < 700
    return sentence.replace(str(path), "mine.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # unknown keys and names
        (HEAD + "titel = 1\n", "there is no key titel (did you mean 'title'?)"),
        (TIMER + "servic = 1\n", "no key channel.servic (did you mean 'channel.service'?)"),
        (
            FILE + LOAD + "dept = 4\n",
            "mine.toml: there is no key load.dept (did you mean 'load.depth'",
        ),
        (FILE + LOAD + '"a\\u001b[31mb" = 4\n', "there is no key "),
        (FILE + "[lode]\ndepth = 1\n", "there is no key lode (did you mean 'load'?)"),
        (FILE + '[sweep]\n"load.dept" = [1]\n', "no key load.dept (did you mean 'load.depth'?)"),
        (HEAD + '[channel]\nkind = "fil"\n', "channel.kind is 'fil' (did you mean 'file'?)"),
        (
            FILE + 'cache = "worm"\n',
            "channel.cache is 'worm' (did you mean 'warm'?): it must be 'w",
        ),
        (
            FILE + LOAD + 'operation = "wrte"\n',
            "load.operation is 'wrte' (did you mean 'write'?): it must be 'read'",
        ),
        (
            TIMER + LOAD + 'operation = "write"\n',
            "load.operation = 'write' contradicts channel.kind = 'timer'",
        ),
        (
            FILE + 'cache = "cold"\n' + LOAD + 'operation = "write"\n',
            "channel.cache = 'cold' contradicts writing",
        ),
        (FILE + LOAD + 'sync = "data"\n', "load.sync contradicts load.operation"),
        (FILE + LOAD + "rate = 5\n", "load.rate contradicts load.arrivals"),
        (FILE + LOAD + "descriptors = 5\n", "load.descriptors contradicts channel.kind = 'file'"),
        (FILE + LOAD + 'verify = "yes"\n', "load.verify is 'yes': it must be true or false"),
        (
            PIPE + 'exchange = "stream"\nrole = "server"\n',
            "channel.role = 'server' contradicts channel.exchange = 'stream'",
        ),
        (
            PIPE + LOAD + 'operation = "write"\n',
            "load.operation = 'write' contradicts channel.exchange = 'echo'",
        ),
        (
            PIPE + LOAD + "depth = 4\ndescriptors = 2\n",
            "load.descriptors = 2 contradicts load.depth = 4",
        ),
        (PIPE + "opens = 1\n", "channel.opens contradicts channel.kind = 'pipe'"),
        # missing keys
        ("", "channel is missing"),
        (HEAD, "channel is missing: it must be a table, headed [channel]"),
        (HEAD + "[channel]\n", "channel.kind is missing: it must be 'timer' or 'file'"),
        (HEAD + '[channel]\nkind = "timer"\n', "channel.service is missing: it must be a duration"),
        (
            HEAD + '[channel]\nkind = "timer"\nservice = { mean = "1 us" }\n',
            "channel.service.distribution is missing: it must be 'constant' or 'uniform'",
        ),
        (
            HEAD + '[channel]\nkind = "timer"\nservice = {distribution = "uniform", low = "1 s"}\n',
            "channel.service.high is missing",
        ),
        # wrong types
        (
            'title = ""\n' + FILE[len('title = "T"\n') :],
            "title is '': it must be a text of 1 to 1000",
        ),
        ('title = " "\n' + FILE[len('title = "T"\n') :], "title is ' ': it must be a text"),
        ("title = 1\n" + FILE[len('title = "T"\n') :], "title is 1: it must be a text"),
        (HEAD + "channel = 3\n", "channel is 3: it must be a table"),
        (HEAD + "engines = 'aio'\n" + FILE[len(HEAD) :], "engines is 'aio': it must be a list"),
        (
            HEAD + "engines = [1]\n" + FILE[len(HEAD) :],
            "engines is a list: it must be a list of 1",
        ),
        (
            HEAD + "engines = []\n" + FILE[len(HEAD) :],
            "engines is an empty list: it must be a list",
        ),
        (
            FILE + LOAD + "depth = '4'\n",
            "load.depth is '4': it must be a whole number from 1 to 1024",
        ),
        (FILE + LOAD + "depth = 4.0\n", "load.depth is 4.0: it must be a whole number"),
        (FILE + LOAD + "depth = true\n", "load.depth is true: it must be a whole number"),
        (FILE + LOAD + "depth = [1]\n", 'is a list: put it under [sweep], as "load.depth" = [1]'),
        (FILE + LOAD + "depth = {a = 1}\n", "load.depth is a table: it must be a whole number"),
        (FILE + LOAD + "depth = 2026-01-01\n", "load.depth is a date or time"),
        (FILE + "opens = true\n", "channel.opens is true: it must be 'per-request' or 1"),
        (FILE + "opens = 2\n", "channel.opens is 2: it must be 'per-request' or 1"),
        (FILE + "folder = ''\n", "channel.folder is '': it must be the path of a folder"),
        (FILE + 'folder = "a\\u0000b"\n', "channel.folder is 'a\\x00b': it must be the path"),
        # wrong units and limits
        (
            HEAD + '[channel]\nkind = "timer"\nservice = 100\n',
            "service is 100: it must be a duration",
        ),
        (TIMER.replace("us", "KiB"), "channel.service: '100 KiB' has an unknown unit 'KiB'"),
        (
            FILE + "size = '64 MB'\n",
            "channel.size: '64 MB' has an unknown unit 'MB' (did you mean '64 M",
        ),
        (FILE + "size = true\n", "channel.size is true: it must be a size from 1 B to 1 TiB"),
        (FILE + "size = 0\n", "channel.size is 0: it must be a size from 1 B to 1 TiB"),
        (FILE + "size = -1\n", "channel.size is -1"),
        (FILE + f"size = 0x{'f' * 5000}\n", "channel.size is a number far too large"),
        (FILE + f"size = {'9' * 5000}\n", "is not valid TOML: it contains an invalid number"),
        (FILE + "size = '2 TiB'\n", "at most 1 TiB"),
        (
            FILE + LOAD + "block = '65 MiB'\n",
            "load.block is '65 MiB': it must be a size from 1 B to 64",
        ),
        (
            FILE + LOAD + "depth = 1025\n",
            "load.depth is 1025: it must be a whole number from 1 to 1024",
        ),
        (
            HEAD + '[channel]\nkind = "timer"\n'
            'service = {distribution = "lognormal", mean = "1 s", sigma = nan}\n',
            "channel.service.sigma is nan: it must be a number from 0.01 to 3",
        ),
        # contradictions
        (TIMER + LOAD + "block = '4 KiB'\n", "load.block contradicts channel.kind = 'timer'"),
        (TIMER + LOAD + "pattern = 'random'\n", "load.pattern contradicts channel.kind = 'timer'"),
        (TIMER + "size = '1 MiB'\n", "channel.size contradicts channel.kind = 'timer'"),
        (
            FILE + "service = '1 us'\n",
            "channel.service.distribution contradicts channel.kind = 'file'",
        ),
        (TIMER + "opens = 1\n" + LOAD + "depth = 2\n", "one timer serves one request at a time"),
        (
            FILE + "size = '1 KiB'\n",
            "load.block (4 KiB) must not be larger than channel.size (1 KiB)",
        ),
        (
            FILE + "size = '6 KiB'\n",
            "channel.size (6 KiB) must be a multiple of load.block (4 KiB)",
        ),
        (
            FILE + "cache = 'direct'\nsize = 1000\n" + LOAD + "block = 1000\n",
            "load.block (1000 B) must be a multiple of 512 B for writes and for direct I/O",
        ),
        (
            HEAD + '[channel]\nkind = "timer"\n'
            'service = {distribution = "uniform", low = "2 us", high = "2 us"}\n',
            "channel.service.low (2 µs) must be less than channel.service.high (2 µs)",
        ),
        (
            HEAD + '[channel]\nkind = "timer"\n'
            'service = {distribution = "exponential", mean = "1 us", sigma = 1}\n',
            "channel.service.sigma contradicts channel.service.distribution = 'exponential'",
        ),
        # sweeps
        (FILE + "sweep = 1\n", "there is no key channel.sweep"),
        (HEAD + "sweep = 1\n" + FILE[len(HEAD) :], "sweep is 1: it must be a table of lists"),
        (FILE + '[sweep]\n"load.depth" = 4\n', 'sweep."load.depth" is 4: it must be a list'),
        (
            FILE + '[sweep]\n"load.depth" = []\n',
            'sweep."load.depth" has 0 values: it must have 1 to',
        ),
        (FILE + f'[sweep]\n"load.depth" = {list(range(1, 66))}\n', "has 65 values"),
        (FILE + '[sweep]\n"load.depth" = [1, 2, 1]\n', 'sweep."load.depth" has the value 1 twice'),
        (FILE + '[sweep]\n"load.block" = ["4 KiB", 4096]\n', "has the value 4 KiB twice"),
        (
            FILE + '[sweep]\n"load.depth" = [1, "x"]\n',
            "sweep.\"load.depth\"[1] is 'x': it must be a wh",
        ),
        (FILE + '[sweep]\n"channel.kind" = ["file", "timer"]\n', "channel.kind cannot change"),
        (
            FILE + f'[sweep]\n"load.depth" = {list(range(1, 18))}\n"load.block" = '
            f"{[512 << n for n in range(8)] + [1 << n for n in range(8)]}\n",
            "the sweep has 272 points",
        ),
        (
            TIMER + '[sweep]\n"channel.service" = ["1 us", "2 us"]\n'
            '"channel.service.mean" = ["1 us", "2 us"]\n',
            "sweep has both channel.service and channel.service.mean",
        ),
        (
            FILE + 'size = "1 MiB"\n[sweep]\n"load.block" = ["4 KiB", "2 MiB"]\n',
            "mine.toml: at block 2 MiB: load.block (2 MiB) must not be larger than channel.size",
        ),
        (
            TIMER + 'opens = 1\n[sweep]\n"load.depth" = [1, 4]\n',
            "at depth 4: channel.opens = 1 contradicts load.depth = 4",
        ),
        # not TOML
        (HEAD + "[channel\n", "is not valid TOML: "),
        (HEAD + "x = \n", "line 3"),
        ("a = " + "[" * 9000 + "\n", "is nested too deeply"),
        ("a = 1\n" + "a." * 4000 + "b = 1\n", "line 2 has over 200 dots"),
        (
            FILE + "x = " + "[\n{" + ("b." * 150 + "c = [\n{") * 40 + "}]" * 40 + "}]\n",
            "mine.toml",
        ),
        ("a." * 150 + "b = 1\n", "there is no key a"),
        ("[[run]]\nscenario = 'slow-device'\n", "is a suite: name a single scenario"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_found_and_what_is_allowed(write, text, words):
    sentence = refusal(text, write)
    assert words in sentence
    assert sentence.startswith("mine.toml")


def test_a_contradiction_that_a_setting_makes_names_the_point(write):
    sentence = refusal(TIMER + "opens = 1\n", write, load__depth=["1", "2"])
    assert "mine.toml with these settings: at depth 2: channel.opens = 1" in sentence


# --- Files that cannot be read


def test_files_that_are_not_readable_text_files_are_refused(write, tmp_path):
    with pytest.raises(ScenarioError, match="there is no such file"):
        scenario.load(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="is a folder"):
        scenario.load(tmp_path)
    with pytest.raises(ScenarioError, match="no file can have this name"):
        scenario.load("a\0b.toml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        scenario.load("x" * 300 + ".toml")
    (tmp_path / "binary.toml").write_bytes(b"\x7fELF\x00\xff\xfe")
    with pytest.raises(ScenarioError, match="byte 5 is not UTF-8"):
        scenario.load(tmp_path / "binary.toml")
    os.mkfifo(tmp_path / "fifo.toml")
    with pytest.raises(ScenarioError, match="is not a regular file"):
        scenario.load(tmp_path / "fifo.toml")
    with pytest.raises(ScenarioError, match="the file name is the name of the scenario"):
        scenario.load(write(TIMER, "-rf $HOME.toml"))


def test_a_file_that_may_not_be_read_is_refused_with_the_remedy(write, monkeypatch):
    path = write(TIMER)
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything, so the fault is injected
        monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no")))
    with pytest.raises(ScenarioError, match="check its permissions"):
        scenario.load(path)


def test_a_huge_file_is_refused_unparsed(tmp_path):
    path = tmp_path / "huge.toml"
    path.write_text(TIMER)
    os.truncate(path, 1 << 40)  # sparse: reading or parsing all of it would not end
    with pytest.raises(ScenarioError, match="larger than 1 MiB"):
        scenario.load(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError):
        scenario.load(path)
