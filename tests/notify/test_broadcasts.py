"""Broadcasts: what may be written, who may approve it, and that one worker at a time tells what was submitted."""

from datetime import timedelta
from typing import Any

import pytest

from kit.clock import now
from kit.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from kit.mongo import Mongo
from notify import broadcast_store, broadcasts
from notify.broadcast_store import Batch, Broadcasts
from notify.broadcasts import PAGES, Segment, State
from tests.notify.crowd import Everybody, approved, lease_ends, make_wish

CROWD = Everybody(3)


@pytest.fixture
async def store(mongo: Mongo) -> Broadcasts:
    await mongo.create_indexes(broadcast_store.INDEXES)
    return Broadcasts(mongo)


async def steps(store: Broadcasts, mongo: Mongo, batch: Batch) -> bool:
    return await mongo.transaction(lambda tx: store.advance(tx, batch))


def make_batch(row: dict[str, Any], holder: str, **changes: Any) -> Batch:
    given = {"before": row["cursor"], "after": "P00000", "told": 1, "already": 0, "gap": 0}
    return Batch(row["_id"], holder, **{**given, **changes})


async def test_everything_that_is_wrong_is_told_at_once(store: Broadcasts) -> None:
    tomorrow = Segment(since=(now() + timedelta(days=2)).date())
    wish = make_wish(title="长" * 21, body="请打 13800138000 或看 www.example.cn", page="https://example.cn/a", rate=201, segment=tomorrow)
    with pytest.raises(Invalid) as caught:
        await broadcasts.draft(store, wish, "st_1")
    assert [one.field for one in caught.value.errors] == ["title", "body", "body", "page", "rate", "segment.since"]
    assert "现在有 21 个" in caught.value.errors[0].message and await store.listed([], (None, None), None, 10) == []


@pytest.mark.parametrize(
    "body",
    [
        *(
            "见 http://a.b/c",
            "见 weixin://dl/business",
            "见www.example.com",
            "见 ＷＷＷ．example．ｃｎ",
            "登录 zwfw.example.gov.cn 办理",
            "点a-b.top领取",
        ),
        *("身份证 11010519491231002X", "找张三 １３８００１３８０００", "", "  \n", "字" * 501),
    ],
)
async def test_words_that_lead_away_or_name_somebody_or_say_nothing_are_refused(body: str) -> None:
    assert {one.field for one in broadcasts.wrong_in(make_wish(body=body))} == {"body"}


@pytest.mark.parametrize("body", ["请致电 12345 或 020-12345678。", "收费 3.50 元，见第 2.1 条", "2026年12月1日起\n执行", "字" * 500])
async def test_what_an_office_writes_passes_and_stands_in_one_line(store: Broadcasts, body: str) -> None:
    row = await broadcasts.draft(store, make_wish(body=body), "st_1")
    assert row["body"] == body.replace("\n", " ")


async def test_marks_that_nobody_sees_are_gone(store: Broadcasts) -> None:
    row = await broadcasts.draft(store, make_wish(title="停\u200b电\u202e通知", body="明天\r\n\r\n停电"), "st_1")
    assert (row["title"], row["body"]) == ("停 电 通知", "明天 停电")


async def test_what_was_submitted_stands_with_its_number_and_looks(store: Broadcasts) -> None:
    own = (await broadcasts.draft(store, make_wish(urgent=True, body="字" * 30, segment=Segment(channel="wechat")), "st_1"))["_id"]
    await broadcasts.change(store, own, make_wish(urgent=True, body="改" * 30), "st_1")
    row = await broadcasts.submit(store, CROWD, own, "st_1")
    seen = row["preview"]
    assert (row["state"], seen["count"], seen["inbox"]) == ("submitted", 3, "停电检修通知：" + "改" * 30)
    assert seen["wechat"]["thing1"] == "停电检修通知" and seen["wechat"]["thing3"] == "改" * 19 + "…" and seen["sms"] is None
    assert list(seen["alipay"]) == ["keyword1", "keyword2", "keyword3"]
    for wish in (make_wish(), make_wish(title="换一个")):
        with pytest.raises(Conflict, match="broadcast_decided"):
            await broadcasts.change(store, own, wish, "st_1")
    with pytest.raises(Conflict, match="broadcast_decided"):
        await broadcasts.submit(store, CROWD, own, "st_1")
    told = broadcasts.told(row, now())
    assert (told.kind, told.text, told.page, told.broadcast_id) == ("notice_urgent", seen["inbox"], "pages/index/index", own)


async def test_what_is_told_fits_every_page_and_segment_it_may_have(store: Broadcasts) -> None:
    for page in PAGES:
        segment = Segment("alipay", "I1", "open", now().date())
        row = await broadcasts.draft(store, make_wish(page=page, segment=segment), "st_1")
        kept = await broadcasts.found(store, row["_id"])
        assert broadcasts.told(kept, now()).page == page and broadcasts.segment_of(kept) == segment


async def test_nobody_to_tell_and_a_draft_changed_while_it_was_counted_are_not_submitted(store: Broadcasts) -> None:
    own = (await broadcasts.draft(store, make_wish(), "st_1"))["_id"]
    with pytest.raises(Conflict, match="broadcast_to_nobody"):
        await broadcasts.submit(store, Everybody(0), own, "st_1")

    class Slow(Everybody):
        async def count(self, segment: Segment) -> int:
            await broadcasts.change(store, own, make_wish(title="另一个标题"), "st_2")
            return 3

    with pytest.raises(Conflict, match="broadcast_changed"):
        await broadcasts.submit(store, Slow(), own, "st_1")
    assert (await broadcasts.found(store, own))["state"] == "draft"


async def test_whoever_had_a_hand_in_it_never_approves_it(store: Broadcasts) -> None:
    own = (await broadcasts.draft(store, make_wish(), "st_1"))["_id"]
    with pytest.raises(Conflict, match="broadcast_decided"):
        await broadcasts.approve(store, own, "st_9")
    await broadcasts.change(store, own, make_wish(), "st_2")
    await broadcasts.submit(store, CROWD, own, "st_3")
    for maker in ("st_1", "st_2", "st_3"):
        with pytest.raises(Forbidden, match="own_broadcast"):
            await broadcasts.approve(store, own, maker)
    assert await store.take("w") is None, "nothing is told before it is approved"
    assert (await broadcasts.approve(store, own, "st_9"))["approved_by"] == "st_9"
    with pytest.raises(Conflict, match="broadcast_decided"):
        await broadcasts.approve(store, own, "st_8")
    with pytest.raises(Conflict, match="broadcast_decided"):
        await broadcasts.reject(store, own, "st_9", "太晚了")
    with pytest.raises(NotFound, match="broadcast_unknown"):
        await broadcasts.approve(store, "bc_none", "st_9")


async def test_a_rejected_one_is_never_told(store: Broadcasts) -> None:
    own = (await broadcasts.draft(store, make_wish(), "st_1"))["_id"]
    await broadcasts.submit(store, CROWD, own, "st_1")
    assert (await broadcasts.reject(store, own, "st_9", "写得不清楚"))["rejected_because"] == "写得不清楚"
    for act in (broadcasts.approve(store, own, "st_9"), broadcasts.submit(store, CROWD, own, "st_1"), broadcasts.stop(store, own, "st_9")):
        with pytest.raises(AppError, match="broadcast_decided"):
            await act
    assert await store.take("w") is None


@pytest.mark.parametrize("state", ["draft", "submitted", "approved", "running"])
async def test_stop_is_for_good_from_every_state_and_the_second_time_changes_nothing(store: Broadcasts, mongo: Mongo, state: str) -> None:
    own = await approved(store, CROWD)
    await mongo["broadcasts"].update_one({"_id": own}, {"$set": {"state": state}})
    stopped = await broadcasts.stop(store, own, "st_5")
    assert (stopped["state"], stopped["stopped_by"]) == ("stopped", "st_5")
    assert await broadcasts.stop(store, own, "st_6") == stopped
    for again in (broadcasts.approve(store, own, "st_checker"), broadcasts.submit(store, CROWD, own, "st_1")):
        with pytest.raises(Conflict, match="broadcast_decided"):
            await again
    assert await store.take("w") is None


async def test_one_worker_holds_it_and_after_its_lease_another_goes_on_where_it_was(store: Broadcasts, mongo: Mongo) -> None:
    own = await approved(store, CROWD)
    first = await store.take("w_1")
    assert first is not None and (first["_id"], first["state"], first["cursor"]) == (own, "running", "")
    assert await store.take("w_2") is None
    assert await steps(store, mongo, make_batch(first, "w_1"))
    await lease_ends(mongo)
    second = await store.take("w_2")
    assert second is not None and (second["cursor"], second["told"], second["started_at"]) == ("P00000", 1, first["started_at"])
    assert not await steps(store, mongo, make_batch(second, "w_1", after="P00001")), "the first was too slow"
    assert not await steps(store, mongo, make_batch(first, "w_2", after="P00001")), "nobody goes back"
    assert await steps(store, mongo, make_batch(second, "w_2", after="P00001", told=0, already=1))
    assert not await store.finish(own, "w_1", "P00001") and not await store.finish(own, "w_2", "P00000")
    assert await store.finish(own, "w_2", "P00001")
    done = await broadcasts.found(store, own)
    assert (done["state"], done["told"], done["already"], done["cursor"]) == ("done", 1, 1, "") and "holder" not in done
    with pytest.raises(Conflict, match="broadcast_decided"):
        await broadcasts.stop(store, own, "st_5")


async def test_after_stop_no_batch_counts(store: Broadcasts, mongo: Mongo) -> None:
    own = await approved(store, CROWD)
    held = await store.take("w_1")
    assert held is not None
    await broadcasts.stop(store, own, "st_5")
    assert not await steps(store, mongo, make_batch(held, "w_1"))
    await store.release(own, "w_1")
    assert not await store.finish(own, "w_1", "") and (await broadcasts.found(store, own))["told"] == 0
    assert await store.take("w_2") is None


async def test_the_rate_goes_with_the_broadcast_to_whoever_takes_it_next(store: Broadcasts, mongo: Mongo) -> None:
    own = await approved(store, CROWD)
    first = await store.take("w_1")
    assert first is not None and first["wait_ms"] == 0
    assert await steps(store, mongo, make_batch(first, "w_1", gap=60_000))
    await store.release(own, "w_1")
    second = await store.take("w_2")
    assert second is not None and 50_000 < second["wait_ms"] <= 60_000


async def test_urgent_ones_go_first_and_then_the_one_approved_first(store: Broadcasts) -> None:
    owns = [await approved(store, CROWD, urgent=urgent) for urgent in (False, False, True)]
    taken = [(await store.take(f"w_{n}") or {})["_id"] for n in range(3)]
    assert taken == [owns[2], owns[0], owns[1]]


async def test_a_reader_sees_the_broadcasts_of_their_places_page_by_page(store: Broadcasts, mongo: Mongo) -> None:
    for n in range(7):
        await broadcasts.draft(store, make_wish(department="民政局" if n % 2 else None, region="440104" if n % 2 else None), "st_1")
    await mongo["broadcasts"].update_many({}, {"$set": {"made_at": now()}})
    for places, number in (((None, None), 7), ((["民政局"], None), 3), ((["民政局"], ["440105"]), 0), (([], []), 0)):
        seen: list[str] = []
        last = None
        while rows := await store.listed([State.DRAFT.value], places, last, 2):
            seen += [row["_id"] for row in rows]
            last = (rows[-1]["made_at"], rows[-1]["_id"])
        assert len(seen) == len(set(seen)) == number
    assert await store.listed(["done"], (None, None), None, 10) == []


async def test_outcomes_are_counted_without_reading_a_message(store: Broadcasts, mongo: Mongo) -> None:
    sent = [{"wechat": "sent"}, {"wechat": "sent"}, {"wechat": "refused", "alipay": "sent"}, {"wechat": "skipped", "alipay": "expired"}, {}]
    rows = [
        {
            "_id": f"m_{n}",
            "broadcast_id": "bc_1",
            "channels": {"inbox": {"outcome": "delivered"}} | {name: {"outcome": one} for name, one in by.items()},
        }
        for n, by in enumerate(sent)
    ]
    other = [{"_id": "m_x", "broadcast_id": "bc_2", "channels": {"wechat": {"outcome": "sent"}}}, {"_id": "m_y", "channels": {}}]
    await mongo["messages"].insert_many(rows + other)
    await mongo.database.command("profile", 2)
    assert await store.outcomes("bc_1") == ({"wechat": {"sent": 2, "refused": 1, "skipped": 1}, "alipay": {"sent": 1, "expired": 1}}, 1)
    assert await store.outcomes("bc_none") == ({}, 0)
    await mongo.database.command("profile", 0)
    looked = [one async for one in mongo["system.profile"].find({"command.aggregate": "messages"})]
    assert len(looked) == 2 and all(one["docsExamined"] == 0 and "COLLSCAN" not in one["planSummary"] for one in looked)
