"""What reconciliation puts right goes through the stories of callbacks, and only when the gateway itself says so."""

from dataclasses import replace
from typing import Any

import pytest

from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import COLLECTION
from miniapp_api.healing import ByStory
from payments import refunds
from payments.heal import Seen
from payments.ledger import day_of
from payments.settlement import row_key
from tests.payments.till import Till, indexes, make_till


@pytest.fixture
async def till(mongo: Mongo, keys: Keyring) -> Till:
    await indexes(mongo)
    return make_till(mongo, keys)


async def ledger(till: Till) -> list[str]:
    return sorted([row["kind"] async for row in till.mongo["ledger_entries"].find()])


async def refund_of(till: Till, order: dict[str, Any]) -> str:
    """A refund that the gateway has carried out and we have not heard of."""
    wish = refunds.Wish(500, "不办了", "clerk-1", by_staff=True)
    asked = await refunds.request(till.paying, order, wish)
    await refunds.approve(till.paying, asked["_id"], "clerk-2")
    till.wechat.trouble.lose = True
    await till.step()
    return str(asked["_id"])


async def test_a_payment_whose_notice_never_came_is_booked_once_however_often_it_is_seen(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    till.wechat.pay(order["_id"])
    healer = ByStory(till.paying)
    assert [await healer.payment_seen("wechat_v3", order["_id"]) for _ in range(2)] == ["healed", "healed"]
    await till.work()
    assert await ledger(till) == ["paid", "settled"]
    assert ((await till.order(order["_id"]))["found_by"], till.core.balance()) == ("statement", 2000)


async def test_what_the_gateway_does_not_confirm_changes_nothing(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    healer = ByStory(till.paying)
    assert await healer.payment_seen("wechat_v3", order["_id"]) == "not_certain"  # nobody paid
    assert await healer.payment_seen("wechat_v3", "Z-unknown") == "not_certain"  # nobody's order
    till.wechat.pay(order["_id"])
    assert await healer.payment_seen("alipay", order["_id"]) == "not_certain"  # another account's statement
    ask = till.wechat.orders[order["_id"]].ask
    till.wechat.orders[order["_id"]].ask = replace(ask, amount_fen=1)
    assert await healer.payment_seen("wechat_v3", order["_id"]) == "not_certain"  # another amount
    assert await ledger(till) == []
    assert [row["reason"] for row in await till.paying.orders.refusals(9)] == ["wrong_amount"]


async def test_a_refund_that_was_never_told_is_booked_once(till: Till) -> None:
    order = await till.settled()
    refund_no = await refund_of(till, order)
    assert await ledger(till) == ["paid", "settled"]
    healer = ByStory(till.paying)
    assert [await healer.refund_seen("wechat_v3", order["_id"], refund_no) for _ in range(2)] == ["healed", "healed"]
    await till.quiet()
    assert await ledger(till) == ["paid", "refunded", "reversed", "settled"]
    assert till.core.balance() == 1500


async def test_a_refund_the_gateway_is_still_at_is_under_way_and_one_that_is_not_ours_is_for_a_human(till: Till) -> None:
    order = await till.settled()
    refund_no = await refund_of(till, order)
    real = till.wechat.refunded
    till.wechat.refunded = lambda *about: replace(real(*about), state="processing", refunded_at=None)  # type: ignore[method-assign]  # a slow bank
    healer = ByStory(till.paying)
    assert await healer.refund_seen("wechat_v3", order["_id"], refund_no) == "under_way"
    assert await healer.look("wechat_v3", order["_id"], refund_no) is None
    assert await healer.refund_seen("wechat_v3", order["_id"], "R-unknown") == "not_certain"
    assert await ledger(till) == ["paid", "settled"]


async def test_a_settling_that_was_parked_or_lost_is_on_its_way_again(till: Till) -> None:
    parked, lost = await till.paid(), await till.paid()
    await till.mongo[COLLECTION].update_one({"_id": row_key(parked["_id"])}, {"$set": {"state": "parked"}})
    await till.mongo[COLLECTION].delete_one({"_id": row_key(lost["_id"])})
    healer = ByStory(till.paying)
    for order in (parked, lost, lost):
        assert await healer.settle_again(order["_id"]) == "under_way"
    await till.work()
    assert (await ledger(till), till.core.balance()) == (["paid", "paid", "settled", "settled"], 4000)
    assert await healer.settle_again(lost["_id"]) == "not_certain"  # it is settled


async def test_a_reversal_that_was_parked_is_on_its_way_again(till: Till) -> None:
    order = await till.settled()
    refund_no = await refund_of(till, order)
    healer = ByStory(till.paying)
    assert await healer.reverse_again(refund_no) == "not_certain"  # the money has not gone back as far as we know
    await healer.refund_seen("wechat_v3", order["_id"], refund_no)
    await till.mongo[COLLECTION].update_one({"_id": f"reverse:{refund_no}"}, {"$set": {"state": "parked"}})
    assert await healer.reverse_again(refund_no) == "under_way"
    await till.work()
    assert till.core.balance() == 1500
    assert await healer.reverse_again(refund_no) == "not_certain"


async def test_looking_tells_amount_and_day_and_changes_nothing(till: Till) -> None:
    order = await till.place(till.core.issue(2000))
    healer = ByStory(till.paying)
    assert await healer.look("wechat_v3", order["_id"], None) is None
    payment = till.wechat.pay(order["_id"])
    assert await healer.look("wechat_v3", order["_id"], None) == Seen(2000, payment.paid_at)
    assert day_of(payment.paid_at) and await ledger(till) == []
