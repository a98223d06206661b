"""Jobs of fio's net engine: the socket channel."""

from __future__ import annotations

from iomodels.fio.job import Job
from iomodels.fio.translation import Translation

_FAMILIES = {"tcp": "tcp", "tcpv6": "tcp", "unix": "unix"}
_HERE = ("localhost", "127.0.0.1", "::1")
_OF_FILES = (
    "size filesize nrfiles file_append direct buffered invalidate pre_read fsync fdatasync "
    "sync verify fadvise_hint sync_file_range write_barrier"
)


def conversation(job: Job, out: Translation) -> None:
    """protocol, hostname, listen and pingpong: the channel's family, exchange and role."""
    settings = out.settings
    settings["channel.kind"] = "socket"
    for name in ("load.pattern", "load.read_share"):
        settings.pop(name, None)
    _family(job, out)
    listens = job.flag("listen")
    if job.flag("pingpong"):
        settings["channel.exchange"] = "echo"
        settings["load.operation"] = "read"
        if listens:
            settings["channel.role"] = "server"
        job.translated("pingpong", "channel.exchange = echo")
        job.translated("listen", f"channel.role = {settings.get('channel.role', 'client')}")
    else:
        settings["channel.exchange"] = "stream"
        job.translated("pingpong", "channel.exchange = stream")
        job.translated("listen", "channel.exchange = stream, read from a peer")
    for option in _OF_FILES.split():
        job.harmless(option, "a connection has no file")


def _family(job: Job, out: Translation) -> None:
    protocol = job.text("protocol", "tcp")
    family = _FAMILIES.get(protocol)
    if family is None:
        job.refused("protocol", "the connections here are of TCP or UNIX sockets")
    else:
        out.said(job, "protocol", "channel.family", family)
    if not job.has("hostname"):
        return
    if family == "unix" or job.text("hostname") in _HERE:
        job.translated("hostname", "the peer is a process on this machine")
    else:
        job.refused(
            "hostname", "the peer is always a process on this machine", "it is one on this machine"
        )
