"""Who is in a segment, and how an approved broadcast reaches them: each once, at its rate, by any number of workers, until somebody says stop."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cases import people_store
from kit import outbox
from kit.mongo import Mongo
from miniapp_api import audience, broadcasting, telling
from miniapp_api.wiring import Deps
from notify import broadcast_store, broadcasts
from notify import store as notify_store
from notify.broadcasts import Segment
from residents import store as residents_store
from tests.notify.crowd import approved, at_work, lease_ends, make_account, make_case, make_people

MAY, JUNE = datetime(2026, 5, 4, 3, tzinfo=UTC), datetime(2026, 5, 31, 16, tzinfo=UTC)  # the second is June in Beijing


@pytest.fixture
async def deps(mongo: Mongo, mongo_url: str, redis_url: str) -> AsyncIterator[Deps]:
    async with at_work(mongo_url, redis_url, mongo.database.name) as own:
        for module in (residents_store, people_store, notify_store, broadcast_store, outbox):
            await mongo.create_indexes(module.INDEXES)
        yield own


async def everybody(people: audience.People, segment: Segment, limit: int) -> list[str]:
    seen: list[str] = []
    while page := await people.page(segment, seen[-1] if seen else "", limit):
        assert len(page) <= limit
        seen += page
    return seen


async def live(deps: Deps, own: str) -> dict[str, Any]:
    return await broadcasts.found(deps.broadcasts, own)


async def told(mongo: Mongo) -> list[str]:
    """Whose inbox has it, in the order of writing; and nothing has it without its intent to push, or the other way round."""
    rows = [row async for row in mongo["messages"].find({"broadcast_id": {"$type": "string"}}).sort([("at", 1), ("person_id", 1)])]
    intents = {row["_id"] async for row in mongo["outbox"].find({"kind": "notify.push"})}
    assert intents >= {f"push:{row['_id']}" for row in rows}
    return [str(row["person_id"]) for row in rows]


async def run_until(deps: Deps, own: str, state: str, *, workers: int = 1) -> None:
    async def work() -> None:
        while (await live(deps, own))["state"] != state:
            await broadcasting.run_due(deps)

    async with asyncio.timeout(30):
        await asyncio.gather(*(work() for _ in range(workers)))


@pytest.fixture
async def town(deps: Deps, mongo: Mongo) -> audience.People:
    """Three accounts alone, four people, one of them with three accounts, one deleted."""
    for resident_id, person_id, *channels in (
        *(("r_1", None, "wechat"), ("r_2", None, "alipay"), ("r_3", None)),
        *(("r_4", "PB", "wechat"), ("r_5", "PB", "wechat", "alipay"), ("r_6", "PB")),
        *(("r_7", "PA", "alipay"), ("r_8", "PC", "wechat"), ("r_9", "PD")),
    ):
        await make_account(mongo, str(resident_id), person_id, *(str(one) for one in channels))
    for number, (person_id, item, state, at, channel) in enumerate(
        (
            *(("PA", "I1", "submitted", MAY, "wechat"), ("PA", "I1", "issued", JUNE, "alipay"), ("PB", "I1", "refused", JUNE, "wechat")),
            *(("PB", "I2", "corrections", JUNE, "wechat"), ("PC", "I2", "withdrawn", MAY, "alipay"), ("PE", "I1", "sending", MAY, "kiosk")),
            *(("gone_1", "I1", "issued", JUNE, "wechat"), ("gone_1", "I2", "issued", JUNE, "wechat")),
        )
    ):
        await make_case(mongo, f"c_{number}", person_id, item, state, at=at, channel=channel)
    return audience.of(deps)


SEGMENTS = [
    (Segment(), ["resident:r_1", "resident:r_2", "resident:r_3", "PA", "PB", "PC", "PD"]),
    (Segment(channel="wechat"), ["resident:r_1", "PB", "PC"]),
    (Segment(channel="alipay"), ["resident:r_2", "PA", "PB"]),
    (Segment(item_code="I1"), ["PA", "PE"]),
    (Segment(item_code="I2", states="open"), ["PB"]),
    (Segment(item_code="I1", states="finished"), ["PA"]),
    (Segment(states="finished"), ["PA", "PC"]),
    (Segment(states="open"), ["PA", "PB", "PE"]),
    (Segment(since=date(2026, 6, 1)), ["PA", "PB"]),
    (Segment(channel="alipay", since=date(2026, 5, 1)), ["PA", "PC"]),
    (Segment(channel="wechat", item_code="I1", states="open", since=date(2026, 5, 5)), []),
    (Segment(item_code="I9"), []),
]


async def test_a_segment_holds_everybody_once_however_it_is_paged(town: audience.People) -> None:
    for segment, people in SEGMENTS:
        for limit in (1, 2, 100):
            assert (segment, await everybody(town, segment, limit)) == (segment, people)
        several = 1 if segment == Segment(channel="wechat") else 0  # of a channel alone its accounts are counted, and PB has two at WeChat
        assert (segment, await town.count(segment)) == (segment, len(people) + several)


async def test_whoever_binds_an_account_in_the_middle_is_not_left_out(town: audience.People, mongo: Mongo) -> None:
    first = await town.page(Segment(), "", 2)
    await mongo["residents"].update_one({"_id": "r_3"}, {"$set": {"person_id": "P0"}})
    rest = await everybody_after(town, first[-1])
    assert [*first, *rest] == ["resident:r_1", "resident:r_2", "P0", "PA", "PB", "PC", "PD"]


async def everybody_after(people: audience.People, after: str) -> list[str]:
    seen = [after]
    while page := await people.page(Segment(), seen[-1], 3):
        seen += page
    return seen[1:]


async def test_no_page_and_no_count_reads_more_than_it_needs(deps: Deps, mongo: Mongo) -> None:
    """2,000 people: a page in the middle looks at about as many keys as it gives people, and no segment is a walk through a collection."""
    people = await make_people(mongo, 2000)
    await mongo["identities"].insert_many([{"_id": f"wechat:{one}", "channel": "wechat", "resident_id": f"r_{one}"} for one in people])
    for one in people[::2]:
        await make_case(mongo, f"c_{one}", one, "I1" if one < "P01000" else "I2", at=MAY)
    town = audience.of(deps)
    await mongo.database.command("profile", 2)
    for segment in (Segment(), Segment(channel="wechat"), Segment(item_code="I1"), Segment(states="open", since=date(2026, 5, 1))):
        page = await town.page(segment, "P00500", 50)
        assert len(page) == 50 and page[0] > "P00500"
        await town.count(segment)
    await mongo.database.command("profile", 0)
    wanted = {"ns": {"$regex": r"\.(residents|identities|cases)$"}}
    looked = [one async for one in mongo["system.profile"].find(wanted)]
    assert len(looked) >= 10 and all("COLLSCAN" not in one["planSummary"] for one in looked)
    pages = [one for one in looked if one["op"] == "query"]
    assert len(pages) >= 5 and max(one["keysExamined"] for one in pages) <= 60 and max(one["docsExamined"] for one in pages) <= 60


async def test_every_index_a_page_is_told_to_use_is_made() -> None:
    made = {one.document["name"] for one in people_store.INDEXES["cases"]}
    assert {people_store.Chosen().index, people_store.Chosen("I1").index} == made


async def test_everybody_is_told_once_by_several_workers_and_the_row_says_so(deps: Deps, mongo: Mongo) -> None:
    people = [*[f"resident:r_x{n}" for n in range(5)], *await make_people(mongo, 120)]
    for one in people[:5]:
        await make_account(mongo, one.removeprefix("resident:"), None)
    own = await approved(deps.broadcasts, audience.of(deps), urgent=True)
    await run_until(deps, own, "done", workers=4)
    assert sorted(await told(mongo)) == sorted(people)
    row = await live(deps, own)
    assert (row["told"], row["already"], row["preview"]["count"], row["cursor"]) == (125, 0, 125, "")
    message = await mongo["messages"].find_one({"person_id": "P00000"}) or {}
    assert (message["kind"], message["text"]) == ("notice_urgent", row["preview"]["inbox"])
    assert await deps.broadcasts.outcomes(own) == ({}, 125)
    await broadcasting.run_due(deps)
    assert len(await told(mongo)) == 125, "once is enough"


async def test_several_broadcasts_go_side_by_side(deps: Deps, mongo: Mongo) -> None:
    await make_people(mongo, 30)
    owns = [await approved(deps.broadcasts, audience.of(deps), title=f"第{n}条") for n in range(3)]
    await broadcasting.run_due(deps)
    assert [(await live(deps, own))["state"] for own in owns] == ["done"] * 3 and len(await told(mongo)) == 90


async def test_who_was_told_already_is_left_alone_and_counted(deps: Deps, mongo: Mongo) -> None:
    await make_people(mongo, 60)
    own = await approved(deps.broadcasts, audience.of(deps))
    row = await live(deps, own)
    for person_id in ("P00003", "P00059"):

        async def before(tx: Any, person_id: str = person_id) -> None:
            await telling.put(deps, tx, f"broadcast:{own}", person_id, broadcasts.told(row, row["approved_at"]))

        await deps.mongo.transaction(before)
    await run_until(deps, own, "done")
    assert len(await told(mongo)) == len(set(await told(mongo))) == 60
    row = await live(deps, own)
    assert (row["told"], row["already"]) == (58, 2)


async def test_the_rate_holds_over_all_workers(deps: Deps, mongo: Mongo) -> None:
    """40 a second: batches of 10, a quarter of a second apart, whoever sends them."""
    await make_people(mongo, 60)
    own = await approved(deps.broadcasts, audience.of(deps), rate=40)
    began = time.monotonic()
    await run_until(deps, own, "done", workers=3)
    assert time.monotonic() - began >= 50 / 40
    moments = sorted([row["at"] async for row in mongo["messages"].find({}, {"at": 1})])
    assert len(moments) == 60 and (moments[40] - moments[0]).total_seconds() > 0.6, "never more than one second's people at once"


async def test_stop_is_felt_at_once_and_by_whoever_holds_it(deps: Deps, mongo: Mongo) -> None:
    await make_people(mongo, 100)
    own = await approved(deps.broadcasts, audience.of(deps), rate=8)
    working = asyncio.create_task(broadcasting.run_due(deps))
    async with asyncio.timeout(20):
        while not await told(mongo):
            await asyncio.sleep(0)
    stopped = await broadcasts.stop(deps.broadcasts, own, "st_5")
    at_stop = await told(mongo)
    await working
    await broadcasting.run_due(deps)
    assert await told(mongo) == at_stop and len(at_stop) < 10
    assert (await live(deps, own)) == stopped and stopped["told"] == len(at_stop)


async def test_what_was_cut_off_goes_on_where_it_was(deps: Deps, mongo: Mongo) -> None:
    await make_people(mongo, 50)
    own = await approved(deps.broadcasts, audience.of(deps), rate=40)
    working = asyncio.create_task(broadcasting.run_due(deps))
    async with asyncio.timeout(20):
        while len(await told(mongo)) < 20:
            await asyncio.sleep(0)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert (await live(deps, own))["state"] == "running" and len(await told(mongo)) < 50
    await lease_ends(mongo)
    await run_until(deps, own, "done")
    assert sorted(await told(mongo)) == [f"P{n:05}" for n in range(50)]
