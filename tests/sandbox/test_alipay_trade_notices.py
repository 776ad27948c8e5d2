"""Alipay tells the merchant: signed forms which the SDK verifies, repeated until `success`, and everything that goes wrong on the way."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alipay import AliPay, DCAliPay

from tests.listener import listening
from tests.sandbox.alipay_shop import Door, Shop, bills
from tests.sandbox.outside import Outside, Process

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyOpenSSL's, in the SDK


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    own = Door()
    async with listening(own.take) as url:
        own.url = url + "/notify"
        yield own


@pytest.fixture
async def shop(outside: Outside, door: Door) -> Shop:
    return Shop(outside, door)


@pytest.fixture
async def fast(outside: Outside) -> AsyncIterator[None]:
    """The whole ladder in about a second."""
    await outside.world("POST", "/clock", {"speed": 100_000})
    yield
    await outside.world("POST", "/clock", {"speed": 1})


@pytest.mark.parametrize("kind", [AliPay, DCAliPay])
async def test_a_payment_is_told_in_a_form_that_the_sdk_finds_genuine(outside: Outside, door: Door, kind: type[Any]) -> None:
    shop = Shop(outside, door, kind)
    number = await shop.ordered(subject="护照+工本费 100%", body="第 1 笔")
    done = await shop.pay(number)
    (told,) = await door.heard(number)
    assert shop.genuine(told) and not shop.genuine({**told, "total_amount": "0.01"})
    mine = outside.accounts["alipay"]
    assert (told["app_id"], told["seller_id"], told["trade_no"]) == (mine["app_id"], mine["seller_id"], done["transaction_id"])
    assert (told["trade_status"], told["total_amount"], told["buyer_pay_amount"]) == ("TRADE_SUCCESS", "12.34", "12.34")
    assert (told["notify_type"], told["charset"], told["version"], told["sign_type"]) == ("trade_status_sync", "utf-8", "1.0", "RSA2")
    assert (told["subject"], told["body"]) == ("护照+工本费 100%", "第 1 笔")
    assert bills(told) == [{"amount": "12.34", "fundChannel": "ALIPAYACCOUNT"}]
    assert told["buyer_id"].startswith("2088") and told["buyer_open_id"] and "refund_fee" not in told and "gmt_close" not in told
    assert told["gmt_create"] <= told["gmt_payment"] <= told["notify_time"]
    assert await shop.tries(number, 1) == [(1, False, "success")]


async def test_a_partial_refund_is_told_as_success_again_and_the_last_fen_as_closed(shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    await shop.pay(number)
    await door.heard(number)
    await shop.refund(number, "2.00", "R1")
    _, part = await door.heard(number, 2)
    assert shop.genuine(part)
    assert (part["trade_status"], part["refund_fee"], part["out_biz_no"]) == ("TRADE_SUCCESS", "2.00", "R1")
    assert part["total_amount"] == "12.34" and part["gmt_refund"][:19] >= part["gmt_payment"] and "gmt_close" not in part
    await shop.refund(number, "10.34", "R2")
    first, _, whole = await door.heard(number, 3)
    assert (whole["trade_status"], whole["refund_fee"], whole["out_biz_no"]) == ("TRADE_CLOSED", "12.34", "R2")
    assert whole["gmt_close"] and len({one["notify_id"] for one in (first, part, whole)}) == 3
    assert [one["about"] for one in await shop.lines("pay.notice", number)] == ["paid", "refund", "refund"]


@pytest.mark.parametrize("how", ["closed", "expired"])
async def test_the_end_of_an_unpaid_order_is_told_without_a_payment(shop: Shop, door: Door, how: str) -> None:
    number = await shop.ordered(timeout_express="1m")
    if how == "closed":
        await shop.call("alipay.trade.close", {"out_trade_no": number})
    else:
        await shop.outside.pass_time(61)
    assert await shop.status(number) == "TRADE_CLOSED"
    (told,) = await door.heard(number)
    assert shop.genuine(told) and (told["trade_status"], told["total_amount"]) == ("TRADE_CLOSED", "12.34")
    assert told["gmt_close"] and not told.keys() & {"gmt_payment", "receipt_amount", "fund_bill_list", "refund_fee", "gmt_refund"}
    assert [one["about"] for one in await shop.lines("pay.notice", number)] == ["closed"]


async def test_a_repeated_refund_is_not_told_again(shop: Shop, door: Door) -> None:
    number = await shop.paid()
    for _ in range(2):
        await shop.refund(number, "2.00", "R1")
    await shop.refund(number, "1.00", "R2")
    await door.heard(number, 2)
    assert sorted(one["out_biz_no"] for one in door.of(number)) == ["R1", "R2"]


@pytest.mark.parametrize("answer", [b"SUCCESS", b"success\n", b" success", b'"success"', b"\xef\xbb\xbfsuccess", b"fail", b"", 500, 302, 201])
async def test_only_the_seven_bytes_of_success_stop_the_repeats(shop: Shop, door: Door, answer: bytes | int) -> None:
    door.answers = [answer]
    number = await shop.ordered()
    await shop.pay(number)
    first, second = await door.heard(number, 2)
    assert first["notify_id"] == second["notify_id"] and shop.genuine(second)
    tries = await shop.tries(number, 2)
    assert [one[0] for one in tries] == [1, 2] and [one[2] == "success" for one in tries] == [False, True]


async def test_the_ladder_is_three_at_once_and_seven_spaced_and_then_silence(outside: Outside, shop: Shop, door: Door, fast: None) -> None:
    door.answers = [b"fail"] * 11
    number = await shop.ordered()
    await shop.pay(number)
    tries = await shop.tries(number, 10)
    assert tries == [(attempt, False, "200 other answer") for attempt in range(1, 11)]
    later = await shop.ordered()
    await shop.pay(later)  # takes the last of the answers
    await shop.tries(later, 2)
    assert len(door.of(number)) == 10


async def test_after_three_at_once_the_next_waits_four_minutes_of_the_worlds_clock(outside: Outside, shop: Shop, door: Door) -> None:
    door.answers = [b"fail"] * 3
    number = await shop.ordered()
    await shop.pay(number)
    await shop.tries(number, 3)
    other = await shop.ordered()
    await shop.pay(other)
    await door.heard(other)
    assert len(door.of(number)) == 3
    await outside.world("POST", "/clock", {"speed": 10_000})
    try:
        await door.heard(number, 4)
    finally:
        await outside.world("POST", "/clock", {"speed": 1})


async def test_a_notice_sent_twice_at_once_is_one_notice(shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    await shop.pay(number, **{"as": "twice"})
    first, second = await door.heard(number, 2)
    assert first["notify_id"] == second["notify_id"] and shop.genuine(first) and shop.genuine(second)
    assert len(await shop.lines("pay.paid", number)) == 1


async def test_a_late_notice_comes_ten_seconds_of_the_worlds_clock_later(outside: Outside, shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    await shop.pay(number, **{"as": "late"})
    assert await shop.status(number) == "TRADE_SUCCESS" and door.of(number) == []
    await outside.world("POST", "/clock", {"speed": 100})
    try:
        (told,) = await door.heard(number)
    finally:
        await outside.world("POST", "/clock", {"speed": 1})
    assert shop.genuine(told)


async def test_a_forged_notice_is_not_genuine_is_sent_once_and_nothing_is_paid(shop: Shop, door: Door) -> None:
    door.answers = [b"fail"]
    number = await shop.ordered()
    assert (await shop.pay(number, **{"as": "forged"}))["paid"] is False
    (told,) = await door.heard(number)
    assert not shop.genuine(told) and (told["trade_status"], told["total_amount"]) == ("TRADE_SUCCESS", "12.34")
    assert await shop.tries(number, 1) == [(1, True, "200 other answer")]
    assert await shop.status(number) == "WAIT_BUYER_PAY"


async def test_a_notice_with_a_wrong_amount_is_genuine_and_nothing_is_paid(shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    assert (await shop.pay(number, **{"as": "wrong_amount"}))["paid"] is False
    (told,) = await door.heard(number)
    assert shop.genuine(told) and told["total_amount"] == "12.35"
    assert await shop.status(number) == "WAIT_BUYER_PAY"


async def test_nobody_is_told_of_a_payment_that_is_never_told_nor_where_no_address_was_given(shop: Shop, door: Door) -> None:
    never = await shop.ordered()
    await shop.pay(never, **{"as": "never"})
    order = await shop.order(await shop.outside.person())
    await shop.create(order, notify="")
    await shop.pay(order["out_trade_no"])
    told = await shop.ordered()
    await shop.pay(told)
    await door.heard(told)
    assert [await shop.lines("pay.notice", number) for number in (never, order["out_trade_no"])] == [[], []]


async def test_duplicates_and_forgeries_can_be_switched_on_beside_the_real_one(shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    async with shop.outside.faults(alipay_notices={"duplicate": 2, "forge": True}):
        await shop.pay(number)
        told = await door.heard(number, 4)
    assert sorted(shop.genuine(one) for one in told) == [False, True, True, True]
    assert len({one["notify_id"] for one in told}) == 1


async def test_late_and_shuffled_notices_may_pass_each_other(shop: Shop, door: Door) -> None:
    numbers = [await shop.ordered() for _ in range(12)]
    async with shop.outside.faults(alipay_notices={"shuffle": True, "late_ms": 400}):
        for number in numbers:
            await shop.pay(number)
        for number in numbers:
            await door.heard(number)
    assert [one["out_trade_no"] for one in door.got] != numbers


async def test_notices_that_are_down_are_tried_again_by_the_ladder(shop: Shop, door: Door) -> None:
    number = await shop.ordered()
    async with shop.outside.faults(alipay_notices={"down": True}):
        await shop.pay(number)
        assert (await shop.tries(number, 3))[:3] == [(attempt, False, "down") for attempt in (1, 2, 3)]
    await shop.outside.world("POST", "/clock", {"speed": 10_000})
    try:
        await door.heard(number)
    finally:
        await shop.outside.world("POST", "/clock", {"speed": 1})


async def test_a_notice_in_gbk_says_so_and_is_signed_over_its_gbk_bytes(shop: Shop, door: Door) -> None:
    number = await shop.ordered(subject="补领居民身份证")
    async with shop.outside.faults(alipay_notices={"gbk": True}):
        await shop.pay(number)
        (told,) = await door.heard(number)
    assert (told["charset"], told["subject"]) == ("GBK", "补领居民身份证")
    text = "&".join(f"{name}={told[name]}" for name in sorted(told) if name not in ("sign", "sign_type"))
    assert shop.signed(text.encode("gbk"), told["sign"]) and not shop.signed(text.encode(), told["sign"])


async def test_a_killed_world_goes_on_telling_where_it_was(tmp_path: Path, http: aiohttp.ClientSession, door: Door) -> None:
    process = Process(tmp_path / "data").start()
    try:
        shop = Shop(Outside(process, http), door)
        door.answers = [b"fail"] * 3
        number = await shop.ordered()
        await shop.pay(number)
        await shop.tries(number, 3)
        process.kill()
        process.start()
        shop = Shop(Outside(process, http), door)
        await shop.outside.world("POST", "/clock", {"speed": 10_000})
        *_, last = await door.heard(number, 4)
        assert shop.genuine(last) and len({one["notify_id"] for one in door.of(number)}) == 1
        assert [one[0] for one in await shop.tries(number, 4)] == [1, 2, 3, 4]
    finally:
        process.kill()


async def test_a_reset_world_tells_nobody_any_more(tmp_path: Path, http: aiohttp.ClientSession, door: Door) -> None:
    process = Process(tmp_path / "data").start()
    try:
        shop = Shop(Outside(process, http), door)
        door.answers = [b"fail"] * 3
        number = await shop.ordered(out_trade_no=f"R{secrets.token_hex(6)}")
        await shop.pay(number)
        await shop.tries(number, 3)
        await shop.outside.world("POST", "/reset")
        await shop.outside.world("POST", "/clock", {"speed": 1_000_000})
        other = await shop.ordered()
        await shop.pay(other)
        await door.heard(other)
        assert len(door.of(number)) == 3
    finally:
        process.kill()
