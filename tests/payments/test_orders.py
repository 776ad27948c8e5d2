"""Making an order: one live order a bill, the core's amount and no other, and nobody is asked to pay while an earlier try is not known."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.bills import Bill, BillState
from kit.clock import now
from kit.errors import AppError, Conflict, InFlight, Unavailable
from kit.ids import new_number
from kit.outbox import COLLECTION
from payments import asking, orders
from payments.gateways import NotPaid, Payment
from payments.order_store import digest
from payments.orders import Customer
from tests.payments.pretend import Crash, PretendGateway
from tests.payments.till import Till


async def refused(work: Any) -> AppError:
    """What it was refused with."""
    with pytest.raises(AppError) as caught:
        await work
    return caught.value


async def rows(till: Till) -> list[dict[str, Any]]:
    return [row async for row in till.mongo["orders"].find().sort("created_at", 1)]


async def states(till: Till) -> list[str]:
    return [row["state"] for row in await rows(till)]


async def test_a_bill_gets_one_order_of_the_cores_amount_and_a_promise_to_ask_about_it(till: Till) -> None:
    bill = till.core.issue(12345)
    placed = await orders.place(till.paying, Customer("p1", "r1", "wechat"), bill.bill_id, "wechat")
    order = await till.order(placed.order["_id"])
    assert placed.pay_params == {"package": f"prepay_id={order['_id']}"}
    assert (order["state"], order["amount_fen"], order["bill_id"], order["live"]) == ("awaiting", 12345, bill.bill_id, True)
    asked = till.wechat.orders[order["_id"]].ask
    assert (asked.amount_fen, asked.payer, asked.title) == (12345, "wechat-of-r1", bill.title)
    assert "wechat-of-r1" not in repr(order), "who pays is sealed"
    assert await till.paying.outbox.state(asking.row_key(order["_id"])) == "waiting"


async def test_another_tap_hands_out_the_same_order(till: Till) -> None:
    bill = till.core.issue(2000)
    assert (await till.place(bill))["_id"] == (await till.place(bill))["_id"]
    assert await states(till) == ["awaiting"]


async def test_fifty_taps_at_once_make_one_order(till: Till) -> None:
    bill = till.core.issue(2000)
    told = await asyncio.gather(*(till.place(bill) for _ in range(50)), return_exceptions=True)
    made = [one for one in told if isinstance(one, dict)]
    others = [one for one in told if not isinstance(one, dict)]
    assert made and len({one["_id"] for one in made}) == 1
    assert all(isinstance(one, InFlight) and one.code == "order_in_flight" for one in others), others
    assert len(await rows(till)) == 1 and len(till.wechat.orders) == 1


async def test_a_bill_that_changed_since_it_was_shown_is_shown_again_before_it_is_paid(till: Till) -> None:
    bill = till.core.issue(2000)
    await till.paying.orders.shown([bill])
    till.core.change(bill.bill_id, amount_fen=2500)
    told = await refused(till.place(bill))
    assert (told.status, told.code) == (409, "bill_changed") and "25.00" in told.title
    assert await rows(till) == [] and till.wechat.orders == {}
    assert (await till.place(bill))["amount_fen"] == 2500


async def test_an_order_of_the_old_amount_is_closed_at_the_gateway_before_the_new_one_is_made(till: Till) -> None:
    bill = till.core.issue(2000)
    first = await till.place(bill)
    till.core.change(bill.bill_id, amount_fen=2500)
    second = await till.place(bill)
    assert await states(till) == ["closed", "awaiting"] and second["amount_fen"] == 2500
    assert till.wechat.orders[first["_id"]].state == "closed"


async def test_somebody_elses_bill_is_answered_like_one_that_does_not_exist(till: Till) -> None:
    bill = till.core.issue(2000, person_id="p2")
    told = [await refused(orders.place(till.paying, Customer("p1", "r1", "wechat"), one, "wechat")) for one in (bill.bill_id, "B-none")]
    assert {(one.status, one.code, one.title) for one in told} == {(404, "bill_unknown", told[0].title)}
    assert await rows(till) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"state": BillState.PAID}, "bill_paid"),
        ({"state": BillState.CANCELLED}, "bill_closed"),
        ({"expires_at": now() - timedelta(seconds=1)}, "bill_closed"),
    ],
)
async def test_a_bill_that_is_paid_cancelled_or_expired_gets_no_order(till: Till, facts: dict[str, Any], code: str) -> None:
    bill = till.core.issue(2000)
    till.core.change(bill.bill_id, **facts)
    assert (await refused(till.place(bill))).code == code
    assert await rows(till) == []


async def test_an_order_never_outlives_its_bill(till: Till) -> None:
    ends = now() + timedelta(minutes=7)
    order = await till.place(till.core.issue(2000, expires_at=ends))
    assert abs((order["expires_at"] - ends).total_seconds()) < 0.001


async def test_while_the_core_is_away_nothing_is_written(till: Till) -> None:
    bill = till.core.issue(2000)
    till.core.trouble.away = True
    told = await refused(till.place(bill))
    assert (told.code, told.retry_after) == ("core_unavailable", 3)
    assert await rows(till) == []


@pytest.mark.parametrize("trouble", ["away", "lose"])
async def test_a_gateway_that_does_not_answer_gets_the_same_order_at_the_next_tap(till: Till, trouble: str) -> None:
    bill = till.core.issue(2000)
    setattr(till.wechat.trouble, trouble, True)
    told = await refused(till.place(bill))
    assert isinstance(told, Unavailable) and told.code == "gateway_unavailable"
    assert await states(till) == ["created"]
    till.wechat.trouble.away = False
    order = await till.place(bill)
    assert await states(till) == ["awaiting"] and list(till.wechat.orders) == [order["_id"]]


async def test_a_death_before_the_gateway_heard_leaves_nothing_behind(till: Till) -> None:
    bill = till.core.issue(2000)
    till.wechat.trouble.die_before = True
    with pytest.raises(Crash):
        await till.place(bill)
    assert await states(till) == ["created"] and till.wechat.orders == {}
    await till.quiet()
    assert await states(till) == ["closed"]
    await till.place(bill)
    assert await states(till) == ["closed", "awaiting"]


async def test_a_death_after_the_gateway_took_the_order_loses_no_payment(till: Till) -> None:
    bill = till.core.issue(2000)
    till.wechat.trouble.die = True
    with pytest.raises(Crash):
        await till.place(bill)
    assert await states(till) == ["created"]
    (order_no,) = till.wechat.orders
    till.wechat.pay(order_no)
    await till.pass_time(asking.FIRST)
    await till.work()
    assert await states(till) == ["settled"] and till.core.balance() == 2000


async def test_an_order_near_its_end_is_closed_and_replaced(till: Till) -> None:
    bill = till.core.issue(2000)
    first = await till.place(bill)
    await till.pass_time(27 * 60)
    assert (await till.place(bill))["_id"] == first["_id"], "three minutes are enough"
    await till.pass_time(90)
    second = await till.place(bill)
    assert second["_id"] != first["_id"] and await states(till) == ["closed", "awaiting"]
    assert till.wechat.orders[first["_id"]].state == "closed"


async def test_an_order_nobody_paid_is_closed_after_its_end_and_asked_about_twice_more(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    await till.pass_time(30 * 60 + asking.SPARE + 1)
    await till.work()
    assert await states(till) == ["closed"] and till.wechat.orders[order["_id"]].state == "closed"
    row = await till.mongo[COLLECTION].find_one({"_id": f"recheck:{order['_id']}"})
    assert row is not None and abs((row["due_at"] - now()).total_seconds() - asking.AFTER_CLOSE[0]) < 30
    await till.quiet()
    assert await states(till) == ["closed"]


async def test_another_wallet_gets_its_order_after_the_first_one_is_closed(till: Till) -> None:
    bill = till.core.issue(2000)
    first = await till.place(bill)
    second = await till.place(bill, "alipay", resident="r2")
    assert await states(till) == ["closed", "awaiting"] and (second["gateway"], second["channel"]) == ("alipay", "alipay")
    assert till.wechat.orders[first["_id"]].state == "closed" and second["_id"] in till.alipay.orders


async def test_while_the_first_wallet_is_away_the_second_gets_nothing_and_then_learns_that_it_was_paid(till: Till) -> None:
    bill = till.core.issue(2000)
    first = await till.place(bill)
    till.wechat.pay(first["_id"])
    till.wechat.trouble.away = True
    told = await refused(till.place(bill, "alipay", resident="r2"))
    assert isinstance(told, InFlight) and (told.code, told.retry_after) == ("payment_confirming", 3)
    assert await states(till) == ["closing"] and till.alipay.orders == {}
    till.wechat.trouble.away = False
    assert (await refused(till.place(bill, "alipay", resident="r2"))).code == "bill_paid"
    assert await states(till) == ["paid"] and till.alipay.orders == {}


async def test_a_close_whose_reply_is_lost_is_asked_about_before_a_second_order(till: Till) -> None:
    bill = till.core.issue(2000)
    await till.place(bill)
    till.wechat.trouble.lose = True
    assert (await refused(till.place(bill, "alipay", resident="r2"))).code == "payment_confirming"
    await till.place(bill, "alipay", resident="r2")
    assert await states(till) == ["closed", "awaiting"]


async def test_an_order_that_was_paid_untold_is_found_paid_at_the_next_tap(till: Till) -> None:
    bill = till.core.issue(2000)
    order = await till.place(bill)
    till.wechat.pay(order["_id"])
    told = await refused(till.place(bill))
    assert isinstance(told, Conflict) and told.code == "bill_paid" and not told.retryable
    assert await states(till) == ["paid"]


async def test_an_order_the_gateway_closed_by_itself_ends_and_the_next_tap_makes_another(till: Till) -> None:
    bill = till.core.issue(2000)
    first = await till.place(bill)
    till.wechat.orders[first["_id"]].state = "closed"
    assert (await refused(till.place(bill))).code == "gateway_refused"
    second = await till.place(bill)
    assert second["_id"] != first["_id"] and await states(till) == ["closed", "awaiting"]


async def test_an_order_the_gateway_does_not_want_ends_and_no_money_waits_for_it(till: Till) -> None:
    bill = till.core.issue(2000)
    till.wechat.prepay_refuse = "not_permitted"
    told = await refused(till.place(bill))
    assert told.code == "gateway_refused" and "没有扣款" in told.title
    till.wechat.prepay_refuse = ""
    assert await states(till) == ["closed"]
    await till.place(bill)
    assert await states(till) == ["closed", "awaiting"]


async def test_a_bill_with_money_on_its_way_into_the_book_gets_no_other_order(till: Till) -> None:
    order = await till.paid()
    bill = till.core.bills_by_id[order["bill_id"]]
    assert (await refused(till.place(bill))).code == "bill_paid"
    assert (await refused(till.place(bill, "alipay", resident="r2"))).code == "bill_paid"
    assert await states(till) == ["paid"]


async def test_a_wallet_is_paid_from_where_the_resident_is_signed_in_and_only_where_we_have_an_account(till: Till) -> None:
    bill = till.core.issue(2000)
    wrong = await refused(orders.place(till.paying, Customer("p1", "r1", "alipay"), bill.bill_id, "wechat"))
    assert (wrong.status, wrong.code) == (403, "other_channel")
    closed = replace(till.paying, chosen={"alipay": "alipay"})
    assert (await refused(orders.place(closed, Customer("p1", "r1", "wechat"), bill.bill_id, "wechat"))).code == "gateway_closed"
    assert await rows(till) == []


async def test_an_order_closed_while_its_gateway_makes_it_is_closed_there_too_and_handed_to_nobody(till: Till) -> None:
    """Else two wallets could pay one bill, and one of the payments would have to go back."""
    bill = till.core.issue(2000)

    async def another_wallet() -> None:
        await till.place(bill, "alipay", resident="r2")

    till.wechat.trouble.first = another_wallet
    assert (await refused(till.place(bill))).code == "order_in_flight"
    assert (await states(till), [one.state for one in till.wechat.orders.values()]) == (["closed", "awaiting"], ["closed"])


async def test_an_order_paid_while_it_is_handed_out_again_is_paid(till: Till) -> None:
    bill = till.core.issue(2000)
    order = await till.place(bill)

    async def pays() -> None:
        await till.paying.seen.paid(till.wechat.pay(order["_id"]), "notice")

    till.wechat.trouble.then = pays
    assert (await refused(till.place(bill))).code == "bill_paid"
    assert await states(till) == ["paid"]


class Lagging(PretendGateway):
    """Its order service knows before its query service does."""

    lags = True

    async def query(self, order_no: str) -> Payment | NotPaid:
        return "waiting" if self.lags else await super().query(order_no)


async def test_an_order_that_closing_finds_paid_is_asked_about_until_its_payment_is_told(till: Till) -> None:
    """What the gateway calls paid is never left `closing` with nobody asking."""
    till.wechat = Lagging()
    till.paying = replace(till.paying, gateways={"wechat_v3": till.wechat, "alipay": till.alipay})
    bill = till.core.issue(2000)
    order = await till.place(bill)
    till.wechat.pay(order["_id"])
    told = await refused(till.place(bill, "alipay", resident="r2"))
    assert told.code == "payment_confirming" and till.alipay.orders == {}
    await till.pass_time(3600)
    await till.work()
    assert await states(till) == ["closing"]
    till.wechat.lags = False
    await till.pass_time(200)
    await till.work()
    assert await states(till) == ["settled"] and till.core.balance() == 2000


async def test_what_is_frozen_is_whom_it_is_for_what_and_how_much(till: Till) -> None:
    bill = till.core.issue(2000)
    frozen = digest(bill)
    other: list[Bill] = [
        bill.model_copy(update={name: value})
        for name, value in {"bill_id": new_number("B"), "person_id": "p9", "title": "别的", "payee": "别的", "amount_fen": 2001}.items()
    ]
    assert frozen not in {digest(one) for one in other}
    assert digest(bill.model_copy(update={"version": 7})) == frozen
