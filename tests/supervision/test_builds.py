"""Facts are made from the cases by whichever worker is free, one at a time, to the end; until then nobody is told that they are whole."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from cases.store import Cases
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.workdays import Workdays
from miniapp_api import supervised as supervised_module
from miniapp_api.jobs_supervision import build_facts
from miniapp_api.supervised import Supervised, rebuild
from miniapp_api.wiring import Deps
from supervision import build_store
from supervision.build_store import Build, Builds, LostBuild
from supervision.facts import SHAPE, Row
from tests.supervision.test_facts import facts, prepared, some

CASES = 7
EARLIER = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": 1}}


def worker(mongo: Mongo, cases: Cases, supervised: Supervised) -> Deps:
    """The parts of one that the job uses."""
    supervising = SimpleNamespace(builds=Builds(mongo), supervised=supervised)
    return cast("Deps", SimpleNamespace(mongo=mongo, cases=cases, supervising=supervising, workdays=Workdays(mongo)))


async def old_store(mongo: Mongo, keys: Keyring) -> tuple[Cases, Supervised, list[Row]]:
    """Cases without facts, as the release before leaves them, and what the facts are to be."""
    cases, supervised = await prepared(mongo, keys)
    await mongo.create_indexes(build_store.INDEXES)
    await some(mongo, cases, supervised, CASES)
    right = await facts(mongo)
    await mongo["case_facts"].delete_many({})
    return cases, supervised, right


async def time_goes_by(mongo: Mongo) -> None:
    """A lease ends, and the second round is due."""
    await mongo["supervision_builds"].update_many({}, [{"$set": {"held_until": EARLIER, "due_at": EARLIER}}])


async def one_step(mongo: Mongo, cases: Cases, supervised: Supervised, build: Build) -> Build:
    """What is done when a worker is killed after its first step."""
    steps = rebuild(mongo, cases, supervised, Builds(mongo), build)
    async for reached in steps:
        return reached
    raise AssertionError("no case is left")


async def taken(mongo: Mongo) -> Build:
    build = await Builds(mongo).take()
    assert build is not None
    return build


async def test_a_store_without_cases_is_whole_at_once(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised = await prepared(mongo, keys)
    await mongo.create_indexes(build_store.INDEXES)
    assert not await Builds(mongo).is_whole()
    await build_facts(worker(mongo, cases, supervised))
    assert await Builds(mongo).is_whole()
    assert await Builds(mongo).take() is None


async def test_an_old_store_is_made_in_two_rounds_and_is_whole_after_the_second(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised, right = await old_store(mongo, keys)
    one = worker(mongo, cases, supervised)
    await build_facts(one)
    assert await facts(mongo) == right and not await Builds(mongo).is_whole()
    await mongo["case_facts"].delete_one({"_id": right[3]["_id"]})  # a process of the release before filed it meanwhile
    await build_facts(one)
    assert len(await facts(mongo)) == CASES - 1  # too early for the second round
    await time_goes_by(mongo)
    await build_facts(one)
    assert await facts(mongo) == right and await Builds(mongo).is_whole()
    await mongo["case_facts"].delete_many({})
    await time_goes_by(mongo)
    await build_facts(one)
    assert await facts(mongo) == []  # nobody begins again by himself


async def test_another_shape_is_made_from_the_first_case_on(mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, supervised, right = await old_store(mongo, keys)
    one = worker(mongo, cases, supervised)
    for _ in range(2):
        await build_facts(one)
        await time_goes_by(mongo)
    assert await Builds(mongo).is_whole()
    await mongo["case_facts"].update_many({}, {"$set": {"department": "旧的写法"}})
    monkeypatch.setattr(build_store, "SHAPE", SHAPE + 1)
    assert not await Builds(mongo).is_whole()
    await build_facts(one)
    assert await facts(mongo) == right
    monkeypatch.undo()
    assert not await Builds(mongo).is_whole()  # the release before does not take the new ones for its own
    monkeypatch.setattr(build_store, "SHAPE", SHAPE + 1)
    await time_goes_by(mongo)
    await build_facts(one)
    assert await Builds(mongo).is_whole()


async def test_after_a_crash_another_goes_on_where_it_stopped(mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, supervised, right = await old_store(mongo, keys)
    monkeypatch.setattr(supervised_module, "BATCH", 3)
    dead = await one_step(mongo, cases, supervised, await taken(mongo))
    assert (dead.cases, dead.last) == (3, right[2]["_id"]) and await facts(mongo) == right[:3]
    assert await Builds(mongo).take() is None  # the lease holds
    await time_goes_by(mongo)
    await mongo["case_facts"].delete_many({})
    await build_facts(worker(mongo, cases, supervised))
    assert await facts(mongo) == right[3:]  # what was done is not done again in this round
    with pytest.raises(LostBuild):
        await one_step(mongo, cases, supervised, dead)
    with pytest.raises(LostBuild):
        await Builds(mongo).end_round(dead)
    assert await facts(mongo) == right[3:] and not await Builds(mongo).is_whole()


async def test_what_was_written_half_way_leaves_no_trace(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised, _ = await old_store(mongo, keys)
    build = await taken(mongo)
    await time_goes_by(mongo)
    other = await taken(mongo)
    with pytest.raises(LostBuild):
        await one_step(mongo, cases, supervised, build)  # its facts and its place are one write
    assert await facts(mongo) == []
    assert (await one_step(mongo, cases, supervised, other)).cases == CASES


async def test_of_many_workers_one_is_at_it(mongo: Mongo, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, supervised, right = await old_store(mongo, keys)
    monkeypatch.setattr(supervised_module, "BATCH", 2)
    looked = list[str]()
    asked = supervised.facts_of

    async def counting(rows: list[Row], until: None = None) -> list[Row]:
        looked.extend(row["_id"] for row in rows)
        return await asked(rows, until)

    monkeypatch.setattr(supervised, "facts_of", counting)
    await asyncio.gather(*(build_facts(worker(mongo, cases, supervised)) for _ in range(5)))
    assert await facts(mongo) == right and sorted(looked) == [row["_id"] for row in right]
    await time_goes_by(mongo)
    takers = await asyncio.gather(*(Builds(mongo).take() for _ in range(8)))
    assert sum(one is not None for one in takers) == 1


async def test_an_operator_begins_anew_whoever_is_at_it_and_what_was_whole_stays_whole(mongo: Mongo, keys: Keyring) -> None:
    cases, supervised, right = await old_store(mongo, keys)
    builds, working = Builds(mongo), await taken(mongo)
    build = await builds.take_anew()
    with pytest.raises(LostBuild):
        await one_step(mongo, cases, supervised, working)
    assert await builds.end_round(await one_step(mongo, cases, supervised, build))  # one round is enough
    assert await facts(mongo) == right and await builds.is_whole()
    await mongo["case_facts"].delete_many({})
    killed = await builds.take_anew()
    assert await builds.is_whole()
    await time_goes_by(mongo)
    await build_facts(worker(mongo, cases, supervised))  # a worker ends what the operator began
    assert await facts(mongo) == right and await builds.is_whole()
    with pytest.raises(LostBuild):
        await builds.end_round(killed)
