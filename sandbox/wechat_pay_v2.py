"""WeChat Pay v2: signed XML in and out; return_code is about the message, result_code about the business (reference: pay.weixin.qq.com)."""

import gzip
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.book import Book
from sandbox.faults import Handler
from sandbox.people import by_account
from sandbox.wechat_pay_bills import KINDS, Statements
from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_orders import BEIJING, Json, Orders, PrepayAsk, Refusal, prepay_id
from sandbox.wechat_pay_refunds import RefundAsk, Refunds
from sandbox.wechat_pay_v2_words import payment, refunds
from sandbox.wechat_pay_v2_xml import SIGN_TYPES, BadXml, nonce, read, sign, write
from sandbox.wechat_pay_v3 import ADDRESS, MOST, REFUND_NO

ORDER_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,32}")
SOON = 60  # seconds: an order must be payable longer
# our word: (err_code, err_code_des)
_REFUSALS = {
    "order_paid": ("ORDERPAID", "该订单已支付"),
    "order_closed": ("ORDERCLOSED", "该订单已关闭"),
    "other_order": ("OUT_TRADE_NO_USED", "商户订单号重复"),
    "order_absent": ("ORDERNOTEXIST", "订单不存在"),
    "refund_absent": ("REFUNDNOTEXIST", "退款单不存在"),
    "not_paid": ("TRADE_STATE_ERROR", "订单状态错误"),
    "refund_differs": ("REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致，请核实后再试"),
    "total_differs": ("REFUND_FEE_MISMATCH", "订单金额与实际不符，请核实后再试"),
    "too_much": ("REFUND_FEE_INVALID", "累计退款金额大于支付金额"),
    "too_many_refunds": ("INVALID_REQUEST", "一笔订单最多退款50次"),
    "too_old": ("TRADE_OVERDUE", "订单已经超过退款期限"),
    "not_enough": ("NOTENOUGH", "基本账户余额不足，请充值后重新发起"),
}
Act = Callable[[Mapping[str, str]], dict[str, Any]]


class Problem(Exception):
    """err_code and err_code_des. `unread`: the message itself is refused, and the answer is not signed."""

    def __init__(self, code: str, text: str, *, unread: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.text = text
        self.unread = unread


class V2:
    def __init__(self, book: Book, keys: Keys, orders: Orders, refunds: Refunds, statements: Statements) -> None:
        self._book = book
        self._keys = keys
        self._orders = orders
        self._refunds = refunds
        self._statements = statements

    def guarded(self, act: Act) -> Handler:
        async def entry(request: Request) -> HTTPResponse:
            return self.answered(request.body, act)

        return entry

    def answered(self, raw: bytes, act: Act) -> HTTPResponse:
        """Checked, acted, answered and signed as the request was."""
        try:
            asked, sign_type = self._read(raw)
        except Problem as problem:
            return _unread(problem)
        try:
            told = {"result_code": "SUCCESS", **act(asked)}
        except Problem as problem:
            told = {"result_code": "FAIL", "err_code": problem.code, "err_code_des": problem.text}
        except Refusal as refusal:
            code, text = _REFUSALS[refusal.why]
            told = {"result_code": "FAIL", "err_code": code, "err_code_des": text}
        return self._signed(told, sign_type)

    def failed(self) -> HTTPResponse:
        """The fault switch: nobody knows what happened."""
        return self._signed({"result_code": "FAIL", "err_code": "SYSTEMERROR", "err_code_des": "系统错误"}, "MD5")

    async def without_certificate(self, request: Request) -> HTTPResponse:
        """POST /secapi/pay/refund where nobody can show one."""
        return no_certificate()

    def prepay(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """/pay/unifiedorder"""
        for name in ("body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type"):
            _needed(asked, name)
        if asked["trade_type"] != "JSAPI":
            raise _wrong("trade_type")
        ask = PrepayAsk(
            order_no=_formed(asked, "out_trade_no", ORDER_NO),
            title=_short(asked, "body", 127),
            amount_fen=_fen(asked, "total_fee"),
            person=self._payer(_needed(asked, "openid")),
            notify_url=_formed(asked, "notify_url", ADDRESS),
            attach=_short(asked, "attach", 127),
            detail=asked.get("detail", ""),
            expires=_expiry(asked.get("time_expire", "")),
            via="v2",
            sign_type=asked.get("sign_type") or "MD5",
        )
        order = self._orders.prepay(ask)
        return {"trade_type": "JSAPI", "prepay_id": prepay_id(order["made"])}

    def query(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """/pay/orderquery"""
        order = self._order(asked)
        states = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "REFUND": "订单发生过退款", "CLOSED": "订单已关闭"}
        told = {"trade_state": order["state"], "trade_state_desc": states[order["state"]]}
        return told | (payment(order) if "transaction_id" in order else {"out_trade_no": order["order_no"], "total_fee": order["amount_fen"]})

    def close(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """/pay/closeorder"""
        self._orders.close(_needed(asked, "out_trade_no"))
        return {}

    def refund(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """/secapi/pay/refund: accepted is not done."""
        order = self._order(asked)
        _needed(asked, "out_refund_no")
        ask = RefundAsk(
            order=order,
            refund_no=_formed(asked, "out_refund_no", REFUND_NO),
            amount_fen=_fen(asked, "refund_fee"),
            total_fen=_fen(asked, "total_fee"),
            reason=_short(asked, "refund_desc", 80),
            notify_url=_formed(asked, "notify_url", ADDRESS) if asked.get("notify_url") else "",
            via="v2",
        )
        made = self._refunds.start(ask)
        return {
            "transaction_id": made["transaction_id"],
            "out_trade_no": made["order_no"],
            "out_refund_no": made["refund_no"],
            "refund_id": made["refund_id"],
            "refund_channel": "",
            "refund_fee": made["amount_fen"],
            "total_fee": made["total_fen"],
            "cash_fee": made["total_fen"],
        }

    def refund_query(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """/pay/refundquery, by any of four numbers"""
        if asked.get("refund_id"):
            listed = [refund for refund in self._refunds.every() if refund["refund_id"] == asked["refund_id"]]
        elif asked.get("out_refund_no"):
            found = self._refunds.find(asked["out_refund_no"])
            listed = [] if found is None else [found]
        else:
            listed = self._refunds.of(self._order(asked))
        order = self._orders.find(listed[0]["order_no"]) if listed else None
        if order is None:
            raise Refusal("refund_absent")
        return {name: value for name, value in refunds(order, listed).items() if value != ""}

    async def bill(self, request: Request) -> HTTPResponse:
        """/pay/downloadbill: text, and XML only when there is none."""
        try:
            asked, _ = self._read(request.body)
        except Problem as problem:
            return _unread(problem)
        day, kind = _day(asked.get("bill_date", "")), asked.get("bill_type") or "ALL"
        if day is None or self._statements.wrong_day(day) is not None:
            return _no_bill("invalid bill_date", 20001)
        if kind not in KINDS or asked.get("tar_type", "") not in ("", "GZIP"):
            return _no_bill("invalid bill_type", 20001)
        text = self._statements.text(day, kind)
        if text is None:
            return _no_bill("No Bill Exist", 20002)
        if asked.get("tar_type"):
            return HTTPResponse(gzip.compress(text, mtime=0), content_type="application/x-gzip")
        return HTTPResponse(text, content_type="text/plain; charset=utf-8")

    def _read(self, raw: bytes) -> tuple[dict[str, str], str]:
        try:
            asked = read(raw)
        except BadXml:
            raise Problem("XML_FORMAT_ERROR", "XML格式错误", unread=True) from None
        for name in ("appid", "mch_id", "nonce_str", "sign"):
            if not asked.get(name):
                raise Problem("LACK_PARAMS", f"缺少参数{name}", unread=True)
        if asked["mch_id"] != self._keys.mchid:
            raise Problem("MCHID_NOT_EXIST", "商户号mch_id或sub_mch_id不存在", unread=True)
        if asked["appid"] != self._keys.appid:
            raise Problem("APPID_MCHID_NOT_MATCH", "商户号mch_id与appid不匹配", unread=True)
        sign_type = asked.get("sign_type") or "MD5"
        if sign_type not in SIGN_TYPES or asked["sign"] != sign(asked, self._keys.api_key, sign_type):
            raise Problem("SIGNERROR", "签名错误，请检查后再试", unread=True)
        return asked, sign_type

    def _signed(self, told: dict[str, Any], sign_type: str) -> HTTPResponse:
        head = {"return_code": "SUCCESS", "return_msg": "OK", "appid": self._keys.appid, "mch_id": self._keys.mchid, "nonce_str": nonce()}
        whole = head | told
        return _xml(whole | {"sign": sign(whole, self._keys.api_key, sign_type)})

    def _order(self, asked: Mapping[str, str]) -> Json:
        """transaction_id counts before out_trade_no."""
        if asked.get("transaction_id"):
            order = self._orders.find_transaction(asked["transaction_id"])
        else:
            order = self._orders.find(_needed(asked, "out_trade_no"))
        if order is None:
            raise Refusal("order_absent")
        return order

    def _payer(self, openid: str) -> Json:
        person = by_account(self._book, openid)
        if person is None or person["openid"] != openid:
            raise Problem("PARAM_ERROR" if person is None else "OPENID_MISMATCH", "无效的openid" if person is None else "openid和appid不匹配")
        return person


def no_certificate() -> HTTPResponse:
    """What nginx says in front of it to who shows none."""
    title, text = "400 No required SSL certificate was sent", "<h1>400 Bad Request</h1></center>\r\n<center>No required SSL certificate was sent"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center>{text}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return HTTPResponse(page, 400, content_type="text/html")


def _unread(problem: Problem) -> HTTPResponse:
    return _xml({"return_code": "FAIL", "return_msg": problem.text, "result_code": "FAIL", "err_code": problem.code, "err_code_des": problem.text})


def _no_bill(why: str, code: int) -> HTTPResponse:
    return _xml({"return_code": "FAIL", "return_msg": why, "error_code": code})


def _xml(fields: Mapping[str, Any]) -> HTTPResponse:
    return HTTPResponse(write(fields), content_type="text/xml; charset=utf-8")


def _wrong(name: str) -> Problem:
    return Problem("PARAM_ERROR", f"参数错误：{name}")


def _needed(asked: Mapping[str, str], name: str) -> str:
    if not asked.get(name):
        raise Problem("LACK_PARAMS", f"缺少参数{name}")
    return asked[name]


def _formed(asked: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(asked[name]) or len(asked[name]) > 256:
        raise _wrong(name)
    return asked[name]


def _short(asked: Mapping[str, str], name: str, most: int) -> str:
    """Counted in bytes."""
    if len(asked.get(name, "").encode()) > most:
        raise _wrong(name)
    return asked.get(name, "")


def _fen(asked: Mapping[str, str], name: str) -> int:
    value = _needed(asked, name)
    if not re.fullmatch(r"[1-9][0-9]{0,10}", value) or int(value) > MOST:
        raise _wrong(name)
    return int(value)


def _expiry(value: str) -> float | None:
    """yyyyMMddHHmmss in Beijing -> Unix seconds of the merchant's clock."""
    if not value:
        return None
    try:
        ends = datetime.strptime(value, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise _wrong("time_expire") from None
    if (ends - datetime.now(BEIJING)).total_seconds() < SOON:
        raise Problem("PARAM_ERROR", "time_expire时间过短，刷卡至少1分钟，其他5分钟")
    return ends.timestamp()


def _day(value: str) -> date | None:
    try:
        return datetime.strptime(value, "%Y%m%d").replace(tzinfo=BEIJING).date()
    except ValueError:
        return None
