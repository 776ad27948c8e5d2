"""Notices of WeChat Pay v3: whose word is believed, in which window, under which key, and what is read out of the box."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.http import Http
from payments.gateways import Foreign, Forged, Payment, Unreadable
from payments.wechat_pay_v3 import WeChatPayV3
from payments.wechat_pay_v3_signing import Seals
from tests.payments.wechat_pay_merchant import (
    OPENID,
    PUBLIC_ID,
    a_refund,
    a_transaction,
    boxed,
    cert_pem,
    cert_serial,
    certificate,
    make_account,
    public_pem,
    seal,
)

NOTIFY = "https://example.test/callbacks/wechat-pay/v3"


@pytest.fixture(scope="module")
def pay() -> WeChatPayV3:
    return WeChatPayV3(Http([]), make_account(), NOTIFY)


@pytest.mark.parametrize("whose", ["platform", "certificate"])
def test_a_genuine_notice_is_read_under_either_kind_of_key(pay: WeChatPayV3, whose: str) -> None:
    body = boxed(a_transaction(), notice_id="EV-2018022511223320873")
    notice = pay.read_notice(seal(body, whose=whose), body)
    paid_at = datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
    assert notice.payment == Payment("wechat_v3", "ORDER_1", "4200000000202611210000000001", 100, "CNY", (OPENID,), paid_at)
    assert (notice.id, notice.refund) == ("EV-2018022511223320873", None)


def test_a_repeat_signed_anew_is_the_same_notice(pay: WeChatPayV3) -> None:
    body = boxed(a_transaction())
    assert pay.read_notice(seal(body), body) == pay.read_notice(seal(body, whose="certificate"), body)


def test_several_keys_of_a_kind_are_held_at_once() -> None:
    more = certificate("newer certificate")
    keys = {**make_account().platform_keys, "PUB_KEY_ID_2": public_pem("newer"), cert_serial(more): cert_pem(more)}
    pay, body = WeChatPayV3(Http([]), make_account(platform_keys=keys), NOTIFY), boxed(a_transaction())
    for whose, serial in (("newer", "PUB_KEY_ID_2"), ("newer certificate", cert_serial(more)), ("platform", PUBLIC_ID)):
        assert pay.read_notice(seal(body, whose=whose, serial=serial), body).payment
    with pytest.raises(Forged, match="bad_signature"):
        pay.read_notice(seal(body, whose="newer"), body)  # one key's signature under another's name


@pytest.mark.parametrize(("event", "state"), [("REFUND.SUCCESS", "done"), ("REFUND.ABNORMAL", "abnormal"), ("REFUND.CLOSED", "failed")])
def test_a_refund_notice_tells_its_state(pay: WeChatPayV3, event: str, state: str) -> None:
    body = boxed(a_refund(refund_status=event.partition(".")[2]), event)
    refund = pay.read_notice(seal(body), body).refund
    assert refund is not None and (refund.order_no, refund.refund_no, refund.amount_fen, refund.state) == ("ORDER_1", "REFUND_1", 40, state)
    assert refund.refund_id == "50000000382019052709732678859"
    assert refund.refunded_at == (datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC) if state == "done" else None)


@pytest.mark.parametrize("event", ["SECURITY_ECHO.SUCCESS", "TRANSACTION.PAYSCORE", "SOMETHING.NEW"])
def test_an_event_of_a_kind_unknown_to_us_is_acknowledged_and_nothing_else(pay: WeChatPayV3, event: str) -> None:
    body = boxed({"anything": 1}, event)
    notice = pay.read_notice(seal(body), body)
    assert (notice.id, notice.payment, notice.refund) == ("EV-1", None, None)


FORGERIES: list[tuple[dict[str, Any], str]] = [
    ({"whose": "stranger"}, "bad_signature"),
    ({"serial": "PUB_KEY_ID_0000"}, "unknown_serial"),
    ({"serial": "5F" * 20}, "unknown_serial"),
    ({"serial": ""}, "unknown_serial"),
    ({"signature": "WECHATPAY/SIGNTEST/" + "A" * 320}, "signature_probe"),
    ({"signature": ""}, "unsigned"),
    ({"signature": "AAAA"}, "bad_signature"),
    ({"signature": "不是base64"}, "bad_signature"),
    ({"serial": "不是序列号"}, "unknown_serial"),
    ({"serial": "\udcff"}, "unknown_serial"),
    ({"type": "WECHATPAY2-SM2-WITH-SM3"}, "unknown_signature_type"),
]


@pytest.mark.parametrize(("how", "reason"), FORGERIES)
def test_a_forgery_is_known_before_it_is_read(pay: WeChatPayV3, how: dict[str, Any], reason: str) -> None:
    for body in (boxed(a_transaction()), b"not even JSON"):
        with pytest.raises(Forged) as caught:
            pay.read_notice(seal(body, **how), body)
        assert type(caught.value) is Forged and caught.value.reason == reason


def test_without_headers_or_with_a_changed_body_nothing_is_believed(pay: WeChatPayV3) -> None:
    body = boxed(a_transaction())
    whole = seal(body)
    for name in whole:
        rest = {key: value for key, value in whole.items() if key != name}
        if name == "wechatpay-signature-type":  # not every page of theirs has it
            assert pay.read_notice(rest, body).payment
            continue
        with pytest.raises(Forged):
            pay.read_notice(rest, body)
    for other in ({"wechatpay-nonce": "\udcff\ud800"}, {"wechatpay-nonce": "a\nb"}, {"wechatpay-signature": "\udcff"}):
        with pytest.raises(Forged, match="bad_signature"):
            pay.read_notice(whole | other, body)
    with pytest.raises(Forged, match="bad_signature"):
        pay.read_notice(whole, body + b" ")
    with pytest.raises(Forged, match="too_large"):
        pay.read_notice(whole, b"x" * (64 * 1024 + 1))


@pytest.mark.parametrize(("seconds", "is_taken"), [(-299, True), (299, True), (-301, False), (302, False)])
def test_the_window_is_five_minutes_to_either_side(seconds: int, is_taken: bool) -> None:
    at = datetime(2026, 11, 21, 2, 35, tzinfo=UTC)
    pay, body = WeChatPayV3(Http([]), make_account(), NOTIFY, clock=lambda: at), boxed(a_transaction())
    headers = seal(body, at=(at + timedelta(seconds=seconds)).timestamp())
    if is_taken:
        assert pay.read_notice(headers, body).payment
    else:
        with pytest.raises(Forged, match="stale_timestamp"):
            pay.read_notice(headers, body)


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1e9", "١٢٣", "9" * 400, "1554209980.5", " 1554209980"])
def test_a_timestamp_that_is_none_is_refused(pay: WeChatPayV3, timestamp: str) -> None:
    body = boxed(a_transaction())
    with pytest.raises(Forged):
        pay.read_notice(seal(body) | {"wechatpay-timestamp": timestamp}, body)


@pytest.mark.parametrize(
    ("content", "event"),
    [
        (a_transaction(mchid="1900007292"), "TRANSACTION.SUCCESS"),
        (a_transaction(appid="wx0000000000000000"), "TRANSACTION.SUCCESS"),
        (a_refund(mchid="1900007292"), "REFUND.SUCCESS"),
        (a_refund(mchid=None), "REFUND.SUCCESS"),
    ],
)
def test_what_is_meant_for_another_is_told_apart(pay: WeChatPayV3, content: Any, event: str) -> None:
    body = boxed(content, event)
    with pytest.raises(Foreign):
        pay.read_notice(seal(body), body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        b'{"id":"","event_type":"TRANSACTION.SUCCESS","resource":{}}',
        b'{"id":1,"event_type":"TRANSACTION.SUCCESS","resource":{}}',
        b'{"id":"EV-1","event_type":"TRANSACTION.SUCCESS"}'[:-1] + b',"resource":null}',
        b'{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_SM4_GCM","ciphertext":"AA==","nonce":"123456789012"}}',
        b'{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","ciphertext":"?","nonce":"123456789012"}}',
        b'{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","ciphertext":"AA==","nonce":""}}',
        boxed(a_transaction(), apiv3_key="f" * 32),
        boxed(b"not JSON"),
        boxed([]),
        boxed(a_transaction(trade_state="NOTPAY")),
        boxed(a_transaction(amount={"total": "100"})),
        boxed(a_transaction(amount={"total": 1e2})),
        boxed(a_transaction(amount=None)),
        boxed(a_transaction(out_trade_no="x" * 200)),
        boxed(a_transaction(payer={"openid": 5})),
        boxed({name: value for name, value in a_transaction().items() if name != "appid"}),
        boxed(a_refund(refund_status="NEW"), "REFUND.SUCCESS"),
        boxed(a_refund(success_time=None), "REFUND.SUCCESS"),
        b"[" * 60_000,
    ],
)
def test_a_signed_notice_that_is_not_as_documented_is_unreadable_and_no_crash(pay: WeChatPayV3, body: bytes) -> None:
    with pytest.raises(Unreadable):
        pay.read_notice(seal(body), body)


def test_a_notice_without_a_payer_or_currency_is_still_one(pay: WeChatPayV3) -> None:
    content = a_transaction(amount={"total": 0})
    del content["payer"]
    body = boxed(content)
    paid = pay.read_notice(seal(body), body).payment
    assert paid is not None and (paid.payers, paid.currency, paid.amount_fen) == ((), "CNY", 0)


@given(body=st.binary(max_size=300), headers=st.dictionaries(st.sampled_from(sorted(seal(b""))), st.text(max_size=40)))
@settings(max_examples=300, deadline=None)
def test_nothing_anybody_sends_is_a_crash(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        WINDOWLESS.read_notice(seal(b"", signature="AAAA") | headers, body)


WINDOWLESS = WeChatPayV3(Http([]), make_account(), NOTIFY)


def test_yes_is_a_status_and_so_is_no(pay: WeChatPayV3) -> None:
    assert (pay.ack(True).status, pay.ack(True).body) == (204, b"")
    no = pay.ack(False)
    assert (no.status, no.content_type, json.loads(no.body)) == (500, "application/json", {"code": "FAIL", "message": "失败"})


# worked vectors: figures of WeChat's pages signed with throw-away keys whose public halves stand here

PLATFORM_PUB = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3CYPUFhHBWKUIjgHm5b2
XRCeJVs4nR6r4e6OD/p4oWtEAabdWSJ4YE0uG8yXMJpbtplGYKvjL+qaqKxmv6HW
Rv8g5EX3eGb68WDubedy3qP1yPJb08jMBM+0UhwmVmbMRi0Ez1ISsKC+dt+DrpoB
H8ptQRsYDBW7lqotr9ML95KcTUkMqZIe7HqGE8SFuaB4lsJO9BV8Q9zpWEp/sdeA
4jB4LXzCaR3Mq6mddKRIAkGaDOozkefymxTCqkX89UEu36nLX2R/bLFlfYVyL6ay
D5B8358tGZKEOhIHZC/jprHrYb8hDQE4lSSB2Xofx1zvM8PIL/eOzDj0+BCFexMB
OwIDAQAB
-----END PUBLIC KEY-----
"""
VECTOR_BODY = """{"id":"EV-2018022511223320873","create_time":"2026-11-21T10:34:56+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"DUcegK33A8MEOgdCtMPWwABoxFjy3c3BTENCdjZ/7K2gbkFM2sU/cZ/UPNrLir4DXaSrqBdzgGy/sMCWIPKVQdMoXpY4xG4iYhF7TH0MBs4T7FaM9hoFjn/sa9TCWtjLTRzZiknVkW9IXW37a35VmVaeZyQYgusGnnisNS4A5dYCMbaloUF4L3PO4m3uteG+aMmWJMtSbZltG3H2Cu2Vou2Js2PVFnyTfOk0kYJAGpoCL2ommjUrvbBvauITRk+k/y/n+JuGpdOpOis3M/eGUHdtAIyAvV/ITkfIG5HrFyBdGa2YLbf+GInakMOOp3keLCkCrXxqpGgj/93tkVOlMxLsBE4+v6PxO4W/XgV/4wFoXgWza2tJSZWVQg2PhtlRqB3wYR1oLOQLchwJxi52V1ku3ClmMKFUp+fxqVUY9Xd2v0aYu790sSKRsOWHztB93+hiJGRzz5d0g5EFcVOBDeBJ+CtvEvqoSFSV3DzAqI0Dwy6NkKQ3dUzRbysTcqgkCgdl3Ol43UsgYn6RMxEdfXqoE50IU19Hon6c1d39Iz1KOcwRievPGZgUgZKGSLDwp2nCooV5zPB3LiQ=","associated_data":"transaction","nonce":"fdasflkja484"}}""".encode()
VECTOR_HEADERS = {
    "wechatpay-serial": "PUB_KEY_ID_VECTOR",
    "wechatpay-timestamp": "1554209980",
    "wechatpay-nonce": "c5ac7061fccab6bf3e254dcf98995b8c",
    "wechatpay-signature": "PdIeeJtzwhWyxXOUk+boWADjCr739H+9Val4wHxMwlnhxEq16nD1wWNgdsYF1gLxdFErh5zUqDTePKyxfdkZtlChdnhir5w7yFs6WVMtiq5+yFu8gjhORVTCh/5eRnYpvGVGWg5m9V/XcBmWTkTQDJYA0p65BmYYEb+MGuLUfuNrDh5nhDk5/gDBDPMGxdeMI9Y7taGSEEhZ5Mke4IpD707s0cb1xKJYF137h31hm1m5kIXftfAPO3K38JJgOHXoA7xj5zwqAQxnviR0PIK07RfLkS6Uy26wooGDJRdC01UxB2Nwz16HX/1WFxgTPNZywwW0Y+VFmfYXP5G+xyE/7A==",
}
SIGNED_204 = "Erl+ncRVSMqltBBqtXtdsrdTmcuEH4D9Z039TVzk5DibGR473eYFuZ/wTBlSCvg8t5O20+6hWOP9jdov+c4FdxkV5QklKBgEFsriqFxKDbo0Ox+2gwTP8GJkGqkJNLJZrW6dnmd9iiJg1QF19CGG6Svfe4iMw5PwVyFwSb/PEPnVLFzIhUJj2J7iswqIG4tbpXYINrD+fiSyWlg/cKv5Hx27fiX4Ak17dGyh3tij1sXKQ3CH7newQ/k+JZ65vonXxud4mTNWJpkPs2bDFBOvbczuevmzrEIGuzH68wSRH3/uLkbmPrAje8oGTgURUkzFoB5hwnb3wF3KSgsn3lj09A=="


def vector_pay() -> WeChatPayV3:
    account = make_account(platform_keys={"PUB_KEY_ID_VECTOR": PLATFORM_PUB})
    return WeChatPayV3(Http([]), account, NOTIFY, clock=lambda: datetime.fromtimestamp(1554209980, UTC))


def test_the_worked_notice_verifies_and_opens() -> None:
    notice = vector_pay().read_notice(VECTOR_HEADERS, VECTOR_BODY)
    assert notice.id == "EV-2018022511223320873" and notice.payment is not None
    assert (notice.payment.order_no, notice.payment.amount_fen, notice.payment.payers) == ("1217752501201407033233368018", 1, (OPENID,))


def test_the_worked_reply_without_a_body_keeps_its_last_line_feed() -> None:
    seals = vector_pay()._seals
    seals.verify(VECTOR_HEADERS | {"wechatpay-nonce": "NONCE", "wechatpay-signature": SIGNED_204}, b"")
    with pytest.raises(Forged, match="bad_signature"):
        seals.verify(VECTOR_HEADERS | {"wechatpay-nonce": "NONCE", "wechatpay-signature": SIGNED_204}, b"\n")


MERCHANT_PUB = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtMpjUq4IQeo5urG0OJ5K
shAraNxZtGRGf42ZKX1lur3LYMUunb9x5e1sg1HD7Z6TicBsC1zBJDMdNQIbeUlg
f8YhyAju7dW0OaDkUajJR4xmW6rp6KuAH4sQQRT5/8U2LMSeqb467Y4tCkIvi1Ll
LetlUNUwvjOcdyjRaRfzPZdJGMzw5ucE99TO3c0bZaTSAJGzDAMYerPNhsi7hIu2
jZmGLDDvGl/gAK34EakYyRDlH/RWT8ucWekoU2TYvqe/H2bKJRxAw/WxNXErJCgx
uzfgE30Q9NHywPZUZ7wMHC9YvAGxLPLfOF6aLIqWFUX92mDRlTPeBcT+bfLL2Nha
CwIDAQAB
-----END PUBLIC KEY-----
"""
NONCE, PAY_NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
ORDER_PATH, ORDER = (
    "/v3/pay/transactions/jsapi",
    """{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"test","out_trade_no":"1217752501201407033233368018","notify_url":"https://www.weixin.qq.com/wxpay/pay.php","amount":{"total":1,"currency":"CNY"},"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}""",
)
QUERY_PATH = "/v3/pay/transactions/out-trade-no/1217752501201407033233368018?mchid=1900007291"
ORDER_SIGNED = "XREzBLfo1FB0lLGqXI8NnBWz1Er5ZusAdJnNA6rxw93J8iuQp8J4jFMhrxIi5lviOnW5PEp7fm+Mw4Gojx+FZVgorm3sOw7lZ3lHcQmAtMrRWVU9pqP+5o/6CMA7jKCRqG8B++Quk/VDpfXNRLiX4fWOWB5hjZ0baMWf2EMaTQwTaUTeC7YXe1opFRUD3wxJbX2id7b24YwzmiBqRKHokNZfPL0RcbHmb8l8oJJs4MuKt9pRzVlCDC8YGvrE9iisuz3+n7DtzWBeORfyjZk7e8DOCfWHNVojDv6d+Sx9kyVYY8vxOBAcvfsRTmg60489PPMWkPNgQbutYLWmHRD/+w=="
QUERY_SIGNED = "p8AN+CtzA64PId8see2qVX9ty18wotW7CGyHDpguGgd4PbAnxOKzhaaNWU2JOvBgRHi6ZGNMb8f5OEk452wEEG4dUIiO8Iyuk3oavn3rZZe3FUlzVu3PRqU5BssFeRoN2cPt5MRT8ypEzXVU6tATQ6LCwTGF8u+qj34+CYnrEhHziNTLTHVEW+ybAnd8B9I/w21yUOLdejvlUMats0yyDJ08yFjoYkLM87Un/ztY2j2ZinPOfHIsMjXKTxuEW0t1ZQtIL/Yih+0fV+A4WTfvb3diK55xE4b8Pb+ng18cqRD/JMK7E0jF3GLFpknaot3wtjDg8yT1KLgMMVT30Z5GVQ=="
PAY_SIGNED = "AzNhadq7Wh6lesO4pZ4qCGPt3LrpklH/QNz/v00jT9g2lnjwJEU+ZT3jSGrWTdpJ946ebIlTq/ZOR1bL/ZAvzl4Cn2rHpzhK2lnDqlPPrRtYBQVrmZLNOFDfeVRVsZt3uMnK76MgLTSQcA+qpBYx8vTWeaXQ1AVgm4YMaux3x0Vv8seldf2YtHfoC8yVbPWGjtYP99mpabsephBMdDpojXuK7zBKexSLZIIFo8YktdRdNAgbM6f20LJgiQmJFxNjq5xu7DjKFk+A+m45NP90V+ge65arvFonZnyEUrrmW149vr8RZIQurGBtefdyqbSxqsxqzVUDwmdoPrzG+sDuCQ=="


def signed_by(public: str, message: str, signature: str) -> None:
    loaded = load_pem_public_key(public.encode())
    assert isinstance(loaded, rsa.RSAPublicKey)
    loaded.verify(base64.b64decode(signature), message.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(("method", "path", "body", "worked"), [("POST", ORDER_PATH, ORDER, ORDER_SIGNED), ("GET", QUERY_PATH, "", QUERY_SIGNED)])
def test_our_calls_sign_the_message_of_the_worked_ones(method: str, path: str, body: str, worked: str) -> None:
    """The private half of the worked call is not here: the message it signed is, and ours must be the same under our key."""
    message = "\n".join((method, path, "1554208460", "<nonce>", body, ""))
    signed_by(MERCHANT_PUB, message.replace("<nonce>", NONCE), worked)
    seals = Seals(make_account(), lambda: datetime.fromtimestamp(1554208460, UTC))
    parts = dict(re.findall(r'(\w+)="([^"]*)"', seals.authorization(method, path, body.encode())))
    signed_by(public_pem("merchant"), message.replace("<nonce>", parts["nonce_str"]), parts["signature"])


def test_our_pay_parameters_sign_the_message_of_the_worked_ones() -> None:
    message = "wxd678efh567hg6787\n1414561699\n<nonce>\nprepay_id=wx201410272009395522657a690389285100\n"
    signed_by(MERCHANT_PUB, message.replace("<nonce>", PAY_NONCE), PAY_SIGNED)
    pay = WeChatPayV3(Http([]), make_account(), NOTIFY, clock=lambda: datetime.fromtimestamp(1414561699, UTC))
    ours = pay._pay_params("wx201410272009395522657a690389285100")
    signed_by(public_pem("merchant"), message.replace("<nonce>", ours["nonceStr"]), ours["paySign"])
