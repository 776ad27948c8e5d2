"""The one story of a payment: told fifty times it happened once, told wrongly it did not happen, told too late the money goes back."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kit.errors import Conflict, Unknown
from kit.mongo import Collection
from kit.outbox import COLLECTION
from payments import asking, refunding, refunds, settlement
from payments.gateways import Payment
from payments.ledger import balances, day_of
from payments.settle import Mismatch
from tests.payments.till import Till


async def all_of(rows: Collection) -> list[dict[str, Any]]:
    return [row async for row in rows.find().sort("_id", 1)]


async def everything(till: Till) -> list[list[dict[str, Any]]]:
    return [await all_of(till.mongo[name]) for name in ("orders", "refunds", "ledger_entries", COLLECTION)]


async def mismatch(till: Till, payment: Payment) -> str:
    """The word it is turned away with; nothing at all may change."""
    before = await everything(till)
    with pytest.raises(Mismatch) as caught:
        await till.paying.seen.paid(payment, "notice")
    assert await everything(till) == before
    return caught.value.reason


async def closed(till: Till) -> dict[str, Any]:
    order = await till.place(till.core.issue(2000))
    assert await asking.close(till.paying, order) == "closed"
    return await till.order(order["_id"])


async def test_fifty_copies_at_once_are_one_payment(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    payment = till.wechat.pay(order["_id"])
    told = await asyncio.gather(*(till.paying.seen.paid(payment, "notice") for _ in range(50)))
    assert sorted(told) == ["already_paid"] * 49 + ["paid_now"]
    (line,) = await all_of(till.mongo["ledger_entries"])
    assert (line["_id"], line["amount_fen"], line["transaction_id"]) == (f"paid:{order['_id']}", 2000, payment.transaction_id)
    assert (line["debit"], line["credit"], line["day"]) == ("gateway", "transit", day_of(payment.paid_at))
    keys = [row["_id"] for row in await all_of(till.mongo[COLLECTION])]
    assert keys == sorted([asking.row_key(order["_id"]), settlement.row_key(order["_id"]), f"tell:paid:{order['_id']}"])
    await till.work()
    assert await till.paying.seen.paid(payment, "statement") == "already_paid"
    assert len(till.core.settlements) == 1 and [one["what"] for one in till.told] == ["paid"]


async def test_a_notice_a_question_and_a_statement_at_once_are_one_payment(till: Till) -> None:
    for _ in range(10):
        order = await till.place(till.core.issue(2000))
        payment = till.wechat.pay(order["_id"])
        await asyncio.gather(till.paying.seen.paid(payment, "notice"), asking.ask(till.paying, order), till.paying.seen.paid(payment, "statement"))
        assert (await till.order(order["_id"]))["found_by"] in ("notice", "query", "statement")
    assert len(await all_of(till.mongo["ledger_entries"])) == 10


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_fen": 1999}, "wrong_amount"),
        ({"amount_fen": 200_000}, "wrong_amount"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"payers": ("somebody-else",)}, "wrong_payer"),
        ({"gateway": "alipay"}, "wrong_gateway"),
        ({"gateway": "wechat_v2"}, "wrong_gateway"),
        ({"order_no": "Z-nobody-knows"}, "unknown_order"),
    ],
)
async def test_a_payment_that_does_not_fit_its_order_changes_nothing(till: Till, changes: dict[str, Any], reason: str) -> None:
    order = await till.place(till.core.issue(2000))
    payment = till.wechat.pay(order["_id"])
    assert await mismatch(till, replace(payment, **changes)) == reason
    assert await till.paying.seen.paid(payment, "notice") == "paid_now", "the true one still counts"
    assert await mismatch(till, replace(payment, **changes)) == reason


async def test_a_payer_the_gateway_does_not_name_is_no_reason_to_doubt(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    assert await till.paying.seen.paid(replace(till.wechat.pay(order["_id"]), payers=()), "notice") == "paid_now"


async def test_the_payment_of_a_cheap_order_never_pays_a_dear_one(till: Till) -> None:
    """Genuine and of the right amount, with another order's number: the transaction has an order already."""
    cheap, dear, same = [await till.place(till.core.issue(amount)) for amount in (1, 500_000, 1)]
    payment = till.wechat.pay(cheap["_id"])
    await till.paying.seen.paid(payment, "notice")
    assert await mismatch(till, replace(payment, order_no=dear["_id"])) == "wrong_amount"
    assert await mismatch(till, replace(payment, order_no=same["_id"])) == "transaction_of_another_order"
    assert await mismatch(till, replace(payment, order_no=dear["_id"], amount_fen=500_000)) == "transaction_of_another_order"


async def test_a_payment_while_the_order_is_closing_counts(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    till.wechat.trouble.lose = True
    with pytest.raises(Unknown, match="timeout"):
        await asking.close(till.paying, order)
    assert (await till.order(order["_id"]))["state"] == "closing"
    assert await till.paying.seen.paid(till.wechat.pay(order["_id"], even_closed=True), "notice") == "paid_now"
    await till.work()
    assert (await till.order(order["_id"]))["state"] == "settled"


async def test_a_payment_after_the_order_was_closed_goes_back_once_and_is_never_booked(till: Till) -> None:
    order = await closed(till)
    second = await till.place(till.core.bills_by_id[order["bill_id"]])
    payment = till.wechat.pay(order["_id"], even_closed=True)
    told = await asyncio.gather(*(till.paying.seen.paid(payment, "notice") for _ in range(20)))
    assert sorted(told) == ["already_paid"] * 19 + ["came_too_late"]
    late = await till.order(order["_id"])
    assert (late["state"], late["returning_because"], late["reserved_fen"], late["live"]) == ("returning", "paid_after_close", 2000, False)
    assert [row["_id"] for row in await all_of(till.mongo["refunds"])] == [f"RS{order['_id']}"]
    await till.work()
    assert (await till.order(order["_id"]))["state"] == "refunded"
    assert till.wechat.orders[order["_id"]].refunds == {f"RS{order['_id']}": 2000} and till.core.settlements == []
    assert [one["what"] for one in till.told] == ["refunded"]
    await till.paying.seen.paid(till.wechat.pay(second["_id"]), "notice")
    await till.work()
    assert (await till.order(second["_id"]))["state"] == "settled" and till.core.balance() == 2000


async def test_a_payment_nobody_told_that_landed_after_the_close_is_found_by_asking_again(till: Till) -> None:
    order = await closed(till)
    till.wechat.pay(order["_id"], even_closed=True)
    await till.pass_time(asking.AFTER_CLOSE[0])
    await till.work()
    assert (await till.order(order["_id"]))["state"] == "refunded"


@pytest.mark.parametrize("when", ["paid", "settled", "returning", "refunded"])
async def test_a_second_transaction_of_one_order_changes_nothing_and_has_its_own_word(till: Till, when: str) -> None:
    if when in ("returning", "refunded"):
        till.core.refuse_bookings = "bill_cancelled"
    order = await till.paid()
    if when == "returning":
        till.wechat.trouble.away = True
    if when != "paid":
        await till.work()
    assert (await till.order(order["_id"]))["state"] == when
    assert await mismatch(till, replace(till.wechat.payment(order["_id"]), transaction_id="T-other")) == "second_transaction"


async def test_however_a_payment_and_a_close_meet_the_money_is_booked_or_goes_back(till: Till) -> None:
    for n in range(12):
        order = await till.place(till.core.issue(2000))
        payment = till.wechat.pay(order["_id"]) if n % 2 else None
        ending = asyncio.create_task(asking.close(till.paying, order))
        await asyncio.sleep(0.001 * n)
        payment = payment or till.wechat.pay(order["_id"], even_closed=True)
        _, ended = await asyncio.gather(till.paying.seen.paid(payment, "notice"), ending)
        state = (await till.order(order["_id"]))["state"]
        assert (state, ended) in (("paid", "paid"), ("returning", "closed")), n
    await till.quiet()
    rows = await all_of(till.mongo["orders"])
    assert {row["state"] for row in rows} <= {"settled", "refunded"}
    assert till.core.balance() == sum(2000 for row in rows if row["state"] == "settled")


async def test_the_ledger_only_grows_and_balances_after_every_step(till: Till) -> None:
    written: list[dict[str, Any]] = []

    async def look() -> None:
        now_there = await all_of(till.mongo["ledger_entries"])
        assert all(line in now_there for line in written), "a line was changed or taken away"
        assert sum(balances(now_there).values()) == 0
        written[:] = now_there

    order = await till.place(till.core.issue(2000))
    await look()
    await till.paying.seen.paid(till.wechat.pay(order["_id"]), "notice")
    await look()
    while await till.step():
        await look()
    wish = refunds.Wish(700, "多收", "st-1", by_staff=True)
    for _ in range(2):
        asked = await refunds.request(till.paying, await till.order(order["_id"]), wish)
        await refunds.approve(till.paying, asked["_id"], "st-2")
        while await till.step():
            await look()
    late = await closed(till)
    await till.paying.seen.paid(till.wechat.pay(late["_id"], even_closed=True), "notice")
    await look()
    while await till.step():
        await look()
    kinds = sorted(line["kind"] for line in written)
    assert kinds == ["paid", "paid", "refunded", "refunded", "refunded", "reversed", "reversed", "settled"]
    assert balances(written) == {"gateway": -600, "transit": 0, "core": 600} and till.core.balance() == 600


async def test_a_refund_of_money_that_came_too_late_cannot_be_asked_for_twice(till: Till) -> None:
    order = await closed(till)
    await till.paying.seen.paid(till.wechat.pay(order["_id"], even_closed=True), "notice")
    wish = refunds.Wish(1, "多收", "st-1", by_staff=True)
    with pytest.raises(Conflict, match="nothing_to_refund"):
        await refunds.request(till.paying, await till.order(order["_id"]), wish)
    refund = await till.paying.refunds.refund(f"RS{order['_id']}")
    assert refund is not None
    assert refunding.ask_for(await till.order(order["_id"]), refund).reason == "重复或超时支付，自动退款"
