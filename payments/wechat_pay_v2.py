"""WeChat Pay v2 (XML): JSAPI orders, refunds, notices and the statement of a day. What its codes mean stands in wechat_pay_v2_calls.py."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from core.bills import PayChannel
from kit.clock import BEIJING, now
from kit.errors import Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce
from payments.gateways import (
    Ack,
    Foreign,
    Forged,
    GatewayName,
    Notice,
    NotPaid,
    PayAsk,
    Payment,
    Refund,
    RefundAsk,
    RefundState,
    StatementLine,
    Unreadable,
)
from payments.wechat_pay_account import WeChatPayAccount
from payments.wechat_pay_v2_calls import Calls
from payments.wechat_pay_v2_signing import document_fields
from payments.wechat_pay_words import PARTY, cut, number
from payments.wechat_statement import read, statement_path

T = TypeVar("T")
Values = Mapping[str, str]

_UNPAID: dict[str, NotPaid] = {
    "NOTPAY": "waiting",
    "USERPAYING": "waiting",
    "ACCEPT": "waiting",
    "PAYERROR": "waiting",
    "CLOSED": "closed",
    "REVOKED": "closed",
}
_REFUND_STATES: dict[str, RefundState] = {"SUCCESS": "done", "PROCESSING": "processing", "REFUNDCLOSE": "failed", "CHANGE": "abnormal"}
_MOST_REFUNDS = 50  # of one order
_AMOUNT = re.compile(r"[0-9]{1,12}")


class WeChatPayV2:
    """One merchant account. `notify_url` and `refund_notify_url`: https, without a query; either kind of notice is read wherever it comes."""

    name: GatewayName = "wechat_v2"
    channel: PayChannel = "wechat"

    def __init__(
        self, http: Http, account: WeChatPayAccount, notify_url: str, refund_notify_url: str, *, clock: Callable[[], datetime] = now
    ) -> None:
        self._appid, self._sign_type, self._refund_url = account.appid, account.sign_type, _refund_address(account)
        self._notify_url, self._refund_notify_url = notify_url, refund_notify_url
        self._calls, self._clock = Calls(http, account), clock
        self._seals = self._calls.seals
        self.merchant = account.mchid

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        """timeStamp, nonceStr, package, signType, paySign. The same order gives a fresh prepay_id, good for two hours."""
        wanted = {
            "body": cut(ask.title, 127),
            "out_trade_no": number(ask.order_no),
            "total_fee": str(ask.amount_fen),
            "fee_type": "CNY",
            "spbill_create_ip": "127.0.0.1",  # asked for, of no effect in JSAPI; wechatpy would look a name up to find ours
            "time_expire": ask.expires_at.astimezone(BEIJING).strftime("%Y%m%d%H%M%S"),
            "notify_url": self._notify_url,
            "trade_type": "JSAPI",
            "openid": ask.payer,
        }
        prepay_id = (await self._calls.call("/pay/unifiedorder", wanted)).get("prepay_id", "")
        if not prepay_id:
            raise Unknown(PARTY, "garbled_reply")
        return self._pay_params(prepay_id)

    async def query(self, order_no: str) -> Payment | NotPaid:
        try:
            found = await self._calls.call("/pay/orderquery", {"out_trade_no": number(order_no)})
        except Refused as exc:
            if exc.reason == "not_found":
                return "absent"
            raise
        if found.get("out_trade_no") != order_no:
            raise Unknown(PARTY, "reply_to_another_call")
        if unpaid := _UNPAID.get(state := found.get("trade_state", "")):
            return unpaid
        if state not in ("SUCCESS", "REFUND"):  # REFUND: paid, and some of it given back
            raise Unknown(PARTY, "garbled_reply")
        return _replied(lambda: self._payment(found))

    async def close(self, order_no: str) -> Literal["closed", "paid"]:
        try:
            await self._calls.call("/pay/closeorder", {"out_trade_no": number(order_no)})
        except Refused as exc:
            if exc.reason == "order_paid":
                return "paid"
            if exc.reason not in ("order_closed", "not_found"):
                raise
        return "closed"

    async def refund(self, ask: RefundAsk) -> Refund:
        """A yes means that it is under way: v2 tells the end in a notice and on asking."""
        wanted = {
            "transaction_id": ask.transaction_id,
            "out_refund_no": number(ask.refund_no),
            "total_fee": str(ask.total_fen),
            "refund_fee": str(ask.amount_fen),
            "refund_fee_type": "CNY",
            "refund_desc": cut(ask.reason, 80),
            "notify_url": self._refund_notify_url,
        }
        found = await self._calls.call(self._refund_url, wanted)
        if (found.get("out_trade_no"), found.get("out_refund_no")) != (ask.order_no, ask.refund_no):
            raise Unknown(PARTY, "reply_to_another_call")
        amount = _replied(lambda: _fen(found, "refund_fee"))
        return Refund(self.name, ask.order_no, ask.refund_no, found.get("refund_id", ""), amount, "processing", None)

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        try:
            found = await self._calls.call("/pay/refundquery", {"out_refund_no": number(ask.refund_no)})
        except Refused as exc:
            if exc.reason == "not_found":
                return None
            raise
        place = next((n for n in range(_MOST_REFUNDS) if found.get(f"out_refund_no_{n}") == ask.refund_no), None)
        if place is None or found.get("out_trade_no") != ask.order_no:
            raise Unknown(PARTY, "reply_to_another_call")
        one = {name.removesuffix(f"_{place}"): value for name, value in found.items() if name.endswith(f"_{place}")}
        one |= {"out_trade_no": ask.order_no, "success_time": one.get("refund_success_time", "")}
        return _replied(lambda: self._refund(one))

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A payment's notice is signed. A refund's is only encrypted with our key: ask `query_refund` before money is booked on its word."""
        found = document_fields(body)
        if "req_info" in found:
            return self._refund_notice(found)
        self._seals.checked(found)
        self._ours(found)
        if found.get("return_code") != "SUCCESS":
            raise Unreadable("not_a_notice")
        if found.get("result_code") != "SUCCESS":  # undocumented: only what was paid is told
            return Notice(self.name, f"v2:{_text(found, 'out_trade_no')}:unpaid")
        payment = self._payment(found)
        return Notice(self.name, f"v2:{payment.transaction_id}", payment=payment)

    def ack(self, taken: bool) -> Ack:
        """Only the document counts here, whatever the status: these two tags and not a byte around them."""
        code, said = ("SUCCESS", "OK") if taken else ("FAIL", "ERROR")
        document = f"<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{said}]]></return_msg></xml>"
        return Ack(200, document.encode(), "text/xml")

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        """It comes without a signature or a hash: its own totals, in `read_statement`, show whether it is whole."""
        path = statement_path(folder, self.name, self.merchant, day)
        fresh = path.with_suffix(".new")
        try:
            await self._calls.download("/pay/downloadbill", {"bill_date": day.strftime("%Y%m%d"), "bill_type": "ALL"}, fresh)
        except Refused as exc:
            if exc.reason == "no_statement":
                return None
            raise
        return fresh.replace(path)

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        return read(path)

    def _pay_params(self, prepay_id: str) -> dict[str, str]:
        given = {
            "timeStamp": str(int(self._clock().timestamp())),
            "nonceStr": new_nonce(),
            "package": f"prepay_id={prepay_id}",
            "signType": self._sign_type,
        }
        return given | {"paySign": self._seals.signature({"appId": self._appid, **given})}

    def _refund_notice(self, found: Values) -> Notice:
        inner = self._seals.opened(found["req_info"])
        self._ours(found)
        refund = self._refund(inner)
        return Notice(self.name, f"v2r:{refund.refund_id or refund.refund_no}:{inner['refund_status']}", refund=refund)

    def _ours(self, found: Values) -> None:
        if found.get("mch_id") != self.merchant:
            raise Foreign("other_merchant")
        if found.get("appid") != self._appid:
            raise Foreign("other_app")

    def _payment(self, found: Values) -> Payment:
        return Payment(
            self.name,
            order_no=_text(found, "out_trade_no"),
            transaction_id=_text(found, "transaction_id"),
            amount_fen=_fen(found, "total_fee"),
            currency=found.get("fee_type") or "CNY",
            payers=(found["openid"],) if found.get("openid") else (),
            paid_at=_moment(found, "time_end", "%Y%m%d%H%M%S"),
        )

    def _refund(self, found: Values) -> Refund:
        state = _REFUND_STATES.get(found.get("refund_status", ""))
        if state is None:
            raise Unreadable("unknown_refund_state")
        return Refund(
            self.name,
            order_no=_text(found, "out_trade_no"),
            refund_no=_text(found, "out_refund_no"),
            refund_id=found.get("refund_id", ""),
            amount_fen=_fen(found, "refund_fee"),
            state=state,
            refunded_at=_moment(found, "success_time", "%Y-%m-%d %H:%M:%S") if state == "done" else None,
        )


def _refund_address(account: WeChatPayAccount) -> str:
    """`refund_url` may be an address without a path, as `url` is."""
    url = account.refund_url or account.url
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/secapi/pay/refund"


def _replied(read: Callable[[], T]) -> T:
    """A signed reply that does not read as documented proves nothing."""
    try:
        return read()
    except Forged as exc:
        raise Unknown(PARTY, "garbled_reply") from exc


def _text(found: Values, name: str) -> str:
    value = found.get(name, "")
    if not 0 < len(value) <= 128:
        raise Unreadable(f"no_{name}")
    return value


def _fen(found: Values, name: str) -> int:
    if not _AMOUNT.fullmatch(found.get(name, "")):
        raise Unreadable("bad_amount")
    return int(found[name])


def _moment(found: Values, name: str, form: str) -> datetime:
    """Beijing's clock on their pages."""
    try:
        return datetime.strptime(found.get(name, ""), form).replace(tzinfo=BEIJING).astimezone(UTC)
    except ValueError as exc:
        raise Unreadable("bad_time") from exc
