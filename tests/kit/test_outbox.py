"""Rows survive workers that die; each is done once; poison is parked."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kit import outbox as module
from kit.clock import now
from kit.errors import NotReached
from kit.mongo import Mongo, Tx
from kit.outbox import MAX_ATTEMPTS, Outbox, Row, Worker


@pytest.fixture
async def box(mongo: Mongo) -> Outbox:
    await mongo.create_indexes(module.INDEXES)
    return Outbox(mongo)


async def put(mongo: Mongo, box: Outbox, key: str, kind: str = "act", delay: float = 0.0) -> None:
    async def one(tx: Tx) -> None:
        await box.put(tx, kind, key, {"n": 1}, delay=delay)

    await mongo.transaction(one)


async def state(mongo: Mongo, key: str) -> dict[str, Any]:
    row = await mongo["outbox"].find_one({"_id": key})
    assert row is not None
    return dict(row)


async def make_due(mongo: Mongo, key: str) -> None:
    await mongo["outbox"].update_one({"_id": key}, [{"$set": {"due_at": "$$NOW"}}])


async def test_a_row_written_in_a_failed_transaction_is_never_seen(mongo: Mongo, box: Outbox) -> None:
    async def cause_fails(tx: Tx) -> None:
        await box.put(tx, "act", "a", {})
        raise LookupError

    with pytest.raises(LookupError):
        await mongo.transaction(cause_fails)
    assert await box.take(["act"]) is None


async def test_two_workers_never_hold_the_same_row(mongo: Mongo, box: Outbox) -> None:
    for n in range(10):
        await put(mongo, box, f"row{n}")
    taken = await asyncio.gather(*(box.take(["act"]) for _ in range(20)))
    keys = [row.key for row in taken if row is not None]
    assert sorted(keys) == sorted({f"row{n}" for n in range(10)})


async def test_a_row_of_a_dead_worker_comes_back_when_its_lease_ends(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a")
    first = await box.take(["act"])
    assert first is not None and first.attempt == 1
    assert await box.take(["act"]) is None
    await make_due(mongo, "a")
    again = await box.take(["act"])
    assert again is not None and (again.key, again.attempt) == ("a", 2)


async def test_a_delayed_row_waits_but_its_owner_may_take_it_at_once(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a", delay=60)
    assert await box.take(["act"]) is None
    assert await box.take_key("a") is not None
    assert await box.take_key("a") is None


async def test_what_the_waiting_owner_cannot_finish_is_the_workers(mongo: Mongo, box: Outbox) -> None:
    done: list[str] = []

    async def finish(row: Row) -> None:
        done.append(row.key)
        await box.done(row.key)

    async def away(row: Row) -> None:
        raise NotReached("core", "down")

    async def slow(row: Row) -> None:
        await asyncio.Event().wait()

    for key in ("good", "away", "slow", "held"):
        await put(mongo, box, key, delay=60)
    await box.take_key("held")
    for key, handle in (("good", finish), ("away", away), ("slow", slow), ("held", finish), ("good", finish)):
        await box.at_once(key, handle, 0.05)
    assert done == ["good"]
    rows = {key: await state(mongo, key) for key in ("good", "away", "slow", "held")}
    assert {key: row["state"] for key, row in rows.items()} == {"good": "done", "away": "waiting", "slow": "waiting", "held": "waiting"}
    assert await box.take_key("away") is not None and await box.take_key("slow") is not None and await box.take_key("held") is None


async def test_a_failing_row_waits_longer_and_longer_and_is_parked_at_last(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a")
    row = await box.take(["act"])
    assert row is not None
    await box.give_back(row, "core: down")
    assert await box.take(["act"]) is None
    assert (await state(mongo, "a"))["last_error"] == "core: down"
    await box.give_back(Row("a", "act", {}, MAX_ATTEMPTS), "core: down")
    assert (await state(mongo, "a"))["state"] == "parked"
    assert await box.counts() == {"waiting": 0, "parked": 1}
    assert await box.retry_parked("a") is True
    assert await box.retry_parked("a") is False
    assert await box.take(["act"]) is not None


async def test_whoever_is_away_outside_has_until_the_row_says_and_no_longer(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a")
    await box.give_back(Row("a", "act", {}, MAX_ATTEMPTS, now() + timedelta(hours=1)), "core: down", ours=False)
    assert (await state(mongo, "a"))["state"] == "waiting"
    await box.give_back(Row("a", "act", {}, MAX_ATTEMPTS, now() - timedelta(seconds=1)), "core: down", ours=False)
    assert (await state(mongo, "a"))["state"] == "parked"


async def test_the_worker_goes_on_when_handlers_fail_and_leaves_what_it_cannot_handle_to_others(mongo: Mongo, box: Outbox) -> None:
    async def act(row: Row) -> None:
        if row.key == "refused":
            raise NotReached("core", "down")
        if row.key == "bug":
            raise ZeroDivisionError
        await box.done(row.key)

    for key in ("refused", "bug", "good"):
        await put(mongo, box, key)
    await put(mongo, box, "strange", kind="nobody-knows")
    task = asyncio.create_task((worker := Worker(box, {"act": act}, poll=0.05)).run())
    async with asyncio.timeout(10):
        while (await state(mongo, "good"))["state"] != "done":
            await asyncio.sleep(0.02)
    worker.stop()
    await task
    assert (await state(mongo, "refused"))["last_error"] == "core: down"
    assert (await state(mongo, "bug"))["last_error"] == "ZeroDivisionError"
    assert (await state(mongo, "strange"))["attempts"] == 0
    assert (await box.take(["nobody-knows"])) is not None


async def test_a_new_row_wakes_the_worker_long_before_its_poll(mongo: Mongo, box: Outbox) -> None:
    async def act(row: Row) -> None:
        await box.done(row.key)

    worker = Worker(box, {"act": act}, poll=30)
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.2)
    await put(mongo, box, "a")
    async with asyncio.timeout(5):
        while (await state(mongo, "a"))["state"] != "done":
            await asyncio.sleep(0.01)
    worker.stop()
    await task


async def test_a_row_that_is_put_off_spends_no_attempt(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a")
    row = await box.take(["act"])
    assert row is not None
    await box.put_off(row, 60)
    assert await box.take(["act"]) is None
    again = await box.take_key("a")
    assert again is not None and again.attempt == 1


async def test_a_lease_is_renewed_by_its_holder_and_by_nobody_else(mongo: Mongo, box: Outbox) -> None:
    await put(mongo, box, "a")
    first = await box.take(["act"])
    assert first is not None
    await make_due(mongo, "a")
    assert await box.hold(first) is True
    assert await box.take(["act"]) is None, "held for another whole lease"
    await make_due(mongo, "a")
    second = await box.take(["act"])
    assert second is not None
    assert await box.hold(first) is False
    assert await box.hold(second) is True
