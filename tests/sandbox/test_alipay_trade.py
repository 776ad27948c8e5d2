"""Trades at the sandbox's Alipay, seen by an SDK that others wrote for the real one: ordered, asked for, paid, closed, and all that is refused."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayValidationError
from cryptography import x509

from sandbox.accounts import accounts
from tests.listener import listening
from tests.sandbox.alipay_shop import CREATE, Door, Shop, refusal
from tests.sandbox.conftest import Private
from tests.sandbox.outside import Outside, Process

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyOpenSSL's, in the SDK
BEIJING = timezone(timedelta(hours=8))


@pytest.fixture(scope="module")
async def door() -> AsyncIterator[Door]:
    own = Door()
    async with listening(own.take) as url:
        own.url = url + "/notify"
        yield own


@pytest.fixture(scope="module", params=[AliPay, DCAliPay], ids=["key", "certificates"])
async def shop(request: pytest.FixtureRequest, outside: Outside, door: Door) -> Shop:
    return Shop(outside, door, request.param)


def in_beijing(seconds: float) -> str:
    return f"{datetime.now(BEIJING) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


async def test_an_order_waits_for_its_buyer_and_is_one_trade_however_often_it_is_made(shop: Shop) -> None:
    order = await shop.order(await shop.outside.person())
    made, again = [await shop.create(order) for _ in range(2)]
    assert made == again == {"code": "10000", "msg": "Success", "out_trade_no": order["out_trade_no"], "trade_no": made["trade_no"]}
    assert len(made["trade_no"]) == 28 and made["trade_no"].isdecimal()
    told = await shop.call("alipay.trade.query", {"trade_no": made["trade_no"]})
    assert (told["trade_status"], told["total_amount"], told["buyer_pay_amount"]) == ("WAIT_BUYER_PAY", "12.34", "0.00")
    assert "send_pay_date" not in told and told["buyer_open_id"] == order["buyer_open_id"]
    assert len(await shop.lines("pay.prepaid", order["out_trade_no"])) == 1


async def test_a_paid_trade_says_when_by_whom_and_how_much(shop: Shop) -> None:
    number = await shop.ordered()
    assert await shop.pay(number) == {"order_no": number, "paid": True, "transaction_id": (await shop.lines("pay.paid", number))[0]["transaction_id"]}
    told = await shop.call("alipay.trade.query", {"out_trade_no": number})
    assert (told["trade_status"], told["buyer_pay_amount"], told["receipt_amount"]) == ("TRADE_SUCCESS", "12.34", "12.34")
    assert told["fund_bill_list"] == [{"amount": "12.34", "fund_channel": "ALIPAYACCOUNT"}]
    ahead = (await shop.outside.world("GET", "/state"))["clock"]["ahead"]
    assert in_beijing(ahead - 10) <= told["send_pay_date"] <= in_beijing(ahead)
    assert told["buyer_logon_id"].count("*") == 6


async def test_the_sdks_own_methods_query_close_and_refund(shop: Shop) -> None:
    number = await shop.ordered()
    assert (await asyncio.to_thread(shop.sdk.api_alipay_trade_query, number))["trade_status"] == "WAIT_BUYER_PAY"
    assert (await asyncio.to_thread(shop.sdk.api_alipay_trade_close, number))["out_trade_no"] == number
    other = await shop.paid()
    told = await asyncio.to_thread(lambda: shop.sdk.api_alipay_trade_refund("12.34", out_trade_no=other))
    assert told["fund_change"] == "Y"


async def test_a_closed_order_is_not_paid_nor_made_again_nor_closed_twice(shop: Shop) -> None:
    order = await shop.order(await shop.outside.person())
    number = order["out_trade_no"]
    await shop.create(order)
    assert (await shop.call("alipay.trade.close", {"out_trade_no": number}))["code"] == "10000"
    assert await shop.status(number) == "TRADE_CLOSED"
    refused = await shop.outside.call("POST", "/world/wallets/alipay/pay", {"order_no": number})
    assert (refused.status, refused.json["title"]) == (409, "这笔订单已关闭，不能支付")
    assert refusal(await shop.create(order)) == ("40004", "ACQ.TRADE_HAS_CLOSE")
    assert refusal(await shop.call("alipay.trade.close", {"out_trade_no": number})) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    assert len(await shop.lines("pay.closed", number)) == 1


async def test_money_may_land_on_a_closed_order_when_two_race(shop: Shop) -> None:
    number = await shop.ordered()
    await shop.call("alipay.trade.close", {"out_trade_no": number})
    assert (await shop.pay(number, even_closed=True))["paid"] is True
    assert await shop.status(number) == "TRADE_SUCCESS"


async def test_a_paid_trade_is_not_closed_nor_made_nor_paid_again(shop: Shop) -> None:
    order = await shop.order(await shop.outside.person())
    await shop.create(order)
    await shop.pay(order["out_trade_no"], **{"as": "never"})
    assert refusal(await shop.call("alipay.trade.close", {"out_trade_no": order["out_trade_no"]})) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    assert refusal(await shop.create(order)) == ("40004", "ACQ.TRADE_HAS_SUCCESS")
    assert (await shop.outside.call("POST", "/world/wallets/alipay/pay", {"order_no": order["out_trade_no"]})).status == 409
    assert len(await shop.lines("pay.paid", order["out_trade_no"])) == 1


async def test_an_unknown_order_is_404_at_the_till_and_not_exist_at_the_gateway(shop: Shop) -> None:
    assert (await shop.outside.call("POST", "/world/wallets/alipay/pay", {"order_no": "nobody"})).status == 404
    for method in ("alipay.trade.query", "alipay.trade.close", "alipay.trade.fastpay.refund.query"):
        for by in ("out_trade_no", "trade_no"):
            assert refusal(await shop.call(method, {by: "nobody", "out_request_no": "R"})) == ("40004", "ACQ.TRADE_NOT_EXIST")
        assert refusal(await shop.call(method, {"out_request_no": "R"})) == ("40004", "ACQ.INVALID_PARAMETER")


@pytest.mark.parametrize("other", [{"total_amount": "12.35"}, {"subject": "别的"}, {"body": "别的"}, {"timeout_express": "30m"}])
async def test_the_same_number_with_other_content_is_refused(shop: Shop, other: dict[str, str]) -> None:
    order = await shop.order(await shop.outside.person())
    await shop.create(order)
    assert refusal(await shop.create({**order, **other})) == ("40004", "ACQ.CONTEXT_INCONSISTENT")
    somebody = await shop.order(await shop.outside.person())
    assert refusal(await shop.create({**order, "buyer_open_id": somebody["buyer_open_id"]})) == ("40004", "ACQ.TRADE_BUYER_NOT_MATCH")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"out_trade_no": "x" * 65}, "ACQ.INVALID_PARAMETER"),
    ({"out_trade_no": "a-b"}, "ACQ.INVALID_PARAMETER"),
    ({"out_trade_no": None}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": "0.00"}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": "1.001"}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": "-1.00"}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": True}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": None}, "ACQ.INVALID_PARAMETER"),
    ({"total_amount": "100000000.01"}, "ACQ.TOTAL_FEE_EXCEED"),
    ({"subject": "a=b"}, "ACQ.INVALID_PARAMETER"),
    ({"subject": "a/b"}, "ACQ.INVALID_PARAMETER"),
    ({"subject": "a&b"}, "ACQ.INVALID_PARAMETER"),
    ({"subject": "长" * 257}, "ACQ.INVALID_PARAMETER"),
    ({"subject": None}, "ACQ.INVALID_PARAMETER"),
    ({"body": "长" * 129}, "ACQ.INVALID_PARAMETER"),
    ({"product_code": "QUICK_WAP_PAY"}, "ACQ.INVALID_PARAMETER"),
    ({"op_app_id": "9021000000000000"}, "ACQ.INVALID_PARAMETER"),
    ({"op_app_id": None}, "ACQ.INVALID_PARAMETER"),
    ({"buyer_open_id": "nobody"}, "ACQ.INVALID_PARAMETER"),
    ({"buyer_open_id": None}, "ACQ.INVALID_PARAMETER"),
    ({"time_expire": "tomorrow"}, "ACQ.INVALID_PARAMETER"),
    ({"time_expire": "2020-01-01 00:00:00"}, "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"),
    ({"timeout_express": "16d"}, "ACQ.INVALID_PARAMETER"),
    ({"timeout_express": "0m"}, "ACQ.INVALID_PARAMETER"),
]


async def test_a_wrong_order_is_refused_and_makes_no_trade(shop: Shop) -> None:
    order = await shop.order(await shop.outside.person())
    for other, expected in WRONG:
        asked = {name: value for name, value in {**order, **other}.items() if value is not None}
        assert refusal(await shop.create(asked)) == ("40004", expected), other
    assert refusal(await shop.create(order, notify="ftp://nowhere")) == ("40004", "ACQ.INVALID_PARAMETER")
    assert refusal(await shop.call("alipay.trade.query", {"out_trade_no": order["out_trade_no"]}))[1] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize("amount", ["0.01", "100000000.00", "7", 7.5])
async def test_the_smallest_the_largest_and_a_bare_amount_are_taken(shop: Shop, amount: Any) -> None:
    number = await shop.ordered(total_amount=amount)
    told = await shop.call("alipay.trade.query", {"out_trade_no": number})
    assert told["total_amount"] == f"{float(amount):.2f}"


async def test_a_buyer_may_be_named_by_user_id_but_not_by_a_wechat_openid_or_the_wrong_kind_of_id(shop: Shop) -> None:
    person = await shop.outside.person()
    order = await shop.order(person)
    user_id = (await shop.call("alipay.trade.query", {"out_trade_no": await shop.ordered()}))["buyer_user_id"]
    assert (await shop.create({**order, "buyer_open_id": "", "buyer_id": user_id}))["code"] == "10000"
    for wrong in (await shop.outside.openid(person), user_id):
        assert refusal(await shop.create({**order, "buyer_open_id": wrong}))[1] == "ACQ.INVALID_PARAMETER"


@pytest.mark.parametrize("end", ["timeout_express", "time_expire"])
async def test_an_unpaid_order_closes_by_itself(shop: Shop, end: str) -> None:
    number = await shop.ordered(**{end: "5m" if end == "timeout_express" else in_beijing(300)})
    await shop.outside.pass_time(290)
    assert await shop.status(number) == "WAIT_BUYER_PAY"
    await shop.outside.pass_time(11)
    refused = await shop.outside.call("POST", "/world/wallets/alipay/pay", {"order_no": number})
    assert (refused.status, refused.json["title"]) == (409, "这笔订单已过期，不能支付")
    assert await shop.status(number) == "TRADE_CLOSED"
    assert len(await shop.lines("pay.closed", number)) == 1
    (shown,) = [one for one in (await shop.outside.world("GET", "/wallets/orders"))["orders"] if one["order_no"] == number]
    assert (shown["wallet"], shown["state"], shown["amount_fen"], shown["refunded_fen"]) == ("alipay", "expired", 1234, 0)


async def test_an_order_without_an_end_waits_fifteen_days(private: Private, door: Door) -> None:
    shop = Shop(private(), door)
    number = await shop.ordered()
    await shop.outside.pass_time(15 * 86400 - 60)
    assert await shop.status(number) == "WAIT_BUYER_PAY"
    await shop.outside.pass_time(61)
    assert await shop.status(number) == "TRADE_CLOSED"


@pytest.mark.parametrize("wrong", ["app_cert_sn", "alipay_root_cert_sn"])
async def test_a_call_with_a_wrong_certificate_serial_is_refused_unsigned(outside: Outside, door: Door, wrong: str) -> None:
    shop = Shop(outside, door, DCAliPay)
    right = {"app_cert_sn": shop.sdk.app_cert_sn, "alipay_root_cert_sn": shop.sdk.alipay_root_cert_sn}
    for serials in ({**right, wrong: "0" * 32}, {**right, wrong: None}):
        reply = await outside.alipay("alipay.trade.query", biz_content='{"out_trade_no":"x"}', **serials)
        assert list(reply.json) == ["error_response"]
        assert reply.json["error_response"]["sub_code"] == f"isv.invalid-{wrong.replace('_', '-')}"


async def test_a_reply_names_its_certificate_only_to_who_calls_with_one_and_the_certificate_can_be_had(outside: Outside, door: Door) -> None:
    shop = Shop(outside, door, DCAliPay)
    serials = {"app_cert_sn": shop.sdk.app_cert_sn, "alipay_root_cert_sn": shop.sdk.alipay_root_cert_sn}
    bare, reply = [await outside.alipay("alipay.trade.query", biz_content='{"out_trade_no":"x"}', **more) for more in ({}, serials)]
    own = DCAliPay.get_cert_sn(outside.accounts["alipay"]["alipay_cert"])
    assert (list(bare.json), list(reply.json)) == (
        ["alipay_trade_query_response", "sign"],
        ["alipay_trade_query_response", "alipay_cert_sn", "sign"],
    )
    assert reply.json["alipay_cert_sn"] == own
    got = await shop.call("alipay.open.app.alipaycert.download", {"alipay_cert_sn": own})
    assert base64.b64decode(got["alipay_cert_content"]).decode() == outside.accounts["alipay"]["alipay_cert"]
    assert refusal(await shop.call("alipay.open.app.alipaycert.download", {"alipay_cert_sn": "0" * 32}))[0] == "40004"


async def test_alipay_may_change_over_to_a_certificate_nobody_holds_yet(outside: Outside, door: Door) -> None:
    shop = Shop(outside, door, DCAliPay)
    number = await shop.paid()
    serials = {"app_cert_sn": shop.sdk.app_cert_sn, "alipay_root_cert_sn": shop.sdk.alipay_root_cert_sn}
    async with outside.faults(alipay={"next_cert": True}):
        reply = await outside.alipay("alipay.trade.query", biz_content=json.dumps({"out_trade_no": number}), **serials)
        with pytest.raises(AliPayValidationError):
            await shop.status(number)
        assert await Shop(outside, door).status(number) == "TRADE_SUCCESS"  # a bare key stays what it is
    told = await shop.call("alipay.open.app.alipaycert.download", {"alipay_cert_sn": reply.json["alipay_cert_sn"]})
    following = base64.b64decode(told["alipay_cert_content"]).decode()
    assert DCAliPay.get_cert_sn(following) == reply.json["alipay_cert_sn"] != DCAliPay.get_cert_sn(outside.accounts["alipay"]["alipay_cert"])
    platform, authority = x509.load_pem_x509_certificates(following.encode())
    platform.verify_directly_issued_by(authority)
    mine = outside.accounts["alipay"]
    changed = DCAliPay(mine["app_id"], mine["app_private_key"], mine["app_cert"], following, mine["alipay_root_cert"])
    changed._gateway = shop.sdk._gateway
    async with outside.faults(alipay={"next_cert": True}):
        assert (await asyncio.to_thread(changed.api_alipay_trade_query, number))["trade_status"] == "TRADE_SUCCESS"


def test_the_certificates_are_a_chain_and_the_roots_serial_leaves_out_what_is_not_rsa(outside: Outside) -> None:
    mine = outside.accounts["alipay"]
    platform, authority = x509.load_pem_x509_certificates(mine["alipay_cert"].encode())
    app = x509.load_pem_x509_certificate(mine["app_cert"].encode())
    roots = x509.load_pem_x509_certificates(mine["alipay_root_cert"].encode())
    root = next(one for one in roots if one.subject == authority.issuer)
    authority.verify_directly_issued_by(root)
    for one in (platform, app):
        one.verify_directly_issued_by(authority)
    names = [one.signature_algorithm_oid._name for one in roots]
    assert sorted(names) == ["ecdsa-with-SHA256", "sha256WithRSAEncryption", "sha256WithRSAEncryption"]
    by_hand = "_".join(
        hashlib.md5(f"{one.issuer.rfc4514_string()}{one.serial_number}".encode()).hexdigest()
        for one in roots
        if "RSA" in one.signature_algorithm_oid._name
    )
    assert DCAliPay.get_root_cert_sn(mine["alipay_root_cert"]) == by_hand


def test_a_folder_of_an_earlier_version_gets_a_seller_and_certificates_and_keeps_its_keys(tmp_path: Path) -> None:
    made = accounts(tmp_path)
    old = {name: made["alipay"][name] for name in ("app_id", "app_private_key", "app_public_key", "alipay_public_key")}
    (tmp_path / "accounts.json").write_text(json.dumps({**made, "alipay": old}))
    completed = accounts(tmp_path)
    assert completed["alipay"].items() >= old.items()
    assert set(completed["alipay"]) - set(old) == {"seller_id", "app_cert", "alipay_cert", "alipay_root_cert", "templates", "long_term"}
    assert completed["alipay"]["seller_id"].startswith("2088") and len(completed["alipay"]["seller_id"]) == 16
    assert accounts(tmp_path) == completed


async def test_trades_outlive_a_killed_world_and_end_with_a_reset(tmp_path: Path, http: aiohttp.ClientSession, door: Door) -> None:
    process = Process(tmp_path / "data").start()
    try:
        shop = Shop(Outside(process, http), door)
        paid, waiting = await shop.paid(), await shop.ordered()
        process.kill()
        process.start()
        shop = Shop(Outside(process, http), door)
        assert [await shop.status(number) for number in (paid, waiting)] == ["TRADE_SUCCESS", "WAIT_BUYER_PAY"]
        await shop.outside.world("POST", "/reset")
        assert refusal(await shop.call("alipay.trade.query", {"out_trade_no": paid}))[1] == "ACQ.TRADE_NOT_EXIST"
        assert (await shop.outside.world("GET", "/wallets/orders"))["orders"] == []
    finally:
        process.kill()


async def test_a_create_whose_reply_is_lost_is_the_same_trade_when_it_is_asked_again(outside: Outside, door: Door) -> None:
    shop = Shop(outside, door)
    order = await shop.order(await outside.person())
    async with outside.faults(alipay={"lose_replies": True}):
        with pytest.raises(OSError):
            await shop.create(order)
    made = await shop.create(order)
    assert [one["transaction_id"] for one in await shop.lines("pay.prepaid", order["out_trade_no"])] == [made["trade_no"]]


async def test_posted_calls_are_taken_like_those_in_a_query(outside: Outside, door: Door) -> None:
    shop = Shop(outside, door)
    order = await shop.order(await outside.person())
    signed = shop.sdk.client_api(CREATE, order, format="JSON", notify_url=door.url)
    reply = await outside.call(
        "POST", "/gateway.do", raw=signed.encode(), headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    )
    assert reply.json["alipay_trade_create_response"]["code"] == "10000"
    assert await shop.status(order["out_trade_no"]) == "WAIT_BUYER_PAY"
