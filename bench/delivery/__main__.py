"""`make bench-delivery`: scans beside the physical limit, one parcel booked by fifty at once, and polls that pushes make needless. Some two minutes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.delivery import booking, polls, scans
from bench.figures import progress
from kit.embedded import DidNotStart

PARTS = ("scans", "booking", "polls")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.delivery", description="寄递的速度与代价", epilog="例：python -m bench.delivery --only scans"
    )
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", help="这里用不到，为与别的命令一致")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    asked = parser.parse_args(given)
    parts = (asked.only,) if asked.only else PARTS
    try:
        if "polls" in parts:
            progress("十万件的查询，有推送与没有推送…")
            polls.measure()
        if "scans" in parts:
            progress("轨迹入库，与物理极限交替测…")
            scans.measure()
        if "booking" in parts:
            progress("五十个进程同时给一件下单…")
            booking.measure(asked.items and asked.items.resolve())
    except DidNotStart as exc:
        progress(str(exc))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
