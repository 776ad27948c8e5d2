"""What processes have spent of the CPU, in seconds: themselves, their children, and those of these that have ended."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")


def seconds(pids: Iterable[int]) -> float:
    """utime and stime of these processes and everything below them. Read it twice and take the difference."""
    table = _table()
    return sum(table[pid][1] for pid in tree(pids, {pid: parent for pid, (parent, _) in table.items()}))


def tree(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """`roots` and all that descend from them, of those that run."""
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def running(pids: Iterable[int]) -> set[int]:
    return tree(pids, {pid: parent for pid, (parent, _) in _table().items()})


def _table() -> dict[int, tuple[int, float]]:
    """pid -> (parent, seconds), from the kernel (ps where there is no /proc)."""
    if not _PROC.exists():
        listed = subprocess.check_output(["ps", "-axo", "pid=,ppid=,time="], text=True)  # noqa: S607 - a standard tool
        return {int(pid): (int(parent), _clock(spent)) for pid, parent, spent in (line.split() for line in listed.splitlines())}
    tick, table = os.sysconf("SC_CLK_TCK"), dict[int, tuple[int, float]]()
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            try:
                values = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            table[int(entry.name)] = int(values[1]), sum(int(values[place]) for place in (11, 12, 13, 14)) / tick
    return table


def _clock(spent: str) -> float:
    """`1-02:03:04.05` or `3:04.05`, as ps writes it."""
    days, _, rest = spent.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + int(days or 0) * 86400
