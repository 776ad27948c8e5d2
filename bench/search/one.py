"""`python -m bench.search.one`: a process that holds our index and nothing else, so that its memory and its answers are the index's.

Prints one JSON line: {"build_s": seconds, "rss_mb": resident after the questions, "peak_mb": the highest while building, "ms": of every answer}.
"""

import argparse
import ctypes
import gc
import json
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.figures import rss_mb
from bench.search import ours, questions
from bench.search.grown import grow
from sandbox.core_items import read


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.search.one")
    parser.add_argument("--items", type=Path)
    parser.add_argument("--questions", type=Path, action="append", required=True)
    parser.add_argument("--size", type=int, required=True)
    given = parser.parse_args()
    asked = [one.text for file in given.questions for one in questions.read(file)]
    items = grow(read(given.items), given.size)
    started = time.perf_counter()
    engine = ours.build(items)
    build_s = time.perf_counter() - started
    del items
    _give_back()
    for text in questions.warming(asked):
        engine.find(text, 10)
    samples = []
    for text in questions.rounds(asked):
        started = time.perf_counter()
        engine.find(text, 10)
        samples.append((time.perf_counter() - started) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    print(json.dumps({"build_s": build_s, "rss_mb": rss_mb(os.getpid()), "peak_mb": peak, "ms": samples}))
    return 0


def _give_back() -> None:
    """The grown items are the bench's, not the index's: what they took goes back to the kernel (glibc keeps it otherwise)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


if __name__ == "__main__":
    sys.exit(main())
