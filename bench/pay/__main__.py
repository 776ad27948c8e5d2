"""`make bench-pay`: what notices of money cost and withstand, and a day's reconciliation. About a minute."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import progress
from bench.pay import settle, storm, verify
from kit.embedded import DidNotStart
from miniapp_api.stack import Stack

PARTS = ("settle", "storm", "verify", "reconcile")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.pay", epilog="例：python -m bench.pay --only settle --callers 32")
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    parser.add_argument("--questions", type=Path, help="问题文件：检索与助手的比较才用得到，这里接受但不读")
    parser.add_argument("--callers", type=int, default=settle.CALLERS, help=f"settle 的并发数，默认 {settle.CALLERS}")
    given = parser.parse_args()
    parts = (given.only,) if given.only else PARTS
    if "verify" in parts:
        verify.measure()
    if "reconcile" in parts and (wrong := _reconcile()):
        return wrong
    if {"settle", "storm"} & set(parts):
        return _on_a_stack(given.items and given.items.resolve(), parts, given.callers)
    return 0


def _reconcile() -> int:
    """In a process of its own, so that its children are measured beside nothing of ours."""
    return subprocess.run([sys.executable, "-m", "bench.pay.reconcile"], check=False).returncode


def _on_a_stack(items: Path | None, parts: Sequence[str], callers: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    stack = Stack(folder / "data", items=items, extra={"ZHANGBAN_RATE_PER_SECOND": "1000000"})
    try:
        progress("启动…")
        stack.start(progress)
        if "storm" in parts:
            progress("通知风暴…")
            storm.measure(stack)
        if "settle" in parts:  # the last: it leaves orders of nobody behind
            progress("通知入账，与物理极限交替测…")
            settle.measure(stack, callers)
    except DidNotStart as exc:
        progress(str(exc))
        return 1
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
