"""The arguments of calls, as strace 4 to 6 write them."""

from __future__ import annotations

import pytest

from iomodels.observe.log.arguments import descriptor, fields, flags, items, number, split


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["3"],
        ["3</tmp/a, b>", '"a, b"...', "4096", "0"],
        ["4<TCP:[127.0.0.1:1->127.0.0.1:2]>", '"\\"a, \\\\"', "5"],
        ["4<TCPv6:[[::1]:1->[::1]:2]>", "NULL"],
        ["7<UNIX-STREAM:[1->2]>", '[{iov_base="a, ]", iov_len=4}, {iov_base="", iov_len=5}]', "2"],
        ['7<UNIX-STREAM:[1->2, "/run/a, b"]>', "2"],
        ["AT_FDCWD</x, y>", '"/x"', "O_RDWR|O_CREAT", "0600"],
        ["3</dev/null<char 1:3>>", "5<socket:[123]>", "8<pipe:[9]>"],
        [r"6</tmp/a, b\76\"x\n>", "1"],
        ["6</tmp/a>b, c>", "1"],  # 4.x does not escape
        ["6</tmp/a>(deleted)", "1"],
        ["6</tmp/a (deleted)>", "1"],
        ["[4<socket:[1]>, 5</a, b>]", "{tv_sec=0, tv_nsec=1000}", "NULL"],
        ["1<<CAP_CHOWN|1<<CAP_KILL", "2"],
        ['"/bin/true"', "[...]", "0x7ffd9747e008 /* 39 vars */"],
        ["{flags=CLONE_VM, exit_signal=0} => {parent_tid=[24486]}", "88"],
        ['{sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}', "16"],
        ["~[KILL STOP]", "[]", "8"],
    ],
)
def test_split(parts: list[str]) -> None:
    assert split(", ".join(parts)) == parts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3", (3, None)),
        ("3</tmp/a, b>, 5", (3, "file")),
        ("3</tmp/a>(deleted)", (3, "file")),
        ("8<pipe:[9]>", (8, "pipe")),
        ("5<socket:[123]>", (5, "socket")),
        ("4<TCP:[127.0.0.1:1->127.0.0.1:2]>", (4, "tcp")),
        ("4<TCPv6:[[::1]:1->[::1]:2]>", (4, "tcp")),
        ("4<UDP:[127.0.0.1:1]>", (4, "udp")),
        ("7<UNIX-STREAM:[1->2]>", (7, "unix")),
        ("7<UNIX:[1->2]>", (7, "unix")),
        ("7<NETLINK:[ROUTE:1]>", (7, "other")),
        ("6<anon_inode:[timerfd]>", (6, "timerfd")),
        ("6<anon_inode:[eventfd]>", (6, "eventfd")),
        ("6<anon_inode:[eventpoll]>", (6, "epoll")),
        ("6<anon_inode:[io_uring]>", (6, "io_uring")),
        ("6<anon_inode:[signalfd]>", (6, "signalfd")),
        ("6<signalfd:[USR1]>", (6, "signalfd")),
        ("6<anon_inode:inotify>", (6, "other")),
        ("6<pidfd:[7]>", (6, "other")),
        ("1</dev/pts/0>", (1, "other")),
        ("1</dev/null<char 1:3>>", (1, "other")),
        ("1</dev/sda<block 8:0>>", (1, "file")),
        ("1</dev/nvme0n1p1>", (1, "file")),
        ("1</dev/shm/a>", (1, "file")),
        ("1</proc/self/maps>", (1, "other")),
        ("1</memfd:a>(deleted)", (1, "other")),
        ("1</a", (1, "file")),
        ("AT_FDCWD</x>", None),
        ("-1", None),
        ("NULL", None),
        ("0x7ffc", None),
        ("12.5", None),
        ("1<<CAP_KILL", None),
        ("", None),
    ],
)
def test_the_kind_of_a_descriptor(text: str, found: tuple[int, str | None] | None) -> None:
    is_one = descriptor(text)
    assert (is_one and (is_one.number, is_one.kind)) == found


@pytest.mark.parametrize("inside", ["/dev/null<char 1:3>", "/a>b", "TCP:[1->2]", r"/a\76, b", ""])
def test_the_decoration_of_a_descriptor(inside: str) -> None:
    found = descriptor(f"3<{inside}>, 5")
    assert found is not None
    assert found.decoration == inside


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4096", 4096),
        ("-1", -1),
        ("0x1000", 4096),
        ("8192*1024", 8 << 20),
        ("5 /* five */", 5),
        ("NULL", None),
        ("1.5", None),
        ("12abc", None),
        ("", None),
    ],
)
def test_number(text: str, value: int | None) -> None:
    assert number(text) == value


def test_structures_arrays_and_flags() -> None:
    assert fields('{iov_base="a, b=", iov_len=4096}') == {"iov_base": '"a, b="', "iov_len": "4096"}
    assert fields("{it_value={tv_sec=0, tv_nsec=5}}") == {"it_value": "{tv_sec=0, tv_nsec=5}"}
    assert fields("NULL") == fields("{}") == fields("") == {}
    assert items("[{fd=4, events=POLLIN}, 5]") == ["{fd=4, events=POLLIN}", "5"]
    assert items("[]") == []
    assert items("[...]") is items("[1, ...]") is items("NULL") is None
    assert flags("O_RDWR|O_DIRECT|0x3000") == {"O_RDWR", "O_DIRECT", "0x3000"}
