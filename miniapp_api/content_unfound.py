"""`zhangban content unfound`: what residents asked and search had no answer for, so that editors can add everyday names or items."""

import asyncio
import sys
from typing import Any

from kit.clock import at_edge
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api.wiring import tallies_store


def main(limit: int) -> int:
    """Prints the most asked first. 2 without a database."""
    given = house.load()
    if not given.mongo_url:
        print("缺少设置 MONGO_URL：请在环境变量中给出数据库", file=sys.stderr)
        return 2
    try:
        rows = asyncio.run(_rows(given, limit))
    except PyMongoError as exc:
        print(f"数据库没有回应：{type(exc).__name__}", file=sys.stderr)
        return 2
    for row in rows:
        print(f"{row['times']:>6}  {at_edge(row['last_at'])[:10]}  {row['_id']}")
    print(f"共 {len(rows)} 个问题没有找到事项。在居民说法文件里加一行，就能指到已有的事项（见 docs/operations.md）", file=sys.stderr)
    return 0


async def _rows(given: house.Settings, limit: int) -> list[dict[str, Any]]:
    mongo, tallies = tallies_store(given)
    try:
        return await tallies.unfound(limit)
    finally:
        await mongo.close()
