"""`make bench-around`: fifty takers of one place, the figures of supervision over 200,000 cases, how items do over 200,000 drafts,
and the personal page of somebody with much open."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.around import health, page, slots, supervision
from bench.figures import progress
from kit.embedded import DidNotStart

PARTS = ("page", "slots", "supervision", "health")


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.around", description="办件周边：预约、监督、个人网页", epilog="例：python -m bench.around --only page"
    )
    parser.add_argument("--items", type=Path, help="事项目录文件；不给则用自带的事项")
    parser.add_argument("--questions", help="这里用不到，为与别的命令一致")
    parser.add_argument("--only", choices=PARTS, help="只测一部分")
    asked = parser.parse_args(given)
    parts, items = (asked.only,) if asked.only else PARTS, asked.items and asked.items.resolve()
    try:
        if "page" in parts:
            progress("个人网页，五十件没办完的事…")
            page.measure(items)
        if "slots" in parts:
            progress("五十人同时约一个号…")
            slots.measure(items)
        if "supervision" in parts:
            progress("二十万件的监督数据…")
            supervision.measure(items)
        if "health" in parts:
            progress("二十万份草稿的运行监控…")
            health.measure(items)
    except DidNotStart as exc:
        progress(str(exc))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
