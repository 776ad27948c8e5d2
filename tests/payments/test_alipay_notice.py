"""Alipay's notices: whom they come from, whom they are for, and what they are about."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.http import Http
from payments.alipay_trade import AlipayTrade
from payments.gateways import Foreign, Forged, Notice, Unreadable
from tests.payments.alipay_merchant import APP_ID, BUYER, OPEN_ID, PAID, SELLER, form, make_trade, notice, sign, signed


@pytest.fixture(scope="module")
def trade() -> Iterator[AlipayTrade]:
    http = Http([])
    yield make_trade(http, "http://127.0.0.1:1")
    asyncio.run(http.close())


def refused(trade: AlipayTrade, body: bytes) -> tuple[type[Forged], str]:
    with pytest.raises(Forged) as caught:
        trade.read_notice({}, body)
    return type(caught.value), caught.value.reason


def test_a_notice_signed_by_the_sdks_own_code_is_a_payment(trade: AlipayTrade) -> None:
    read = trade.read_notice({}, notice(buyer_open_id=OPEN_ID))
    assert (read.gateway, read.id, read.refund) == ("alipay", PAID["notify_id"], None)
    paid = read.payment
    assert paid is not None
    assert (paid.order_no, paid.transaction_id) == ("0719141034-6418", "2016071921001003030200089909")
    assert (paid.amount_fen, paid.currency, paid.payers) == (200, "CNY", (BUYER, OPEN_ID))
    assert paid.paid_at == datetime(2016, 7, 19, 6, 10, 47, tzinfo=UTC)


def test_the_same_notice_again_reads_the_same_and_no_longer_refundable_is_still_paid(trade: AlipayTrade) -> None:
    assert trade.read_notice({}, notice()) == trade.read_notice({}, notice())
    finished = trade.read_notice({}, notice(trade_status="TRADE_FINISHED"))
    assert finished.payment == trade.read_notice({}, notice()).payment


def test_new_apps_give_an_open_id_alone(trade: AlipayTrade) -> None:
    read = trade.read_notice({}, notice(buyer_id=None, buyer_open_id=OPEN_ID)).payment
    assert read is not None and read.payers == (OPEN_ID,)


@pytest.mark.parametrize(
    "fields",
    [
        {"refund_fee": "0.40", "gmt_refund": "2016-07-20 09:00:00.123", "out_biz_no": "R1"},
        {"refund_fee": "0.40"},
        {"out_biz_no": "R1"},
        {"gmt_refund": "2016-07-20 09:00:00.123"},
        {"refund_fee": "2.00", "gmt_refund": "2016-07-20 09:00:00.123", "out_biz_no": "R2", "trade_status": "TRADE_CLOSED"},
    ],
)
def test_trade_success_after_a_refund_is_no_second_payment(trade: AlipayTrade, fields: dict[str, str]) -> None:
    """Its refund_fee is the sum of all refunds, so it is no news of any one of them either."""
    assert trade.read_notice({}, notice(**fields)) == Notice("alipay", PAID["notify_id"])


@pytest.mark.parametrize(
    "fields",
    [{"trade_status": "WAIT_BUYER_PAY"}, {"trade_status": "TRADE_CLOSED"}, {"notify_type": "open_app_auth_notify", "seller_id": None}],
)
def test_what_asks_for_nothing_is_acknowledged(trade: AlipayTrade, fields: dict[str, str | None]) -> None:
    assert trade.read_notice({}, notice(**fields)) == Notice("alipay", PAID["notify_id"])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"app_id": "2015102700040154"}, "other_app"), ({"seller_id": "2088102119685839"}, "other_seller"), ({"seller_id": None}, "other_seller")],
)
def test_a_genuine_notice_for_somebody_else_is_foreign(trade: AlipayTrade, fields: dict[str, str | None], reason: str) -> None:
    assert refused(trade, notice(**fields)) == (Foreign, reason)


@pytest.mark.parametrize(
    "fields",
    [
        {"total_amount": "2.005"},
        {"total_amount": "-2.00"},
        {"total_amount": "2e2"},
        {"total_amount": " 2.00"},
        {"total_amount": None},
        {"gmt_payment": None},
        {"gmt_payment": "2016-07-19"},
        {"trade_status": "TRADE_PENDING"},
        {"trade_status": None},
        {"trade_no": None},
        {"out_trade_no": None},
        {"refund_fee": "nothing"},
        {"notify_id": None},
    ],
)
def test_a_genuine_notice_that_is_not_what_the_documents_say_is_unreadable(trade: AlipayTrade, fields: dict[str, str | None]) -> None:
    assert refused(trade, notice(**fields))[0] is Unreadable


def test_a_notice_signed_by_somebody_else_or_changed_is_forged(trade: AlipayTrade) -> None:
    assert refused(trade, notice("stranger")) == (Forged, "bad_signature")
    assert refused(trade, notice().replace(b"total_amount=2.00", b"total_amount=0.01")) == (Forged, "bad_signature")
    assert refused(trade, notice() + b"&more=1") == (Forged, "bad_signature")
    assert refused(trade, form({**signed(PAID), "sign": "AAA"})) == (Forged, "bad_signature")
    assert refused(trade, form({**signed(PAID), "sign_type": "RSA"})) == (Forged, "bad_signature")
    assert refused(trade, form(PAID)) == (Forged, "bad_signature")
    assert refused(trade, b"") == (Forged, "bad_signature")


@pytest.mark.parametrize("again", ["total_amount=2.00", "total_amount=0.01", "%74otal_amount=0.01", "sign=AAAA", f"app_id={APP_ID}"])
def test_a_parameter_given_twice_is_refused_before_anything_is_verified(trade: AlipayTrade, again: str) -> None:
    for body in (notice() + b"&" + again.encode(), again.encode() + b"&" + notice()):
        assert refused(trade, body) == (Forged, "duplicate_parameter")


def test_a_notice_in_gbk_is_read_by_the_charset_it_names(trade: AlipayTrade) -> None:
    fields = {**PAID, "charset": "GBK", "subject": "居民身份证工本费"}
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    whole = {**fields, "sign_type": "RSA2", "sign": sign("platform", text.encode("gbk"))}
    read = trade.read_notice({"content-type": "application/x-www-form-urlencoded; charset=GBK"}, form(whole, "gbk")).payment
    assert read is not None and read.amount_fen == 200
    assert refused(trade, form({**whole, "charset": "utf-8"}, "gbk")) == (Forged, "garbled")
    assert refused(trade, form({**whole, "charset": "martian"}, "gbk")) == (Forged, "unknown_charset")


def test_a_body_too_large_or_with_too_many_parameters_is_not_even_parsed(trade: AlipayTrade) -> None:
    assert refused(trade, notice() + b"&more=" + b"x" * 65536) == (Forged, "too_large")
    assert refused(trade, b"&".join(b"a%d=" % one for one in range(200))) == (Forged, "too_many_parameters")


@given(st.binary(max_size=300))
def test_whatever_comes_is_refused_in_our_words(trade: AlipayTrade, body: bytes) -> None:
    assert refused(trade, body)[0] is Forged
    assert refused(trade, b"charset=GBK&x=" + quote_plus(body).encode())[0] is Forged


def test_yes_is_exactly_these_seven_characters(trade: AlipayTrade) -> None:
    yes, no = trade.ack(True), trade.ack(False)
    assert (yes.status, yes.body, yes.content_type) == (200, b"success", "text/plain")
    assert no.body == b"fail" and no.status != 200
    assert trade.merchant == SELLER
