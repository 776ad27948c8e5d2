"""Progress without a session, over HTTP: guessing gets nowhere, and nobody is named."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from kit.mongo import connect
from miniapp_api.stack import Stack
from tests.api.house import Answer, House, make_resident

UNKNOWN = {"title": "办件编号或查询码不对，请对照受理回执核对后再查", "code": "progress_unknown"}
FIXED = {"X-Request-Id": "the-same-for-all"}


class Asker:
    """Somebody at an address of their own, so that their tries are nobody else's."""

    def __init__(self, house: House, address: str) -> None:
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))
        self.house = House(house.stack, self.http)

    async def ask(self, case_no: str, secret: str) -> Answer:
        return await self.house.api("POST", "/v1/progress", {"case_no": case_no, "secret": secret}, headers=FIXED)


@pytest.fixture
async def askers(house: House) -> AsyncIterator[list[Asker]]:
    made = [Asker(house, f"127.0.9.{host}") for host in range(1, 4)]
    yield made
    for one in made:
        await one.http.close()


async def test_the_receipt_s_code_shows_state_and_next_step_and_no_name(house: House, askers: list[Asker], stack: Stack) -> None:
    resident = await make_resident(house)
    submitted = await resident.submit((await resident.draft())["id"])
    case_no, secret = submitted.json["case_no"], submitted.json["receipt"]["progress_secret"]
    await house.move(case_no, "accepted")
    for given in (secret, secret.lower(), resident.person["id_number"][-6:]):
        answer = await askers[0].ask(case_no, given)
        assert (answer.status, set(answer.json)) == (200, {"state", "state_text", "next_step"})
        assert resident.person["name"] not in answer.body.decode()
    assert (await resident.api("GET", f"/v1/cases/{case_no}")).json["progress_secret"] == secret
    mongo = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    for name in await mongo.database.list_collection_names():
        async for row in mongo[name].find({}):
            assert secret not in repr(row), name
    await mongo.close()


async def test_an_unknown_number_and_a_wrong_secret_are_byte_for_byte_one_answer(house: House, askers: list[Asker]) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    wrong, unknown = await askers[1].ask(case_no, "AAAA2222"), await askers[1].ask("NO" + case_no[2:], "AAAA2222")
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)
    assert wrong.status == 404 and wrong.json.items() >= UNKNOWN.items()
    drop = {"date"}
    assert {k: v for k, v in wrong.headers.items() if k not in drop} == {k: v for k, v in unknown.headers.items() if k not in drop}
    tired = [await askers[1].ask(case_no, "AAAA2222") for _ in range(5)]
    assert [one.status for one in tired] == [404] * 4 + [429]
    assert tired[-1].json["code"] == "progress_tries_used" and int(tired[-1].headers["retry-after"]) > 0
    assert (await resident.api("GET", f"/v1/cases/{case_no}")).status == 200, "its owner is not kept out"


async def test_a_thousand_guesses_of_case_numbers_end_in_429(house: House, askers: list[Asker]) -> None:
    """Abuse case 10: a case number is item, date and serial, so it can be counted through."""
    resident = await make_resident(house)
    case_no = await resident.case()
    stem, serial = case_no[:-4], int(case_no[-4:])
    first = [await askers[2].ask(f"{stem}{serial + step:04d}", "123456") for step in range(30)]
    assert {one.body for one in first} == {first[0].body} and first[0].status == 404
    rest = []
    for start in range(30, 1000, 97):
        rest += await asyncio.gather(*(askers[2].ask(f"{stem}{serial + step:04d}", "123456") for step in range(start, start + 97)))
    assert len(first) + len(rest) == 1000 and {one.status for one in rest} == {429}


@pytest.mark.parametrize(
    "body", [{}, {"case_no": "C1"}, {"case_no": "", "secret": ""}, {"case_no": "C1", "secret": ["x"]}, {"case_no": "C" * 51, "secret": "x"}]
)
async def test_what_is_no_question_is_told_so_and_counts_as_no_try(house: House, body: dict[str, object]) -> None:
    answer = await house.api("POST", "/v1/progress", body)
    assert (answer.status, answer.json["code"]) == (422, "input_invalid")
