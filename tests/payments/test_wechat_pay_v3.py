"""WeChat Pay v3: what is sent, what is believed, what each answer means. Against a gateway on loopback that signs for real."""

import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from payments.gateways import Forged, Gateway, PayAsk, Payment, RefundAsk
from payments.wechat_pay_v3 import WeChatPayV3
from tests.payments.wechat_pay_merchant import (
    APPID,
    MCHID,
    OPENID,
    PUBLIC_ID,
    PretendGateway,
    a_refund,
    a_transaction,
    cert_serial,
    certificate,
    key,
    make_account,
    seal,
)

JSAPI = "POST /v3/pay/transactions/jsapi"
QUERY = "GET /v3/pay/transactions/out-trade-no/ORDER_1"
CLOSE = "POST /v3/pay/transactions/out-trade-no/ORDER_1/close"
REFUND, ASK_REFUND = "POST /v3/refund/domestic/refunds", "GET /v3/refund/domestic/refunds/REFUND_1"
ASK = PayAsk("ORDER_1", 100, "居民身份证工本费", OPENID, datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC))
BACK = RefundAsk("ORDER_1", "REFUND_1", "4200000000202611210000000001", 40, 100, "多收退回")


@pytest.fixture
def pay(gateway: PretendGateway, http: Http) -> WeChatPayV3:
    return WeChatPayV3(http, make_account(gateway.url), "https://example.test/callbacks/wechat-pay/v3")


def check_authorization(request: web.Request, body: bytes) -> None:
    """As WeChat does: the five lines, the address as it came, the merchant's certificate."""
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    parts = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    message = f"{request.method}\n{request.raw_path}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode() + body + b"\n"
    key("merchant").public_key().verify(base64.b64decode(parts["signature"]), message, padding.PKCS1v15(), hashes.SHA256())
    assert scheme == "WECHATPAY2-SHA256-RSA2048" and parts["mchid"] == MCHID and parts["serial_no"] == cert_serial(certificate("merchant"))
    assert abs(int(parts["timestamp"]) - datetime.now(UTC).timestamp()) < 5 and len(parts["nonce_str"]) >= 16


def test_it_is_a_gateway(pay: WeChatPayV3) -> None:
    whole: Gateway = pay
    assert (whole.name, whole.channel, whole.merchant) == ("wechat_v3", "wechat", MCHID)


async def test_an_order_is_signed_and_the_client_gets_signed_parameters(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(JSAPI, {"prepay_id": "wx201410272009395522657a690389285100"})
    given = await pay.prepay(ASK)
    [(request, body)] = gateway.came
    check_authorization(request, body)
    assert request.headers["Wechatpay-Serial"] == PUBLIC_ID
    assert json.loads(body) == {
        "appid": APPID,
        "mchid": MCHID,
        "description": "居民身份证工本费",
        "out_trade_no": "ORDER_1",
        "time_expire": "2026-11-21T10:34:56+08:00",
        "notify_url": "https://example.test/callbacks/wechat-pay/v3",
        "amount": {"total": 100, "currency": "CNY"},
        "payer": {"openid": OPENID},
    }
    assert set(given) == {"timeStamp", "nonceStr", "package", "signType", "paySign"} and given["signType"] == "RSA"
    assert given["package"] == "prepay_id=wx201410272009395522657a690389285100" and re.fullmatch(r"\d{10}", given["timeStamp"])
    message = f"{APPID}\n{given['timeStamp']}\n{given['nonceStr']}\n{given['package']}\n".encode()
    key("merchant").public_key().verify(base64.b64decode(given["paySign"]), message, padding.PKCS1v15(), hashes.SHA256())


async def test_the_same_order_again_is_the_same_request_but_for_its_seal(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(JSAPI, {"prepay_id": "wx1"})
    first, second = await pay.prepay(ASK), await pay.prepay(ASK)
    assert gateway.came[0][1] == gateway.came[1][1]
    assert first["nonceStr"] != second["nonceStr"] and first["paySign"] != second["paySign"]


async def test_a_title_of_any_kind_stays_one_short_line(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(JSAPI, {"prepay_id": "wx1"})
    await pay.prepay(PayAsk("ORDER_1", 1, "费\r\n用\x00\ud800" + "长" * 200, OPENID, ASK.expires_at))
    sent = json.loads(gateway.came[0][1])["description"]
    assert sent.startswith("费 用 长") and len(sent.encode()) <= 127


@pytest.mark.parametrize("no", ["", "a|b", "a/../b", "a?b=c", "订单", "x" * 65])
async def test_a_number_that_would_not_stand_in_an_address_is_never_sent(gateway: PretendGateway, pay: WeChatPayV3, no: str) -> None:
    for asking in (pay.query(no), pay.close(no), pay.prepay(PayAsk(no, 1, "x", OPENID, ASK.expires_at))):
        with pytest.raises(ValueError, match="number"):
            await asking
    assert gateway.came == []


async def test_a_paid_order_is_told_with_all_that_must_be_compared(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    paid_at = datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
    for state in ("SUCCESS", "REFUND"):  # REFUND: paid, some of it given back since
        gateway.says(QUERY, a_transaction(trade_state=state))
        assert await pay.query("ORDER_1") == Payment("wechat_v3", "ORDER_1", "4200000000202611210000000001", 100, "CNY", (OPENID,), paid_at)
    request, body = gateway.came[0]
    check_authorization(request, body)
    assert request.query_string == f"mchid={MCHID}"


@pytest.mark.parametrize(("state", "means"), [("NOTPAY", "waiting"), ("USERPAYING", "waiting"), ("CLOSED", "closed"), ("REVOKED", "closed")])
async def test_an_order_that_is_not_paid_says_how(gateway: PretendGateway, pay: WeChatPayV3, state: str, means: str) -> None:
    gateway.says(QUERY, {"appid": APPID, "mchid": MCHID, "out_trade_no": "ORDER_1", "trade_state": state})
    assert await pay.query("ORDER_1") == means
    gateway.says(QUERY, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"}, 404)
    assert await pay.query("ORDER_1") == "absent"


@pytest.mark.parametrize(
    "reply",
    [
        a_transaction(out_trade_no="ORDER_2"),
        a_transaction(mchid="1900007292"),
        a_transaction(appid="wx0000000000000000"),
        a_transaction(trade_state="NOTPAY", mchid="1900007292"),
        a_transaction(trade_state="SOMETHING"),
        a_transaction(trade_state=None),
        a_transaction(amount={"total": "100"}),
        a_transaction(amount={"total": True}),
        a_transaction(amount={"total": 1.5}),
        a_transaction(amount={"total": -1}),
        a_transaction(amount=[]),
        a_transaction(success_time="yesterday"),
        a_transaction(success_time="2026-11-21T10:34:56"),
        a_transaction(transaction_id=""),
        {},
        [],
    ],
)
async def test_a_signed_reply_that_is_not_as_documented_proves_nothing(gateway: PretendGateway, pay: WeChatPayV3, reply: Any) -> None:
    gateway.says(QUERY, reply)
    with pytest.raises(Unknown):
        await pay.query("ORDER_1")


async def test_a_closed_order_is_closed_however_it_came_to_be(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(CLOSE, None, 204)
    assert await pay.close("ORDER_1") == "closed"
    check_authorization(*gateway.came[0])
    assert json.loads(gateway.came[0][1]) == {"mchid": MCHID}
    for code, status, result in [
        ("ORDER_CLOSED", 400, "closed"),
        ("ORDER_NOT_EXIST", 404, "closed"),
        ("ORDERPAID", 400, "paid"),
        ("ORDER_PAID", 400, "paid"),
    ]:
        gateway.says(CLOSE, {"code": code, "message": "x"}, status)
        assert await pay.close("ORDER_1") == result
    gateway.says(CLOSE, {"code": "INVALID_REQUEST", "message": "该订单已支付"}, 400)
    assert await pay.close("ORDER_1") == "paid"
    gateway.says(CLOSE, {"code": "PARAM_ERROR", "message": "x"}, 400)
    with pytest.raises(Refused, match="bad_parameter"):
        await pay.close("ORDER_1")


ANSWERS: list[tuple[int, Any, type[Outside], str]] = [
    (400, {"code": "PARAM_ERROR"}, Refused, "bad_parameter"),
    (400, {"code": "INVALID_REQUEST", "message": "无效请求"}, Refused, "invalid_request"),
    (400, {"code": "INVALID_REQUEST", "message": "201 商户订单号重复"}, Refused, "order_no_used"),
    (400, {"code": "ORDERPAID"}, Refused, "order_paid"),
    (400, {"code": "ORDER_CLOSED"}, Refused, "order_closed"),
    (400, {"code": "APPID_MCHID_NOT_MATCH"}, Refused, "app_not_of_merchant"),
    (401, {"code": "SIGN_ERROR"}, NotReached, "sign_error"),
    (403, {"code": "OUT_TRADE_NO_USED"}, Refused, "order_no_used"),
    (403, {"code": "NOT_ENOUGH"}, Refused, "not_enough_funds"),
    (404, {"code": "RESOURCE_NOT_EXISTS"}, Refused, "not_found"),
    (429, {"code": "FREQUENCY_LIMITED"}, NotReached, "too_many_calls"),
    (429, {"code": "RATELIMIT_EXCEEDED"}, NotReached, "too_many_calls"),
    (429, {}, NotReached, "too_many_calls"),
    (500, {"code": "SYSTEM_ERROR"}, Unknown, "system_error"),
    (500, {"code": "OPENID_MISMATCH"}, Refused, "payer_of_another_app"),
    (502, {"code": "NEW_ONE"}, Unknown, "http_502"),
    (400, {"code": "NEW_ONE"}, Refused, "code_new_one"),
    (400, {"code": "<script>"}, Refused, "no_code"),
    (400, {"code": ["x"]}, Unknown, "http_400"),
    (302, {}, Unknown, "http_302"),
]


@pytest.mark.parametrize(("status", "content", "error", "reason"), ANSWERS)
async def test_every_code_means_one_thing(
    gateway: PretendGateway, pay: WeChatPayV3, status: int, content: Any, error: type[Outside], reason: str
) -> None:
    for answer in ("signed", "unsigned"):
        gateway.says(JSAPI, content, status)
        if answer == "unsigned":
            gateway.answers[JSAPI] = (status, json.dumps(content).encode(), {})
        with pytest.raises(error) as caught:
            await pay.prepay(ASK)
        assert type(caught.value) is error and caught.value.reason == reason


BAD_SEALS: list[tuple[dict[str, Any], str]] = [
    ({"whose": "stranger"}, "bad_signature"),
    ({"signature": "WECHATPAY/SIGNTEST/" + "A" * 300}, "signature_probe"),
    ({"signature": "!!! not base64"}, "bad_signature"),
    ({"at": datetime.now(UTC).timestamp() - 3000}, "stale_timestamp"),
    ({"serial": "PUB_KEY_ID_UNKNOWN"}, "unknown_serial"),
    ({"type": "WECHATPAY2-SM2-WITH-SM3"}, "unknown_signature_type"),
]


@pytest.mark.parametrize(("how", "reason"), BAD_SEALS)
async def test_a_reply_with_a_wrong_seal_proves_nothing_whatever_it_says(
    gateway: PretendGateway, pay: WeChatPayV3, how: dict[str, Any], reason: str
) -> None:
    def signed(_: web.Request, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        content = json.dumps(a_transaction()).encode()
        return 200, content, seal(content, **how)

    gateway.answers[QUERY] = signed
    with pytest.raises(Unknown, match=reason):
        await pay.query("ORDER_1")
    gateway.says(QUERY, {"code": "ORDER_NOT_EXIST"}, 404, whose="stranger")
    with pytest.raises(Unknown, match="bad_signature"):
        await pay.query("ORDER_1")


async def test_a_yes_without_a_signature_is_no_yes(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.answers |= {QUERY: (200, json.dumps(a_transaction()).encode(), {}), CLOSE: (204, b"", {})}
    for asking in (pay.query("ORDER_1"), pay.close("ORDER_1")):
        with pytest.raises(Unknown, match="unsigned_reply"):
            await asking


async def test_replies_under_the_other_kind_of_key_are_as_good(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(QUERY, a_transaction(), whose="certificate")
    assert isinstance(await pay.query("ORDER_1"), Payment)


async def test_a_merchant_with_certificates_alone_names_no_key(gateway: PretendGateway, http: Http) -> None:
    keys = {serial: pem for serial, pem in make_account().platform_keys.items() if serial != PUBLIC_ID}
    pay = WeChatPayV3(http, make_account(gateway.url, platform_keys=keys), "https://example.test/x")
    gateway.says(QUERY, a_transaction(), whose="certificate")
    assert isinstance(await pay.query("ORDER_1"), Payment)
    assert "Wechatpay-Serial" not in gateway.came[0][0].headers
    gateway.says(QUERY, a_transaction())
    with pytest.raises(Unknown, match="unknown_serial"):
        await pay.query("ORDER_1")


# refunds


def a_reply(**other: Any) -> dict[str, Any]:
    found = a_refund()
    del found["mchid"]
    return found | {"status": found.pop("refund_status")} | other


@pytest.mark.parametrize(("status", "state"), [("SUCCESS", "done"), ("PROCESSING", "processing"), ("CLOSED", "failed"), ("ABNORMAL", "abnormal")])
async def test_a_refund_is_asked_for_and_its_state_told(gateway: PretendGateway, pay: WeChatPayV3, status: str, state: str) -> None:
    gateway.says(REFUND, a_reply(status=status, success_time="2026-11-22T10:34:56+08:00"))
    gateway.says(ASK_REFUND, a_reply(status=status))
    for got in (await pay.refund(BACK), await pay.query_refund(BACK)):
        assert got is not None and (got.order_no, got.refund_no, got.amount_fen, got.state) == ("ORDER_1", "REFUND_1", 40, state)
        assert got.refunded_at == (datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC) if state == "done" else None)
    check_authorization(*gateway.came[0])
    check_authorization(*gateway.came[1])
    assert json.loads(gateway.came[0][1]) == {
        "transaction_id": "4200000000202611210000000001",
        "out_refund_no": "REFUND_1",
        "reason": "多收退回",
        "notify_url": "https://example.test/callbacks/wechat-pay/v3",
        "amount": {"refund": 40, "total": 100, "currency": "CNY"},
    }


async def test_a_refund_without_a_reason_and_one_nobody_knows(gateway: PretendGateway, pay: WeChatPayV3) -> None:
    gateway.says(REFUND, a_reply())
    await pay.refund(RefundAsk("ORDER_1", "REFUND_1", "42", 40, 100, ""))
    assert "reason" not in json.loads(gateway.came[0][1])
    gateway.says(ASK_REFUND, {"code": "RESOURCE_NOT_EXISTS"}, 404)
    assert await pay.query_refund(BACK) is None


@pytest.mark.parametrize("other", [{"status": "NEW"}, {"out_refund_no": "REFUND_2"}, {"out_trade_no": "ORDER_2"}, {"amount": {"refund": "40"}}])
async def test_a_refund_reply_that_is_not_ours_proves_nothing(gateway: PretendGateway, pay: WeChatPayV3, other: dict[str, Any]) -> None:
    gateway.says(REFUND, a_reply(**other))
    with pytest.raises(Unknown):
        await pay.refund(BACK)


# the statement


def statement_stands(gateway: PretendGateway, content: bytes, **other: str) -> None:
    made = {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(content).hexdigest(),
        "download_url": f"{gateway.url}/v3/billdownload/file?token=a%2Fb%7Cc",
    }
    gateway.says("GET /v3/bill/tradebill", made | other)
    gateway.answers["GET /v3/billdownload/file"] = (200, content, {"Content-Type": "text/plain"})


async def test_a_statement_is_fetched_and_held_to_its_hash(gateway: PretendGateway, pay: WeChatPayV3, tmp_path: Path) -> None:
    content = "交易时间\n".encode() * 1_000_000  # more than a call may answer
    statement_stands(gateway, content)
    path = await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    assert path is not None and path.read_bytes() == content and [one.name for one in tmp_path.iterdir()] == [path.name]
    assert gateway.came[0][0].query_string == "bill_date=2026-11-20&bill_type=ALL" and "token=a%2Fb%7Cc" in gateway.came[1][0].raw_path
    for request, body in gateway.came:
        check_authorization(request, body)


async def test_another_file_than_the_one_promised_is_thrown_away(gateway: PretendGateway, pay: WeChatPayV3, tmp_path: Path) -> None:
    for other in ({"hash_value": "0" * 40}, {"hash_type": "MD5"}, {"download_url": 5}):
        statement_stands(gateway, b"x", **other)
        with pytest.raises(Unknown):
            await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_statement_that_is_not_there_or_not_yet(gateway: PretendGateway, pay: WeChatPayV3, tmp_path: Path) -> None:
    gateway.says("GET /v3/bill/tradebill", {"code": "NO_STATEMENT_EXIST", "message": "账单不存在"}, 400)
    assert await pay.fetch_statement(date(2026, 11, 20), tmp_path) is None
    gateway.says("GET /v3/bill/tradebill", {"code": "STATEMENT_CREATING", "message": "账单生成中"}, 400)
    with pytest.raises(NotReached, match="in_the_making"):
        await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    statement_stands(gateway, b"x")
    gateway.answers["GET /v3/billdownload/file"] = (401, b'{"code":"SIGN_ERROR"}', {})
    with pytest.raises(NotReached, match="sign_error"):
        await pay.fetch_statement(date(2026, 11, 20), tmp_path)
    assert list(tmp_path.iterdir()) == []


# the account


def test_a_key_of_the_wrong_kind_is_found_at_start_and_none_is_ever_shown() -> None:
    http = Http([])
    other = cert_serial(certificate("merchant"))
    certs = {other: list(make_account().platform_keys.values())[1]}
    for wrong in ({"apiv3_key": "short"}, {"merchant_private_key": "x"}, {"platform_keys": {"PUB_KEY_ID_1": "x"}}, {"platform_keys": certs}):
        with pytest.raises(ValueError):
            WeChatPayV3(http, make_account(**wrong), "https://example.test/x")
    shown = repr(make_account()) + str(make_account())
    assert MCHID in shown and not any(part in shown for part in (APPID, "PRIVATE", "0123456789abcdef", "192006250", "BEGIN"))


def test_a_certificate_that_has_run_out_signs_nothing(http: Http) -> None:
    pay = WeChatPayV3(http, make_account(), "https://example.test/x", clock=lambda: datetime.now(UTC) + timedelta(days=400))
    body = b"{}"
    with pytest.raises(Forged, match="expired_certificate"):
        pay.read_notice(seal(body, whose="certificate", at=(datetime.now(UTC) + timedelta(days=400)).timestamp()), body)
