"""WeChat Pay v3 (JSON): JSAPI orders, refunds, notices and the statement of a day. What its codes mean stands in wechat_pay_v3_calls.py."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, TypeVar

import orjson

from core.bills import PayChannel
from kit.clock import at_edge, now
from kit.errors import Refused, Unknown
from kit.http import Http, Reply
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
from payments.wechat_pay_v3_calls import Calls
from payments.wechat_pay_words import PARTY, cut, number
from payments.wechat_statement import read, statement_path

T = TypeVar("T")
Json = Mapping[str, object]

_UNPAID: dict[str, NotPaid] = {"NOTPAY": "waiting", "USERPAYING": "waiting", "PAYERROR": "waiting", "CLOSED": "closed", "REVOKED": "closed"}
_JSAPI = "/v3/pay/transactions/jsapi"
_BY_ORDER = "/v3/pay/transactions/out-trade-no/"
_REFUNDS = "/v3/refund/domestic/refunds"
_REFUND_STATES: dict[str, RefundState] = {"SUCCESS": "done", "PROCESSING": "processing", "CLOSED": "failed", "ABNORMAL": "abnormal"}
_MAX_NOTICE = 64 * 1024


class WeChatPayV3:
    """One merchant account. `notify_url`: https, without a query; notices of payments and of refunds come to it."""

    name: GatewayName = "wechat_v3"
    channel: PayChannel = "wechat"

    def __init__(self, http: Http, account: WeChatPayAccount, notify_url: str, *, clock: Callable[[], datetime] = now) -> None:
        self._appid, self._notify_url = account.appid, notify_url
        self._calls = Calls(http, account, clock)
        self._seals = self._calls.seals
        self.merchant = account.mchid

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        """timeStamp, nonceStr, package, signType, paySign. The same order gives a fresh prepay_id, good for two hours."""
        wanted = {
            "appid": self._appid,
            "mchid": self.merchant,
            "description": cut(ask.title, 127),
            "out_trade_no": number(ask.order_no),
            "time_expire": at_edge(ask.expires_at),
            "notify_url": self._notify_url,
            "amount": {"total": ask.amount_fen, "currency": "CNY"},
            "payer": {"openid": ask.payer},
        }
        match (await self._calls.call("POST", _JSAPI, wanted)).json():
            case {"prepay_id": str(prepay_id)} if prepay_id:
                return self._pay_params(prepay_id)
        raise Unknown(PARTY, "garbled_reply")

    async def query(self, order_no: str) -> Payment | NotPaid:
        try:
            found = (await self._calls.call("GET", f"{_BY_ORDER}{number(order_no)}?mchid={self.merchant}")).json()
        except Refused as exc:
            if exc.reason == "not_found":
                return "absent"
            raise
        state = found.get("trade_state")
        if isinstance(state, str) and state in _UNPAID:
            _replied(lambda: self._ours(found))
            return _UNPAID[state]
        paid = _replied(lambda: self._payment(found))
        if paid.order_no != order_no:
            raise Unknown(PARTY, "reply_to_another_call")
        return paid

    async def close(self, order_no: str) -> Literal["closed", "paid"]:
        try:
            await self._calls.call("POST", f"{_BY_ORDER}{number(order_no)}/close", {"mchid": self.merchant})
        except Refused as exc:
            if exc.reason == "order_paid":
                return "paid"
            if exc.reason not in ("order_closed", "not_found"):
                raise
        return "closed"

    async def refund(self, ask: RefundAsk) -> Refund:
        wanted = {
            "transaction_id": ask.transaction_id,
            "out_refund_no": number(ask.refund_no),
            "reason": cut(ask.reason, 80),
            "notify_url": self._notify_url,
            "amount": {"refund": ask.amount_fen, "total": ask.total_fen, "currency": "CNY"},
        }
        return self._refund_reply(await self._calls.call("POST", _REFUNDS, {key: value for key, value in wanted.items() if value}), ask)

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        try:
            return self._refund_reply(await self._calls.call("GET", f"{_REFUNDS}/{number(ask.refund_no)}"), ask)
        except Refused as exc:
            if exc.reason == "not_found":
                return None
            raise

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Signature, window and serial first; then the box; then whose it is. An event of a kind unknown to us is a Notice with nothing in it."""
        if len(body) > _MAX_NOTICE:
            raise Forged("too_large")
        self._seals.verify(headers, body)
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise Unreadable("not_json") from exc
        match envelope:
            case {"id": str(notice_id), "event_type": "TRANSACTION.SUCCESS", "resource": resource} if notice_id:
                return Notice(self.name, notice_id, payment=self._payment(self._seals.opened(resource)))
            case {"id": str(notice_id), "event_type": "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED", "resource": resource} if notice_id:
                found = self._seals.opened(resource)
                self._ours(found)
                return Notice(self.name, notice_id, refund=self._refund(found, found.get("refund_status")))
            case {"id": str(notice_id), "event_type": str()} if notice_id:
                return Notice(self.name, notice_id)
        raise Unreadable("not_a_notice")

    def ack(self, taken: bool) -> Ack:
        """Only the status counts here: a FAIL under 200 is taken for a yes."""
        if taken:
            return Ack(204, b"", "application/json")
        return Ack(500, '{"code":"FAIL","message":"失败"}'.encode(), "application/json")

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        """Both calls in a row: the address lives for 30 s (5 min in newer pages)."""
        try:
            found = (await self._calls.call("GET", f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL")).json()
        except Refused as exc:
            if exc.reason == "no_statement":
                return None
            raise
        match found:
            case {"hash_type": "SHA1", "hash_value": str(wanted), "download_url": str(url)}:
                pass
            case _:
                raise Unknown(PARTY, "garbled_reply")
        path = statement_path(folder, self.name, self.merchant, day)
        fresh = path.with_suffix(".new")
        await self._calls.download(url, fresh)
        if await asyncio.to_thread(_sha1, fresh) != wanted.lower():
            fresh.unlink()
            raise Unknown(PARTY, "bad_hash")
        return fresh.replace(path)

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        return read(path)

    def _pay_params(self, prepay_id: str) -> dict[str, str]:
        timestamp, nonce, package = self._seals.timestamp(), new_nonce(), f"prepay_id={prepay_id}"
        signature = self._seals.sign(f"{self._appid}\n{timestamp}\n{nonce}\n{package}\n".encode())
        return {"timeStamp": timestamp, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": signature}

    def _ours(self, found: Json) -> None:
        """Refunds name no app."""
        if found.get("mchid") != self.merchant:
            raise Foreign("other_merchant")
        if found.get("appid", self._appid) != self._appid:
            raise Foreign("other_app")

    def _payment(self, found: Json) -> Payment:
        self._ours(found)
        if "appid" not in found or found.get("trade_state") not in ("SUCCESS", "REFUND"):  # REFUND: paid, and some of it given back
            raise Unreadable("not_a_payment")
        amount, payer = _inner(found, "amount"), _inner(found, "payer") if "payer" in found else {}
        return Payment(
            self.name,
            order_no=_text(found, "out_trade_no"),
            transaction_id=_text(found, "transaction_id"),
            amount_fen=_fen(amount, "total"),
            currency=_text(amount, "currency") if "currency" in amount else "CNY",
            payers=(_text(payer, "openid"),) if "openid" in payer else (),
            paid_at=_moment(found, "success_time"),
        )

    def _refund(self, found: Json, state: object) -> Refund:
        known = _REFUND_STATES.get(state) if isinstance(state, str) else None
        if known is None:
            raise Unreadable("unknown_refund_state")
        return Refund(
            self.name,
            order_no=_text(found, "out_trade_no"),
            refund_no=_text(found, "out_refund_no"),
            refund_id=_text(found, "refund_id"),
            amount_fen=_fen(_inner(found, "amount"), "refund"),
            state=known,
            refunded_at=_moment(found, "success_time") if known == "done" else None,
        )

    def _refund_reply(self, reply: Reply, ask: RefundAsk) -> Refund:
        found = reply.json()
        refund = _replied(lambda: self._refund(found, found.get("status")))
        if (refund.refund_no, refund.order_no) != (ask.refund_no, ask.order_no):
            raise Unknown(PARTY, "reply_to_another_call")
        return refund


def _replied(read: Callable[[], T]) -> T:
    """A signed reply that does not read as documented proves nothing."""
    try:
        return read()
    except Forged as exc:
        raise Unknown(PARTY, "garbled_reply") from exc


def _inner(found: Json, name: str) -> Json:
    value = found.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"no_{name}")
    return value


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 128:
        raise Unreadable(f"no_{name}")
    return value


def _fen(found: Json, name: str) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Unreadable("bad_amount")
    return value


def _moment(found: Json, name: str) -> datetime:
    """RFC 3339, e.g. 2018-06-08T10:34:56+08:00."""
    try:
        moment = datetime.fromisoformat(_text(found, name))
    except ValueError as exc:
        raise Unreadable("bad_time") from exc
    if moment.tzinfo is None:
        raise Unreadable("bad_time")
    return moment.astimezone(UTC)


def _sha1(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
