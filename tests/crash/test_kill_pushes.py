"""Ten thousand events, two workers that are killed again and again, and a Redis that forgets everything: each told once, each push explained."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from bench.notify.people import Somebody, Teller, events, settle
from bench.notify.provider import Call, Provider
from bench.pay.posting import LOST, in_turn
from bench.pay.prepared import keyring
from kit.mongo import Mongo, connect
from miniapp_api.child import Child
from miniapp_api.stack import Stack
from notify import push
from tests.api.house import until

PEOPLE = int(os.environ.get("KILLED_PUSHES", "10000"))
KILLS = 8
AT_ONCE = 128  # pushes a worker has under way when it dies, at most
pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(20) as own:
        yield own


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Stack]:
    """With a second worker."""
    extra = {"ZHANGBAN_WECHAT_URL": provider.url, "ZHANGBAN_RATE_PER_SECOND": "1000000"}
    own = Stack(tmp_path_factory.mktemp("pushes"), extra=extra)
    own.start()
    second = Child("second", [sys.executable, "-m", "miniapp_api.cli", "worker"], own.env, own.data / "logs" / "second.log")
    own.children["second"] = second
    second.start()
    yield own
    second.kill()
    own.stop()


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], "zhangban")
    yield own
    await own.close()


async def test_every_event_is_told_once_and_every_push_sent_or_explained(stack: Stack, provider: Provider, database: Mongo) -> None:
    people = await settle(database, keyring(stack.env), PEOPLE)
    told = asyncio.create_task(all_told(stack, people))
    kills = 0
    async with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        for _ in range(KILLS):
            before = len(await asyncio.to_thread(provider.calls))
            await until(lambda seen=before: further(provider, seen + PEOPLE // (KILLS + 4)), 120)  # type: ignore[misc]
            victim = stack.children[random.choice(("worker", "second"))]
            await asyncio.to_thread(victim.kill)
            await redis.flushall()
            victim.start()
            kills += 1
    await told
    await until(lambda: nothing_waits(database), 120)
    await look(database, people, await asyncio.to_thread(provider.calls), kills)


async def further(provider: Provider, calls: int) -> bool:
    await asyncio.sleep(0.1)
    return len(await asyncio.to_thread(provider.calls)) >= calls


async def nothing_waits(database: Mongo) -> bool:
    """Leases of the dead run out by themselves."""
    await asyncio.sleep(0.5)
    return not await database["outbox"].count_documents({"kind": push.KIND, "state": {"$ne": "done"}})


async def all_told(stack: Stack, people: list[Somebody]) -> None:
    """As the core does: an event that was not acknowledged comes again, and some come twice."""
    teller = Teller.of(stack.api, stack.data / "sandbox")
    made = events(people, 2)
    sent = await in_turn(stack.api, [teller.request(one) for one in [*made, *made[: PEOPLE // 10]]], connections=16)
    assert set(sent.statuses) == {204} and LOST not in sent.statuses, sent.statuses


async def look(database: Mongo, people: list[Somebody], calls: list[Call], kills: int) -> None:
    sent_to = Counter(one.openid for one in calls)
    assert max(sent_to.values()) == 1, "nobody's phone rings twice"
    rows = {row["person_id"]: row async for row in database["messages"].find({"person_id": {"$in": [one.person_id for one in people]}})}
    assert len(rows) == await database["messages"].count_documents({}) == len(people), "every event once in the inbox"
    outcomes = Counter[str]()
    for one in people:
        wechat = rows[one.person_id]["channels"]["wechat"]
        outcomes[wechat["outcome"]] += 1
        if wechat["outcome"] == "sent":
            assert sent_to[one.openid] == 1, "nothing is called sent that was not"
        else:
            assert wechat["outcome"] == "unknown" and wechat["reason"] in ("interrupted", "connection_lost", "timeout"), wechat
    assert outcomes["unknown"] <= kills * AT_ONCE, outcomes
    assert outcomes["sent"] >= len(people) - kills * AT_ONCE
    assert not await database["consents"].count_documents({"under_way": {"$nin": [None, {}]}}), "no mark is left"
    print(f"{len(people)} 条：{dict(outcomes)}，杀掉 {kills} 次")
