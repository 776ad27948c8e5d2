"""`zhangban bot misses` and `zhangban bot handovers`: what the assistant could not help with, and who waits for a person."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bot.store import Conversations
from kit.clock import at_edge
from kit.mongo import PyMongoError
from miniapp_api import settings as house
from miniapp_api.privacy.store import Privacy
from miniapp_api.settings import secret
from miniapp_api.wiring import conversations_store, keyring

T = TypeVar("T")
OPERATORS = "值守"

REASONS = {
    "unsure": "没有把握，给了几个相近的",
    "nothing": "没有找到事项",
    "not_recorded": "事项没有登记这一项",
    "nlu_fallback": "没有听懂",
    "thumbs_down": "居民说没用",
    "out_of_scope": "不是政务的事",
    "item_gone": "事项已下架",
}


def misses(limit: int) -> int:
    """Groups, the most frequent first. 2 without a database."""

    def told(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            near = f"，最接近 {row['nearest']}" if row["nearest"] else ""
            print(f"{row['count']:>6}  {REASONS.get(row['reason'], row['reason'])}{near}")
            for question in row["questions"]:
                print(f"        {question}")
        print(
            f"共 {len(rows)} 组。提问里的号码已隐去，90 天后删除；在居民说法文件里加一行，就能指到已有的事项（见 docs/operations.md）",
            file=sys.stderr,
        )

    return _with_store(lambda store: store.misses(limit), told)


def handovers(limit: int, done: str | None) -> int:
    """Those waiting, longest first; or `done` marks one as taken care of. 1 if there is no such one."""
    if done is not None:
        found: list[bool] = []
        code = _with_store(lambda store: store.close_handover(done), found.append)
        if code == 0 and not found[0]:
            print(f"没有等待中的 {done}", file=sys.stderr)
            return 1
        return code

    def told(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            print(f"{row['id']}  {at_edge(row['at'])}")
            for turn in row["talk"]:
                print(f"    居民：{turn['asked']}\n    助手：{turn['told']}")
        print(f"共 {len(rows)} 段对话等待人工。处理后：zhangban bot handovers --done 编号", file=sys.stderr)

    return _with_stores(lambda store, privacy: _looked_at(store, privacy, limit), told)


async def _looked_at(store: Conversations, privacy: Privacy, limit: int) -> list[dict[str, Any]]:
    """What somebody said is shown once it is written down that it was looked at."""
    rows = await store.handovers(limit)
    for row in rows:
        if row["resident_id"] is not None:
            await privacy.add_look(f"resident:{row['resident_id']}", OPERATORS, "与智能助手的对话", "转人工")
    return rows


def _with_store(look: Callable[[Conversations], Awaitable[T]], told: Callable[[T], object]) -> int:
    return _with_stores(lambda store, _: look(store), told)


def _with_stores(look: Callable[[Conversations, Privacy], Awaitable[T]], told: Callable[[T], object]) -> int:
    given = house.load()
    missing = [
        name
        for name, value in (
            ("MONGO_URL", given.mongo_url),
            ("ZHANGBAN_FIELD_KEYS", secret(given.field_keys)),
            ("ZHANGBAN_INDEX_KEY", secret(given.index_key)),
        )
        if not value
    ]
    if missing:
        print(f"缺少设置 {'、'.join(missing)}：请在环境变量中给出，与 API 的相同", file=sys.stderr)
        return 2

    async def run() -> T:
        mongo, store = conversations_store(given)
        try:
            return await look(store, Privacy(mongo, keyring(given)))
        finally:
            await mongo.close()

    try:
        told(asyncio.run(run()))
    except PyMongoError as exc:
        print(f"数据库没有回应：{type(exc).__name__}", file=sys.stderr)
        return 2
    return 0
