"""kill -9 in the middle, for real: one case at the core, one inbox entry, at most one push, its outcome written down."""

import asyncio
import uuid

import aiohttp
import pytest

from kit.mongo import connect
from miniapp_api.stack import Stack
from tests.api.house import House, Resident, make_resident, until

RESIDENTS = 6
pytestmark = pytest.mark.crash


async def kill_and_restart(stack: Stack, victim: str) -> None:
    """SIGKILL, then what a supervisor would do."""

    def act() -> None:
        if victim == "mongod":
            assert stack.mongod is not None
            stack.mongod.kill()
            stack.mongod.restart()
        else:
            stack.children[victim].kill()
            stack.children[victim].start()
        stack.wait_ready()

    await asyncio.to_thread(act)


async def submitted(resident: Resident, draft_id: str, key: str) -> str | None:
    """The case number, or None when the answer was lost or may be tried again."""
    try:
        answer = await resident.submit(draft_id, key)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    assert answer.status in (201, 409, 429, 503), answer.body
    return str(answer.json["case_no"]) if answer.status == 201 else None


@pytest.mark.parametrize("victim", ["api", "worker", "mongod"])
async def test_a_kill_in_the_middle_of_submitting_leaves_one_case_each(house: House, victim: str) -> None:
    await house.faults(core={"latency_ms": 40})
    residents = [await make_resident(house) for _ in range(RESIDENTS)]
    drafts = [(await resident.draft())["id"] for resident in residents]
    keys = [uuid.uuid4().hex for _ in residents]

    async def later(n: int) -> str | None:
        await asyncio.sleep(n * 0.02)  # spread over the stages of a submit when the kill comes
        return await submitted(residents[n], drafts[n], keys[n])

    tries = [asyncio.create_task(later(n)) for n in range(RESIDENTS)]
    await asyncio.sleep(0.09)
    await kill_and_restart(house.stack, victim)
    acknowledged = await asyncio.gather(*tries)
    for resident, draft, key, before in zip(residents, drafts, keys, acknowledged, strict=True):

        async def again(resident: Resident = resident, draft: str = draft, key: str = key) -> str | None:
            return await submitted(resident, draft, key)

        case_no = await until(again, 60)
        assert before in (None, case_no), "what was acknowledged must stay"
        rows = (await resident.api("GET", "/v1/cases")).json["items"]
        assert [row["case_no"] for row in rows] == [case_no]
        assert len(await house.filed(rows[0]["receipt_no"])) == 1


@pytest.mark.parametrize("victim", ["api", "worker", "mongod"])
async def test_a_kill_in_the_middle_of_core_events_tells_everybody_once(house: House, victim: str) -> None:
    residents = [await make_resident(house) for _ in range(RESIDENTS)]
    cases = []
    for resident in residents:
        await resident.consent()
        cases.append(await resident.case())
    await house.faults(wechat={"latency_ms": 60})
    for case_no in cases:
        await house.move(case_no, "accepted")
    await asyncio.sleep(0.05)
    await kill_and_restart(house.stack, victim)
    for resident, case_no in zip(residents, cases, strict=True):

        async def told(resident: Resident = resident) -> str | None:
            rows = await resident.inbox()
            outcomes = {one["channel"]: one["outcome"] for row in rows for one in row["channels"]}
            return outcomes.get("wechat") if outcomes.get("wechat") not in ("pending", "sending") else None

        outcome = await until(told, 60)
        inbox = await resident.inbox()
        assert [row["case_no"] for row in inbox] == [case_no]
        pushed = [one for one in await house.ledger("messages") if one["person"] == resident.person["person"]]
        assert (len(pushed), outcome) in ((1, "sent"), (1, "unknown"), (0, "unknown"))


@pytest.mark.parametrize("victim", ["api", "mongod"])
async def test_a_kill_in_the_middle_of_wechat_answers_loses_none_and_says_none_twice(house: House, victim: str) -> None:
    await house.world("POST", "/world/clock", {"speed": 0.3})  # WeChat's repeats outlast the restart
    people = [await house.world("POST", "/world/people", {}) for _ in range(RESIDENTS)]
    await house.faults(wechat={"latency_ms": 60})
    for person in people:
        await house.world("POST", "/world/wechat/messages", {"person": person["person"], "text": "补办身份证要带什么"})
    await asyncio.sleep(0.05)
    await kill_and_restart(house.stack, victim)
    database = connect(house.stack.env["MONGO_URL"], "zhangban")

    async def all_taken() -> bool:
        taken = [one["person"] for one in await house.ledger("wechat") if one["kind"] == "message.delivery" and one["result"] == "200"]
        waiting = await database["wechat_messages"].count_documents({"state": {"$ne": "done"}})
        return {person["person"] for person in people} <= set(taken) and waiting == 0

    await until(all_taken, 90)
    outcomes = [row["replies"][0]["outcome"] async for row in database["wechat_messages"].find({}).sort("at", -1).limit(RESIDENTS)]
    await database.close()
    await house.world("POST", "/world/clock", {"speed": 1})
    got = [one["person"] for one in await house.ledger("messages") if one["kind"] == "reply"]
    mine = [got.count(person["person"]) for person in people]
    assert set(outcomes) <= {"sent", "unknown"} and max(mine) == 1
    assert outcomes.count("sent") <= sum(mine) <= RESIDENTS


async def test_without_redis_nobody_is_logged_out_and_everything_goes_on(house: House) -> None:
    assert house.stack.redis is not None
    resident = await make_resident(house)
    await resident.consent()
    await asyncio.to_thread(house.stack.redis.kill)
    try:
        assert (await resident.api("GET", "/v1/me")).json["real_name"] is True
        case_no = await resident.case()
        await house.move(case_no, "accepted")

        async def pushed() -> bool:
            return any(one["outcome"] == "sent" for row in await resident.inbox() for one in row["channels"])

        await until(pushed)
        assert (await make_resident(house)).token
    finally:
        await asyncio.to_thread(house.stack.redis.restart)
    assert len(await resident.inbox()) == 1
