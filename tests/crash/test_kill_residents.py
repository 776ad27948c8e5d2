"""kill -9 while accounts are being joined: each pair is one person or two, never half of it, and is told once."""

import asyncio
from functools import partial

import aiohttp
import pytest

from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.persons import confirm, on_alipay
from tests.crash.test_kill import kill_and_restart

pytestmark = pytest.mark.crash
PAIRS = 5


async def finished(there: Resident, challenge: str) -> str | None:
    """What the answer says, or None when it was lost or may be tried again."""
    try:
        answer = await there.api("POST", f"/v1/me/links/redeem/{challenge}", {})
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    assert answer.status in (200, 503), answer.body
    return str(answer.json["state"]) if answer.status == 200 else None


async def told(resident: Resident) -> list[Json]:
    return [one for one in await resident.inbox() if one["kind"] == "account_changed"]


@pytest.mark.parametrize("victim", ["api", "worker", "mongod"])
async def test_a_kill_while_accounts_are_joined_leaves_each_pair_whole(house: House, victim: str) -> None:
    pairs = []
    for _ in range(PAIRS):
        here = await make_resident(house)
        there = await on_alipay(here)
        draft = await there.draft()
        code = (await here.api("POST", "/v1/me/links", {})).json["code"]
        challenge = (await there.api("POST", "/v1/me/links/redeem", {"code": code})).json["challenge"]
        await confirm(here)
        pairs.append((here, there, challenge, draft["id"]))

    async def later(n: int) -> str | None:
        await asyncio.sleep(n * 0.01)
        return await finished(pairs[n][1], pairs[n][2])

    tries = [asyncio.create_task(later(n)) for n in range(PAIRS)]
    await asyncio.sleep(0.03)
    await kill_and_restart(house.stack, victim)
    acknowledged = await asyncio.gather(*tries)
    for (here, there, challenge, draft_id), before in zip(pairs, acknowledged, strict=True):
        me = (await there.api("GET", "/v1/me")).json
        links = (await here.api("GET", "/v1/me/links")).json["items"]
        assert me["real_name"] is (len(links) == 2), "both sides say the same"
        assert before is None or me["real_name"] is True, "what was acknowledged stands"
        assert await until(partial(finished, there, challenge)) == "confirmed"
        assert (await there.api("GET", f"/v1/drafts/{draft_id}")).status == 200
        assert len(await until(partial(told, here))) == 1
