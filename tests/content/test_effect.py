"""Items begin and end by the clock; a closed one still answers an old link. Nothing is applied twice, lost or mixed up by a crash."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from content.feed import FeedState
from content.listing import Filters
from content.standing import standing, to_apply, version_of
from content.store import Change, Content
from content.sync import keep, made, sync, take_effect
from content.versions import changes, versions_of
from core.client import Core
from kit.errors import Conflict, NotFound
from kit.mongo import Mongo
from tests.content.catalogue import Feed, days_from_now, days_pass, make_catalogue, record, removed
from tests.content.items import make_item


async def feed_in(store: Content, *records: Any) -> Any:
    return await sync(store, Feed(*records))  # type: ignore[arg-type]  # the pretend core


async def served(store: Content, code: str = "I1") -> Any:
    return orjson.loads(await make_catalogue(store, keep=0).guide(code))


async def listed(store: Content) -> list[str]:
    catalogue = make_catalogue(store)
    await catalogue.refresh()
    return [one.code for one in catalogue.finder.find("", Filters(), 0, 10).hits]


async def test_a_future_version_waits_while_the_one_before_is_served_and_takes_effect_by_the_clock_alone(store: Content, mongo: Mongo) -> None:
    new = make_item("I1", 2, name="新名称")
    done = await feed_in(store, record(1, make_item("I1")), record(2, new, effective_from=days_from_now(3), batch="2026-12"))
    assert (done.applied, done.waiting) == (1, 1)
    assert await take_effect(store) == 0
    assert (await served(store))["version"] == 1
    assert [one["version"] for one in await versions_of(store, "I1")] == [1]
    with pytest.raises(NotFound, match="item_version_unknown"):
        await version_of(store, "I1", 2)
    revision = (await store.state()).revision
    await days_pass(mongo, 4)
    assert await take_effect(store) == 1
    guide = await served(store)
    assert (guide["version"], guide["name"], guide["state"], guide["as_of"]) == (2, "新名称", "in_effect", None)
    assert guide["effective_from"].endswith("+08:00")
    assert (await store.state()).revision > revision  # indexes are rebuilt
    assert await take_effect(store) == 0
    assert [(one["version"], one["current"]) for one in await versions_of(store, "I1")] == [(2, True), (1, False)]


async def test_an_item_still_to_come_is_unknown_until_its_day(store: Content, mongo: Mongo) -> None:
    await feed_in(store, record(1, make_item("I1"), effective_from=days_from_now(1)))
    with pytest.raises(NotFound, match="item_unknown"):
        await served(store)
    await days_pass(mongo, 2)
    await take_effect(store)
    assert (await served(store))["state"] == "in_effect"


@pytest.mark.parametrize("late", [-1, 0, 1])
async def test_about_the_moment_it_begins_a_version_either_waits_or_is_applied(store: Content, mongo: Mongo, late: int) -> None:
    starts_at = days_from_now(-1)
    change = made({"version": 1, "seq": 1, "starts_at": starts_at}, "I1", make_item("I1"))
    applied, waiting = await keep(store, [change], starts_at + timedelta(milliseconds=late), 1)
    assert (applied, waiting) == ((0, 1) if late < 0 else (1, 0))
    assert await take_effect(store) == waiting
    assert (await served(store))["state"] == "in_effect"


async def test_a_newer_record_that_is_in_force_at_once_is_not_overtaken_by_an_older_one_that_waited(store: Content, mongo: Mongo) -> None:
    await feed_in(store, record(1, make_item("I1", 2), effective_from=days_from_now(3)), record(2, make_item("I1", 3)))
    await days_pass(mongo, 4)
    await take_effect(store)
    assert (await served(store))["version"] == 3


async def test_a_version_sent_again_with_a_later_day_begins_on_that_day(store: Content, mongo: Mongo) -> None:
    again = record(3, make_item("I1", 2), effective_from=days_from_now(9))
    await feed_in(store, record(1, make_item("I1")), record(2, make_item("I1", 2), effective_from=days_from_now(3)), again)
    await days_pass(mongo, 4)
    assert await take_effect(store) == 0 and (await served(store))["version"] == 1
    await days_pass(mongo, 6)
    assert await take_effect(store) == 1 and (await served(store))["version"] == 2


async def test_past_its_last_day_an_item_is_ended_even_before_any_job_has_looked(store: Content, mongo: Mongo) -> None:
    await feed_in(store, record(1, make_item("I1"), effective_to=days_from_now(3), replaced_by=["I2"]), record(2, make_item("I2")))
    guide = await served(store)
    assert (guide["state"], guide["can_apply"], guide["replaced_by"]) == ("in_effect", True, ["I2"])
    revision = (await store.state()).revision
    await days_pass(mongo, 4)
    guide = await served(store)
    assert (guide["state"], guide["can_apply"], guide["name"], guide["replaced_by"]) == ("ended", False, "事项I1", ["I2"])
    assert "停止办理" in guide["notice"] and "替代" in guide["notice"]
    assert await listed(store) == ["I2"] and await store.item("I1") is None
    assert await take_effect(store) == 1 and (await store.state()).revision > revision
    assert await take_effect(store) == 0


async def test_a_tombstone_leaves_the_last_content_readable_and_refuses_applications(store: Content) -> None:
    await feed_in(store, record(1, make_item("I1")), record(2, make_item("I1", 2, name="末版")), removed(3, version=3, replaced_by=["I7"]))
    guide = await served(store)
    assert (guide["state"], guide["version"], guide["name"], guide["can_apply"]) == ("withdrawn", 2, "末版", False)
    assert "取消" in guide["notice"] and guide["replaced_by"] == ["I7"] and guide["effective_to"]
    item = await make_catalogue(store).item("I1")
    assert item["state"] == "withdrawn" and item["name"] == "末版" and item["materials"] is None
    assert await listed(store) == []
    with pytest.raises(Conflict, match="item_closed") as caught:
        await to_apply(store, "I1")
    assert "不能再申请" in caught.value.title
    with pytest.raises(NotFound, match="item_unknown"):
        await to_apply(store, "NONE")


async def test_a_tombstone_may_carry_the_number_of_the_version_it_takes_down_and_a_day_of_its_own(store: Content, mongo: Mongo) -> None:
    await feed_in(store, record(1, make_item("I1")), removed(2, version=1, effective_from=days_from_now(3)))
    assert (await served(store))["state"] == "in_effect"
    await days_pass(mongo, 4)
    await take_effect(store)
    guide = await served(store)
    assert (guide["state"], guide["version"]) == ("withdrawn", 1)


async def test_an_item_published_again_after_its_tombstone_is_in_effect_again(store: Content) -> None:
    await feed_in(store, record(1, make_item("I1")), removed(2, version=2), record(3, make_item("I1", 3)))
    assert (await served(store))["state"] == "in_effect"
    assert [one["version"] for one in await versions_of(store, "I1")] == [3, 1]


async def test_whatever_the_order_in_which_records_come_the_same_stands_in_the_end(store: Content, mongo: Mongo) -> None:
    records = [
        record(1, make_item("I1")),
        record(2, make_item("I1", 2)),
        removed(3, version=3),
        record(4, make_item("I1", 4), effective_from=days_from_now(2)),
    ]
    for number, order in enumerate(itertools.permutations(records)):
        own = [one.model_copy(update={"code": f"C{number}", "item": one.item and {**one.item, "code": f"C{number}"}}) for one in order]
        for one in [*own, own[0]]:  # one page each, and the first comes again
            await mongo["catalogue"].delete_many({})
            await feed_in(store, one)
        found = await standing(store, f"C{number}")
        assert (found.state, found.item["version"]) == ("withdrawn", 2), order
    await days_pass(mongo, 3)
    await take_effect(store)
    assert {(await standing(store, f"C{number}")).item["version"] for number in range(24)} == {4}


async def test_old_versions_are_readable_and_say_that_they_are_old(store: Content) -> None:
    first, second = make_item("I1", materials=[{"name": "照片"}]), make_item("I1", 2, materials=[{"name": "照片"}, {"name": "申请表"}])
    await feed_in(store, record(1, first), record(2, second))
    old, current = [await make_catalogue(store).item("I1", version) for version in (1, 2)]
    assert (old["state"], old["can_apply"], current["state"], current["notice"]) == ("ended", False, "in_effect", None)
    assert "第 1 版" in old["notice"] and "第 2 版" in old["notice"]
    told = await changes(store, "I1", None, None)
    assert (told["from"], told["to"], [one.path for one in told["changes"]]) == (1, 2, ["materials[申请表]"])
    back = await changes(store, "I1", 2, 1)
    assert [(one.kind, one.label) for one in back["changes"]] == [("removed", "申请材料：申请表")]
    with pytest.raises(NotFound, match="item_version_unknown"):
        await changes(store, "I1", 1, 7)


async def test_an_end_in_the_year_9999_is_no_end_and_a_day_off_the_calendar_is_parked(store: Content, mongo: Mongo) -> None:
    feed = Feed(record(1, make_item("I1")), record(2, make_item("I2")))
    feed.spoilt = {1: {"effective_to": "9999-12-31T23:59:59+08:00"}, 2: {"effective_from": "0001-01-01T00:00:00+08:00"}}
    done = await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    assert (done.applied, done.parked) == (1, 1)
    assert (await served(store))["effective_to"] is None


async def test_what_is_odd_is_counted_and_stands_with_its_item(store: Content, mongo: Mongo) -> None:
    feed = Feed(record(1, make_item("I1")), record(2, make_item("I2")))
    for seq in (1, 2):
        feed.spoilt[seq] = {"item": {**make_item(f"I{seq}"), "visits": "两次", "materials": [{"name": "照片", "copies": "一式两份"}]}}
    done = await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    assert (done.applied, done.parked, done.odd) == (2, 0, {"visits": 2, "materials.copies": 2})
    row = await mongo["items"].find_one({"_id": "I1"})
    assert row is not None and {one["field"] for one in row["odd"]} == {"visits", "materials.0.copies"}
    assert row["item"]["source"]["materials.0.copies"] == "一式两份"
    guide = await served(store)
    assert guide["parts"]["visits"]["recorded"] is False and guide["parts"]["materials"]["items"][0]["copies"] is None


async def test_a_number_no_database_takes_does_not_stop_the_feed(store: Content) -> None:
    feed = Feed(record(1, make_item("I1")), record(2, make_item("I2")))
    feed.spoilt = {1: {"item": {**make_item("I1"), "source": {"huge": 2**80}}}, 2: {"code": 2**80, "seq": 2**80}}
    done = await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    assert (done.applied, done.parked, done.finished) == (1, 1, True)


class Cut(Exception):
    """The process died here."""


class Failing(Content):
    """Dies at the first call of one method: before it did anything, or after."""

    def __init__(self, mongo: Mongo, at: str, *, after: bool) -> None:
        super().__init__(mongo)
        self.at, self.after = at, after

    async def _die(self, name: str, work: Any) -> Any:
        if self.at == name and not self.after:
            raise Cut
        done = await work
        if self.at == name:
            raise Cut
        return done

    async def keep_versions(self, changes: Sequence[Change], moment: datetime) -> None:
        await self._die("keep_versions", super().keep_versions(changes, moment))

    async def keep_guides(self, changes: Sequence[Change], shape: int) -> None:
        await self._die("keep_guides", super().keep_guides(changes, shape))

    async def apply(self, changes: Sequence[Change], revision: int) -> int:
        done: int = await self._die("apply", super().apply(changes, revision))
        return done

    async def advance(self, before: FeedState, cursor: str, revision: int, as_of: datetime | None) -> bool:
        done: bool = await self._die("advance", super().advance(before, cursor, revision, as_of))
        return done

    async def touch(self, as_of: datetime | None = None) -> None:
        await self._die("touch", super().touch(as_of))

    async def stop_waiting(self, rows: Sequence[dict[str, Any]]) -> None:
        await self._die("stop_waiting", super().stop_waiting(rows))

    async def mark_end_seen(self, codes: Sequence[str]) -> None:
        await self._die("mark_end_seen", super().mark_end_seen(codes))


STEPS = ["keep_versions", "keep_guides", "apply", "advance"]
CLOCK_STEPS = ["keep_guides", "apply", "touch", "stop_waiting", "mark_end_seen"]


@pytest.mark.filterwarnings("ignore:coroutine")  # the step that never ran
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_sync_killed_between_any_two_steps_is_finished_by_the_next(store: Content, mongo: Mongo, step: str, after: bool) -> None:
    records = [record(1, make_item("I1")), record(2, make_item("I2")), record(3, make_item("I1", 2)), removed(4, "I2", 2)]
    with pytest.raises(Cut):
        await feed_in(Failing(mongo, step, after=after), *records)
    assert (await feed_in(store, *records)).finished
    assert ((await served(store))["version"], (await served(store, "I2"))["state"]) == (2, "withdrawn")
    assert [one["version"] for one in await versions_of(store, "I1")] == [2, 1]
    assert await listed(store) == ["I1"]


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", CLOCK_STEPS)
@pytest.mark.parametrize("what", ["begins", "ends"])
async def test_the_clocks_work_killed_between_any_two_steps_is_finished_by_the_next(
    store: Content, mongo: Mongo, what: str, step: str, after: bool
) -> None:
    new = make_item("I1", 2, name="新名称")
    turning = record(2, new, effective_from=days_from_now(1)) if what == "begins" else record(2, make_item("I1", 2), effective_to=days_from_now(1))
    await feed_in(store, record(1, make_item("I1")), turning)
    catalogue = make_catalogue(store, keep=0)
    await catalogue.refresh()
    await days_pass(mongo, 2)
    with suppress(Cut):  # an end has no guide to write
        await take_effect(Failing(mongo, step, after=after))
    await take_effect(store)
    assert await take_effect(store) == 0
    await catalogue.refresh()  # reads anew only where the revision moved
    assert [one.name for one in catalogue.finder.find("", Filters(), 0, 10).hits] == (["新名称"] if what == "begins" else [])
    assert (await served(store))["state"] == ("in_effect" if what == "begins" else "ended")


async def test_an_index_is_rebuilt_when_a_page_or_the_clock_changed_something(store: Content, mongo: Mongo) -> None:
    catalogue = make_catalogue(store, keep=0)
    seen = []
    for change in (record(1, make_item("I1")), record(2, make_item("I2"), effective_from=days_from_now(1)), removed(3, "I1")):
        await feed_in(store, change)
        await catalogue.refresh()
        seen.append([one.code for one in catalogue.finder.find("", Filters(), 0, 10).hits])
    await days_pass(mongo, 2)
    await take_effect(store)
    await catalogue.refresh()
    assert [*seen, [one.code for one in catalogue.finder.find("", Filters(), 0, 10).hits]] == [["I1"], ["I1"], [], ["I2"]]


async def test_two_workers_at_one_feed_count_every_record_once(store: Content, mongo: Mongo) -> None:
    records = [record(number, make_item(f"I{number}")) for number in range(1, 21)]
    core: Core = Feed(*records)  # type: ignore[assignment]  # the pretend core
    done = await asyncio.gather(*(sync(Content(mongo), core) for _ in range(4)))
    rest = await sync(store, core)
    assert sum(one.applied for one in done) + rest.applied == 20
    assert rest.finished and len(await listed(store)) == 10  # a page of the list
    assert {one["seq"] async for one in mongo["items"].find()} == set(range(1, 21))


async def test_two_workers_at_the_clock_do_no_harm_to_each_other(store: Content, mongo: Mongo) -> None:
    waiting = [record(10 + number, make_item(f"I{number}", 2), effective_from=days_from_now(1)) for number in range(1, 9)]
    await feed_in(store, *(record(number, make_item(f"I{number}")) for number in range(1, 9)), *waiting)
    await days_pass(mongo, 2)
    await asyncio.gather(*(take_effect(Content(mongo)) for _ in range(4)))
    assert {(await standing(store, f"I{number}")).item["version"] for number in range(1, 9)} == {2}
    assert await take_effect(store) == 0


async def test_rows_of_the_first_release_without_dates_are_served_and_shaped_anew(store: Content, mongo: Mongo) -> None:
    old = {name: value for name, value in make_item("I1").items() if name not in ("mobile_url", "special_procedures", "consultation")}
    await mongo["items"].insert_one({"_id": "I1", "version": 1, "seq": 4, "item": old, "changed": 1, "synced_at": days_from_now(-9)})
    await mongo["item_versions"].insert_one({"_id": "I1@1", "item": old, "at": days_from_now(-9)})
    await mongo["catalogue"].insert_one({"_id": "state", "cursor": "4", "revision": 1, "as_of": days_from_now(-9)})
    assert (await served(store))["state"] == "in_effect" and await listed(store) == ["I1"]
    assert [one["version"] for one in await versions_of(store, "I1")] == [1]
    await feed_in(store, removed(5, version=2))
    assert (await served(store))["name"] == "事项I1"
