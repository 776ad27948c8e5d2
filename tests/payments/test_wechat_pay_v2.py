"""WeChat Pay v2: what is sent, what is believed, what each answer means. Against a gateway on loopback that signs for real."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from payments.gateways import Gateway, PayAsk, Payment, Refund, RefundAsk
from payments.wechat_pay_v2 import WeChatPayV2
from tests.payments.wechat_pay_merchant import (
    APPID,
    MCHID,
    OPENID,
    PretendGateway,
    make_account,
    v2_signature,
    v2_signed,
    v2_xml,
)

ASK = PayAsk("ORDER_1", 100, "居民身份证工本费", OPENID, datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC))
BACK = RefundAsk("ORDER_1", "REFUND_1", "4200000000202611210000000001", 40, 100, "多收退回")
PREPAY, QUERY, CLOSE = "POST /pay/unifiedorder", "POST /pay/orderquery", "POST /pay/closeorder"
REFUND, ASK_REFUND, BILL = "POST /secapi/pay/refund", "POST /pay/refundquery", "POST /pay/downloadbill"
YES = {"return_code": "SUCCESS", "return_msg": "OK", "appid": APPID, "mch_id": MCHID, "nonce_str": "x" * 16, "result_code": "SUCCESS"}
PAID = YES | {
    "openid": OPENID,
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "total_fee": "100",
    "cash_fee": "0",
    "fee_type": "CNY",
    "attach": "",
    "transaction_id": "4200000000202611210000000001",
    "out_trade_no": "ORDER_1",
    "time_end": "20261121103456",
}
BACKED = YES | {
    "out_trade_no": "ORDER_1",
    "transaction_id": "4200000000202611210000000001",
    "total_fee": "100",
    "refund_count": "2",
    "out_refund_no_0": "REFUND_0",
    "refund_fee_0": "10",
    "refund_status_0": "REFUNDCLOSE",
    "out_refund_no_1": "REFUND_1",
    "refund_id_1": "50000000382019052709732678859",
    "refund_fee_1": "40",
    "refund_status_1": "SUCCESS",
    "refund_success_time_1": "2026-11-22 10:34:56",
}


def make_pay(http: Http, url: str, **other: Any) -> WeChatPayV2:
    return WeChatPayV2(http, make_account(url, **other), "https://example.test/v2", "https://example.test/v2/refund")


@pytest.fixture
def pay(gateway: PretendGateway, http: Http) -> WeChatPayV2:
    return make_pay(http, gateway.url)


def says(gateway: PretendGateway, where: str, values: dict[str, str], **how: str) -> None:
    gateway.answers[where] = (200, v2_signed(values, **how), {"Content-Type": "text/plain"})


def received(body: bytes) -> dict[str, str]:
    """As WeChat reads it: the values of the document, whose signature must fit them."""
    values = {one.tag: one.text or "" for one in ElementTree.fromstring(body)}
    sign = values.pop("sign")
    assert sign == v2_signature(values, values["sign_type"])
    assert len(values.pop("nonce_str")) >= 16 and values.pop("appid") == APPID and values.pop("mch_id") == MCHID
    return values


def test_it_is_a_gateway(pay: WeChatPayV2) -> None:
    whole: Gateway = pay
    assert (whole.name, whole.channel, whole.merchant) == ("wechat_v2", "wechat", MCHID)


@pytest.mark.parametrize("sign_type", ["HMAC-SHA256", "MD5"])
async def test_an_order_is_signed_and_the_client_gets_signed_parameters(gateway: PretendGateway, http: Http, sign_type: str) -> None:
    says(gateway, PREPAY, YES | {"trade_type": "JSAPI", "prepay_id": "wx201410272009395522657a690389285100"}, sign_type=sign_type)
    given = await make_pay(http, gateway.url, sign_type=sign_type).prepay(ASK)
    assert received(gateway.came[0][1]) == {
        "body": "居民身份证工本费",
        "fee_type": "CNY",
        "notify_url": "https://example.test/v2",
        "openid": OPENID,
        "out_trade_no": "ORDER_1",
        "sign_type": sign_type,
        "spbill_create_ip": "127.0.0.1",
        "time_expire": "20261121103456",
        "total_fee": "100",
        "trade_type": "JSAPI",
    }
    assert set(given) == {"timeStamp", "nonceStr", "package", "signType", "paySign"} and given["signType"] == sign_type
    assert given["package"] == "prepay_id=wx201410272009395522657a690389285100" and len(given["timeStamp"]) == 10
    signed = {"appId": APPID, **{name: value for name, value in given.items() if name != "paySign"}}
    assert given["paySign"] == v2_signature(signed, sign_type)


@pytest.mark.parametrize(
    "title", ["a]]>b", "]]><total_fee>1</total_fee><x><![CDATA[", "]]]]>>", "<&>\"'", "0", "123", "a\r\nb\x00\x0b", "长" * 200, "😀" * 40]
)
async def test_no_title_makes_another_order_of_it(gateway: PretendGateway, pay: WeChatPayV2, title: str) -> None:
    says(gateway, PREPAY, YES | {"prepay_id": "wx1"})
    await pay.prepay(PayAsk("ORDER_1", 100, title, OPENID, ASK.expires_at))
    values = received(gateway.came[0][1])  # fitting the signature
    assert values["total_fee"] == "100" and len(values["body"].encode()) <= 127
    if title.isprintable() and len(title) < 60:
        assert values["body"] == title.encode()[:127].decode(errors="ignore")


async def test_a_paid_order_is_told_with_all_that_must_be_compared(gateway: PretendGateway, pay: WeChatPayV2) -> None:
    paid_at = datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
    for state in ("SUCCESS", "REFUND"):
        says(gateway, QUERY, PAID | {"trade_state": state})
        assert await pay.query("ORDER_1") == Payment("wechat_v2", "ORDER_1", "4200000000202611210000000001", 100, "CNY", (OPENID,), paid_at)
    assert received(gateway.came[0][1]) == {"out_trade_no": "ORDER_1", "sign_type": "HMAC-SHA256"}


@pytest.mark.parametrize(
    ("state", "means"), [("NOTPAY", "waiting"), ("USERPAYING", "waiting"), ("ACCEPT", "waiting"), ("CLOSED", "closed"), ("REVOKED", "closed")]
)
async def test_an_order_that_is_not_paid_says_how(gateway: PretendGateway, pay: WeChatPayV2, state: str, means: str) -> None:
    says(gateway, QUERY, YES | {"trade_state": state, "out_trade_no": "ORDER_1"})
    assert await pay.query("ORDER_1") == means
    says(gateway, QUERY, YES | {"result_code": "FAIL", "err_code": "ORDERNOTEXIST"})
    assert await pay.query("ORDER_1") == "absent"


@pytest.mark.parametrize(
    "wrong",
    [
        {"out_trade_no": "ORDER_2"},
        {"out_trade_no": "ORDER_2", "trade_state": "CLOSED"},
        {"mch_id": "1900007292"},
        {"appid": "wx0"},
        {"trade_state": "NEW"},
        {"total_fee": "1e2"},
        {"total_fee": "-1"},
        {"total_fee": "１００"},
        {"total_fee": "100.0"},
        {"total_fee": ""},
        {"time_end": "2026-11-21"},
        {"transaction_id": ""},
    ],
)
async def test_a_signed_reply_that_is_not_as_documented_proves_nothing(gateway: PretendGateway, pay: WeChatPayV2, wrong: dict[str, str]) -> None:
    says(gateway, QUERY, PAID | wrong)
    with pytest.raises(Unknown):
        await pay.query("ORDER_1")


@pytest.mark.parametrize(
    "body",
    [
        v2_xml(PAID),
        v2_xml({**PAID, "sign": ""}),
        v2_xml({**PAID, "sign": "0" * 64}),
        v2_xml({**PAID, "sign": "不"}),
        v2_signed(PAID, api_key="f" * 32),
        v2_signed(PAID).replace(b"<total_fee><![CDATA[100]]>", b"<total_fee><![CDATA[1]]>"),
        v2_signed(PAID).replace(b"</xml>", b"<total_fee>1</total_fee></xml>"),
        b'<!DOCTYPE x [<!ENTITY e "100">]>' + v2_signed(PAID),
        b"<xml>" * 20_000,
        v2_signed(PAID | {"attach": "x" * 70_000}),
        b"<html>busy</html>",
        b"{}",
        b"",
        b"\xff\xfe<xml/>",
    ],
)
async def test_what_wechat_did_not_sign_proves_nothing(gateway: PretendGateway, pay: WeChatPayV2, body: bytes) -> None:
    gateway.answers[QUERY] = (200, body, {})
    with pytest.raises(Unknown):
        await pay.query("ORDER_1")


async def test_a_closed_order_is_closed_however_it_came_to_be(gateway: PretendGateway, pay: WeChatPayV2) -> None:
    says(gateway, CLOSE, YES)
    assert await pay.close("ORDER_1") == "closed"
    for code, result in [("ORDERCLOSED", "closed"), ("ORDERNOTEXIST", "closed"), ("ORDERPAID", "paid")]:
        says(gateway, CLOSE, YES | {"result_code": "FAIL", "err_code": code})
        assert await pay.close("ORDER_1") == result
    says(gateway, CLOSE, YES | {"result_code": "FAIL", "err_code": "NOAUTH"})
    with pytest.raises(Refused, match="not_permitted"):
        await pay.close("ORDER_1")


ANSWERS: list[tuple[dict[str, str], type[Outside], str]] = [
    ({"err_code": "ORDERPAID"}, Refused, "order_paid"),
    ({"err_code": "ORDERCLOSED"}, Refused, "order_closed"),
    ({"err_code": "OUT_TRADE_NO_USED"}, Refused, "order_no_used"),
    ({"err_code": "INVALID_REQUEST", "err_code_des": "201 商户订单号重复"}, Refused, "order_no_used"),
    ({"err_code": "INVALID_REQUEST"}, Refused, "invalid_request"),
    ({"err_code": "NOTENOUGH"}, Refused, "not_enough_funds"),
    ({"err_code": "REFUND_FEE_MISMATCH"}, Refused, "refund_no_used"),
    ({"err_code": "SYSTEMERROR"}, Unknown, "system_error"),
    ({"err_code": "BIZERR_NEED_RETRY"}, Unknown, "system_error"),
    ({"err_code": "SIGNERROR"}, NotReached, "sign_error"),
    ({"err_code": "FREQUENCY_LIMITED"}, NotReached, "too_many_calls"),
    ({"err_code": "NEW_ONE"}, Refused, "code_new_one"),
    ({"err_code": "<x>"}, Refused, "no_code"),
    ({}, Refused, "no_code"),
]


@pytest.mark.parametrize(("values", "error", "reason"), ANSWERS)
async def test_every_code_means_one_thing(
    gateway: PretendGateway, pay: WeChatPayV2, values: dict[str, str], error: type[Outside], reason: str
) -> None:
    says(gateway, PREPAY, YES | {"result_code": "FAIL"} | values)
    with pytest.raises(error) as caught:
        await pay.prepay(ASK)
    assert type(caught.value) is error and caught.value.reason == reason


async def test_a_failure_of_transport_is_unsigned_and_so_unknown(gateway: PretendGateway, pay: WeChatPayV2) -> None:
    for message, reason in (("签名失败", "sign_error"), ("系统繁忙", "return_code_fail")):
        gateway.answers[REFUND] = (200, v2_xml({"return_code": "FAIL", "return_msg": message}), {})
        with pytest.raises(Unknown, match=reason):
            await pay.refund(BACK)
    gateway.answers[REFUND] = (500, b"", {})
    with pytest.raises(Unknown, match="http_500"):
        await pay.refund(BACK)
    says(gateway, PREPAY, YES)
    with pytest.raises(Unknown, match="garbled"):
        await pay.prepay(ASK)


# refunds


async def test_a_refund_goes_to_its_own_address_and_is_under_way(gateway: PretendGateway, pay: WeChatPayV2, http: Http) -> None:
    done = YES | {"out_trade_no": "ORDER_1", "out_refund_no": "REFUND_1", "refund_id": "5000", "refund_fee": "40", "total_fee": "100"}
    says(gateway, REFUND, done)
    assert await pay.refund(BACK) == Refund("wechat_v2", "ORDER_1", "REFUND_1", "5000", 40, "processing", None)
    assert received(gateway.came[0][1]) == {
        "notify_url": "https://example.test/v2/refund",
        "out_refund_no": "REFUND_1",
        "refund_desc": "多收退回",
        "refund_fee": "40",
        "refund_fee_type": "CNY",
        "sign_type": "HMAC-SHA256",
        "total_fee": "100",
        "transaction_id": "4200000000202611210000000001",
    }
    for address in (gateway.url, f"{gateway.url}/", f"{gateway.url}/secapi/pay/refund"):
        assert (await make_pay(http, "http://127.0.0.1:9", refund_url=address).refund(BACK)).refund_id == "5000"
    assert (await make_pay(http, gateway.url, refund_url="").refund(BACK)).refund_id == "5000"
    for wrong in ({"out_refund_no": "REFUND_2"}, {"out_trade_no": "ORDER_2"}, {"refund_fee": "x"}):
        says(gateway, REFUND, done | wrong)
        with pytest.raises(Unknown):
            await pay.refund(BACK)


@pytest.mark.parametrize(("status", "state"), [("SUCCESS", "done"), ("PROCESSING", "processing"), ("REFUNDCLOSE", "failed"), ("CHANGE", "abnormal")])
async def test_a_refund_is_found_among_those_of_its_order(gateway: PretendGateway, pay: WeChatPayV2, status: str, state: str) -> None:
    says(gateway, ASK_REFUND, BACKED | {"refund_status_1": status})
    got = await pay.query_refund(BACK)
    at = datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC) if state == "done" else None
    assert got == Refund("wechat_v2", "ORDER_1", "REFUND_1", "50000000382019052709732678859", 40, state, at)  # type: ignore[arg-type]


async def test_a_refund_nobody_knows_and_answers_about_others(gateway: PretendGateway, pay: WeChatPayV2) -> None:
    says(gateway, ASK_REFUND, YES | {"result_code": "FAIL", "err_code": "REFUNDNOTEXIST"})
    assert await pay.query_refund(BACK) is None
    for wrong in ({"out_refund_no_1": "REFUND_2"}, {"out_trade_no": "ORDER_2"}, {"refund_status_1": "NEW"}, {"refund_success_time_1": ""}):
        says(gateway, ASK_REFUND, BACKED | wrong)
        with pytest.raises(Unknown):
            await pay.query_refund(BACK)


# the statement


async def test_a_statement_is_text_and_its_refusals_are_xml(gateway: PretendGateway, pay: WeChatPayV2, tmp_path: Path) -> None:
    gateway.answers[BILL] = (200, "\ufeff交易时间\n".encode(), {"Content-Type": "text/plain"})
    path = await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    assert path is not None and path.read_bytes() == "\ufeff交易时间\n".encode() and [one.name for one in tmp_path.iterdir()] == [path.name]
    assert received(gateway.came[0][1]) == {"bill_date": "20261120", "bill_type": "ALL", "sign_type": "HMAC-SHA256"}
    path.unlink()
    cases: list[tuple[str, type[Outside] | None]] = [("No Bill Exist", None), ("Bill Creating", NotReached), ("SYSTEMERROR", Unknown), ("?", Unknown)]
    for message, error in cases:
        gateway.answers[BILL] = (200, v2_xml({"return_code": "FAIL", "return_msg": message, "error_code": "20002"}), {})
        if error is None:
            assert await pay.fetch_statement(date(2026, 11, 20), tmp_path) is None
            continue
        with pytest.raises(error):
            await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    for status, content in ((500, b""), (200, b"<html")):
        gateway.answers[BILL] = (status, content, {})
        with pytest.raises(Unknown):
            await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    assert list(tmp_path.iterdir()) == []


# worked vectors of WeChat's pages


def test_the_worked_signatures_are_ours(http: Http) -> None:
    worked = {
        "appid": "wxd930ea5d5a258f4f",
        "mch_id": "10000100",
        "device_info": "1000",
        "body": "test",
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "sign": "left out",
        "attach": "",
    }
    seals = make_pay(http, "http://127.0.0.1:9", api_key="192006250b4c09247ec02edce69f6a2d")._seals
    assert seals.signature(worked, "MD5") == "9A0A8659F005D6984697E2CA0A9CF3B7"
    assert seals.signature(worked) == "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    given = {
        "appId": "wxd678efh567hg6787",
        "timeStamp": "1490840662",
        "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "package": "prepay_id=wx2017033010242291fcfe0db70013231072",
        "signType": "MD5",
    }
    seals = make_pay(http, "http://127.0.0.1:9", api_key="qazwsxedcrfvtgbyhnujmikolp111111", sign_type="MD5")._seals
    assert seals.signature(given) == "22D9B4E54AB1950F51E0649E8810ACD6"


def test_an_empty_key_signs_nothing(http: Http) -> None:
    for wrong in ("", "short"):
        with pytest.raises(ValueError, match="API key"):
            make_pay(http, "http://127.0.0.1:9", api_key=wrong)
