"""Booking at the core exactly once, whatever it deduplicates, hides or answers; and money it does not take goes back by itself."""

import asyncio
from typing import Any

import pytest

from core.bills import BillState
from kit.errors import Outside
from kit.outbox import COLLECTION, MAX_ATTEMPTS
from payments import settlement
from payments.booking import QUIET
from payments.ledger import balances
from tests.payments.pretend import Booked, Crash
from tests.payments.till import Till

CORES = pytest.mark.parametrize(("idempotent", "hides"), [(True, False), (False, False), (True, True), (False, True)])


def be(till: Till, *, idempotent: bool, hides: bool) -> None:
    till.core.idempotent, till.core.hides = idempotent, hides


async def again(till: Till, order: dict[str, Any]) -> None:
    """Its row is handled now, without any time having gone by."""
    await till.paying.outbox.hurry(settlement.row_key(order["_id"]))
    await till.work()


async def kinds(till: Till) -> list[str]:
    return sorted([row["kind"] async for row in till.mongo["ledger_entries"].find()])


async def totals(till: Till) -> dict[str, int]:
    return balances([row async for row in till.mongo["ledger_entries"].find()])


async def state(till: Till, order: dict[str, Any]) -> str:
    return str((await till.order(order["_id"]))["state"])


@CORES
async def test_a_payment_is_booked_once(till: Till, idempotent: bool, hides: bool) -> None:
    be(till, idempotent=idempotent, hides=hides)
    order = await till.settled(2000)
    assert order["state"] == "settled" and order["e_bill"]["code"] == "36010126"
    assert [(one.id, one.of, one.amount_fen) for one in till.core.settlements] == [(f"S-{order['_id']}", order["bill_id"], 2000)]
    assert await kinds(till) == ["paid", "settled"]
    assert await totals(till) == {"gateway": -2000, "transit": 0, "core": 2000}


@CORES
async def test_a_lost_reply_is_looked_for_and_not_booked_again(till: Till, idempotent: bool, hides: bool) -> None:
    be(till, idempotent=idempotent, hides=hides)
    order = await till.paid()
    till.core.trouble.lose = True
    await till.work()
    assert await state(till, order) == "paid" and len(till.core.settlements) == 1
    for _ in range(5):
        await again(till, order)
    assert await state(till, order) == ("paid" if hides else "settled")
    till.core.settled_down()
    await again(till, order)
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1
    assert await kinds(till) == ["paid", "settled"]


@CORES
async def test_a_death_after_the_core_booked_it_books_it_once(till: Till, idempotent: bool, hides: bool) -> None:
    be(till, idempotent=idempotent, hides=hides)
    order = await till.paid()
    till.core.trouble.die = True
    with pytest.raises(Crash):
        await till.work()
    await till.quiet()
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1


async def test_what_may_have_been_booked_is_asked_for_anew_only_after_the_core_was_quiet_for_long_enough(till: Till) -> None:
    order = await till.paid()
    till.core.trouble.die_before = True
    with pytest.raises(Crash):
        await till.work()
    await till.pass_time(QUIET / 2)
    await till.work()
    assert till.core.settlements == [] and await state(till, order) == "paid"
    await till.pass_time(QUIET / 2 + 1)
    await till.work()
    assert len(till.core.settlements) == 1 and await state(till, order) == "settled"


async def test_a_core_that_was_not_reached_is_asked_again_at_once_when_it_is_back(till: Till) -> None:
    """It certainly booked nothing, so there is nothing to wait for."""
    order = await till.paid()
    till.core.trouble.away = True
    for _ in range(MAX_ATTEMPTS + 3):
        await again(till, order)
    assert (await till.order(order["_id"]))["settle_tried_at"] is None
    row = await till.mongo[COLLECTION].find_one({"_id": settlement.row_key(order["_id"])})
    assert row is not None and (row["state"], row["attempts"]) == ("waiting", 0), "a core that is away is never given up"
    till.core.trouble.away = False
    await again(till, order)
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1


async def test_a_core_that_goes_away_after_a_lost_reply_does_not_make_us_forget_that_we_asked(till: Till) -> None:
    be(till, idempotent=False, hides=True)
    order = await till.paid()
    till.core.trouble.lose = True
    await till.work()
    till.core.trouble.away = True
    await again(till, order)
    till.core.trouble.away = False
    await again(till, order)
    assert len(till.core.settlements) == 1 and (await till.order(order["_id"]))["settle_tried_at"] is not None
    till.core.settled_down()
    await again(till, order)
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1


@pytest.mark.parametrize("reason", ["bill_already_paid", "amount_mismatch", "bill_cancelled", "unknown_bill"])
async def test_what_the_core_does_not_take_goes_back_without_anybody_asking(till: Till, reason: str) -> None:
    order = await till.paid(2000)
    till.core.refuse_bookings = reason
    await till.work()
    ended = await till.order(order["_id"])
    assert (ended["state"], ended["returning_because"], ended["refunded_fen"]) == ("refunded", f"core_{reason}", 2000)
    assert till.wechat.orders[order["_id"]].refunds == {f"RS{order['_id']}": 2000}
    assert till.core.settlements == till.core.reversals == [] and await kinds(till) == ["paid", "refunded"]
    assert set((await totals(till)).values()) == {0}
    refund = await till.paying.refunds.refund(f"RS{order['_id']}")
    assert refund is not None and (refund["requested_by"], refund["approved_by"], refund["state"]) == ("system", "system", "done")


@pytest.mark.parametrize("facts", [{"state": BillState.PAID}, {"state": BillState.CANCELLED}, {"amount_fen": 2500}])
async def test_a_bill_settled_at_the_window_cancelled_or_changed_meanwhile_is_one_the_core_does_not_take(till: Till, facts: dict[str, Any]) -> None:
    order = await till.paid()
    till.core.change(order["bill_id"], **facts)
    await till.work()
    assert await state(till, order) == "refunded" and till.core.settlements == []


async def test_already_paid_after_an_attempt_of_unknown_end_is_never_taken_as_a_no(till: Till) -> None:
    """It may be our own booking that stands there and does not show yet."""
    order = await till.paid()
    till.core.trouble.die_before = True
    with pytest.raises(Crash):
        await till.work()
    till.core.refuse_bookings = "bill_already_paid"
    for _ in range(3):
        await till.pass_time(90_000)
        await till.work()
        assert await state(till, order) == "paid"
    assert [row async for row in till.mongo["refunds"].find()] == []
    till.core.refuse_bookings = ""
    till.core.settlements.append(Booked(settlement.settlement_id(order["_id"]), order["bill_id"], 2000))
    await till.quiet()
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1


async def test_already_paid_after_an_attempt_that_was_refused_is_a_no(till: Till) -> None:
    """Whatever the first refusal said, it booked nothing."""
    order = await till.paid()
    till.core.refuse_bookings = "closed_for_the_day"
    await till.work()
    till.core.refuse_bookings = ""
    till.core.change(order["bill_id"], state=BillState.PAID)
    await till.quiet()
    assert await state(till, order) == "refunded" and till.core.settlements == []


async def test_a_refusal_nobody_knows_is_tried_for_hours_then_parked_for_a_human_and_goes_on_when_told_to(till: Till) -> None:
    order = await till.paid()
    till.core.refuse_bookings = "closed_for_the_year"
    key = settlement.row_key(order["_id"])
    for _ in range(MAX_ATTEMPTS):
        assert await till.paying.outbox.state(key) == "waiting"
        await till.pass_time(90_000)
        await till.work()
    assert await till.paying.outbox.state(key) == "parked"
    assert await state(till, order) == "paid" and till.wechat.orders[order["_id"]].refunds == {}
    till.core.refuse_bookings = ""
    await till.pass_time(90_000)
    assert await till.paying.outbox.retry_parked(key)
    await till.work()
    assert await state(till, order) == "settled" and len(till.core.settlements) == 1


@CORES
async def test_two_workers_with_the_same_row_book_once(till: Till, idempotent: bool, hides: bool) -> None:
    """A lease that ran out while its worker lives."""
    be(till, idempotent=idempotent, hides=hides)
    for _ in range(10):
        order = await till.paid()
        row = await till.paying.outbox.take_key(settlement.row_key(order["_id"]))
        assert row is not None
        told = await asyncio.gather(*(settlement.settle_at_core(till.paying, row) for _ in range(2)), return_exceptions=True)
        assert all(one is None or isinstance(one, Outside) for one in told), told
        await till.quiet()
        assert await state(till, order) == "settled"
        assert [one.id for one in till.core.settlements].count(settlement.settlement_id(order["_id"])) == 1
    assert await kinds(till) == ["paid"] * 10 + ["settled"] * 10


async def test_a_row_that_comes_again_after_its_order_is_booked_does_nothing(till: Till) -> None:
    order = await till.settled()
    key = settlement.row_key(order["_id"])
    await till.mongo[COLLECTION].update_one({"_id": key}, {"$set": {"state": "waiting", "payload": {"order_no": order["_id"]}}})
    await again(till, order)
    assert await till.paying.outbox.state(key) == "done"
    assert len(till.core.settlements) == 1 and await kinds(till) == ["paid", "settled"]
