"""What is kept of past days adds up to what every draft says, and a day that is not there, old or half written is counted again."""

import asyncio
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from bench.around import health as city
from kit.clock import now
from kit.mongo import Mongo
from kit.workdays import day_of
from miniapp_api import item_days, item_steps
from miniapp_api.item_steps import in_full, of_items
from miniapp_api.wiring import Deps
from supervision import day_store, health_store
from supervision.health_store import ItemSteps
from supervision.item_health import Sums, Tally, health

DRAFTS, DAYS = 400, 30
PARTS = [(2, "read", "read"), (5, "submit", "filed"), (1, "submit", "failed/core_unavailable"), (1, "check", "blocked")]


@pytest.fixture
async def deps(mongo: Mongo) -> Deps:
    """Sixty days of drafts and of what routes counted; no day has been counted yet."""
    await mongo.create_indexes(health_store.INDEXES)
    rows = list(city.planted(DRAFTS, now()))
    await mongo["drafts"].insert_many([draft for draft, _ in rows])
    await mongo["cases"].insert_many([case for _, case in rows if case is not None])
    counts: list[dict[str, object]] = []
    for age in range(2 * DAYS):
        day = day_of(now()) - timedelta(days=age)
        said = {act: {outcome: times for times, of_act, outcome in PARTS if of_act == act} for act in ("read", "submit", "check")}
        counts += [{"_id": f"{day.isoformat()}:{city.code_of(n)}", "code": city.code_of(n), "at": now(), "counts": said} for n in range(age % 3)]
    await mongo["item_steps"].insert_many(counts)
    return cast("Deps", SimpleNamespace(item_steps=ItemSteps(mongo)))


async def straight(deps: Deps, since: date, until: date) -> dict[str, Tally]:
    """From every draft."""
    return await item_days.tallies(deps.item_steps, since, until)


async def test_what_is_told_of_days_that_are_kept_is_what_every_draft_says(deps: Deps) -> None:
    today = day_of(now())
    middle, end = today - timedelta(days=DAYS - 1), today + timedelta(days=1)
    current, before = await straight(deps, middle, end), await straight(deps, middle - timedelta(days=DAYS), middle)
    for _ in range(2):  # as the days are counted, then as they are kept
        found = await of_items(deps, DAYS)
        assert found.told.keys() == current.keys() | before.keys()
        told = await in_full(deps, found, list(found.told))
        for code, one in told.items():
            tally = current.get(code) or Tally()
            assert one.now == health(code, tally.sums(), tally)
            assert one.before == health(code, (before.get(code) or Tally()).sums())
            assert found.told[code].over == one.over
    assert sum(one.now.steps[1].total + one.before.steps[1].total for one in told.values()) == DRAFTS
    used = max(current, key=lambda code: current[code].total[0])
    single = await of_items(deps, DAYS, used)
    assert list(single.told) == [used] and (await in_full(deps, single, [used]))[used] == told[used]
    assert (await of_items(deps, DAYS, "nobody used it")).told["nobody used it"].now == health("nobody used it", Sums())


async def test_a_day_that_was_counted_is_not_read_again_until_it_is_old(deps: Deps, mongo: Mongo) -> None:
    today = day_of(now())
    past = [today - timedelta(days=age) for age in range(1, 2 * DAYS)]
    await item_days.count_days(deps)
    there = await deps.item_steps.days.counted(past)
    sums = await deps.item_steps.days.all_sums(there, past[5])
    assert set(there) == set(past) and sums[0] and sums[1]
    for name in ("drafts", "item_steps"):
        await mongo[name].delete_many({})
    await item_days.count_days(deps)
    assert (await deps.item_steps.days.counted(past), await deps.item_steps.days.sums(past, past[5])) == (there, sums)
    await mongo["item_days"].update_many({}, {"$set": {"counted_at": now() - timedelta(minutes=2)}})
    await mongo["drafts"].insert_one({"_id": "old", "created_at": now() - timedelta(days=90), "updated_at": now(), "item_code": "I"})
    await item_days.count_days(deps)
    again = await deps.item_steps.days.counted(past)
    assert await deps.item_steps.days.all_sums(again, past[5]) == await deps.item_steps.days.sums(past, past[5]) != sums
    assert await deps.item_steps.days.sums(past[:1], today) == ({}, {})  # yesterday has been counted again, and nothing is left of it
    assert await deps.item_steps.days.sums(past[2:], past[5]) != ({}, {})  # older days wait longer


async def test_a_day_written_half_way_is_counted_again(deps: Deps, mongo: Mongo) -> None:
    days, yesterday = deps.item_steps.days, day_of(now()) - timedelta(days=1)
    right = await straight(deps, yesterday, yesterday + timedelta(days=1))
    assert await days.hold(yesterday, item_days.begin_of(yesterday))
    wrong = {"day": yesterday.isoformat(), "code": "gone", "counted_at": now() - timedelta(seconds=1), "n": {"t0": 1000}, "seconds": [], "counts": {}}
    await mongo["item_tallies"].insert_one({"_id": f"{yesterday.isoformat()}:gone", **wrong})
    assert await days.counted([yesterday]) == {}
    assert not await days.hold(yesterday, item_days.begin_of(yesterday))  # who died still holds it; who looks does not wait for that
    assert await item_days.counted(deps.item_steps, [yesterday])
    assert await days.sums([yesterday], yesterday) == ({code: tally.sums() for code, tally in right.items()}, {})


async def test_of_many_workers_one_counts_a_day(deps: Deps, mongo: Mongo) -> None:
    yesterday = day_of(now()) - timedelta(days=1)
    held = await asyncio.gather(*(deps.item_steps.days.hold(yesterday, item_days.begin_of(yesterday)) for _ in range(8)))
    assert held.count(True) == 1
    await mongo["item_days"].update_many({}, {"$set": {"held_until": now() - timedelta(seconds=1)}})
    assert await deps.item_steps.days.hold(yesterday, item_days.begin_of(yesterday))


def test_yesterday_is_counted_again_after_a_minute_and_half_a_year_after_six_hours() -> None:
    assert item_days.rest(timedelta(days=1)) == timedelta(minutes=1)
    assert timedelta(hours=5) < item_days.rest(timedelta(days=item_days.KEPT_DAYS)) < timedelta(hours=7)
    assert day_store.KEPT >= timedelta(days=item_days.KEPT_DAYS)


async def test_a_count_that_comes_late_takes_nothing_from_a_newer_one(deps: Deps) -> None:
    days, yesterday = deps.item_steps.days, day_of(now()) - timedelta(days=1)
    begun, moment = item_days.begin_of(yesterday), now()
    older, newer = await straight(deps, yesterday, yesterday + timedelta(days=1)), {}
    for code, tally in older.items():
        newer[code] = Tally(total=[one + 1 for one in tally.total])
    await days.put(yesterday, begun, newer, moment)
    await days.put(yesterday, begun, older, moment - timedelta(seconds=5))
    assert await days.sums([yesterday], yesterday) == ({code: tally.sums() for code, tally in newer.items()}, {})
    assert (await days.counted([yesterday]))[yesterday] > moment - timedelta(seconds=1)
    await asyncio.gather(*(days.put(yesterday, begun, newer, moment + timedelta(seconds=n)) for n in (3, 1, 2, 4)))
    assert await days.sums([yesterday], yesterday) == ({code: tally.sums() for code, tally in newer.items()}, {})


async def test_a_store_in_which_nobody_has_begun_anything_counts_no_days(mongo: Mongo) -> None:
    await mongo.create_indexes(health_store.INDEXES)
    deps = cast("Deps", SimpleNamespace(item_steps=ItemSteps(mongo)))
    await item_days.count_days(deps)
    assert (await of_items(deps, 90)).told == {} and await mongo["item_days"].count_documents({}) == 0
    day = day_of(now()) - timedelta(days=3)
    await mongo["item_steps"].insert_one({"_id": f"{day.isoformat()}:I", "code": "I", "at": now(), "counts": {"read": {"read": 4}}})
    await item_days.count_days(deps)
    assert await mongo["item_days"].count_documents({}) == 3
    assert (await of_items(deps, 7)).told["I"].now.steps[0].total == 4


def left_alone(begun_at: datetime, count: int, checked: int = 0) -> list[dict[str, object]]:
    """Drafts that nobody has touched since."""
    rows: list[dict[str, object]] = []
    for n in range(count):
        of_item = {"item_code": "I", "begun_with": [{"code": "I"}], "state": "open"}
        was_checked = {"checked_at": begun_at} if n < checked else {}
        rows.append({"_id": f"{begun_at.isoformat()}{n}", **of_item, "created_at": begun_at, "updated_at": begun_at, **was_checked})
    return rows


class Closures:
    def __init__(self, *closed: str) -> None:
        self.closed = closed

    async def in_force(self) -> dict[str, object]:
        return dict.fromkeys(self.closed)


async def watched(mongo: Mongo, caplog: pytest.LogCaptureFixture, *closed: str) -> list[list[dict[str, object]]]:
    """What was logged of items over their limits: each one's limits."""
    caplog.clear()
    await mongo["item_warnings"].delete_many({})
    await item_steps.watch(cast("Deps", SimpleNamespace(item_steps=ItemSteps(mongo), content=SimpleNamespace(closures=Closures(*closed)))))
    return [vars(one)["over"] for one in caplog.records if one.message == "item over its limits"]


async def test_an_item_whose_drafts_are_given_up_is_warned_of_once_a_day_has_gone_by(mongo: Mongo, caplog: pytest.LogCaptureFixture) -> None:
    await mongo.create_indexes(health_store.INDEXES)
    moment = now()
    await mongo["drafts"].insert_many(left_alone(moment - timedelta(hours=23), 30))
    assert await watched(mongo, caplog) == []  # they may go on
    await mongo["drafts"].insert_many(left_alone(moment - timedelta(hours=25), 30, checked=2))
    await mongo["drafts"].insert_many(left_alone(moment - timedelta(hours=1), 300))  # as many as ever have begun today
    (over,) = await watched(mongo, caplog)
    assert over == [{"step": "checked", "share": round(28 / 30, 4), "limit": 0.6, "of": 30}]
    assert await watched(mongo, caplog, "I") == []
    await mongo["drafts"].update_many({}, {"$set": {"updated_at": moment}})
    assert await watched(mongo, caplog) == []  # they go on


async def test_who_passes_the_check_and_does_not_submit_is_counted_for_that_step(mongo: Mongo, caplog: pytest.LogCaptureFixture) -> None:
    await mongo.create_indexes(health_store.INDEXES)
    await mongo["drafts"].insert_many(left_alone(now() - timedelta(hours=30), 30, checked=30))
    (over,) = await watched(mongo, caplog)
    assert [(one["step"], one["of"]) for one in over] == [("submitted", 30)]


async def test_errors_of_today_and_drafts_given_up_before_are_one_warning(mongo: Mongo, caplog: pytest.LogCaptureFixture) -> None:
    await mongo.create_indexes(health_store.INDEXES)
    await mongo["drafts"].insert_many(left_alone(now() - timedelta(hours=30), 30))
    today = {"_id": f"{day_of(now()).isoformat()}:I", "code": "I", "at": now(), "counts": {"submit": {"filed": 10, "failed/time_out": 10}}}
    await mongo["item_steps"].insert_one(today)
    (over,) = await watched(mongo, caplog)
    assert [one["step"] for one in over] == [None, "checked"]
    (record,) = (one for one in caplog.records if one.message == "item over its limits")
    assert (vars(record)["attempts"], vars(record)["errors"]) == (20, 10)
