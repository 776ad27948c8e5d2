"""`make bench-cases`: what applying costs. Some three minutes; 200,000 cases are stored for it and thrown away."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.cases import listing, precheck, submit, upload
from bench.figures import progress
from miniapp_api.stack import Stack

PARTS = ("precheck", "submit", "list", "upload")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cases", description="办件的速度和内存", epilog="例：python -m bench.cases --only submit")
    parser.add_argument("--items", type=Path, help="事项目录文件（每行一个 JSON）；不给则用自带的事项")
    parser.add_argument("--questions", help="这里用不到，为与别的命令一致")
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args(given)
    parts = (asked.only,) if asked.only else PARTS
    with tempfile.TemporaryDirectory(prefix="zhangban-bench-") as folder:
        stack = Stack(Path(folder), items=asked.items.resolve() if asked.items else None)
        if {"precheck", "submit", "list"} & set(parts):
            try:
                stack.start(progress)
                if "precheck" in parts:
                    precheck.measure(stack)
                if "submit" in parts:
                    submit.measure(stack)
                if "list" in parts:
                    listing.measure(stack)
            finally:
                stack.stop()
    if "upload" in parts:
        upload.measure()


if __name__ == "__main__":
    main()
