"""The core tells of every move and every new bill by a signed webhook, and goes on telling until it is taken."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.events import read_event
from core.types import BillIssued, CoreEvent, IssuedBill
from tests.sandbox.outside import Outside, Process, until
from tests.sandbox.receiver import Delivery, Receiver


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    own = await Receiver().start()
    yield own
    await own.stop()


@pytest.fixture(scope="module")
async def telling(receiver: Receiver, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    """A world that tells the receiver."""
    process = Process(tmp_path_factory.mktemp("telling") / "data", ("--core-webhook", receiver.url)).start()
    yield Outside(process, http)
    process.kill()


async def heard(receiver: Receiver, case: Any, times: int) -> list[Delivery]:
    async def enough() -> list[Delivery]:
        found = receiver.of(case)
        return found if len(found) >= times else []

    found: list[Delivery] = await until(enough)
    return found


async def attempts(outside: Outside, case: Any) -> list[tuple[int, bool, str]]:
    return [(one["attempt"], one["forged"], one["result"]) for one in await outside.ledger("webhooks") if one["case_no"] == case["case_no"]]


async def waited(outside: Outside, case: Any, times: int) -> list[tuple[int, bool, str]]:
    """The attempts in the ledger, once there are so many."""

    async def enough() -> list[tuple[int, bool, str]]:
        found = await attempts(outside, case)
        return found if len(found) >= times else []

    found: list[tuple[int, bool, str]] = await until(enough)
    return found


async def test_a_move_is_told_signed_and_is_the_event_of_the_pull_feed(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    await telling.move(case, "accepted", text="材料齐全")
    (one,) = await heard(receiver, case, 1)
    assert one.signed_with(telling.accounts["core"]["webhook_secret"])
    assert not one.signed_with(telling.accounts["core"]["secret"])
    assert one.headers["Content-Type"].startswith("application/json")
    assert (CoreEvent.model_validate_json(one.body).move.text, one.event) == ("材料齐全", (await telling.all_events())[-1])
    assert await waited(telling, case, 1) == [(1, False, "200")]


@pytest.mark.parametrize("answer", [500, 404, 307, 401, 0])
async def test_a_delivery_not_taken_is_repeated_freshly_signed(telling: Outside, receiver: Receiver, answer: int) -> None:
    case = await telling.case()
    await telling.world("POST", "/clock", {"speed": 100})
    receiver.answers = [answer, answer]
    await telling.move(case, "accepted")
    told = await heard(receiver, case, 3)
    await telling.world("POST", "/clock", {"speed": 1})
    assert all(one.signed_with(telling.accounts["core"]["webhook_secret"]) for one in told)
    assert len({one.headers["X-Core-Nonce"] for one in told}) == len({one.headers["X-Core-Signature"] for one in told}) == 3
    assert len({one.body for one in told}) == 1
    result = str(answer or "ServerDisconnectedError")
    assert await waited(telling, case, 3) == [(1, False, result), (2, False, result), (3, False, "200")]
    assert len(receiver.of(case)) == 3


async def test_the_second_attempt_comes_5_seconds_after_the_first_and_the_clock_shortens_that(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    receiver.answers = [500]
    await telling.move(case, "accepted")
    await heard(receiver, case, 1)
    await asyncio.sleep(0.2)
    assert len(receiver.of(case)) == 1
    await telling.world("POST", "/clock", {"speed": 1000})
    await heard(receiver, case, 2)
    await telling.world("POST", "/clock", {"speed": 1})


async def test_after_the_last_attempt_the_event_is_left_to_the_pull_feed(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    await telling.world("POST", "/clock", {"speed": 1_000_000})
    receiver.answers = [500] * 9
    await telling.move(case, "accepted")
    assert [number for number, _, result in await waited(telling, case, 9) if result == "500"] == list(range(1, 10))
    await asyncio.sleep(0.1)
    await telling.world("POST", "/clock", {"speed": 1})
    assert len(receiver.of(case)) == 9
    assert case["case_no"] in {event["case_no"] for event in await telling.all_events()}


async def test_one_delivery_that_fails_does_not_hold_up_another(telling: Outside, receiver: Receiver) -> None:
    first, second = await telling.case(), await telling.case()
    receiver.answers = [500]
    await telling.move(first, "accepted")
    await heard(receiver, first, 1)
    await telling.move(second, "accepted")
    await heard(receiver, second, 1)
    assert len(receiver.of(first)) == 1
    await telling.world("POST", "/clock", {"speed": 1000})
    await heard(receiver, first, 2)
    await telling.world("POST", "/clock", {"speed": 1})


async def test_duplicate_tells_the_same_event_that_many_times_more(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    async with telling.faults(core_webhook={"duplicate": 2}):
        await telling.move(case, "accepted")
        told = await heard(receiver, case, 3)
        assert await waited(telling, case, 3) == [(1, False, "200")] * 3
    assert len({one.event["event_id"] for one in told}) == 1
    assert len({one.headers["X-Core-Nonce"] for one in told}) == 3
    assert all(one.signed_with(telling.accounts["core"]["webhook_secret"]) for one in told)


async def test_forge_tells_once_more_with_a_signature_that_is_wrong(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    async with telling.faults(core_webhook={"forge": True}):
        await telling.move(case, "accepted")
        told = await heard(receiver, case, 2)
        seen = await waited(telling, case, 2)
    assert sorted(one.signed_with(telling.accounts["core"]["webhook_secret"]) for one in told) == [False, True]
    assert sorted(forged for _, forged, _ in seen) == [False, True]


async def test_late_comes_late(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    async with telling.faults(core_webhook={"late_ms": 150}):
        await telling.move(case, "accepted")
        await asyncio.sleep(0.05)
        assert receiver.of(case) == []
        await heard(receiver, case, 1)


async def test_a_webhook_that_is_down_sends_nothing_and_is_repeated_afterwards(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    async with telling.faults(core_webhook={"down": True}):
        await telling.move(case, "accepted")
        await until(lambda: attempts(telling, case))
    assert receiver.of(case) == []
    await telling.world("POST", "/clock", {"speed": 1000})
    await heard(receiver, case, 1)
    assert (await waited(telling, case, 2))[0] == (1, False, "down")
    await telling.world("POST", "/clock", {"speed": 1})


async def test_after_a_reset_nothing_of_the_old_world_is_told(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    await telling.world("POST", "/clock", {"speed": 20})  # the second attempt would come a quarter of a second after the first
    receiver.answers = [500] * 9
    await telling.move(case, "accepted")
    await waited(telling, case, 1)
    await telling.world("POST", "/reset")
    before = len(receiver.of(case))
    await asyncio.sleep(0.2)
    await asyncio.sleep(0.2)
    receiver.answers = []
    assert len(receiver.of(case)) == before
    assert await telling.ledger("webhooks") == []


async def test_an_account_that_says_sm3_gets_sm3(telling: Outside, receiver: Receiver, tmp_path: Path, http: aiohttp.ClientSession) -> None:
    folder = shutil.copytree(telling.process.folder, tmp_path / "data", ignore=shutil.ignore_patterns("world.db*"))
    accounts = telling.accounts | {"core": telling.accounts["core"] | {"algorithm": "sm3"}}
    (folder / "accounts.json").write_text(json.dumps(accounts))
    process = Process(folder, ("--core-webhook", receiver.url)).start()
    try:
        outside = Outside(process, http)
        case = await outside.case()
        await outside.move(case, "accepted")
        (one,) = await heard(receiver, case, 1)
        assert one.signed_with(accounts["core"]["webhook_secret"], "sm3")
    finally:
        process.kill()


async def test_a_new_bill_is_told_like_a_move_and_is_in_the_pull_feed(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    wish = {"amount_fen": 12000, "expires_at": "2026-12-31T18:00:00+08:00"}
    bill = (await telling.call("POST", f"/world/core/cases/{case['case_no']}/bills", wish)).json
    (one,) = await heard(receiver, case, 1)
    assert one.signed_with(telling.accounts["core"]["webhook_secret"])
    told = read_event(one.event)
    assert isinstance(told, BillIssued) and (told.case_no, told.request_id) == (case["case_no"], case["request_id"])
    assert told.bill == IssuedBill.model_validate(bill)
    assert one.event == (await telling.all_events())[-1]
    assert await waited(telling, case, 1) == [(1, False, "200")]
    assert [line["event_id"] for line in await telling.ledger("core") if line["kind"] == "bill.issued"] == [told.event_id]


async def test_a_changed_bill_and_one_that_was_refused_are_not_told(telling: Outside, receiver: Receiver) -> None:
    case = await telling.case()
    path = f"/world/core/cases/{case['case_no']}/bills"
    assert (await telling.call("POST", path, {"amount_fen": 0})).status == 422
    bill = (await telling.call("POST", path, {"amount_fen": 100})).json
    assert (await telling.call("PUT", f"/world/core/bills/{bill['bill_id']}", {"amount_fen": 200})).status == 200
    await telling.move(case, "accepted")
    told = await heard(receiver, case, 2)
    assert sorted(one.event["type"] for one in told) == ["bill.issued", "case.moved"]
    assert [one["type"] for one in await telling.all_events() if one["case_no"] == case["case_no"]] == ["bill.issued", "case.moved"]
