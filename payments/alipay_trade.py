"""Alipay's trade interface for mini-programs (opendocs.alipay.com, alipay.trade.*): one seller's account.

Code 10000 says that a call was understood, not that money moved: a refund is done when `fund_change` or the refund query says so.
"""

import asyncio
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from core.bills import PayChannel
from kit.alipay import PARTY, Alipay, beijing
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.http import origin
from kit.money import fen, yuan
from payments import alipay_notice, alipay_statement
from payments.gateways import Ack, GatewayName, Notice, NotPaid, PayAsk, Payment, Refund, RefundAsk, StatementLine

# Alipay's sub_code -> our word. ACQ.SYSTEM_ERROR and 20000 (isp.unknow-error) never arrive here: they are Unknown.
_WORDS = {
    "ACQ.TRADE_NOT_EXIST": "not_found",
    "TRADE_NOT_EXIST": "not_found",  # fastpay.refund.query, older
    "ACQ.TRADE_HAS_SUCCESS": "order_paid",
    "ACQ.TRADE_HAS_CLOSE": "order_closed",
    "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR": "order_closed",  # its end has come already
    "ACQ.TRADE_STATUS_ERROR": "wrong_state",
    "ACQ.REASON_TRADE_STATUS_INVALID": "wrong_state",
    "ACQ.REASON_ILLEGAL_STATUS": "wrong_state",
    "ACQ.CONTEXT_INCONSISTENT": "order_no_used",
    "ACQ.TRADE_BUYER_NOT_MATCH": "other_payer",
    "ACQ.BUYER_SELLER_EQUAL": "payer_is_payee",
    "ACQ.TOTAL_FEE_EXCEED": "amount_not_allowed",
    "ACQ.EXIST_FORBIDDEN_WORD": "forbidden_word",
    "ACQ.INVALID_PARAMETER": "bad_parameter",
    "ACQ.ACCESS_FORBIDDEN": "not_permitted",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": "more_than_paid",
    "ACQ.REFUND_FEE_ERROR": "more_than_paid",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "more_than_paid",
    "ACQ.DISCORDANT_REPEAT_REQUEST": "refund_no_used",
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": "not_enough_funds",
    "ACQ.TRADE_HAS_FINISHED": "no_longer_refundable",
    "ACQ.TRADE_NOT_ALLOW_REFUND": "no_longer_refundable",
    "ACQ.REASON_TRADE_BEEN_FREEZEN": "frozen",
    "isp.bill_not_exist": "no_statement",
    "BILL_NOT_EXIST": "no_statement",  # what the document says; the line above is what comes
}
_USER_ID = re.compile(r"2088\d{12}", re.ASCII)
# / = & are refused by trade.create; commas and quotes would tear the lines of the statement, which quotes nothing
_NOT_IN_A_TITLE = re.compile(r"[/=&,\"\\\x00-\x1f\x7f]+")


class AlipayTrade:
    """Fulfils payments.gateways.Gateway.

    `downloads`: origins a statement may come from, besides the gateway's own: in production https://dwbillcenter.alipay.com. They must
    stand on the egress list too. Alipay gives that address with http://, which is raised to https:// when the list has only that.
    """

    name: GatewayName = "alipay"
    channel: PayChannel = "alipay"

    def __init__(self, alipay: Alipay, seller_id: str, notify_url: str, *, downloads: Iterable[str] = ()) -> None:
        self.merchant = seller_id
        self._alipay = alipay
        self._notify_url = notify_url
        self._downloads = {origin(url) for url in (alipay.gateway, *downloads)}

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        """alipay.trade.create -> {"tradeNO"} for my.tradePay. Refused: order_paid, order_closed, order_no_used, other_payer."""
        asked = {
            "out_trade_no": ask.order_no,
            "total_amount": yuan(ask.amount_fen),
            "subject": _title(ask),
            "product_code": "JSAPI_PAY",
            "op_app_id": self._alipay.app_id,
            "buyer_id" if _USER_ID.fullmatch(ask.payer) else "buyer_open_id": ask.payer,
            "time_expire": beijing(ask.expires_at),
        }
        reply = await self._call("alipay.trade.create", asked, notify_url=self._notify_url)
        _of(reply, ask.order_no)
        return {"tradeNO": _text(reply, "trade_no")}

    async def query(self, order_no: str) -> Payment | NotPaid:
        try:
            reply = await self._call("alipay.trade.query", {"out_trade_no": order_no, "query_options": ["fund_bill_list"]})
        except Refused as exc:
            if exc.reason == "not_found":
                return "absent"
            raise
        _of(reply, order_no)
        status = _text(reply, "trade_status")
        if status == "WAIT_BUYER_PAY":
            return "waiting"
        if status == "TRADE_CLOSED" and not _money_came(reply):
            return "closed"
        if status not in (*alipay_notice.PAID, "TRADE_CLOSED"):
            raise Unknown(PARTY, "unknown_trade_status")
        paid_at = reply.get("send_pay_date") or reply.get("gmt_payment")
        try:
            return Payment(
                gateway="alipay",
                order_no=order_no,
                transaction_id=_text(reply, "trade_no"),
                amount_fen=fen(_text(reply, "total_amount")),
                currency=str(reply.get("trans_currency") or "CNY"),
                payers=tuple(str(reply[name]) for name in ("buyer_user_id", "buyer_open_id") if reply.get(name)),
                paid_at=alipay_notice.when(str(paid_at)) if paid_at else now(),
            )
        except ValueError as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    async def close(self, order_no: str) -> Literal["closed", "paid"]:
        """alipay.trade.close. Where it refuses, the order is looked at: closing what is closed or paid is no error."""
        try:
            _of(await self._call("alipay.trade.close", {"out_trade_no": order_no}), order_no)
        except Refused as exc:
            if exc.reason == "not_found":
                return "closed"
            found = await self.query(order_no)
            if isinstance(found, Payment):
                return "paid"
            if found == "waiting":
                raise
        return "closed"

    async def refund(self, ask: RefundAsk) -> Refund:
        """alipay.trade.refund; the same refund_no again moves nothing. Refused: more_than_paid, not_enough_funds, no_longer_refundable.

        When Alipay says that nothing moved this time, the refund query tells whether it did before; while it tells nothing, "processing".
        """
        asked = {
            "out_trade_no": ask.order_no,
            "refund_amount": yuan(ask.amount_fen),
            "out_request_no": ask.refund_no,
            "refund_reason": ask.reason[:256],
        }
        try:
            reply = await self._call("alipay.trade.refund", asked)
        except Refused as exc:
            if exc.reason != "refund_no_used":  # this number has refunded another amount: what it did must be seen
                raise
            reply = {}
        else:
            _of(reply, ask.order_no)
        if reply.get("fund_change") == "Y":
            return _done(ask, reply, ask.amount_fen)
        return await self.query_refund(ask) or Refund("alipay", ask.order_no, ask.refund_no, "", ask.amount_fen, "processing", None)

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        """alipay.trade.fastpay.refund.query. Another amount than ours under our number is "abnormal". Never Refused: that would say "nothing moved"."""
        asked = {"out_trade_no": ask.order_no, "out_request_no": ask.refund_no, "query_options": ["gmt_refund_pay"]}
        try:
            reply = await self._call("alipay.trade.fastpay.refund.query", asked)
        except Refused as exc:
            if exc.reason == "not_found":
                return None
            raise Unknown(PARTY, exc.reason) from exc
        status, amount = reply.get("refund_status"), reply.get("refund_amount")
        if not status and amount is None:
            return None  # 10000 with nothing in it: no such refund
        _of(reply, ask.order_no)
        if reply.get("out_request_no") != ask.refund_no:
            raise Unknown(PARTY, "other_refund")
        try:
            moved = ask.amount_fen if amount is None else fen(str(amount))
            if status and status != "REFUND_SUCCESS":
                return Refund("alipay", ask.order_no, ask.refund_no, "", moved, "processing", None)
            return _done(ask, reply, moved)
        except ValueError as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        return alipay_notice.read_notice(self._alipay, self.merchant, body)

    def ack(self, taken: bool) -> Ack:
        """Alipay reads the body alone: these seven characters and nothing around them. Anything else, and it comes again."""
        return Ack(200, b"success", "text/plain") if taken else Ack(503, b"fail", "text/plain")

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        """A zip; its address dies after 30 s, so it is fetched at once. Ready at 10:00 of the next day."""
        try:
            reply = await self._call("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": day.isoformat()})
        except Refused as exc:
            if exc.reason == "no_statement":
                return None
            raise
        path = folder / f"alipay-{self.merchant}-{day.isoformat()}.zip"
        answer = await self._alipay.download(self._allowed(_text(reply, "bill_download_url")), path)
        if answer.status != 200:
            raise Unknown(PARTY, f"http_{answer.status}")
        if not await asyncio.to_thread(zipfile.is_zipfile, path):  # an expired address answers with a page
            await asyncio.to_thread(path.unlink)
            raise Unknown(PARTY, "garbled_statement")
        return path

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        return alipay_statement.read_statement(path)

    def _allowed(self, url: str) -> str:
        secure = re.sub(r"^http://", "https://", url)
        for one in (url, secure):
            if origin(one) in self._downloads:
                return one
        raise NotReached(PARTY, "statement_from_elsewhere")

    async def _call(self, method: str, asked: dict[str, Any], **top: str) -> dict[str, Any]:
        """Raises NotReached, Unknown, Refused with our word. What the open gateway itself refuses (isv.*: a wrong key, a missing

        permission) never came as far as the order and says nothing about it: NotReached.
        """
        try:
            return await self._alipay.call(method, asked, **top)
        except Refused as exc:
            word = _WORDS.get(exc.reason, exc.reason)
            if word.startswith("isp."):  # the provider's side failed, somewhere
                raise Unknown(PARTY, word) from exc
            if word.startswith(("isv.", "aop.", "code_")):
                raise NotReached(PARTY, word) from exc
            raise Refused(PARTY, word) from exc


def _title(ask: PayAsk) -> str:
    return " ".join(_NOT_IN_A_TITLE.sub(" ", ask.title).split())[:256] or ask.order_no


def _of(reply: dict[str, Any], order_no: str) -> None:
    """A reply has no nonce: a genuine one about another order would do as well. Raises Unknown."""
    if reply.get("out_trade_no") != order_no:
        raise Unknown(PARTY, "other_order")


def _text(reply: dict[str, Any], name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not value:
        raise Unknown(PARTY, "garbled_reply")
    return value


def _money_came(reply: dict[str, Any]) -> bool:
    """Whether a closed trade was paid once and then refunded in full. `send_pay_date` proves nothing: unpaid trades may carry one."""
    if reply.get("fund_bill_list"):
        return True
    try:
        return any(fen(str(reply.get(name) or "0")) for name in ("receipt_amount", "buyer_pay_amount", "invoice_amount", "refund_fee"))
    except ValueError as exc:
        raise Unknown(PARTY, "garbled_reply") from exc


def _done(ask: RefundAsk, reply: dict[str, Any], moved: int) -> Refund:
    """The reply's `refund_fee` is the sum of all refunds of the trade and says nothing about this one. Raises ValueError."""
    at = reply.get("gmt_refund_pay")
    state: Literal["done", "abnormal"] = "done" if moved == ask.amount_fen else "abnormal"
    return Refund("alipay", ask.order_no, ask.refund_no, "", moved, state, alipay_notice.when(str(at)) if at else now())
