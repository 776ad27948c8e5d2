"""Refunds: never more than was paid, never approved by who asked, moved once at the gateway and taken back once at the core."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from core.bills import BillState
from kit.errors import AppError, Forbidden
from kit.outbox import MAX_ATTEMPTS
from payments import refunding, refunds
from payments.ledger import balances
from payments.refunds import Wish
from payments.settle import Mismatch
from tests.payments.pretend import Crash
from tests.payments.till import Till

CASHIER, APPROVER = "st-cashier", "st-approver"


async def asked(till: Till, order: dict[str, Any], amount_fen: int | None = None, by: str = CASHIER) -> str:
    made = await refunds.request(till.paying, await till.order(order["_id"]), Wish(amount_fen, "多收", by, by_staff=by != "r1"))
    return str(made["_id"])


async def approved(till: Till, order: dict[str, Any], amount_fen: int | None = None) -> str:
    refund_no = await asked(till, order, amount_fen)
    await refunds.approve(till.paying, refund_no, APPROVER)
    return refund_no


async def refund(till: Till, refund_no: str) -> dict[str, Any]:
    found = await till.paying.refunds.refund(refund_no)
    assert found is not None
    return found


async def again(till: Till, refund_no: str) -> None:
    """Its rows are handled now, without any time having gone by."""
    for key in (refunds.row_key(refund_no), refunding.reverse_key(refund_no)):
        await till.paying.outbox.hurry(key)
    await till.work()


async def refused(work: Any) -> AppError:
    with pytest.raises(AppError) as caught:
        await work
    return caught.value


async def lines(till: Till) -> list[tuple[str, int]]:
    return sorted([(row["kind"], row["amount_fen"]) async for row in till.mongo["ledger_entries"].find()])


async def money(till: Till) -> dict[str, int]:
    return balances([row async for row in till.mongo["ledger_entries"].find()])


async def test_part_of_it_and_then_the_rest_goes_back(till: Till) -> None:
    order = await till.settled(2000)
    first = await approved(till, order, 700)
    await till.work()
    part = await till.order(order["_id"])
    assert (part["state"], part["refunded_fen"], part["reversed_fen"]) == ("settled", 700, 700)
    assert (await refund(till, first))["state"] == "done" and till.core.balance() == 1300
    assert till.core.bills_by_id[order["bill_id"]].state is BillState.PAID
    await approved(till, order)
    await till.work()
    whole = await till.order(order["_id"])
    assert (whole["state"], whole["live"], whole["refunded_fen"], whole["reversed_fen"]) == ("refunded", False, 2000, 2000)
    assert till.core.bills_by_id[order["bill_id"]].state is BillState.UNPAID
    assert await lines(till) == [("paid", 2000), ("refunded", 700), ("refunded", 1300), ("reversed", 700), ("reversed", 1300), ("settled", 2000)]
    assert set((await money(till)).values()) == {0} and till.core.balance() == 0
    assert [one["what"] for one in till.told] == ["paid", "refunded", "refunded"]
    assert (await till.place(till.core.bills_by_id[order["bill_id"]]))["_id"] != order["_id"], "what is owed again may be paid again"


async def test_more_than_is_left_is_refused_with_what_is_left(till: Till) -> None:
    order = await till.settled(2000)
    await asked(till, order, 700)
    told = await refused(asked(till, order, 1301))
    assert (told.status, told.code) == (422, "refund_too_large") and "13.00" in told.errors[0].message
    await asked(till, order, 1300)
    assert (await refused(asked(till, order, 1))).code == "nothing_to_refund"


async def test_twenty_requests_at_once_never_ask_for_more_than_was_paid(till: Till) -> None:
    order = await till.settled(2000)
    told = await asyncio.gather(*(asked(till, order, 300) for _ in range(20)), return_exceptions=True)
    made = [one for one in told if isinstance(one, str)]
    assert len(made) == 6
    assert all(isinstance(one, AppError) and one.code == "refund_too_large" for one in told if not isinstance(one, str)), told
    assert (await till.order(order["_id"]))["reserved_fen"] == 1800
    await asyncio.gather(*(refunds.approve(till.paying, one, APPROVER) for one in made))
    await till.work()
    assert till.wechat.orders[order["_id"]].refunded == 1800 == (await till.order(order["_id"]))["refunded_fen"]
    assert till.core.balance() == 200


async def test_refunds_that_end_at_the_same_moment_are_both_counted(till: Till) -> None:
    order = await till.settled(2000)
    made = [await approved(till, order, 400) for _ in range(5)]
    asks = [refunding.ask_for(order, await refund(till, one)) for one in made]
    told = [await till.wechat.refund(ask) for ask in asks]
    await asyncio.gather(*(till.paying.seen.refunded(one) for one in told for _ in range(3)))
    await till.work()
    ended = await till.order(order["_id"])
    assert (ended["state"], ended["refunded_fen"], ended["reversed_fen"]) == ("refunded", 2000, 2000)


@pytest.mark.parametrize("maker", ["r1", CASHIER, APPROVER])
async def test_whoever_asked_never_approves_it_and_somebody_else_does(till: Till, maker: str) -> None:
    order = await till.settled()
    refund_no = await asked(till, order, 700, by=maker)
    told = await refused(refunds.approve(till.paying, refund_no, maker))
    assert isinstance(told, Forbidden) and told.code == "own_refund"
    await till.work()
    assert (await refund(till, refund_no))["state"] == "requested" and till.wechat.orders[order["_id"]].refunds == {}
    await refunds.approve(till.paying, refund_no, "st-another")
    await till.work()
    assert till.wechat.orders[order["_id"]].refunds == {refund_no: 700}


async def test_ten_approvals_at_once_are_one(till: Till) -> None:
    order = await till.settled()
    refund_no = await asked(till, order, 700)
    told = await asyncio.gather(*(refunds.approve(till.paying, refund_no, f"st-{n}") for n in range(10)), return_exceptions=True)
    assert [isinstance(one, dict) for one in told].count(True) == 1
    assert {one.code for one in told if isinstance(one, AppError)} == {"refund_decided"}
    await till.work()
    assert till.wechat.orders[order["_id"]].refunds == {refund_no: 700}


async def test_a_rejected_request_frees_its_amount_once(till: Till) -> None:
    order = await till.settled(2000)
    refund_no = await asked(till, order, 2000)
    told = await asyncio.gather(*(refunds.reject(till.paying, refund_no, APPROVER, "已办结") for _ in range(5)), return_exceptions=True)
    assert [isinstance(one, dict) for one in told].count(True) == 1
    assert (await till.order(order["_id"]))["reserved_fen"] == 0
    assert (await refused(refunds.approve(till.paying, refund_no, APPROVER))).code == "refund_decided"
    assert (await refused(refunds.reject(till.paying, "R-none", APPROVER, "x"))).code == "refund_unknown"
    assert await asked(till, order, 2000)


async def test_only_what_is_booked_can_be_asked_back_and_not_more_often_than_gateways_take(till: Till) -> None:
    order = await till.paid()
    assert (await refused(asked(till, order))).code == "refund_too_early"
    await till.work()
    for _ in range(refunds.MOST):
        await refunds.reject(till.paying, await asked(till, order, 1), APPROVER, "x")
    assert (await refused(asked(till, order, 1))).code == "too_many_refunds"


@pytest.mark.parametrize("trouble", ["lose", "die", "die_before", "away"])
async def test_a_reply_that_is_lost_or_a_death_moves_the_money_once(till: Till, trouble: str) -> None:
    order = await till.settled(2000)
    refund_no = await approved(till, order, 700)
    setattr(till.wechat.trouble, trouble, True)
    try:
        await till.work()
    except Crash:
        pass
    assert (await refund(till, refund_no))["state"] == "sending"
    await till.quiet()
    assert (await refund(till, refund_no))["state"] == "done"
    assert till.wechat.orders[order["_id"]].refunds == {refund_no: 700} and till.core.balance() == 1300
    assert [one.amount_fen for one in till.core.reversals] == [700]


async def test_a_question_the_gateway_does_not_answer_properly_proves_nothing_about_a_refund_under_way(till: Till) -> None:
    """It refuses to say what became of it: the money may have moved, and must not be free to be asked for again."""
    order = await till.settled(2000)
    refund_no = await approved(till, order, 700)
    till.wechat.trouble.lose = True
    await till.work()
    till.wechat.trouble.refuse = "not_permitted"
    for _ in range(MAX_ATTEMPTS + 2):
        await again(till, refund_no)
    assert (await refund(till, refund_no))["state"] == "sending"
    assert (await till.order(order["_id"]))["reserved_fen"] == 700
    till.wechat.trouble.refuse = ""
    await till.pass_time(30)
    await till.work()
    assert (await refund(till, refund_no))["state"] == "done" and till.wechat.orders[order["_id"]].refunds == {refund_no: 700}


async def test_a_refund_the_gateway_refuses_frees_its_amount_and_touches_no_book(till: Till) -> None:
    order = await till.settled(2000)
    till.wechat.refund_refuse = "no_longer_refundable"
    refund_no = await approved(till, order, 2000)
    await till.work()
    failed = await refund(till, refund_no)
    assert (failed["state"], failed["failed_because"]) == ("failed", "no_longer_refundable")
    assert (await till.order(order["_id"]))["reserved_fen"] == 0 and till.core.reversals == []
    till.wechat.refund_refuse = ""
    await approved(till, order, 2000)
    await till.work()
    assert (await till.order(order["_id"]))["state"] == "refunded"


async def test_a_refund_that_fails_while_it_is_under_way_frees_its_amount(till: Till) -> None:
    order = await till.settled(2000)
    till.wechat.refund_state = "processing"
    refund_no = await approved(till, order, 700)
    await till.work()
    assert (await refund(till, refund_no))["state"] == "sending"
    till.wechat.refund_state = "failed"
    await again(till, refund_no)
    assert (await refund(till, refund_no))["state"] == "failed" and (await till.order(order["_id"]))["reserved_fen"] == 0


async def test_an_abnormal_refund_keeps_its_amount_until_somebody_mended_it_at_the_gateway(till: Till) -> None:
    order = await till.settled(2000)
    till.wechat.refund_state = "abnormal"
    refund_no = await approved(till, order, 700)
    for _ in range(3):
        await till.pass_time(refunding.ABNORMAL_AGAIN)
        await till.work()
        assert (await refund(till, refund_no))["state"] == "abnormal"
    assert (await till.order(order["_id"]))["reserved_fen"] == 700 and till.core.reversals == []
    till.wechat.refund_state = "done"
    await till.pass_time(refunding.ABNORMAL_AGAIN)
    await till.work()
    assert (await refund(till, refund_no))["state"] == "done" and till.core.balance() == 1300


async def test_a_refund_without_funds_waits_for_them(till: Till) -> None:
    order = await till.settled(2000)
    till.wechat.refund_refuse = refunding.NO_FUNDS
    refund_no = await approved(till, order, 700)
    for _ in range(MAX_ATTEMPTS + 2):
        await again(till, refund_no)
    assert (await refund(till, refund_no))["state"] == "sending" and (await till.order(order["_id"]))["reserved_fen"] == 700
    till.wechat.refund_refuse = ""
    await till.pass_time(refunding.NO_FUNDS_AGAIN)
    await till.work()
    assert (await refund(till, refund_no))["state"] == "done"


async def test_money_that_is_not_ours_to_keep_is_sent_back_until_it_is_taken(till: Till) -> None:
    till.core.refuse_bookings = "bill_cancelled"
    order = await till.paid(2000)
    till.wechat.refund_refuse = "payer_account_abnormal"
    for _ in range(MAX_ATTEMPTS + 2):
        await till.pass_time(refunding.ABNORMAL_AGAIN)
        await till.work()
    stuck = await till.order(order["_id"])
    assert (stuck["state"], stuck["reserved_fen"]) == ("returning", 2000)
    assert (await refund(till, f"RS{order['_id']}"))["state"] == "abnormal"
    till.wechat.refund_refuse = ""
    await till.pass_time(refunding.ABNORMAL_AGAIN)
    await till.work()
    assert (await till.order(order["_id"]))["state"] == "refunded" and till.wechat.orders[order["_id"]].refunded == 2000
    assert till.core.reversals == [], "nothing was booked, so nothing is taken back"


async def test_a_notice_that_is_faster_than_the_worker_is_enough(till: Till) -> None:
    order = await till.settled(2000)
    refund_no = await approved(till, order, 700)
    told = await till.wechat.refund(refunding.ask_for(order, await refund(till, refund_no)))
    await till.paying.seen.refunded(told)
    assert (await refund(till, refund_no))["state"] == "done"
    till.wechat.trouble.refuse = "called_for_nothing"
    await till.work()
    assert (await refund(till, refund_no))["state"] == "done" and till.core.balance() == 1300


async def test_twenty_copies_of_one_notice_count_once(till: Till) -> None:
    order = await till.settled(2000)
    refund_no = await approved(till, order, 700)
    told = await till.wechat.refund(refunding.ask_for(order, await refund(till, refund_no)))
    await asyncio.gather(*(till.paying.seen.refunded(told) for _ in range(20)))
    await till.work()
    await till.paying.seen.refunded(told)
    await till.work()
    assert [one for one in await lines(till) if one[0] in ("refunded", "reversed")] == [("refunded", 700), ("reversed", 700)]
    assert [one["what"] for one in till.told].count("refunded") == 1 and len(till.core.reversals) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"refund_no": "R-foreign"}, "unknown_refund"),
        ({"order_no": "Z-foreign"}, "unknown_refund"),
        ({"amount_fen": 701}, "wrong_amount"),
        ({"gateway": "alipay"}, "wrong_gateway"),
    ],
)
async def test_a_notice_of_a_refund_that_is_not_ours_changes_nothing(till: Till, changes: dict[str, Any], reason: str) -> None:
    order, other = await till.settled(2000), await till.settled(2000)
    refund_no = await approved(till, order, 700)
    told = await till.wechat.refund(refunding.ask_for(order, await refund(till, refund_no)))
    before = await refund(till, refund_no), await till.order(order["_id"]), await lines(till)
    for one in (replace(told, **changes), replace(told, order_no=other["_id"])):
        with pytest.raises(Mismatch) as caught:
            await till.paying.seen.refunded(one)
        assert caught.value.reason in (reason, "unknown_refund")
    assert before == (await refund(till, refund_no), await till.order(order["_id"]), await lines(till))


@pytest.mark.parametrize("decided", ["not at all", "rejected"])
async def test_a_notice_of_a_refund_nobody_approved_changes_nothing(till: Till, decided: str) -> None:
    order = await till.settled(2000)
    refund_no = await asked(till, order, 700)
    if decided == "rejected":
        await refunds.reject(till.paying, refund_no, APPROVER, "x")
    told = await till.wechat.refund(refunding.ask_for(order, await refund(till, refund_no)))
    before = await refund(till, refund_no), await till.order(order["_id"])
    with pytest.raises(Mismatch, match="refund_not_under_way"):
        await till.paying.seen.refunded(told)
    assert before == (await refund(till, refund_no), await till.order(order["_id"]))


@pytest.mark.parametrize(("idempotent", "hides"), [(True, False), (False, False), (True, True), (False, True)])
@pytest.mark.parametrize("trouble", ["lose", "die", "die_before", "away"])
async def test_the_core_takes_its_booking_back_exactly_once(till: Till, idempotent: bool, hides: bool, trouble: str) -> None:
    order = await till.settled(2000)
    till.core.idempotent, till.core.hides = idempotent, hides
    refund_no = await approved(till, order, 700)
    setattr(till.core.trouble, trouble, True)
    try:
        await till.work()
        for _ in range(4):
            await again(till, refund_no)
    except Crash:
        pass
    assert len(till.core.reversals) <= 1
    await till.quiet()
    assert [(one.id, one.amount_fen) for one in till.core.reversals] == [(refund_no, 700)]
    assert (await till.order(order["_id"]))["reversed_fen"] == 700 and (await money(till))["transit"] == 0


async def test_two_workers_with_the_same_rows_refund_and_reverse_once(till: Till) -> None:
    till.core.idempotent = False
    for _ in range(8):
        order = await till.settled(2000)
        refund_no = await approved(till, order, 700)
        for key, act in ((refunds.row_key(refund_no), refunding.refund_at_gateway), (refunding.reverse_key(refund_no), refunding.reverse_at_core)):
            row = await till.paying.outbox.take_key(key)
            assert row is not None
            await asyncio.gather(act(till.paying, row), act(till.paying, row))
        await till.quiet()
        assert [one.amount_fen for one in till.core.reversals if one.id == refund_no] == [700]
        assert (await till.order(order["_id"]))["refunded_fen"] == 700 == till.wechat.orders[order["_id"]].refunded
