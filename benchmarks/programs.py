"""What `iomodels observe` says of real programs, as the table of docs/observe.md.

Each program that is installed runs once, small, under `iomodels observe --json`. Servers listen on
a UNIX socket or on 127.0.0.1, in a folder of their own, and are ended by their own number. Programs
that are not there are named and left out. It takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OBSERVE = [sys.executable, "-m", "iomodels", "observe", "--json"]
PATIENCE_S = 20.0
PORT = 18080
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass(frozen=True)
class Program:
    """`command` runs in `folder`; with `client`, it is a server that is used, and then ended."""

    name: str
    command: str
    needs: tuple[str, ...]
    prepare: str = ""
    client: str = ""
    stop: str = ""
    """Ends the server; else SIGTERM to the number in `pid`."""


FIO = "fio --name=x --filename=data --size=16m --bs=4k --rw=randread --direct=1 --number_ios=2000"
NGINX = """daemon off; master_process off; pid pid; error_log stderr;
events {{ worker_connections 64; }}
http {{ access_log off; sendfile {sendfile}; client_body_temp_path t1; proxy_temp_path t2;
fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
server {{ listen 127.0.0.1:{port}; root .; }} }}"""
LIGHTTPD = """server.document-root = "{folder}"
server.port = {port}
server.bind = "127.0.0.1"
server.pid-file = "{folder}/pid"
"""
INSERTS = "INSERT INTO t(b) VALUES(hex(randomblob(50)));"
BIG = "head -c 64M /dev/urandom > data"
PAGE = "head -c 10000 /dev/urandom > page; chmod a+rx . ; chmod a+r page"
REDIS = "redis-server --port 0 --unixsocket sock --save '' --pidfile pid --daemonize no"
ASK_REDIS = "redis-benchmark -s sock -c 16 -n 5000 -d 64 -q -t set"
AB = f"ab -q -k -c 8 -n 2000 http://127.0.0.1:{PORT}/page"
PG = str(POSTGRES[-1]) if POSTGRES else "/usr/lib/postgresql/bin"
AS_POSTGRES = "runuser -u postgres -- " if os.geteuid() == 0 else ""

PROGRAMS = (
    Program("cp", "cp --reflink=never data copy", ("cp",), BIG),
    Program("dd, reading", "dd if=data of=/dev/null bs=64k iflag=direct", ("dd",), BIG),
    Program("dd, writing", "dd if=/dev/zero of=out bs=1M count=200 oflag=direct", ("dd",)),
    Program("tar", "tar -cf out.tar data", ("tar",), BIG),
    Program(
        "rsync",
        "rsync -a --whole-file source/ copy/",
        ("rsync",),
        "mkdir source; for i in $(seq 200); do head -c 50000 /dev/urandom > source/$i; done",
    ),
    *(
        Program(
            f"sqlite3, {mode}",
            "sh -c 'sqlite3 base < inserts'",
            ("sqlite3",),
            f"(echo 'PRAGMA journal_mode={mode}; CREATE TABLE t(a INTEGER PRIMARY KEY, b);'; "
            f'for i in $(seq 300); do echo "{INSERTS}"; done) > inserts',
        )
        for mode in ("delete", "wal")
    ),
    Program("redis-server", REDIS, ("redis-server", "redis-benchmark"), "", ASK_REDIS),
    Program(
        "redis-server, AOF",
        f"{REDIS} --appendonly yes --appendfsync always",
        ("redis-server", "redis-benchmark"),
        "",
        ASK_REDIS,
    ),
    *(
        Program(
            f"nginx, sendfile {sendfile}",
            "nginx -p . -c conf",
            ("nginx", "ab"),
            f"{PAGE}; cat > conf <<'EOF'\n{NGINX.format(sendfile=sendfile, port=PORT)}\nEOF",
            AB,
        )
        for sendfile in ("off", "on")
    ),
    Program(
        "lighttpd",
        "lighttpd -D -f conf",
        ("lighttpd", "ab"),
        f"{PAGE}; cat > conf <<EOF\n{LIGHTTPD.format(folder='$PWD', port=PORT)}\nEOF",
        AB,
    ),
    Program(
        "postgres",
        f"{AS_POSTGRES}{PG}/postgres -D base",
        (f"{PG}/postgres", f"{PG}/pgbench"),
        f"chown postgres . ; {AS_POSTGRES}{PG}/initdb -D base -A trust; "
        "cat >> base/postgresql.conf <<EOF\nlisten_addresses=''\n"
        "unix_socket_directories='$PWD'\nexternal_pid_file='$PWD/pid'\n"
        "shared_buffers=16MB\nEOF",
        f"until {PG}/pg_isready -q -h $PWD; do sleep 0.1; done; "
        f"{AS_POSTGRES}{PG}/pgbench -h $PWD -i -s 2 -q postgres && "
        f"{AS_POSTGRES}{PG}/pgbench -h $PWD -c 4 -T 5 postgres",
    ),
    Program("fio, psync", f"{FIO} --ioengine=psync", ("fio",)),
    Program("fio, libaio", f"{FIO} --ioengine=libaio --iodepth=4", ("fio",)),
    Program("fio, io_uring", f"{FIO} --ioengine=io_uring --iodepth=4", ("fio",)),
    Program("fio, posixaio", f"{FIO} --ioengine=posixaio --iodepth=4", ("fio",)),
)


def observed(program: Program, folder: Path) -> dict[str, Any]:
    """The document that observe wrote of it."""
    shell: dict[str, Any] = {"cwd": folder, "shell": True, "stdout": subprocess.DEVNULL}
    if program.prepare:
        subprocess.run(program.prepare, check=True, stderr=subprocess.DEVNULL, **shell)
    with (folder / "said").open("wb") as said, (folder / "answer").open("wb") as answer:
        command = ["sh", "-c", f"exec {program.command}"]
        watched = subprocess.Popen(
            [*OBSERVE, "--", *command], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=answer, stderr=said,
        )  # fmt: skip
        try:
            if program.client:
                pid = _number(folder / "pid", watched)
                subprocess.run(program.client, check=True, stderr=subprocess.DEVNULL, **shell)
                os.kill(pid, signal.SIGTERM)
            watched.wait(120)
        finally:
            if watched.poll() is None:
                watched.terminate()
                watched.wait()
    if watched.returncode:
        raise SystemExit(f"{program.name}: {(folder / 'said').read_text()}")
    found: dict[str, Any] = json.loads((folder / "answer").read_bytes())
    return found


def _number(path: Path, watched: subprocess.Popen[bytes]) -> int:
    """What a server writes into `pid` when it listens."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and watched.poll() is None:
        if path.exists() and (text := path.read_text().split()):
            return int(text[0])
        time.sleep(0.05)
    raise SystemExit(f"{path.name}: the server did not start")


def missing(program: Program) -> str:
    return ", ".join(name for name in program.needs if shutil.which(name) is None)


def rows(document: dict[str, Any], most: int) -> Iterator[str]:
    """The works in the order of the document."""
    for work in document["observation"]["works"][:most]:
        yield " · ".join(text for part in PARTS if (text := part(work)))
    for unseen in document["observation"]["unseen"]:
        yield f"not seen: {unseen['count']} × {unseen['what']}"


def _size(count: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} B"


def _kind(work: dict[str, Any]) -> str:
    share = work["read_share"]
    how = "read" if share > 0.99 else "write" if share < 0.01 else f"{share:.0%} read"
    if work["exchange"] == "echo":
        how = work["role"] or "echo"
    kind = f"{work['family']} {work['kind']}" if work["family"] else work["kind"]
    return f"{kind}, {how}, {work['operations']} ×"


def _blocks(work: dict[str, Any]) -> str:
    found = [f"{_size(b['block_bytes'])} {b['share']:.0%}" for b in work["blocks"][:3]]
    return found[0].removesuffix(" 100%") if len(found) == 1 else ", ".join(found)


def _order(work: dict[str, Any]) -> str:
    share = work["sequential_share"]
    return "" if share is None else f"{share:.0%} in order"


def _depth(work: dict[str, Any]) -> str:
    return f"depth {work['depth']:g}, {work['active']} of {work['descriptors']} descriptors"


def _sync(work: dict[str, Any]) -> str:
    if work["sync"] == "none":
        return ""
    call = {"data": "fdatasync", "every": "fsync"}[work["sync"]]
    writes = work["writes_per_sync"]
    return call if writes is None else f"{call} after {writes:.1f} writes"


def _rest(work: dict[str, Any]) -> str:
    words = ["O_DIRECT"] if work["is_direct"] else []
    if work["is_append"]:
        words.append("append")
    if work["cached_share"] is not None and not work["is_direct"]:
        words.append(f"{work['cached_share']:.0%} cached")
    if work["arrivals"] != "closed":
        words.append(f"{work['arrivals']} {work['rate']:.0f}/s")
    return ", ".join(words)


PARTS: tuple[Callable[[dict[str, Any]], str], ...] = (
    *(_kind, _blocks, _order, _depth, _sync, _rest),
    lambda work: f"**{work['model']}**",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--works", type=int, default=4, help="kinds of work for each program (4)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the documents here")
    options = parser.parse_args()
    print("| program | command | what observe says |\n|---|---|---|")
    for program in PROGRAMS:
        if options.only and not any(program.name.startswith(name) for name in options.only):
            continue
        if absent := missing(program):
            print(f"{program.name}: left out, no {absent} here", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            document = observed(program, Path(folder))
        if options.keep:
            options.keep.mkdir(exist_ok=True)
            (options.keep / f"{program.name}.json").write_text(json.dumps(document, indent=1))
        lines = "<br>".join(rows(document, options.works))
        print(f"| {program.name} | `{program.command}` | {lines} |", flush=True)


if __name__ == "__main__":
    main()
