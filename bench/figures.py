"""How figures leave a bench: one JSON line each, and a table beside the aims on stderr."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal


def report(name: str, value: float, unit: str, better: Literal["higher", "lower"], aim: float | None, baseline: str, n: int) -> None:
    """`n`: how many runs or samples stand behind the value; `baseline`: what it is beside."""
    figure = {"name": name, "value": round(value, 3), "unit": unit, "better": better, "aim": aim, "baseline": baseline, "n": n}
    print(json.dumps(figure, ensure_ascii=False), flush=True)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def percentile(samples: Sequence[float], share: float) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def rss_mb(pid: int) -> float:
    """Resident memory of one process, from the kernel (ps where there is no /proc)."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS:")) / 1024
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)])) / 1024  # noqa: S603, S607 - a standard tool
