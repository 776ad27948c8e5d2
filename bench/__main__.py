"""`make bench`: every figure of the first journey, on a stack of its own. About two minutes."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import guides, pushes
from bench.figures import progress, report, rss_mb
from miniapp_api.stack import Stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", epilog="例：python -m bench --items items.jsonl")
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", type=Path, help="问题文件：检索与助手的比较才用得到，这里接受但不读")
    items: Path | None = parser.parse_args().items
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    stack = Stack(folder, items=items.resolve() if items else None, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"})
    try:
        progress("启动…")
        stack.start(progress)
        progress("办事指南…")
        guides.measure(stack)
        progress("API 进程内存…")
        report("api_rss_mb", rss_mb(stack.children["api"].pid), "MB", "lower", 200, "one API process after the guide runs", 1)
        progress("事件到手机…")
        pushes.measure(stack)
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    progress("演示…")
    started = time.monotonic()
    command = [sys.executable, "-m", "miniapp_api.cli", "demo", *(["--items", str(items)] if items else [])]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise SystemExit("the demo failed")
    report("demo_s", time.monotonic() - started, "s", "lower", 60, "whole journey with its own stack, from start to clean stop", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
