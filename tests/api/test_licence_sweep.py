"""Everybody who was here within a year has their licences looked at in turn: politely, going on where it stopped, one process at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.clock import now
from kit.ids import new_id
from kit.mongo import Mongo
from miniapp_api.licence_sweep import AWAY, PAGE, PER_SECOND, sweep_licences
from miniapp_api.wiring import Deps
from notify import reminder_store
from notify.reminder_store import SWEEP_LEASE, Reminders
from residents import store as residents_store
from residents.active_store import ActivePersons
from tests.api.applying import licence
from tests.api.house import House
from tests.api.planted import inside

SOON = timedelta(days=70)
FAST = 1000.0  # questions a second


@asynccontextmanager
async def sweeping(house: House, mongo: Mongo) -> AsyncIterator[Deps]:
    """The stack's own core, with residents and watches of this test alone."""
    async with inside(house.stack) as whole:
        yield replace(whole, reminders=Reminders(mongo), active_persons=ActivePersons(mongo))


@pytest.fixture
async def own(mongo: Mongo) -> Mongo:
    await mongo.create_indexes(residents_store.INDEXES)
    await mongo.create_indexes(reminder_store.INDEXES)
    return mongo


async def settle(house: House, mongo: Mongo, *, seen: timedelta = timedelta(), holds: bool = True, accounts: int = 1) -> str:
    """A person who signed in so long ago, the last time on their last account, with a licence that ends soon."""
    person = str((await house.world("POST", "/world/people", {}))["person"])
    if holds:
        await licence(house, person, "机动车驾驶证", expires_at=(now() + SOON).isoformat())
    for number in range(accounts):
        resident_id, long_ago = new_id("r"), timedelta(days=900)
        await mongo["residents"].insert_one({"_id": resident_id, "person_id": person, "created_at": now()})
        at = now() - (seen if number == accounts - 1 else long_ago)
        await mongo["identities"].insert_one({"_id": f"wechat:{resident_id}", "resident_id": resident_id, "seen_at": at})
    return person


async def watched(mongo: Mongo) -> list[str]:
    return sorted([row["person_id"] async for row in mongo["reminders"].find()])


async def test_whoever_was_here_within_a_year_is_watched_and_nobody_else(house: House, own: Mongo) -> None:
    here = sorted([await settle(house, own), await settle(house, own, seen=timedelta(days=364), accounts=3)])
    await settle(house, own, seen=timedelta(days=366))
    await settle(house, own, holds=False)
    await own["residents"].insert_one({"_id": new_id("r"), "person_id": None, "created_at": now()})
    async with sweeping(house, own) as deps:
        assert await sweep_licences(deps, per_second=FAST) == 3
        assert await watched(own) == here
        assert await sweep_licences(deps, per_second=FAST) == 0, "the round is through"
        await own["reminder_sweeps"].update_one({}, {"$set": {"next_at": now()}})
        assert await sweep_licences(deps, per_second=FAST) == 3
    assert await watched(own) == here, "and planted nothing twice"


async def test_a_sweep_is_bounded_and_goes_on_where_it_stopped(house: House, own: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miniapp_api.licence_sweep.PAGE", 2)
    everybody = sorted([await settle(house, own) for _ in range(5)])
    async with sweeping(house, own) as deps:
        assert await sweep_licences(deps, per_second=FAST, pages=1) == 2 and await watched(own) == everybody[:2]
        begun = await deps.reminders.begin_sweep("licences", now())  # one that dies at once
        assert begun is not None and begun[1] == everybody[1]
        assert await sweep_licences(deps, per_second=FAST) == 0, "while its lease lasts nobody else asks the core"
        await own["reminder_sweeps"].update_one({}, {"$set": {"held_until": now()}})
        assert await sweep_licences(deps, per_second=FAST) == 3
    assert await watched(own) == everybody


async def test_two_processes_ask_the_core_once(house: House, own: Mongo) -> None:
    everybody = sorted([await settle(house, own) for _ in range(3)])
    async with sweeping(house, own) as deps:
        assert sorted(await asyncio.gather(*(sweep_licences(deps, per_second=FAST) for _ in range(4)))) == [0, 0, 0, 3]
    assert await watched(own) == everybody


async def test_the_core_is_asked_no_faster_than_was_agreed(house: House, own: Mongo) -> None:
    for _ in range(5):
        await settle(house, own)
    async with sweeping(house, own) as deps:
        began = time.monotonic()
        assert await sweep_licences(deps, per_second=10) == 5
        assert time.monotonic() - began >= 5 / 10


async def test_while_the_core_is_away_nobody_is_passed_over(house: House, own: Mongo) -> None:
    everybody = sorted([await settle(house, own) for _ in range(AWAY + 1)])
    await house.faults(core={"down": True})
    async with sweeping(house, own) as deps:
        assert await sweep_licences(deps, per_second=FAST) == 0
    await house.faults(core={})
    async with sweeping(house, own) as deps:
        assert await sweep_licences(deps, per_second=FAST) == len(everybody)
    assert await watched(own) == everybody


async def test_one_whom_the_core_cannot_answer_for_holds_up_nobody(house: House, own: Mongo) -> None:
    everybody = sorted([await settle(house, own) for _ in range(2)])
    await own["residents"].insert_one({"_id": "r_odd", "person_id": "0 odd", "created_at": now()})  # no person id the core takes
    await own["identities"].insert_one({"_id": "wechat:r_odd", "resident_id": "r_odd", "seen_at": now()})
    async with sweeping(house, own) as deps:
        assert await sweep_licences(deps, per_second=FAST) >= 2
        assert await deps.reminders.begin_sweep("licences", now() + timedelta(hours=1)) is None, "the round is through"
    assert await watched(own) == everybody


def test_a_lease_is_longer_than_a_page_of_a_slow_core_takes() -> None:
    assert timedelta(seconds=PAGE * (5 + 1 / PER_SECOND)) < SWEEP_LEASE  # a read of the core takes 5 s at most


async def test_nobody_is_looked_for_through_everybody(house: House, own: Mongo) -> None:
    for number in range(60):
        await own["residents"].insert_one({"_id": f"r{number}", "person_id": f"p{number:03d}", "created_at": now()})
    plan = await own["residents"].find({"person_id": {"$gt": "p010", "$type": "string"}}).sort("person_id", 1).limit(20).explain()
    assert plan["executionStats"]["totalDocsExamined"] <= 20
