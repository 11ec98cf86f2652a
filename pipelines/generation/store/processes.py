"""Is a process of this machine still there? A number alone does not tell: it is given to another one after a while."""

import os
import socket
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Process(NamedTuple):
    """What tells a process from all others."""

    host: str
    """For reading."""
    place: str
    """Where its number means something: a start of a machine and a namespace of processes, as containers have them."""
    pid: int
    mark: str
    """When it started, in the kernel's ticks; empty where the system does not say."""


def this_process() -> Process:
    """The one that asks."""
    host = socket.gethostname()
    return Process(host, _place(host), os.getpid(), _mark(os.getpid()))


def is_gone(place: str, pid: int, mark: str) -> bool:
    """Whether the process has ended for certain: never said of another machine's."""
    if place != _place(socket.gethostname()):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, of which the system may not show us more than that it is there
        return bool(mark) and _mark(pid) not in ("", mark)
    return bool(mark) and _mark(pid) != mark


def _place(host: str) -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return host


def _mark(pid: int) -> str:
    """When a process started; empty where there is none, or only what is left of one that ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return ""
    fields = stat[stat.rindex(b")") + 2 :].split()  # the name, in brackets, may hold blanks
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
