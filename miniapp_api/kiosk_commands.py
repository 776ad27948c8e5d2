"""What `zhangban kiosk …` does. Exit codes: 0 done, 1 refused, 2 settings or database."""

import asyncio
import base64
import sys
from collections.abc import Awaitable, Callable

from kit.clock import at_edge
from kit.mongo import PyMongoError, connect
from miniapp_api import settings as house
from miniapp_api.settings import secret
from miniapp_api.wiring import keyring
from residents import kiosk_store, kiosks
from residents.store import Residents

MOST = 60  # characters of a hall's name, as the notice to residents takes


def add(hall: str) -> int:
    name = hall.strip()
    if not 2 <= len(name) <= MOST or not name.isprintable():
        return _say(f"大厅的名称应为 2 到 {MOST} 个字")

    async def run(store: Residents) -> int:
        device, key = await kiosks.add(store, name)
        print(f"编号：{device}\n密钥：{base64.b64encode(key).decode()}")
        print("密钥（base64）只显示这一次，请录入终端。", file=sys.stderr)
        return 0

    return _with_store(run)


def listed() -> int:
    async def run(store: Residents) -> int:
        for one in await store.kiosks.every():
            print(f"{one.id}  {'停用' if one.disabled else '在用'}  {at_edge(one.created_at)}  {one.hall}")
        return 0

    return _with_store(run)


def disable(device: str) -> int:
    async def run(store: Residents) -> int:
        if not await store.kiosks.disable(device):
            return _say(f"没有登记过终端 {device}")
        print(f"{device} 已停用；已经登录的会话最多还有十分钟")
        return 0

    return _with_store(run)


def _with_store(act: Callable[[Residents], Awaitable[int]]) -> int:
    given = house.load()
    needed = {"MONGO_URL": given.mongo_url, "ZHANGBAN_FIELD_KEYS": secret(given.field_keys), "ZHANGBAN_INDEX_KEY": secret(given.index_key)}
    if missing := [name for name, value in needed.items() if not value]:
        return _say(f"缺少设置 {'、'.join(missing)}：请在环境变量中给出，与 API 的相同", 2)

    async def run() -> int:
        mongo = connect(given.mongo_url, given.mongo_database)
        try:
            await mongo.create_indexes(kiosk_store.INDEXES)
            return await act(Residents(mongo, keyring(given)))
        finally:
            await mongo.close()

    try:
        return asyncio.run(run())
    except PyMongoError as exc:
        return _say(f"数据库没有回应：{type(exc).__name__}", 2)


def _say(sentence: str, code: int = 1) -> int:
    print(sentence, file=sys.stderr)
    return code
