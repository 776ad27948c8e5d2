"""Alipay's trade calls: what is asked, and what each answer means. Against a gateway on loopback that signs for real."""

import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kit.clock import now
from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from payments.alipay_trade import AlipayTrade
from payments.gateways import Gateway, PayAsk, Payment, RefundAsk
from tests.payments.alipay_merchant import APP_ID, BUYER, NOTIFY_URL, OPEN_ID, PretendGateway, make_trade, no, pretending

CREATE, QUERY, CLOSE = "alipay.trade.create", "alipay.trade.query", "alipay.trade.close"
REFUND, ASK_REFUND, BILL = "alipay.trade.refund", "alipay.trade.fastpay.refund.query", "alipay.data.dataservice.bill.downloadurl.query"
ASK = PayAsk("Z1", 123456, "居民身份证工本费", OPEN_ID, datetime(2026, 11, 21, 18, 34, 56, tzinfo=UTC))
BACK = RefundAsk("Z1", "R1", "2026112122001", 40, 123456, "多收退回")
FOUND = {
    **{"out_trade_no": "Z1", "trade_no": "2026112122001", "total_amount": "1234.56", "trade_status": "TRADE_SUCCESS"},
    **{
        "buyer_user_id": BUYER,
        "buyer_open_id": OPEN_ID,
        "send_pay_date": "2026-11-21 10:00:00",
        "receipt_amount": "0.00",
        "buyer_pay_amount": "0.00",
    },
}
REFUNDED = {
    "out_trade_no": "Z1",
    "out_request_no": "R1",
    "refund_amount": "0.40",
    "refund_status": "REFUND_SUCCESS",
    "gmt_refund_pay": "2026-11-22 09:00:00",
}
AT = datetime(2026, 11, 22, 1, tzinfo=UTC)


@pytest.fixture
async def table() -> AsyncIterator[tuple[PretendGateway, Http]]:
    async with pretending() as own:
        yield own


@pytest.fixture
def gateway(table: tuple[PretendGateway, Http]) -> PretendGateway:
    return table[0]


@pytest.fixture
def trade(table: tuple[PretendGateway, Http]) -> AlipayTrade:
    return make_trade(table[1], table[0].url)


# prepay


async def test_an_order_is_asked_for_as_the_documents_say(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[CREATE] = {"out_trade_no": "Z1", "trade_no": "2026112122001"}
    as_gateway: Gateway = trade
    assert await as_gateway.prepay(ASK) == {"tradeNO": "2026112122001"}
    assert gateway.biz() == {
        **{"out_trade_no": "Z1", "total_amount": "1234.56", "subject": "居民身份证工本费", "product_code": "JSAPI_PAY"},
        **{"op_app_id": APP_ID, "buyer_open_id": OPEN_ID, "time_expire": "2026-11-22 02:34:56"},
    }
    assert gateway.asked[0]["notify_url"] == NOTIFY_URL


@pytest.mark.parametrize(
    ("payer", "name"), [(BUYER, "buyer_id"), (OPEN_ID, "buyer_open_id"), ("20881", "buyer_open_id"), ("2088" + "１" * 12, "buyer_open_id")]
)
async def test_a_user_id_and_an_open_id_have_names_of_their_own(gateway: PretendGateway, trade: AlipayTrade, payer: str, name: str) -> None:
    gateway.answers[CREATE] = {"out_trade_no": "Z1", "trade_no": "2026112122001"}
    await trade.prepay(PayAsk("Z1", 1, "x", payer, ASK.expires_at))
    assert {key: value for key, value in gateway.biz().items() if key.startswith("buyer")} == {name: payer}


@pytest.mark.parametrize(
    ("title", "subject"), [("换领/补领 a=b & c", "换领 补领 a b c"), ('甲,乙"丙"\n丁', "甲 乙 丙 丁"), ("=/&", "Z1"), ("长" * 300, "长" * 256)]
)
async def test_a_title_loses_what_alipay_and_its_statement_cannot_take(gateway: PretendGateway, trade: AlipayTrade, title: str, subject: str) -> None:
    gateway.answers[CREATE] = {"out_trade_no": "Z1", "trade_no": "2026112122001"}
    await trade.prepay(PayAsk("Z1", 1, title, OPEN_ID, ASK.expires_at))
    assert gateway.biz()["subject"] == subject


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (no("40004", "ACQ.TRADE_HAS_SUCCESS"), Refused, "order_paid"),
        (no("40004", "ACQ.TRADE_HAS_CLOSE"), Refused, "order_closed"),
        (no("40004", "ACQ.CONTEXT_INCONSISTENT"), Refused, "order_no_used"),
        (no("40004", "ACQ.TRADE_BUYER_NOT_MATCH"), Refused, "other_payer"),
        (no("40004", "ACQ.SOMETHING_NEW"), Refused, "ACQ.SOMETHING_NEW"),
        (no("40002", "isv.invalid-signature"), NotReached, "isv.invalid-signature"),
        (no("40006", ""), NotReached, "code_40006"),
        (no("40004", "isp.something-new"), Unknown, "isp.something-new"),
        (no("20000", "isp.unknow-error"), Unknown, "isp.unknow-error"),
        ({"out_trade_no": "Z2", "trade_no": "2026112122001"}, Unknown, "other_order"),
        ({"out_trade_no": "Z1"}, Unknown, "garbled_reply"),
    ],
)
async def test_each_refusal_has_our_word(gateway: PretendGateway, trade: AlipayTrade, answer: Any, error: type[Outside], reason: str) -> None:
    gateway.answers[CREATE] = answer
    with pytest.raises(error) as caught:
        await trade.prepay(ASK)
    assert caught.value.reason == reason


# query


async def test_a_paid_order_is_a_payment_in_our_words(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[QUERY] = FOUND
    paid_at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    assert await trade.query("Z1") == Payment("alipay", "Z1", "2026112122001", 123456, "CNY", (BUYER, OPEN_ID), paid_at)
    gateway.answers[QUERY] = {**FOUND, "trade_status": "TRADE_FINISHED"}
    assert isinstance(await trade.query("Z1"), Payment)


@pytest.mark.parametrize("proof", [{"fund_bill_list": [{"amount": "1234.56"}]}, {"receipt_amount": "1234.56"}, {"buyer_pay_amount": "0.01"}])
async def test_a_trade_closed_by_its_full_refund_was_paid(gateway: PretendGateway, trade: AlipayTrade, proof: dict[str, Any]) -> None:
    gateway.answers[QUERY] = {**FOUND, "trade_status": "TRADE_CLOSED", **proof}
    assert isinstance(await trade.query("Z1"), Payment)


async def test_a_trade_closed_without_money_was_not_paid_whatever_date_it_carries(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[QUERY] = {**FOUND, "trade_status": "TRADE_CLOSED"}
    assert await trade.query("Z1") == "closed"


@pytest.mark.parametrize(
    ("answer", "told"), [({**FOUND, "trade_status": "WAIT_BUYER_PAY"}, "waiting"), (no("40004", "ACQ.TRADE_NOT_EXIST"), "absent")]
)
async def test_an_order_that_is_not_paid(gateway: PretendGateway, trade: AlipayTrade, answer: Any, told: str) -> None:
    gateway.answers[QUERY] = answer
    assert await trade.query("Z1") == told


@pytest.mark.parametrize(
    "change",
    [
        {"out_trade_no": "Z2"},
        {"out_trade_no": None},
        {"total_amount": "1234.567"},
        {"total_amount": 1234.56},
        {"trade_no": ""},
        {"trade_status": "NEW"},
        {"send_pay_date": "x"},
    ],
)
async def test_an_answer_that_is_not_clear_is_no_answer(gateway: PretendGateway, trade: AlipayTrade, change: dict[str, Any]) -> None:
    gateway.answers[QUERY] = {**FOUND, **change}
    with pytest.raises(Unknown):
        await trade.query("Z1")


async def test_another_currency_is_seen(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[QUERY] = {**FOUND, "trans_currency": "HKD"}
    paid = await trade.query("Z1")
    assert isinstance(paid, Payment) and paid.currency == "HKD"


# close


async def test_closing_what_is_closed_or_unknown_is_no_error(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[CLOSE] = {"out_trade_no": "Z1", "trade_no": "2026112122001"}
    assert await trade.close("Z1") == "closed"
    gateway.answers[CLOSE] = no("40004", "ACQ.TRADE_NOT_EXIST")
    assert await trade.close("Z1") == "closed"
    gateway.answers |= {CLOSE: no("40004", "ACQ.TRADE_STATUS_ERROR"), QUERY: {**FOUND, "trade_status": "TRADE_CLOSED"}}
    assert await trade.close("Z1") == "closed"


async def test_closing_what_was_paid_meanwhile_says_so(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers |= {CLOSE: no("40004", "ACQ.TRADE_STATUS_ERROR"), QUERY: FOUND}
    assert await trade.close("Z1") == "paid"


async def test_what_alipay_refuses_to_close_and_still_waits_is_not_called_closed(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers |= {CLOSE: no("40004", "ACQ.TRADE_STATUS_ERROR"), QUERY: {**FOUND, "trade_status": "WAIT_BUYER_PAY"}}
    with pytest.raises(Refused, match="wrong_state"):
        await trade.close("Z1")
    gateway.answers[CLOSE] = no("20000", "isp.unknow-error")
    with pytest.raises(Unknown):
        await trade.close("Z1")


# refunds


async def test_money_that_moved_is_a_refund_that_is_done(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[REFUND] = {"out_trade_no": "Z1", "fund_change": "Y", "refund_fee": "100.00", "gmt_refund_pay": "2026-11-22 09:00:00"}
    told = await trade.refund(BACK)
    assert (told.state, told.amount_fen, told.refunded_at, told.refund_no) == ("done", 40, AT, "R1")  # refund_fee is the sum of all
    assert gateway.biz() == {"out_trade_no": "Z1", "refund_amount": "0.40", "out_request_no": "R1", "refund_reason": "多收退回"}


async def test_newer_replies_carry_no_time(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers[REFUND] = {"out_trade_no": "Z1", "fund_change": "Y", "refund_fee": "0.40"}
    before = now()
    told = await trade.refund(BACK)
    assert told.refunded_at is not None and before <= told.refunded_at <= now()


async def test_10000_without_fund_change_is_a_refund_only_when_the_query_knows_it(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers |= {REFUND: {"out_trade_no": "Z1", "fund_change": "N", "refund_fee": "0.40"}, ASK_REFUND: REFUNDED}
    told = await trade.refund(BACK)
    assert (told.state, told.refunded_at) == ("done", AT)
    gateway.answers[ASK_REFUND] = {}
    told = await trade.refund(BACK)
    assert (told.state, told.refunded_at) == ("processing", None)  # never "failed": that would free the money for another refund


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (REFUNDED, ("done", 40)),
        ({name: value for name, value in REFUNDED.items() if name != "refund_status"}, ("done", 40)),
        ({**REFUNDED, "refund_status": "REFUND_PROCESSING"}, ("processing", 40)),
        ({**REFUNDED, "refund_amount": "0.41"}, ("abnormal", 41)),
        ({}, None),
        (no("40004", "ACQ.TRADE_NOT_EXIST"), None),
        (no("40004", "TRADE_NOT_EXIST"), None),
    ],
)
async def test_what_the_refund_query_says(gateway: PretendGateway, trade: AlipayTrade, answer: Any, expected: Any) -> None:
    gateway.answers[ASK_REFUND] = answer
    told = await trade.query_refund(BACK)
    assert (None if told is None else (told.state, told.amount_fen)) == expected
    assert gateway.biz()["out_request_no"] == "R1"


@pytest.mark.parametrize(
    "answer",
    [
        no("40004", "ACQ.INVALID_PARAMETER"),
        {**REFUNDED, "out_request_no": "R2"},
        {**REFUNDED, "out_trade_no": "Z2"},
        {**REFUNDED, "refund_amount": "x"},
    ],
)
async def test_a_refund_query_without_an_answer_never_means_that_nothing_moved(gateway: PretendGateway, trade: AlipayTrade, answer: Any) -> None:
    gateway.answers |= {ASK_REFUND: answer, REFUND: {"out_trade_no": "Z1", "fund_change": "N"}}
    for ask in (trade.query_refund, trade.refund):
        with pytest.raises(Unknown):
            await ask(BACK)


@pytest.mark.parametrize(
    ("sub_code", "reason"),
    [
        ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "not_enough_funds"),
        ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "more_than_paid"),
        ("ACQ.TRADE_HAS_FINISHED", "no_longer_refundable"),
        ("ACQ.TRADE_NOT_EXIST", "not_found"),
    ],
)
async def test_a_refund_that_is_refused_moved_nothing(gateway: PretendGateway, trade: AlipayTrade, sub_code: str, reason: str) -> None:
    gateway.answers[REFUND] = no("40004", sub_code)
    with pytest.raises(Refused) as caught:
        await trade.refund(BACK)
    assert caught.value.reason == reason


async def test_a_refund_number_that_moved_another_amount_is_for_a_human(gateway: PretendGateway, trade: AlipayTrade) -> None:
    gateway.answers |= {REFUND: no("40004", "ACQ.DISCORDANT_REPEAT_REQUEST"), ASK_REFUND: {**REFUNDED, "refund_amount": "0.50"}}
    told = await trade.refund(BACK)
    assert (told.state, told.amount_fen) == ("abnormal", 50)


# statements


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("x_业务明细.csv", "#")
    return path.read_bytes()


async def test_a_statement_is_fetched_at_once_from_the_address_alipay_gave(gateway: PretendGateway, trade: AlipayTrade, tmp_path: Path) -> None:
    made = zipped(tmp_path / "made.zip")
    gateway.files["/bill"] = lambda: web.Response(body=made)
    gateway.answers[BILL] = {"bill_download_url": f"{gateway.url}/bill?token=1"}
    path = await trade.fetch_statement(date(2026, 11, 21), tmp_path)
    assert path is not None and path.read_bytes() == made and path.name == f"alipay-{trade.merchant}-2026-11-21.zip"
    assert gateway.biz() == {"bill_type": "trade", "bill_date": "2026-11-21"}


async def test_a_day_without_a_statement_is_none_and_a_dead_address_is_no_statement(
    gateway: PretendGateway, trade: AlipayTrade, tmp_path: Path
) -> None:
    gateway.answers[BILL] = no("40004", "isp.bill_not_exist")
    assert await trade.fetch_statement(date(2026, 11, 21), tmp_path) is None
    gateway.answers[BILL] = {"bill_download_url": f"{gateway.url}/bill"}
    for answer in (web.Response(status=403, text="<html>"), web.Response(text="<html>链接已失效</html>")):
        gateway.files["/bill"] = lambda answer=answer: answer  # type: ignore[misc]
        with pytest.raises(Unknown):
            await trade.fetch_statement(date(2026, 11, 21), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://169.254.169.254/bill", "ftp://x/bill", "file:///etc/passwd", "https://127.0.0.1/bill"])
async def test_a_statement_comes_from_nowhere_else(gateway: PretendGateway, trade: AlipayTrade, tmp_path: Path, url: str) -> None:
    gateway.answers[BILL] = {"bill_download_url": url}
    with pytest.raises(NotReached, match="statement_from_elsewhere"):
        await trade.fetch_statement(date(2026, 11, 21), tmp_path)


def test_the_documented_address_is_raised_to_https_when_only_that_is_listed(trade: AlipayTrade) -> None:
    own = AlipayTrade(trade._alipay, "2088", NOTIFY_URL, downloads=["https://dwbillcenter.alipay.com"])
    assert (
        own._allowed("http://dwbillcenter.alipay.com/downloadBillFile.resource?x=1")
        == "https://dwbillcenter.alipay.com/downloadBillFile.resource?x=1"
    )
