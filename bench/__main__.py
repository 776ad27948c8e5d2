"""`make bench`: every figure of the first journey, on a stack of its own. About two minutes; longer with a grown catalogue."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from bench import guides, pushes
from bench.figures import progress, report, rss_mb
from bench.search.grown import grow
from miniapp_api.stack import Stack
from sandbox.core_items import read

BIG = 20_000_000  # bytes of a catalogue
PARTS = ("guides", "pushes", "demo")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", epilog="例：python -m bench --items items.jsonl --grow 226330 --only guides")
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--grow", type=int, help="把目录按许多区县扩成这么多项")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    parser.add_argument("--questions", type=Path, help="问题文件：检索与助手的比较才用得到，这里接受但不读")
    given = parser.parse_args()
    parts = (given.only,) if given.only else PARTS
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    try:
        items = _grown(given.items, given.grow, folder) if given.grow else given.items and given.items.resolve()
        if "guides" in parts or "pushes" in parts:
            _on_a_stack(folder, items, parts)
        if "demo" in parts:
            _demo(items)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _on_a_stack(folder: Path, items: Path | None, parts: tuple[str, ...]) -> None:
    stack = Stack(folder / "data", items=items, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"})
    try:
        progress("启动…")
        started = time.monotonic()
        stack.start(progress)
        progress(f"  {time.monotonic() - started:.0f} 秒")
        if "guides" in parts:
            progress("办事指南…")
            guides.measure(stack)
            progress("API 进程内存…")
            aim = 200 if items is None or items.stat().st_size < BIG else None  # a province is not what the aim is for
            report("api_rss_mb", rss_mb(stack.children["api"].pid), "MB", "lower", aim, "one API process after the guide runs", 1)
        if "pushes" in parts:
            progress("事件到手机…")
            pushes.measure(stack)
    finally:
        stack.stop()


def _demo(items: Path | None) -> None:
    progress("演示…")
    started = time.monotonic()
    command = [sys.executable, "-m", "miniapp_api.cli", "demo", *(["--items", str(items)] if items else [])]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise SystemExit("the demo failed")
    report("demo_s", time.monotonic() - started, "s", "lower", 60, "whole journey with its own stack, from start to clean stop", 1)


def _grown(items: Path | None, size: int, folder: Path) -> Path:
    progress(f"扩成 {size} 项…")
    file = folder / "items.jsonl"
    with file.open("wb") as out:
        for item in grow(read(items), size):
            out.write(orjson.dumps(item) + b"\n")
    return file


if __name__ == "__main__":
    sys.exit(main())
