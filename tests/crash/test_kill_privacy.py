"""kill -9 while somebody deletes their account or takes their data away: it is finished by whoever comes next, and no token opens anything."""

import asyncio
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from kit.mongo import Mongo
from tests.api.house import House, until
from tests.api.planted import end_everything, everything_stored, found_in, plant
from tests.api.purse import due_now

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(("point", "victim"), [("erasure_begun", "api"), ("erasure_collection", "worker")])
async def test_a_kill_leaves_no_half_deleted_account(house: House, points: Path, database: Mongo, point: str, victim: str) -> None:
    one = await plant(house)
    await end_everything(one)
    (points / point).touch()
    with suppress(aiohttp.ClientError, OSError):
        await one.delete()

    async def dead() -> bool:
        return not house.stack.children[victim].alive

    await until(dead, 30)
    await asyncio.to_thread(house.stack.children[victim].start)
    await asyncio.to_thread(house.stack.wait_ready)

    async def done() -> bool:
        row = await database["erasures"].find_one({}, sort=[("asked_at", -1)]) or {}
        if row.get("step") == "again":
            await due_now(database, f"erase:{row['_id']}")
        return row.get("step") == "done"

    await until(done, 60)
    assert (await one.resident.api("GET", "/v1/me")).status == 401
    stored = await everything_stored(database, house.stack)
    assert {name for name, text in stored.items() if found_in(text, one.canaries)} == set()
