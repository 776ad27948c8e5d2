"""WeChat Pay v3: who may ask, how it is answered, and the rules of an order."""

import json
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from tests.listener import listening
from tests.sandbox.outside import Outside
from tests.sandbox.wechat_shop import Door, Shop, new_number

PREPAY = "/v3/pay/transactions/jsapi"


@pytest.fixture
async def shop(outside: Outside) -> AsyncIterator[Shop]:
    door = Door()
    async with listening(door.take) as door.url:
        yield await Shop(outside, door).open()


def in_a_while(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


async def test_an_order_goes_from_prepaid_to_paid_and_every_answer_is_signed(shop: Shop) -> None:
    number = new_number()
    got = await shop.v3("POST", PREPAY, shop.prepay_body(number, attach="附加"))
    assert got.status == 200 and got.json["prepay_id"].startswith("wx") and len(got.json["prepay_id"]) == 36 and shop.genuine(got)
    assert got.headers["Content-Type"] == "application/json; charset=utf-8" and got.headers["Request-ID"]
    waiting = await shop.order(number)
    assert (waiting["trade_state"], waiting["amount"]["total"], waiting["attach"]) == ("NOTPAY", 1234, "附加")
    assert not waiting.keys() & {"transaction_id", "payer", "success_time"}
    done = await shop.pay(number)
    assert (done["order_no"], done["paid"]) == (number, True)
    paid = await shop.order(number)
    assert (paid["trade_state"], paid["transaction_id"], paid["payer"]) == ("SUCCESS", done["transaction_id"], {"openid": shop.openid})
    assert paid["amount"] == {"total": 1234, "payer_total": 1234, "currency": "CNY", "payer_currency": "CNY"}
    assert (paid["appid"], paid["mchid"], paid["out_trade_no"]) == (shop.appid, shop.mine["mchid"], number)
    assert paid["success_time"].endswith("+08:00")
    by_id = await shop.v3("GET", f"/v3/pay/transactions/id/{done['transaction_id']}?mchid={shop.mine['mchid']}")
    assert by_id.json == paid and shop.genuine(by_id)
    assert [one["kind"] for one in await shop.outside.ledger("wechat") if one.get("order_no") == number][:2] == ["pay.prepaid", "pay.paid"]
    (line,) = await shop.lines("pay.paid", number)
    assert (line["transaction_id"], line["amount_fen"], line["person"]) == (done["transaction_id"], 1234, shop.payer["person"])


async def test_closing_is_answered_by_204_signed_over_an_empty_body_and_may_be_repeated(shop: Shop) -> None:
    number = await shop.ordered()
    for _ in range(2):
        got = await shop.close(number)
        assert (got.status, got.body) == (204, b"") and shop.genuine(got)
    assert (await shop.order(number))["trade_state"] == "CLOSED"
    assert len(await shop.lines("pay.closed", number)) == 1
    assert (await shop.outside.call("POST", "/world/wallets/wechat/pay", {"order_no": number})).status == 409
    again = await shop.v3("POST", PREPAY, shop.prepay_body(number))
    assert (again.status, again.json["code"]) == (400, "ORDER_CLOSED")


async def test_what_is_paid_cannot_be_closed_or_ordered_or_paid_again(shop: Shop) -> None:
    number = await shop.paid()
    for got in (await shop.close(number), await shop.v3("POST", PREPAY, shop.prepay_body(number))):
        assert (got.status, got.json["code"]) == (400, "ORDERPAID") and shop.genuine(got)
    assert (await shop.outside.call("POST", "/world/wallets/wechat/pay", {"order_no": number})).status == 409
    assert len(await shop.lines("pay.paid", number)) == 1


async def test_the_same_order_asked_again_is_the_same_one(shop: Shop) -> None:
    number, expiry = new_number(), in_a_while(600)
    for _ in range(2):
        assert (await shop.v3("POST", PREPAY, shop.prepay_body(number, time_expire=expiry))).status == 200
    assert len(await shop.lines("pay.prepaid", number)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"amount": {"total": 1}},
        {"description": "别的"},
        {"attach": "x"},
        {"time_expire": "2030-01-01T00:00:00+08:00"},
        {"notify_url": "http://x.example/"},
    ],
)
async def test_other_values_under_a_known_number_are_refused(shop: Shop, other: dict[str, Any]) -> None:
    number = await shop.ordered()
    got = await shop.v3("POST", PREPAY, shop.prepay_body(number, **other))
    assert (got.status, got.json["code"]) == (403, "OUT_TRADE_NO_USED")
    assert (await shop.order(number))["amount"]["total"] == 1234


@pytest.mark.parametrize(
    "other",
    [
        {"out_trade_no": "short"},
        {"out_trade_no": "x" * 33},
        {"out_trade_no": "no spaces"},
        {"out_trade_no": None},
        {"description": ""},
        {"description": "字" * 128},
        {"attach": "x" * 129},
        {"notify_url": "https://pay.example/notify?a=1"},
        {"notify_url": "/notify"},
        {"notify_url": None},
        {"amount": {"total": 0}},
        {"amount": {"total": -1}},
        {"amount": {"total": "1234"}},
        {"amount": {"total": 1.5}},
        {"amount": {"total": True}},
        {"amount": {"total": 1_000_000_001}},
        {"amount": {"total": 1234, "currency": "USD"}},
        {"amount": None},
        {"payer": None},
        {"payer": {"openid": "o-of-nobody"}},
        {"time_expire": "20300101000000"},
        {"time_expire": "2030-13-01T00:00:00+08:00"},
        {"time_expire": "2030-01-01T00:00:00"},
        {"mchid": None},
    ],
)
async def test_a_wrong_parameter_is_refused(shop: Shop, other: dict[str, Any]) -> None:
    got = await shop.v3("POST", PREPAY, shop.prepay_body(new_number(), **other))
    assert (got.status, got.json["code"]) == (400, "PARAM_ERROR") and shop.genuine(got)


async def test_the_longest_values_are_taken(shop: Shop) -> None:
    for other in ({"description": "字" * 127}, {"attach": "字" * 128}, {"amount": {"total": 1}}, {"time_expire": "2099-01-01T00:00:00Z"}):
        assert await shop.ordered(**other)


async def test_another_app_merchant_or_a_foreign_openid_is_refused(shop: Shop) -> None:
    foreign = (await shop.outside.world("POST", "/wechat/messages", {"person": shop.payer["person"], "account": "official", "text": "您好"}))[
        "openid"
    ]
    for other, status, code in (
        ({"appid": "wx0"}, 400, "APPID_MCHID_NOT_MATCH"),
        ({"mchid": "9900000000"}, 400, "MCH_NOT_EXISTS"),
        ({"payer": {"openid": foreign}}, 500, "OPENID_MISMATCH"),
    ):
        got = await shop.v3("POST", PREPAY, shop.prepay_body(new_number(), **other))
        assert (got.status, got.json["code"]) == (status, code)


async def test_what_nobody_ordered_is_not_there(shop: Shop) -> None:
    mchid, number = shop.mine["mchid"], new_number()
    for got in (
        await shop.v3("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={mchid}"),
        await shop.v3("GET", f"/v3/pay/transactions/id/4200?mchid={mchid}"),
        await shop.close(number),
    ):
        assert (got.status, got.json["code"]) == (404, "ORDER_NOT_EXIST")
    assert (await shop.outside.call("POST", "/world/wallets/wechat/pay", {"order_no": number})).status == 404
    assert (await shop.v3("GET", f"/v3/pay/transactions/out-trade-no/{number}")).json["code"] == "PARAM_ERROR"


async def test_a_number_with_every_allowed_sign_is_found_again(shop: Shop) -> None:
    number = f"A_-*{secrets.token_hex(8)}"
    assert (await shop.v3("POST", PREPAY, shop.prepay_body(number))).status == 200
    assert (await shop.order(number))["out_trade_no"] == number
    bar = f"A|{secrets.token_hex(8)}"
    assert (await shop.v3("POST", PREPAY, shop.prepay_body(bar))).status == 200
    assert (await shop.v3("GET", f"/v3/pay/transactions/out-trade-no/{bar.replace('|', '%7C')}?mchid={shop.mine['mchid']}")).json[
        "out_trade_no"
    ] == bar


async def test_an_expired_order_waits_to_be_closed_but_nobody_can_pay_it(shop: Shop) -> None:
    number = await shop.ordered(time_expire=in_a_while(600))
    await shop.outside.pass_time(590)
    assert "expired" not in await states(shop, number)
    await shop.outside.pass_time(15)
    assert (await shop.order(number))["trade_state"] == "NOTPAY" and await states(shop, number) == ["expired"]
    assert (await shop.outside.call("POST", "/world/wallets/wechat/pay", {"order_no": number})).status == 409
    raced = await shop.pay(number, "never", even_closed=True)
    assert raced["paid"] and (await shop.order(number))["trade_state"] == "SUCCESS" and await states(shop, number) == ["paid"]


async def test_an_expiry_too_near_becomes_a_minute(shop: Shop) -> None:
    number = await shop.ordered(time_expire=in_a_while(-3600))
    await shop.outside.pass_time(50)
    await shop.pay(number, "never")
    late = await shop.ordered(time_expire=in_a_while(1))
    await shop.outside.pass_time(61)
    assert await states(shop, late) == ["expired"]


async def test_a_payment_lands_on_a_closed_order_when_the_world_says_so(shop: Shop) -> None:
    number = await shop.ordered()
    await shop.close(number)
    assert (await shop.pay(number, "never", even_closed=True))["paid"]
    assert (await shop.order(number))["trade_state"] == "SUCCESS"


async def test_an_order_that_nobody_paid_is_closed_by_wechat_in_the_end(shop: Shop) -> None:
    number = await shop.ordered()
    await shop.outside.pass_time(15 * 86400)
    assert (await shop.order(number))["trade_state"] == "CLOSED"


async def states(shop: Shop, number: str) -> list[str]:
    return [one["state"] for one in (await shop.outside.world("GET", "/wallets/orders"))["orders"] if one["order_no"] == number]


async def test_the_till_shows_the_order_newest_first_with_whose_it_is(shop: Shop) -> None:
    first, second = await shop.ordered(), await shop.ordered()
    listed = (await shop.outside.world("GET", "/wallets/orders"))["orders"]
    places = [one["order_no"] for one in listed]
    assert places.index(second) < places.index(first)
    one = listed[places.index(first)]
    assert (one["wallet"], one["title"], one["amount_fen"], one["person"]) == ("wechat", "护照工本费", 1234, shop.payer["person"])
    assert one["refunded_fen"] == 0 and one["expires_at"] > one["made_at"]


@pytest.mark.parametrize("asked", [{}, {"order_no": ""}, {"order_no": "x", "as": "often"}, {"order_no": "x", "even_closed": "yes"}])
async def test_the_till_names_what_is_wrong(outside: Outside, asked: dict[str, Any]) -> None:
    got = await outside.call("POST", "/world/wallets/wechat/pay", asked)
    assert got.status == 422 and len(got.json["errors"]) == 1
    assert (await outside.call("POST", "/world/wallets/paypal/pay", {"order_no": "x"})).status == 404


async def test_a_folder_of_an_earlier_version_gets_a_merchant_account(private: Callable[..., Outside]) -> None:
    outside = private()
    folder = outside.process.folder
    outside.process.kill()
    given = outside.accounts
    before = given["wechat"].pop("pay")
    (folder / "accounts.json").write_text(json.dumps(given))
    (folder / "wechat-pay-platform.json").unlink()
    shop = Shop(Outside(outside.process.start(), outside.http), Door("http://127.0.0.1:9"))
    assert (shop.appid, shop.mine.keys()) == (given["wechat"]["appid"], before.keys()) and shop.mine["mchid"] != before["mchid"]
    assert stat.S_IMODE((folder / "wechat-pay-platform.json").stat().st_mode) == 0o600
    await (await shop.open()).paid()


# who may ask


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"timestamp": str(int(time.time()) - 301)}, "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"),
        ({"timestamp": str(int(time.time()) + 86_400)}, "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"),
        ({"timestamp": "now"}, "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"),
        ({"signature": "bm90IHNpZ25lZA=="}, "错误的签名，验签失败"),
        ({"signature": "not base64!"}, "错误的签名，验签失败"),
        ({"serial_no": "00"}, "商户证书序列号有误"),
        ({"mchid": "9900000000"}, "商户证书序列号有误"),
        ({"scheme": "WECHATPAY2-SM2-WITH-SM3"}, "Http头Authorization值格式错误"),
    ],
)
async def test_a_request_that_is_not_the_merchants_is_refused(shop: Shop, other: dict[str, Any], message: str) -> None:
    number = new_number()
    got = await shop.v3("POST", PREPAY, shop.prepay_body(number), **other)
    assert (got.status, got.json["code"]) == (401, "SIGN_ERROR") and got.json["message"].startswith(message)
    assert await states(shop, number) == []


async def test_a_body_or_an_address_changed_on_the_way_is_refused(shop: Shop) -> None:
    number = await shop.ordered()
    body = shop.prepay_body(number)
    signed = shop.authorization("POST", PREPAY, json.dumps(body | {"amount": {"total": 1}}).encode())
    got = await shop.v3("POST", PREPAY, body, headers={"Authorization": signed})
    assert got.status == 401
    detail = got.json["detail"]
    assert (detail["field"], detail["location"], detail["issue"]) == ("signature", "authorization", "sign not match")
    assert (detail["sign_information"]["method"], detail["sign_information"]["url"]) == ("POST", PREPAY)
    other = shop.authorization("GET", f"/v3/pay/transactions/out-trade-no/{number}", b"")
    path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={shop.mine['mchid']}"
    assert (await shop.v3("GET", path, headers={"Authorization": other})).status == 401


async def test_a_nonce_is_good_for_once(shop: Shop) -> None:
    nonce = secrets.token_hex(16)
    number = await shop.ordered()
    path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={shop.mine['mchid']}"
    first, second = (await shop.v3("GET", path, nonce_str=nonce), await shop.v3("GET", path, nonce_str=nonce))
    assert (first.status, second.status, second.json["code"]) == (200, 401, "SIGN_ERROR")


async def test_a_request_without_accept_or_with_no_json_is_refused(shop: Shop) -> None:
    bare = await shop.v3("POST", PREPAY, shop.prepay_body(new_number()), headers={"Accept": ""})
    assert (bare.status, bare.json["message"]) == (400, "Http头缺少Accept或User-Agent")
    bodies: tuple[Any, ...] = ([], "text", 3)
    for body in bodies:
        assert (await shop.v3("POST", PREPAY, body)).json["code"] == "PARAM_ERROR"


# keys


async def test_the_key_that_signs_is_the_one_asked_for(shop: Shop) -> None:
    number, by_kind = await shop.ordered(), sorted(shop.mine["platform_keys"], key=len)
    path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={shop.mine['mchid']}"
    usual = await shop.v3("GET", path)
    assert usual.headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_") and shop.genuine(usual)
    for serial in by_kind:
        got = await shop.v3("GET", path, ask_for=serial)
        assert got.headers["Wechatpay-Serial"] == serial and shop.genuine(got)
    assert (await shop.v3("GET", path, ask_for="7777")).json["code"] == "PARAM_ERROR"


async def test_while_the_merchant_moves_who_asks_for_nothing_gets_the_certificate(shop: Shop) -> None:
    number, certificate = await shop.ordered(), next(one for one in shop.mine["platform_keys"] if not one.startswith("PUB_KEY_ID_"))
    path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={shop.mine['mchid']}"
    async with shop.outside.faults(wechat_pay={"mixed_serials": True}):
        got = await shop.v3("GET", path)
    assert got.headers["Wechatpay-Serial"] == certificate and shop.genuine(got)


async def test_the_platform_certificate_comes_encrypted(shop: Shop) -> None:
    (one,) = (await shop.v3("GET", "/v3/certificates")).json["data"]
    pem = shop.opened(one["encrypt_certificate"])
    assert pem.decode() == shop.mine["platform_keys"][one["serial_no"]]
    cert = load_pem_x509_certificate(pem)
    assert f"{cert.serial_number:X}" == one["serial_no"] and len(one["serial_no"]) == 40
    assert one["effective_time"] < in_a_while(0) < one["expire_time"]
    assert load_pem_x509_certificate(shop.mine["merchant_cert"].encode()).serial_number == int(shop.mine["merchant_serial"], 16)


async def test_the_switch_for_signature_probes_makes_every_answer_a_bad_one(shop: Shop) -> None:
    number = await shop.ordered()
    async with shop.outside.faults(wechat_pay={"sign_test": True}):
        got = await shop.v3("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={shop.mine['mchid']}")
    assert got.status == 200 and got.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") and not shop.genuine(got)


async def test_a_failing_wechat_pay_says_so_in_its_own_words(shop: Shop) -> None:
    async with shop.outside.faults(wechat_pay={"error_rate": 1.0}):
        got = await shop.v3("POST", PREPAY, shop.prepay_body(new_number()))
        xml = (await shop.v2("/pay/orderquery", out_trade_no="x")).xml
    assert (got.status, got.json["code"]) == (500, "SYSTEM_ERROR")
    assert (xml["return_code"], xml["result_code"], xml["err_code"]) == ("SUCCESS", "FAIL", "SYSTEMERROR")
