"""An item is closed for online handling at once and opened again: by whom it was closed last, never over somebody's unseen words, and by the clock."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from content import closure_store
from content.closure_store import Closures
from content.closures import Closure, Wish, close, first_of, reopen, still_open
from content.guides import SHAPE, encoded
from content.standing import standing, to_apply, to_handle
from content.store import Change, Content
from content.sync import sync
from kit.clock import now
from kit.errors import Conflict, Invalid
from kit.mongo import Mongo, Tx
from tests.content.catalogue import Feed, make_catalogue, record, removed
from tests.content.items import make_item

WISH = Wish("I1", "系统升级。", None, "s_1")


@pytest.fixture
async def closures(mongo: Mongo) -> Closures:
    await mongo.create_indexes(closure_store.INDEXES)
    return Closures(mongo)


async def with_item(store: Content, **fields: Any) -> None:
    await sync(store, Feed(record(1, make_item("I1", online=True, **fields))))  # type: ignore[arg-type]  # the pretend core


async def test_closing_twice_in_the_same_words_is_one_closing(closures: Closures) -> None:
    first, again = await close(closures, WISH), await close(closures, WISH)
    assert (first.outcome, again.outcome) == ("closed_now", "already_so") and first.closure == again.closure
    assert await closures.of("I1") == first.closure and list(await closures.in_force()) == ["I1"]


async def test_of_many_who_close_at_once_in_different_words_one_wins_and_the_others_hear_of_it(closures: Closures) -> None:
    wishes = [replace(WISH, message=f"原因{n}", by=f"s_{n}") for n in range(10)]
    done = await asyncio.gather(*(close(closures, one) for one in wishes), return_exceptions=True)
    won = [one for one in done if not isinstance(one, BaseException)]
    lost = [one for one in done if isinstance(one, Conflict) and one.code == "closure_changed"]
    assert (len(won), len(lost)) == (1, 9) and await closures.of("I1") == won[0].closure


async def test_many_who_close_at_once_in_the_same_words_all_succeed_with_one_closure(closures: Closures) -> None:
    done = await asyncio.gather(*(close(closures, WISH) for _ in range(10)))
    assert {one.closure.revision for one in done} == {1} and sorted(one.outcome for one in done) == ["already_so"] * 9 + ["closed_now"]


async def test_other_words_need_the_revision_that_was_seen_and_keep_the_day_it_began(closures: Closures) -> None:
    first = (await close(closures, WISH)).closure
    other = replace(WISH, message="接口故障", by="s_2")
    with pytest.raises(Conflict, match="closure_changed"):
        await close(closures, other)
    changed = await close(closures, replace(other, revision=first.revision))
    assert (changed.outcome, changed.closure.revision, changed.closure.since) == ("changed", 2, first.since)
    with pytest.raises(Conflict, match="closure_changed"):
        await close(closures, replace(WISH, message="第三种", revision=first.revision))


async def test_what_was_seen_must_still_stand_also_when_it_was_opened_meanwhile(closures: Closures) -> None:
    first = (await close(closures, WISH)).closure
    assert (await close(closures, replace(WISH, revision=first.revision))).outcome == "already_so"
    await reopen(closures, "I1", "s_2")
    with pytest.raises(Conflict, match="closure_changed"):
        await close(closures, replace(WISH, message="别的说明", revision=first.revision))
    assert await closures.of("I1") is None
    again = (await close(closures, WISH)).closure
    with pytest.raises(Conflict, match="closure_changed"):
        await reopen(closures, "I1", "s_1", first.revision)
    assert await closures.of("I1") == again
    assert [await reopen(closures, "I1", "s_1", again.revision) for _ in range(2)] == ["opened_now", "was_open"]


async def test_opening_again_is_boring_the_second_time_and_what_was_opened_can_be_closed_anew(closures: Closures) -> None:
    assert await reopen(closures, "I1", "s_1") == "was_open"
    first = (await close(closures, WISH)).closure
    assert [await reopen(closures, "I1", "s_1") for _ in range(2)] == ["opened_now", "was_open"]
    assert await closures.of("I1") is None and await closures.in_force() == {}
    anew = await close(closures, WISH)
    assert (anew.outcome, anew.closure.revision) == ("closed_now", 3) and anew.closure.since >= first.since


async def test_when_its_time_is_over_it_is_open_without_anybody_doing_anything(closures: Closures, mongo: Mongo) -> None:
    await close(closures, replace(WISH, until=now() + timedelta(hours=1)))
    assert await closures.of("I1") is not None
    await mongo["item_closures"].update_one({"_id": "I1"}, {"$set": {"until": now()}})
    assert await closures.of("I1") is None and await closures.in_force() == {} and await closures.of_all(["I1"]) == {}
    assert (await close(closures, WISH)).outcome == "closed_now"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"message": "  "}, {"message"}),
        ({"message": "字" * 201}, {"message"}),
        ({"until": now() - timedelta(seconds=1)}, {"until"}),
        ({"until": now() + timedelta(days=400)}, {"until"}),
        ({"message": "", "until": now()}, {"message", "until"}),
    ],
)
async def test_what_is_wrong_with_a_closing_is_told_at_once_and_nothing_is_closed(
    closures: Closures, change: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        await close(closures, replace(WISH, **change))
    assert {one.field for one in caught.value.errors} == fields and await closures.of("I1") is None


async def test_who_applies_hears_the_operators_words_and_what_to_do_instead_and_windows_go_on(store: Content) -> None:
    await with_item(store)
    until = now() + timedelta(hours=2)
    await close(store.closures, replace(WISH, until=until))
    with pytest.raises(Conflict, match="item_closed") as caught:
        await to_apply(store, "I1")
    title = caught.value.title
    assert all(part in title for part in ("事项I1", "系统升级。", "恢复", "窗口", "12345", "草稿会保留")) and "。。" not in title
    assert (await to_handle(store, "I1"))["code"] == "I1"
    told = (await standing(store, "I1")).told
    assert (told["state"], told["can_apply"], told["closed"]["message"]) == ("in_effect", False, "系统升级。") and told["closed"]["until"]


async def test_an_item_that_ended_says_that_and_not_that_it_is_closed(store: Content) -> None:
    await with_item(store)
    await close(store.closures, WISH)
    await sync(store, Feed(removed(2)))  # type: ignore[arg-type]  # the pretend core
    found = await standing(store, "I1")
    assert (found.state, found.told["closed"]) == ("withdrawn", None) and "取消" in (found.notice or "")


async def test_a_kept_guide_tells_of_the_closing_as_soon_as_the_catalogue_looked(store: Content) -> None:
    await with_item(store)
    catalogue = make_catalogue(store, keep=3600)
    await catalogue.look()
    assert orjson.loads(await catalogue.guide("I1"))["can_apply"] is True
    await close(store.closures, WISH)
    await catalogue.look()
    guide = orjson.loads(await catalogue.guide("I1"))
    assert guide["can_apply"] is False and guide["closed"]["message"] == "系统升级。" and "12345" in guide["notice"] and guide["as_of"]
    short = await catalogue.short("I1")
    assert (short["can_apply"], short["closed"]) == (False, guide["closed"]) and "暂停" in short["sentences"][0]["text"]
    await reopen(store.closures, "I1", "s_1")
    await catalogue.look()
    assert orjson.loads(await catalogue.guide("I1")) == {**guide, "can_apply": True, "closed": None, "notice": None}


async def test_a_guide_kept_by_an_earlier_release_tells_of_it_as_well(store: Content) -> None:
    """It knows no `closed`."""
    await with_item(store)
    body = encoded(make_item("I1", online=True)).replace(b',"closed":null', b"")
    await store.keep_guides([Change("I1", 1, 2, make_item("I1"), body)], SHAPE - 1)
    await close(store.closures, WISH)
    catalogue = make_catalogue(store)
    await catalogue.look()
    assert orjson.loads(await catalogue.guide("I1"))["closed"]["message"] == "系统升级。"


def test_of_several_the_one_that_lasts_longest_is_told() -> None:
    moment = now()
    soon, late, endless = (Closure(str(until), "", moment, until, "s", 1) for until in (moment, moment + timedelta(1), None))
    assert first_of([]) is None and first_of([late, soon]) is late and first_of([soon, endless, late]) is endless


async def test_a_closing_between_look_and_record_is_seen_by_whoever_records(closures: Closures, mongo: Mongo) -> None:
    tries = 0

    async def record(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        assert (await closures.of_all(["I1"], tx) == {}) is (tries == 1)  # from here on this transaction sees this moment
        if tries == 1:
            await close(closures, WISH)
        await still_open(closures, tx, {"I1": "事项甲", "I2": "事项乙"}, "q_1")
        await mongo["recorded"].insert_one({}, session=tx)

    with pytest.raises(Conflict, match="item_closed") as caught:
        await mongo.transaction(record)
    assert tries == 2 and "事项甲" in caught.value.title and "系统升级" in caught.value.title
    assert await mongo["recorded"].count_documents({}) == 0
    await reopen(closures, "I1", "s_1")
    await mongo.transaction(lambda tx: still_open(closures, tx, {"I1": "事项甲", "I2": "事项乙"}, "q_1"))


async def test_who_records_hears_of_a_closing_that_holds_whatever_their_turn_and_of_none_that_is_over(closures: Closures, mongo: Mongo) -> None:
    await close(closures, replace(WISH, until=now() + timedelta(hours=1)))
    for n in range(5):
        with pytest.raises(Conflict, match="item_closed"):
            await mongo.transaction(lambda tx, n=n: still_open(closures, tx, {"I1": "事项甲"}, f"q_{n}"))  # type: ignore[misc]  # bound as it is now
    await mongo["item_closures"].update_one({"_id": "I1"}, {"$set": {"until": now()}})
    await mongo.transaction(lambda tx: still_open(closures, tx, {"I1": "事项甲"}, "q_1"))


async def test_a_closing_waits_for_whoever_records_and_comes_after_them(closures: Closures, mongo: Mongo) -> None:
    async def record(tx: Tx) -> None:
        await still_open(closures, tx, {"I1": "事项甲"}, "q_1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await close(closures, WISH)
        assert await closures.of("I1") is None

    await mongo.transaction(record)
    assert (await close(closures, WISH)).outcome == "closed_now"


async def test_two_who_hand_in_the_same_item_do_not_wait_for_each_other(closures: Closures, mongo: Mongo) -> None:
    tries = 0

    async def record(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        await still_open(closures, tx, {"I1": "事项甲"}, "q_1")
        await mongo.transaction(lambda other: still_open(closures, other, {"I1": "事项甲"}, "q_2"))

    await mongo.transaction(record)
    assert tries == 1
