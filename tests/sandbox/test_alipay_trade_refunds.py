"""Refunds at the sandbox's Alipay: once for each number, never more than was paid, and known afterwards whatever the answer was."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from alipay import AliPay, DCAliPay

from tests.listener import listening
from tests.sandbox.alipay_shop import Door, Shop, refusal
from tests.sandbox.conftest import Private
from tests.sandbox.outside import Outside

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyOpenSSL's, in the SDK


@pytest.fixture(scope="module")
async def door() -> AsyncIterator[Door]:
    own = Door()
    async with listening(own.take) as url:
        own.url = url + "/notify"
        yield own


@pytest.fixture(scope="module", params=[AliPay, DCAliPay], ids=["key", "certificates"])
async def shop(request: pytest.FixtureRequest, outside: Outside, door: Door) -> Shop:
    return Shop(outside, door, request.param)


async def moved(shop: Shop, number: str) -> list[tuple[str, int]]:
    """(refund number, fen) of every refund that happened."""
    return [(one["refund_no"], one["amount_fen"]) for one in await shop.lines("pay.refunded", number)]


async def test_a_refund_moves_money_once_and_a_repeat_says_that_nothing_changed(shop: Shop) -> None:
    number = await shop.paid()
    first, again = [await shop.refund(number, "2.00", "R1") for _ in range(2)]
    assert (first["code"], first["fund_change"], first["refund_fee"], first["send_back_fee"]) == ("10000", "Y", "2.00", "2.00")
    assert (again["code"], again["fund_change"], again["refund_fee"]) == ("10000", "N", "2.00")
    assert await moved(shop, number) == [("R1", 200)]
    assert await shop.status(number) == "TRADE_SUCCESS"


async def test_refund_fee_is_all_that_was_ever_given_back_and_the_last_fen_closes_the_trade(shop: Shop) -> None:
    number = await shop.paid()
    told = [await shop.refund(number, amount, no) for no, amount in (("R1", "2.00"), ("R2", "0.34"), ("R3", "10.00"))]
    assert [(one["refund_fee"], one["send_back_fee"]) for one in told] == [("2.00", "2.00"), ("2.34", "0.34"), ("12.34", "10.00")]
    asked = await shop.call("alipay.trade.query", {"out_trade_no": number})
    assert asked["trade_status"] == "TRADE_CLOSED" and asked["send_pay_date"]  # a closed trade may have been paid
    assert refusal(await shop.refund(number, "0.01", "R4")) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    assert (await shop.refund(number, "10.00", "R3"))["fund_change"] == "N"
    assert (await shop.outside.call("POST", "/world/wallets/alipay/pay", {"order_no": number, "even_closed": True})).status == 409


async def test_a_refund_of_more_than_is_left_is_refused(shop: Shop) -> None:
    number = await shop.paid()
    assert refusal(await shop.refund(number, "12.35", "R1")) == ("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
    await shop.refund(number, "10.00", "R2")
    assert refusal(await shop.refund(number, "2.35", "R3")) == ("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
    assert await moved(shop, number) == [("R2", 1000)]


async def test_the_same_refund_number_with_another_amount_is_refused(shop: Shop) -> None:
    number = await shop.paid()
    await shop.refund(number, "1.00", "R1")
    assert refusal(await shop.refund(number, "2.00", "R1")) == ("40004", "ACQ.DISCORDANT_REPEAT_REQUEST")
    assert await moved(shop, number) == [("R1", 100)]


async def test_without_a_number_only_the_whole_is_refunded_and_under_the_orders_own(shop: Shop) -> None:
    number = await shop.paid()
    assert refusal(await shop.refund(number, "1.00")) == ("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
    assert [(await shop.refund(number, "12.34"))["fund_change"] for _ in range(2)] == ["Y", "N"]
    assert await moved(shop, number) == [(number, 1234)]


@pytest.mark.parametrize("wrong", [{"refund_amount": "0"}, {"refund_amount": "1.001"}, {"refund_amount": "-1"}, {"out_request_no": "x" * 65}])
async def test_a_refund_that_is_wrongly_written_moves_nothing(shop: Shop, wrong: dict[str, Any]) -> None:
    number = await shop.paid()
    asked = {"out_trade_no": number, "refund_amount": "1.00", "out_request_no": "R1", **wrong}
    assert refusal(await shop.call("alipay.trade.refund", asked)) == ("40004", "ACQ.INVALID_PARAMETER")
    assert await moved(shop, number) == []


async def test_what_is_not_paid_is_not_refunded(shop: Shop) -> None:
    waiting, closed = await shop.ordered(), await shop.ordered()
    await shop.call("alipay.trade.close", {"out_trade_no": closed})
    for number in (waiting, closed):
        assert refusal(await shop.refund(number, "1.00", "R1")) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    assert refusal(await shop.refund("nobody", "1.00", "R1")) == ("40004", "ACQ.TRADE_NOT_EXIST")


async def test_a_refund_is_known_by_its_number_and_an_unknown_one_is_an_empty_success(shop: Shop) -> None:
    number = await shop.paid()
    await shop.refund(number, "2.00", "R1", refund_reason="多缴")
    assert await shop.refunded(number, "R2") == {"code": "10000", "msg": "Success"}
    told = await shop.refunded(number, "R1")
    assert (told["refund_status"], told["refund_amount"], told["total_amount"], told["refund_reason"]) == ("REFUND_SUCCESS", "2.00", "12.34", "多缴")
    assert "gmt_refund_pay" not in told
    when = (await shop.refunded(number, "R1", query_options=["gmt_refund_pay"]))["gmt_refund_pay"]
    assert datetime.fromisoformat(f"{when}+08:00")
    assert refusal(await shop.refunded(number, "")) == ("40004", "ACQ.INVALID_PARAMETER")


async def test_a_refund_whose_answer_is_unknown_has_happened_and_the_query_says_so(shop: Shop) -> None:
    number = await shop.paid()
    async with shop.outside.faults(alipay={"refund_unknown": True}):
        assert refusal(await shop.refund(number, "2.00", "R1")) == ("20000", "isp.unknow-error")
        assert refusal(await shop.refund(number, "99.00", "R2")) == ("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
        assert (await shop.refunded(number, "R1"))["refund_status"] == "REFUND_SUCCESS"
    assert (await shop.refund(number, "2.00", "R1"))["fund_change"] == "N"
    assert await moved(shop, number) == [("R1", 200)]


async def test_a_refund_whose_reply_is_lost_has_happened_once(shop: Shop) -> None:
    number = await shop.paid()
    async with shop.outside.faults(alipay={"lose_replies": True}):
        with pytest.raises(OSError):
            await shop.refund(number, "2.00", "R1")
    assert (await shop.refund(number, "2.00", "R1"))["fund_change"] == "N"
    assert await moved(shop, number) == [("R1", 200)]


async def test_after_the_refund_window_a_trade_is_finished(private: Private, door: Door) -> None:
    shop = Shop(private(), door)
    number = await shop.paid()
    await shop.outside.pass_time(90 * 86400 - 60)
    assert (await shop.refund(number, "1.00", "R1"))["fund_change"] == "Y"
    await shop.outside.pass_time(61)
    assert await shop.status(number) == "TRADE_FINISHED"
    assert refusal(await shop.refund(number, "1.00", "R2")) == ("40004", "ACQ.TRADE_HAS_FINISHED")
    assert (await shop.refund(number, "1.00", "R1"))["fund_change"] == "N"
    assert refusal(await shop.call("alipay.trade.close", {"out_trade_no": number})) == ("40004", "ACQ.TRADE_STATUS_ERROR")
