"""Paying, over HTTP, with the real stores and the sandbox's gateways: what was paid is booked once and told once, whatever goes wrong on the way."""

import asyncio
import uuid

import pytest

from tests.api.house import House, make_resident, until
from tests.api.purse import make_payer

BOTH = pytest.mark.parametrize("channel", ["wechat", "alipay"])


@BOTH
async def test_a_bill_is_paid_booked_at_the_core_and_told_once(house: House, channel: str) -> None:
    payer = await make_payer(house, channel)
    bill = await payer.bill(12345)
    listed = (await payer.resident.api("GET", "/v1/bills")).json["items"]
    assert [(one["bill_id"], one["amount_fen"], one["state"]) for one in listed] == [(bill, 12345, "unpaid")]
    placed = await payer.order(bill)
    assert placed.status == 201 and placed.json["amount_fen"] == 12345, placed.body
    assert set(placed.json["pay_params"]) == ({"tradeNO"} if channel == "alipay" else {"timeStamp", "nonceStr", "package", "signType", "paySign"})
    order_no = placed.json["order_no"]
    assert (await payer.look(order_no))["state_text"] == "等待支付"
    await payer.thumb(order_no)
    order = await payer.until(order_no, "settled")
    assert order["receipt"] and len(order["e_bill_no"]) == 10
    assert [one["amount_fen"] for one in await payer.at_core(order_no)] == [12345]

    async def told() -> bool:
        return len(await payer.told(order_no)) == 1

    await until(told)
    assert (await payer.resident.api("GET", "/v1/bills")).json["items"][0]["state"] == "paid"
    assert (await payer.order(bill)).json["code"] == "bill_paid"


@BOTH
@pytest.mark.parametrize("how", ["twice", "late", "never"])
async def test_a_payment_counts_once_however_it_is_told(house: House, channel: str, how: str) -> None:
    await house.world("POST", "/world/clock", {"speed": 10})
    payer = await make_payer(house, channel)
    order_no = await payer.placed()
    await payer.thumb(order_no, how)
    await payer.until(order_no, "settled", 30)

    async def notices() -> list[str]:
        return [one["result"] for one in await payer.at_gateway(order_no, "pay.notice")]

    if how != "never":
        await until(notices)
    assert len(await payer.at_core(order_no)) == 1 and len(await payer.told(order_no)) == 1
    assert len(await notices()) == {"twice": 2, "late": 1, "never": 0}[how]
    await house.world("POST", "/world/clock", {"speed": 1})


@BOTH
@pytest.mark.parametrize("how", ["forged", "wrong_amount"])
async def test_a_notice_that_is_not_true_changes_nothing(house: House, channel: str, how: str) -> None:
    payer = await make_payer(house, channel)
    order_no = await payer.placed()
    await payer.thumb(order_no, how)

    async def turned_away() -> bool:
        return bool(await payer.at_gateway(order_no, "pay.notice"))

    await until(turned_away)
    results = [one["result"] for one in await payer.at_gateway(order_no, "pay.notice")]
    assert all(result not in ("200", "204", "success") for result in results), results
    assert (await payer.look(order_no))["state"] == "awaiting" and await payer.at_core(order_no) == []


async def test_only_the_core_names_the_amount_and_a_change_is_shown_before_it_is_paid(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill(2000)
    assert (await payer.order(bill, amount_fen=1)).status == 422
    await payer.resident.api("GET", "/v1/bills")
    await house.world("PUT", f"/world/core/bills/{bill}", {"amount_fen": 2500})
    changed = await payer.order(bill)
    assert changed.status == 409 and changed.json["code"] == "bill_changed" and "25.00" in changed.json["title"]
    assert (await payer.order(bill)).json["amount_fen"] == 2500


async def test_the_same_key_gives_the_same_bytes_and_another_tap_the_same_order(house: House) -> None:
    payer = await make_payer(house)
    bill, key = await payer.bill(), uuid.uuid4().hex
    first, again, other = await payer.order(bill, key), await payer.order(bill, key), await payer.order(bill)
    assert first.body == again.body and other.json["order_no"] == first.json["order_no"]
    taps = await asyncio.gather(*(payer.order(bill) for _ in range(10)))
    assert {one.json["order_no"] for one in taps if one.status == 201} == {first.json["order_no"]}
    assert {one.status for one in taps} <= {201, 409}


async def test_nobody_sees_or_pays_somebody_elses_bill(house: House) -> None:
    payer, other = await make_payer(house), await make_payer(house)
    bill = await payer.bill()
    order_no = (await payer.order(bill)).json["order_no"]
    assert (await other.order(bill)).json["code"] == "bill_unknown"
    assert (await other.resident.api("GET", f"/v1/orders/{order_no}")).json["code"] == "order_unknown"
    assert (await other.resident.api("GET", "/v1/bills")).json["items"] == []
    unbound = await make_resident(house, bound=False)
    assert (await unbound.api("GET", "/v1/bills")).json["code"] == "real_name_needed"
    assert (await payer.order(bill, channel="alipay")).json["code"] == "other_channel"


async def test_a_change_of_channel_closes_the_first_order_before_the_second_is_made(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill()
    first = (await payer.order(bill)).json["order_no"]
    other = await make_resident(house, "alipay", bound=False)
    other.person = payer.resident.person
    await other.log_in()
    await other.bind()
    second = (await other.api("POST", f"/v1/bills/{bill}/orders", {"channel": "alipay"}, headers={"Idempotency-Key": uuid.uuid4().hex})).json
    assert second["order_no"] != first
    assert (await payer.look(first))["state"] == "closed"
    await house.world("POST", "/world/wallets/alipay/pay", {"order_no": second["order_no"]})
    await payer.until(second["order_no"], "settled")


async def test_while_the_first_wallet_does_not_answer_nobody_is_charged_again(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill()
    first = (await payer.order(bill)).json["order_no"]
    await payer.thumb(first, "never")
    other = await make_resident(house, "alipay", bound=False)
    other.person = payer.resident.person
    await other.log_in()
    await other.bind()
    await house.faults(wechat_pay={"down": True})
    asked = await other.api("POST", f"/v1/bills/{bill}/orders", {"channel": "alipay"}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert asked.status == 409 and asked.json["code"] == "payment_confirming" and asked.json["retryable"]
    seen = await payer.look(first)
    assert seen["confirming"] and seen["state_text"] == "支付结果确认中，请勿重复支付"
    await house.faults(wechat_pay={})
    await payer.until(first, "settled", 60)
    again = await other.api("POST", f"/v1/bills/{bill}/orders", {"channel": "alipay"}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert again.json["code"] == "bill_paid"


@pytest.mark.parametrize(
    "trouble",
    [{"lose_replies": True}, {"down": True}, {"error_rate": 1.0}, {"lose_replies": True, "not_idempotent": True, "hide_settlements_ms": 2000}],
)
async def test_a_core_in_trouble_books_once_and_the_resident_is_told_to_wait(house: House, trouble: dict[str, object]) -> None:
    payer = await make_payer(house)
    order_no = await payer.placed()
    await house.faults(core=trouble)
    await payer.thumb(order_no)
    order = await payer.until(order_no, "paid")
    assert order["state_text"] == "已支付，正在入账" and not order["receipt"]
    await asyncio.sleep(1.5)  # long enough for the first, lost attempt
    await house.faults(core={name: value for name, value in trouble.items() if name not in ("lose_replies", "down", "error_rate")})
    await payer.until(order_no, "settled", 60)
    assert len(await payer.at_core(order_no)) == 1


async def test_a_bill_settled_at_the_window_meanwhile_goes_back_by_itself(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill()
    order_no = (await payer.order(bill)).json["order_no"]
    await house.world("PUT", f"/world/core/bills/{bill}", {"state": "cancelled"})
    await payer.thumb(order_no)
    order = await payer.until(order_no, "refunded")
    assert order["refunded_fen"] == 2000 and order["refunds"][0]["state"] == "done"
    assert await payer.at_core(order_no) == []
    assert [one["amount_fen"] for one in await payer.at_gateway(order_no, "pay.refunded")] == [2000]


async def test_a_payment_after_the_order_was_closed_goes_back_by_itself(house: House) -> None:
    payer = await make_payer(house)
    bill = await payer.bill()
    first = (await payer.order(bill)).json["order_no"]
    await house.world("PUT", f"/world/core/bills/{bill}", {"amount_fen": 3000})
    second = (await payer.order(bill)).json["order_no"]
    assert second != first and (await payer.look(first))["state"] == "closed"
    await payer.thumb(first, even_closed=True)
    assert (await payer.until(first, "refunded"))["refunded_fen"] == 2000
    await payer.thumb(second)
    await payer.until(second, "settled")
