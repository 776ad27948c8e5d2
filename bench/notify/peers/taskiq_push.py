"""taskiq on a Redis stream, acknowledged after the work. Run by `taskiq worker bench.notify.peers.taskiq_push:broker`, which takes uvloop by itself."""

import os
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from taskiq import TaskiqEvents, TaskiqState
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from bench.notify.peers import SECONDS, SEND, outcome, take

broker = RedisStreamBroker(
    os.environ.get("BENCH_BROKER", "redis://127.0.0.1:1/0"),
    queue_name="bench_taskiq",
    consumer_group_name="bench",
    consumer_id="0",
    xread_count=int(os.environ.get("BENCH_PREFETCH", "100")),
    unacknowledged_lock_timeout=10,
).with_serializer(ORJSONSerializer())


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def begin(_: TaskiqState) -> None:
    global parts
    parts = Parts()


class Parts:
    """Of one worker process: one database client, one session."""

    def __init__(self) -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(os.environ["BENCH_MONGO"], tz_aware=True, maxPoolSize=64)
        database = client.get_database(os.environ["BENCH_DATABASE"], write_concern=WriteConcern(w="majority", j=True, wtimeout=5000))
        self.consents, self.messages = database["consents"], database["messages"]
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=SECONDS))
        self.url = os.environ["BENCH_WECHAT"] + SEND


parts: Parts


@broker.task(task_name="bench.push")
async def push(consent: str, message: str, body: str) -> None:
    if not (await parts.consents.update_one(*take(consent, message))).modified_count:
        return
    async with parts.http.post(parts.url, data=body.encode(), headers={"Content-Type": "application/json"}) as reply:
        sent = reply.status == 200 and orjson.loads(await reply.read())["errcode"] == 0
    await parts.messages.update_one(*outcome(message, datetime.now(UTC), "sent" if sent else "unknown"))
