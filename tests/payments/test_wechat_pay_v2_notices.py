"""Notices of WeChat Pay v2: signed ones of payments, encrypted ones of refunds, and every document that is neither."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.http import Http
from payments.gateways import Foreign, Forged, Payment, Refund, Unreadable
from payments.wechat_pay_v2 import WeChatPayV2
from tests.payments.wechat_pay_merchant import API_KEY, APPID, MCHID, OPENID, make_account, v2_box, v2_signature, v2_signed, v2_xml

PAY = WeChatPayV2(Http([]), make_account(), "https://example.test/v2", "https://example.test/v2/refund")
PAID = {
    "appid": APPID,
    "attach": "",
    "bank_type": "OTHERS",
    "cash_fee": "0",
    "coupon_fee": "0",
    "fee_type": "CNY",
    "is_subscribe": "N",
    "mch_id": MCHID,
    "nonce_str": "5d2b6c2a8db53831f7eda20af46e531c",
    "openid": OPENID,
    "out_trade_no": "ORDER_1",
    "result_code": "SUCCESS",
    "return_code": "SUCCESS",
    "time_end": "20261121103456",
    "total_fee": "100",
    "trade_type": "JSAPI",
    "transaction_id": "4200000000202611210000000001",
    "a_field_of_tomorrow": "signed too",
}
BACK = {
    "out_refund_no": "REFUND_1",
    "out_trade_no": "ORDER_1",
    "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
    "refund_fee": "40",
    "refund_id": "50000000382019052709732678859",
    "refund_recv_accout": "零钱",
    "refund_status": "SUCCESS",
    "success_time": "2026-11-22 10:34:56",
    "total_fee": "100",
    "transaction_id": "4200000000202611210000000001",
}


def refund_notice(inner: bytes | dict[str, str], *, pad: bytes | None = None, api_key: str = API_KEY, **outer: str) -> bytes:
    plain = inner if isinstance(inner, bytes) else v2_xml(inner, "root")
    return v2_xml({"return_code": "SUCCESS", "appid": APPID, "mch_id": MCHID, "nonce_str": "x", "req_info": v2_box(plain, api_key, pad)} | outer)


@pytest.mark.parametrize("sign_type", ["HMAC-SHA256", "MD5"])
def test_a_genuine_notice_is_read_whichever_way_it_is_signed(sign_type: str) -> None:
    for document in (v2_signed(PAID, sign_type), v2_signed(PAID | {"sign_type": sign_type}, sign_type)):
        notice = PAY.read_notice({}, document)
        paid_at = datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
        assert notice.payment == Payment("wechat_v2", "ORDER_1", "4200000000202611210000000001", 100, "CNY", (OPENID,), paid_at)
        assert (notice.id, notice.refund) == ("v2:4200000000202611210000000001", None)


def test_a_lower_case_signature_is_the_same_signature() -> None:
    assert PAY.read_notice({}, v2_xml({**PAID, "sign": v2_signature(PAID).lower()})).payment


GENUINE = v2_signed(PAID)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (v2_xml(PAID), "unsigned"),
        (v2_xml({**PAID, "sign": ""}), "unsigned"),
        (v2_xml({**PAID, "sign": "0" * 64}), "bad_signature"),
        (v2_xml({**PAID, "sign": "签名"}), "bad_signature"),
        (v2_signed(PAID, api_key="f" * 32), "bad_signature"),
        (v2_signed(PAID, api_key=""), "bad_signature"),
        (GENUINE.replace(b"<![CDATA[100]]>", b"<![CDATA[1]]>"), "bad_signature"),
        (GENUINE.replace(b"signed too", b"and changed"), "bad_signature"),
        (GENUINE.replace(b"</xml>", b"<new>1</new></xml>"), "bad_signature"),
        (GENUINE.replace(b"</xml>", b"<total_fee>1</total_fee></xml>"), "not_xml"),
        (GENUINE.replace(b"</xml>", b"<sign>A</sign></xml>"), "not_xml"),
        (GENUINE.replace(b"<![CDATA[100]]>", b"<a>100</a>"), "bad_signature"),
        (b'<!DOCTYPE xml [<!ENTITY e "1">]>' + GENUINE, "not_xml"),
        (b'<!DOCTYPE xml SYSTEM "http://169.254.169.254/">' + GENUINE, "not_xml"),
        (b"<xml>" + b"<a>" * 20_000, "not_xml"),
        (v2_signed(PAID | {"attach": "x" * 70_000}), "not_xml"),
        ('<?xml version="1.0" encoding="GBK"?>'.encode("gbk") + v2_signed(PAID | {"attach": "x"}).replace(b"[x]", "[中]".encode("gbk")), "not_xml"),
        (b"<xml>\xff</xml>", "not_xml"),
        (b'{"return_code":"SUCCESS"}', "not_xml"),
        (b"", "not_xml"),
        (b"<xml/>", "unsigned"),
        (b"<xml", "not_xml"),
    ],
)
def test_a_forgery_is_a_forgery_and_never_a_crash(document: bytes, reason: str) -> None:
    with pytest.raises(Forged) as caught:
        PAY.read_notice({}, document)
    assert type(caught.value) is Forged and caught.value.reason == reason


@pytest.mark.parametrize("other", [{"mch_id": "1900007292"}, {"appid": "wx0000000000000000"}, {"mch_id": ""}])
def test_what_is_meant_for_another_is_told_apart(other: dict[str, str]) -> None:
    boxed = refund_notice(BACK, mch_id=other.get("mch_id", MCHID), appid=other.get("appid", APPID))
    for document in (v2_signed(PAID | other), boxed):
        with pytest.raises(Foreign):
            PAY.read_notice({}, document)


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_fee": "1e2"},
        {"total_fee": "100.00"},
        {"total_fee": "-100"},
        {"total_fee": "+100"},
        {"total_fee": " 100"},
        {"total_fee": "１００"},
        {"total_fee": "1" * 13},
        {"total_fee": ""},
        {"total_fee": "abc"},
        {"time_end": "yesterday"},
        {"time_end": ""},
        {"transaction_id": ""},
        {"out_trade_no": "x" * 200},
        {"return_code": "FAIL"},
    ],
)
def test_a_signed_notice_that_is_not_as_documented_is_unreadable(wrong: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        PAY.read_notice({}, v2_signed(PAID | wrong))


def test_a_signed_notice_of_no_payment_asks_nothing_of_us() -> None:
    notice = PAY.read_notice({}, v2_signed(PAID | {"result_code": "FAIL"}))
    assert (notice.id, notice.payment, notice.refund) == ("v2:ORDER_1:unpaid", None, None)


@pytest.mark.parametrize(("status", "state"), [("SUCCESS", "done"), ("CHANGE", "abnormal"), ("REFUNDCLOSE", "failed")])
def test_a_refund_notice_is_opened(status: str, state: Any) -> None:
    notice = PAY.read_notice({}, refund_notice(BACK | {"refund_status": status}))
    at = datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC) if state == "done" else None
    assert notice.refund == Refund("wechat_v2", "ORDER_1", "REFUND_1", "50000000382019052709732678859", 40, state, at)
    assert (notice.id, notice.payment) == (f"v2r:50000000382019052709732678859:{status}", None)


@pytest.mark.parametrize(
    "document",
    [
        refund_notice(BACK, api_key="f" * 32),
        refund_notice(BACK, req_info=""),
        refund_notice(BACK, req_info="?"),
        refund_notice(BACK, req_info="不是base64"),
        refund_notice(BACK, req_info="AAAA"),
        refund_notice(BACK, req_info=v2_box(b"x" * 16, pad=b"")),
        refund_notice(b"x" * 16, pad=b"\x00" * 16),
        refund_notice(b"x" * 16, pad=b"\x01" * 15 + b"\x10"),
        refund_notice(b"x" * 16, pad=b"\x21" * 48),
        refund_notice(b"", pad=b"\x10" * 16),
        refund_notice(b"not XML"),
        refund_notice(b"<root>" + b"<a>" * 3000),
        refund_notice(b'<!DOCTYPE x [<!ENTITY e "1">]><root>&e;</root>'),
    ],
)
def test_what_our_key_does_not_open_is_a_forgery(document: bytes) -> None:
    with pytest.raises(Forged) as caught:
        PAY.read_notice({}, document)
    assert type(caught.value) is Forged


@pytest.mark.parametrize(
    "wrong", [{"refund_status": "NEW"}, {"refund_fee": "4e1"}, {"refund_fee": ""}, {"success_time": ""}, {"out_refund_no": ""}, {"out_trade_no": ""}]
)
def test_an_opened_box_that_is_not_as_documented_is_unreadable(wrong: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        PAY.read_notice({}, refund_notice(BACK | wrong))


def test_the_worked_refund_box_opens() -> None:
    worked = "WBzGpzQuNpcFxIlFjUUD9BZv+lpBMzd2SHiKCkwfALWid5G8ZvfOussfMIHLbKJmI/uKTSu1206Pv8FVtDW3Two+7RgZw71op7HA4y3kGlMdZ6wJEKB1uc7xpcuyUPewSwPLXxWmJQdPOGz3P8OF6CstOFoxPorz/j1FPhn8ojk6hWdIiQDcxmxoRUeIWsWmS8ew3USFrkvoZMbYnPfHJN5qRorvbogZTU6GJIOEdIsHE8iF5Xq7Fh6mreaCjkBdapM0NWl8jgWNnuw6WYURJyeRG138bRFI9GtXpBkMMsRJDTNTeGUKSCsndbTmbFMR"
    assert hashlib.md5(API_KEY.encode()).hexdigest() == "d96eb16afdd491fa1e705096edbc2205"
    assert PAY._seals.opened(worked) == {"out_refund_no": "R1", "out_trade_no": "A1", "refund_fee": "1", "refund_status": "SUCCESS", "total_fee": "1"}


@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<xml>{text}</xml>".encode(errors="replace")))
@settings(max_examples=300, deadline=None)
def test_nothing_anybody_sends_is_a_crash(body: bytes) -> None:
    with pytest.raises(Forged):
        PAY.read_notice({}, body)


@given(sealed=st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_no_box_anybody_sends_is_a_crash(sealed: bytes) -> None:
    with pytest.raises(Forged):
        PAY.read_notice({}, refund_notice(BACK, req_info=base64.b64encode(sealed).decode()))


def test_yes_and_no_are_documents_of_two_tags() -> None:
    yes, no = PAY.ack(True), PAY.ack(False)
    assert yes.body == b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
    assert b"<![CDATA[FAIL]]>" in no.body and {yes.status, no.status} == {200} and {yes.content_type, no.content_type} == {"text/xml"}
