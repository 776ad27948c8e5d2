"""kill -9 while many cases move, and while facts are made anew: afterwards every figure is what a count by hand over the core's ledger gives."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from kit.clock import now
from kit.mongo import Mongo
from miniapp_api.stack import Stack
from miniapp_api.supervision_told import places_of, told
from staff.roles import Scope
from supervision.facts import SHAPE
from supervision.places import Places
from tests.api.desk import make_desk
from tests.api.house import House, until
from tests.api.town import FINISHED, Town, found_town, inside, move, shown, walk
from tests.crash.killing import killed, steady
from tests.crash.test_kill import kill_and_restart

pytestmark = pytest.mark.crash
WAYS: dict[str, Sequence[tuple[str, ...]]] = {
    "first": (("accepted", "approved", "issued"), ("corrections", "accepted", "corrections", "rejected"), ("accepted", "corrections", "accepted"))
    * 2,
    "second": (("rejected",), ("accepted", "issued"), ("corrections", "accepted", "approved")) * 2,
}
COUNTED = ("received", "finished", "withdrawn", "second")
NOBODY_CALLS = {"core_webhook": {"down": True}}  # every move is found by the worker, asking


async def filed(house: House) -> Town:
    town: Town = await steady(lambda: found_town(house))
    town.cases = {which: [await walk(town, which) for _ in ways] for which, ways in WAYS.items()}
    return town


def ways(town: Town) -> list[tuple[str, tuple[str, ...]]]:
    return [(case_no, way) for which, all_ways in WAYS.items() for case_no, way in zip(town.cases[which], all_ways, strict=True)]


async def moved(town: Town, step: int) -> None:
    """Every case takes its step of that number."""
    await asyncio.gather(*(move(town, case_no, way[step]) for case_no, way in ways(town) if step < len(way)))


async def as_counted_by_hand(stack: Stack, town: Town) -> None:
    """Once every move has been found; more than that would be found as well. Counted anew at every look, which a process that serves does not."""
    by_hand = await town.by_hand()
    for name in town.departments.values():
        mine, hand = places_of(Scope(frozenset({name}), frozenset({"*"}))), by_hand[name]
        results = {to: hand[f"result {to}"] for to in FINISHED if hand[f"result {to}"]}
        assert hand["received"] and results

        async def same(mine: Places = mine, hand: Counter[str] = hand, results: dict[str, int] = results) -> bool:
            async with inside(stack) as deps:
                report, _ = await told(deps, [town.month], mine, now())
            counted = (report.received, report.finished, report.withdrawn, report.second_notices)
            return (*counted, report.results, report.facts_whole) == (*(hand[one] for one in COUNTED), results, True)

        await until(same, 30)


@pytest.mark.usefixtures("supervised")
async def test_a_worker_that_dies_inside_the_write_of_many_moves_counts_each_once(house: House, stack: Stack, database: Mongo, points: Path) -> None:
    town = await filed(house)
    await house.faults(**NOBODY_CALLS)
    for step in range(max(len(way) for _, way in ways(town))):
        if step == 1:  # once: what a dead worker had begun is the database's for five seconds
            await killed(points, "supervision.facts_written", lambda step=step: moved(town, step))  # type: ignore[misc]
        else:
            await moved(town, step)
    await as_counted_by_hand(stack, town)
    desk, by_hand = await make_desk(house, "supervisor"), await town.by_hand()
    for name in town.departments.values():
        answered = await shown(desk, name)
        assert (answered["received"], answered["finished"]) == (by_hand[name]["received"], by_hand[name]["finished"])


@pytest.mark.parametrize("victim", ["worker", "mongod"])
async def test_a_kill_while_moves_of_many_cases_come_in_leaves_figures_as_counted_by_hand(
    house: House, stack: Stack, database: Mongo, victim: str
) -> None:
    town = await filed(house)
    await house.faults(**NOBODY_CALLS if victim == "worker" else {"core_webhook": {"duplicate": 1, "shuffle": True}})
    codes = [item["code"] for item in town.items.values()]

    async def all_the_way(case_no: str, way: tuple[str, ...]) -> None:
        for to in way:
            await move(town, case_no, to)

    async def begun() -> bool:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            return await database["case_facts"].count_documents({"item_code": {"$in": codes}, "version": {"$gt": 1}}) > 0
        return False

    moving = [asyncio.create_task(all_the_way(case_no, way)) for case_no, way in ways(town)]
    await until(begun)
    await kill_and_restart(stack, victim)
    await asyncio.gather(*moving)
    await as_counted_by_hand(stack, town)


@pytest.mark.usefixtures("supervised")
async def test_a_worker_that_dies_while_facts_are_made_anew_is_followed_by_one_that_ends_it(
    house: House, stack: Stack, database: Mongo, points: Path
) -> None:
    town = await filed(house)
    await moved(town, 0)
    build = {"_id": "case_facts"}

    async def upgraded() -> None:
        """As a store of the release before looks to a worker."""
        await database["case_facts"].delete_many({})
        await database["supervision_builds"].update_one(build, {"$set": {"built": None, "building": None}})

    await killed(points, "supervision.after_step", upgraded)
    half = await database["supervision_builds"].find_one(build)
    assert half is not None and half["last"] and half["built"] is None

    earlier = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": 1}}

    async def stands(**wanted: object) -> bool:
        return await database["supervision_builds"].find_one({**build, **wanted}) is not None

    await database["supervision_builds"].update_one({**build, "holder": half["holder"]}, [{"$set": {"held_until": earlier}}])  # the dead one's lease
    await until(lambda: stands(rounds=1, holder=None))
    await database["supervision_builds"].update_one(build, [{"$set": {"due_at": earlier}}])  # of the second round
    await until(lambda: stands(built=SHAPE))
    await moved(town, 1)
    await as_counted_by_hand(stack, town)
