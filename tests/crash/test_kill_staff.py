"""kill -9 while staff work: what was done stands in the audit, which goes on unbroken, and nobody is signed out."""

import asyncio

import aiohttp
import pytest

from kit.ids import new_nonce
from kit.mongo import connect
from tests.api.desk import Desk, make_desk
from tests.api.house import House
from tests.crash.test_kill import kill_and_restart

pytestmark = pytest.mark.crash
ACCOUNTS = 12


async def made(desk: Desk, name: str) -> int | None:
    """The status, or None when the answer was lost."""
    try:
        return (await desk.api("POST", "/staff/v1/accounts", {"username": name})).status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


@pytest.mark.parametrize("victim", ["api", "mongod"])
async def test_a_kill_while_accounts_are_made_leaves_each_in_the_audit(house: House, victim: str) -> None:
    desk = await make_desk(house, "system_admin")
    names = [f"k{new_nonce()}" for _ in range(ACCOUNTS)]
    tries = [asyncio.create_task(made(desk, name)) for name in names]
    await asyncio.sleep(0.15)  # some are done, some hash, some wait
    await kill_and_restart(house.stack, victim)
    answered = dict(zip(names, await asyncio.gather(*tries), strict=True))
    auditor = await make_desk(house, "audit_admin")
    verified = (await auditor.api("GET", "/staff/v1/audit/verify")).json
    assert verified["unbroken"] is True and verified["complete"] is True
    database = connect(house.stack.env["MONGO_URL"], "zhangban")
    there = {row["username"] async for row in database["staff_accounts"].find({"username": {"$in": names}})}
    audit = database["staff_audit"]
    mine = {"who": desk.username, "action": "POST /staff/v1/accounts"}
    begun = await audit.count_documents({**mine, "result": "begun"})
    done = {row["object"].split()[1] async for row in audit.find({**mine, "result": "done"})}
    await database.close()
    assert {name for name, status in answered.items() if status == 201} <= done <= there
    assert len(there) <= begun
    assert (await desk.api("GET", "/staff/v1/me")).status == 200, "a restart signs nobody out"
    for name in names:
        assert await made(desk, name) == (409 if name in there else 201)
