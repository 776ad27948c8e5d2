"""WeChat Pay v3: JSON over HTTP, every request and answer signed (reference: pay.weixin.qq.com, JSAPI payment)."""

import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.book import Book
from sandbox.faults import Handler
from sandbox.people import by_account
from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_orders import Json, Orders, PrepayAsk, Refusal, prepay_id
from sandbox.wechat_pay_refunds import RefundAsk, Refunds
from sandbox.wechat_pay_v3_gate import Gate, Problem
from sandbox.wechat_pay_v3_words import refund, rfc3339, sealed, transaction

MOST = 1_000_000_000  # fen
ORDER_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s?#]*")  # absolute, without a query
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")
# our word: (HTTP status, code, message)
_REFUSALS = {
    "order_paid": (400, "ORDERPAID", "该订单已支付"),
    "order_closed": (400, "ORDER_CLOSED", "该订单已关闭"),
    "other_order": (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    "order_absent": (404, "ORDER_NOT_EXIST", "订单不存在"),
    "refund_absent": (404, "RESOURCE_NOT_EXISTS", "退款单不存在"),
    "not_paid": (400, "INVALID_REQUEST", "订单未支付"),
    "refund_differs": (400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试"),
    "total_differs": (400, "INVALID_REQUEST", "原订单金额与实际不符，请核实后再试"),
    "too_much": (400, "INVALID_REQUEST", "申请退款金额大于订单可退金额"),
    "too_many_refunds": (403, "RULE_LIMIT", "一笔订单最多退款50次"),
    "too_old": (400, "INVALID_REQUEST", "订单已超过一年，不能退款"),
    "not_enough": (403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"),
}
Answer = tuple[int, Any]


class V3:
    def __init__(self, book: Book, keys: Keys, gate: Gate, orders: Orders, refunds: Refunds) -> None:
        self._book = book
        self._keys = keys
        self._gate = gate
        self._orders = orders
        self._refunds = refunds

    def guarded(self, act: Callable[..., Answer]) -> Handler:
        """Checked, acted, answered and signed."""

        async def entry(request: Request, **path: str) -> HTTPResponse:
            try:
                self._gate.check(request)
                status, body = act(request, **path)
            except Problem as problem:
                status, body = problem.status, problem.body
            except Refusal as refusal:
                status, code, message = _REFUSALS[refusal.why]
                body = {"code": code, "message": message}
            return self._gate.answer(request, status, body)

        handler: Callable[..., Coroutine[Any, Any, HTTPResponse]] = entry
        return handler

    def failed(self) -> HTTPResponse:
        """The fault switch: nobody knows what happened."""
        return HTTPResponse(
            orjson.dumps({"code": "SYSTEM_ERROR", "message": "系统异常，请稍后重试"}), 500, content_type="application/json; charset=utf-8"
        )

    def prepay(self, request: Request) -> Answer:
        """POST /v3/pay/transactions/jsapi -> {prepay_id}"""
        asked = json_of(request)
        self._mine(asked.get("mchid"))
        if asked.get("appid") != self._keys.appid:
            raise Problem(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
        amount, payer = _object(asked, "amount"), _object(asked, "payer")
        ask = PrepayAsk(
            order_no=_text(asked, "out_trade_no", ORDER_NO),
            title=_short(asked, "description", 127),
            amount_fen=_fen(amount, "total"),
            person=self._payer(_text(payer, "openid")),
            notify_url=_text(asked, "notify_url", ADDRESS),
            attach=_short(asked, "attach", 128) if asked.get("attach") else "",
            detail=orjson.dumps(asked.get("detail"), option=orjson.OPT_SORT_KEYS).decode(),
            expires=_expiry(asked.get("time_expire")),
            via="v3",
            sign_type="RSA",
        )
        order = self._orders.prepay(ask)
        return 200, {"prepay_id": prepay_id(order["made"])}

    def by_order_no(self, request: Request, order_no: str) -> Answer:
        """GET /v3/pay/transactions/out-trade-no/{out_trade_no}?mchid="""
        self._mine(request.args.get("mchid"))
        return 200, transaction(self._keys, self._found(self._orders.find(order_no)))

    def by_id(self, request: Request, transaction_id: str) -> Answer:
        """GET /v3/pay/transactions/id/{transaction_id}?mchid="""
        self._mine(request.args.get("mchid"))
        return 200, transaction(self._keys, self._found(self._orders.find_transaction(transaction_id)))

    def close(self, request: Request, order_no: str) -> Answer:
        """POST …/out-trade-no/{out_trade_no}/close {mchid} -> 204; what is closed stays so."""
        self._mine(json_of(request).get("mchid"))
        try:
            self._orders.close(order_no)
        except Refusal as refusal:
            if refusal.why != "order_closed":
                raise
        return 204, None

    def refund(self, request: Request) -> Answer:
        """POST /v3/refund/domestic/refunds; the same out_refund_no is the same refund."""
        asked = json_of(request)
        amount = _object(asked, "amount")
        if asked.get("transaction_id"):
            order = self._orders.find_transaction(_text(asked, "transaction_id"))
        else:
            order = self._orders.find(_text(asked, "out_trade_no"))
        if order is None:
            raise Problem(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        ask = RefundAsk(
            order=order,
            refund_no=_text(asked, "out_refund_no", REFUND_NO),
            amount_fen=_fen(amount, "refund"),
            total_fen=_fen(amount, "total"),
            reason=_short(asked, "reason", 80) if asked.get("reason") else "",
            notify_url=_text(asked, "notify_url", ADDRESS) if asked.get("notify_url") else "",
            via="v3",
        )
        return 200, refund(self._refunds.start(ask))

    def refund_query(self, request: Request, refund_no: str) -> Answer:
        """GET /v3/refund/domestic/refunds/{out_refund_no}"""
        found = self._refunds.find(refund_no)
        if found is None:
            raise Refusal("refund_absent")
        return 200, refund(found)

    def certificates(self, request: Request) -> Answer:
        """GET /v3/certificates: the platform certificate under the APIv3 key."""
        cert = self._keys.platform_cert
        times = {
            name: rfc3339(at.timestamp()) for name, at in (("effective_time", cert.not_valid_before_utc), ("expire_time", cert.not_valid_after_utc))
        }
        pem = self._keys.platform_pem
        return 200, {"data": [{"serial_no": self._keys.platform_serial, **times, "encrypt_certificate": sealed(self._keys, pem, "certificate")}]}

    def _mine(self, mchid: Any) -> None:
        if not mchid:
            raise wrong("mchid", mchid)
        if mchid != self._keys.mchid:
            raise Problem(400, "MCH_NOT_EXISTS", "商户号不存在")

    def _found(self, order: Json | None) -> Json:
        if order is None:
            raise Refusal("order_absent")
        return order

    def _payer(self, openid: str) -> Json:
        person = by_account(self._book, openid)
        if person is None:
            raise wrong("payer/openid", openid, "无效的openid")
        if person["openid"] != openid:
            raise Problem(500, "OPENID_MISMATCH", "openid和appid不匹配")
        return person


def json_of(request: Request) -> Json:
    try:
        asked = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise Problem(400, "PARAM_ERROR", "请求体不是合法的JSON格式")
    return asked


def wrong(field: str, value: Any, message: str = "") -> Problem:
    detail = {"location": "body", "field": f"/body/{field}", "value": value}
    return Problem(400, "PARAM_ERROR", message or f"输入源“/body/{field}”映射到值字段失败，参数缺失或格式不符", detail)


def _object(asked: Json, name: str) -> Json:
    value = asked.get(name)
    if not isinstance(value, dict):
        raise wrong(name, value)
    return value


def _text(asked: Json, name: str, form: re.Pattern[str] | None = None) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value or len(value) > 256 or (form is not None and not form.fullmatch(value)):
        raise wrong(name, value)
    return value


def _short(asked: Json, name: str, most: int) -> str:
    """Counted in characters."""
    value = asked.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise wrong(name, value)
    return value


def _fen(amount: Json, name: str) -> int:
    value = amount.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise wrong(f"amount/{name}", value)
    if amount.get("currency", "CNY") != "CNY":
        raise wrong("amount/currency", amount["currency"])
    return value


def _expiry(value: Any) -> float | None:
    """Unix seconds of the merchant's clock."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).timestamp() if _TIME.fullmatch(value) else _never(value)
    except (TypeError, ValueError):
        raise wrong("time_expire", value) from None


def _never(value: str) -> float:
    raise ValueError(value)
