"""`make bench-notify`: what pushing costs. Some ten minutes; a million messages are stored for it and thrown away."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import progress
from bench.notify import flood, latency, plans, race
from bench.notify.house import opened
from kit.embedded import DidNotStart

PARTS = ("latency", "peers", "flood", "plans")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.notify", description="推送的速度与代价", epilog="例：python -m bench.notify --only peers")
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", help="这里用不到，为与别的命令一致")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    asked = parser.parse_args(given)
    parts = (asked.only,) if asked.only else PARTS
    items = asked.items.resolve() if asked.items else None
    try:
        if {"latency", "flood"} & set(parts):
            with opened(items) as house:
                if "latency" in parts:
                    progress("事件到手机…")
                    latency.measure(house)
                if "flood" in parts:
                    progress("一万个事件…")
                    flood.measure(house)
        if "peers" in parts:
            with opened(items) as house:
                progress("与两种任务队列交替测…")
                race.measure(house)
        if "plans" in parts:
            with opened(items) as house:
                progress("百万行时的查询…")
                plans.measure(house)
    except DidNotStart as exc:
        progress(str(exc))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
