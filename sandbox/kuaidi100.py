"""kuaidi100 as it speaks: it carries nothing and tells the way of what others carry, by subscription and push, and to whoever asks.

Reference: api.kuaidi100.com, subscribe (poll), push, query (query.do), the table of states. A push and an answer are the full list, the newest first. A
waybill nothing is heard of for 3 days, or that stands still for 60, is given up by a push of status abort. Times are Beijing's. Assumed: return codes
408, 500 and 503 of a query; a number SF carries wants a phone that is one of the parties'.
"""

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import orjson
from sanic import HTTPResponse, Request

from sandbox.alipay_values import beijing
from sandbox.answers import json
from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.courier_parcels import Parcels, last_digits
from sandbox.courier_pushes import Push, Pushes

PATH = "/poll"
DAY = 86_400
NO_RECORD, NO_CHANGE = 3 * DAY, 60 * DAY  # seconds until it gives a number up
# What each scan is called: state, statusCode, status.
STATES: dict[str, tuple[str, str, str]] = {
    "collect": ("1", "103", "揽收"),
    "transit": ("0", "1002", "干线"),
    "deliver": ("5", "5", "派件"),
    "pickup_point": ("5", "501", "投柜或驿站"),
    "exception": ("2", "206", "无法联系"),
    "reject": ("14", "14", "拒签"),
    "return": ("6", "6", "退回"),
    "returned": ("4", "4", "退签"),
    "lose": ("2", "2", "疑难"),
    "sign": ("3", "301", "本人签收"),
}
_NUMBER = re.compile(r"[0-9A-Za-z-]{6,32}")


def sign(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode()).hexdigest().upper()  # noqa: S324 - kuaidi100's own


class Kuaidi100:
    name = "kuaidi100"

    def __init__(self, book: Book, account: Json, parcels: Parcels, parts: tuple[WorldClock, Pushes]) -> None:
        self._book = book
        self._customer, self._key = account["customer"], account["key"]
        self._parcels = parcels
        self._clock, self._pushes = parts

    async def subscribe(self, request: Request) -> HTTPResponse:
        """POST /poll: form schema=json, param."""
        form, param = _form(request)
        company, number, more = param.get("company"), param.get("number"), param.get("parameters")
        more = more if isinstance(more, dict) else {}
        if form.get("schema") != "json" or not param:
            return _refused("700", "订阅方的订阅数据存在错误（如不支持的快递公司、单号为空、单号超长等）或错误的回调地址")
        if not hmac.compare_digest(str(param.get("key", "")).encode(), self._key.encode()):
            return _refused("601", "POLL:KEY已过期或不正确")
        if not isinstance(number, str) or not _NUMBER.fullmatch(number) or not (company or more.get("autoCom") == "1"):
            return _refused("700", "订阅方的订阅数据存在错误（单号为空、单号超长或缺少快递公司）")
        if not str(more.get("callbackurl", "")).startswith(("http://", "https://")):
            return _refused("700", "错误的回调地址")
        if company == "shunfeng" and not self._is_known(number, str(more.get("phone") or "")):
            return _refused("700", "顺丰单号须填写收件人或寄件人的手机号")
        known = self._book.get("kuaidi100_subscription", number)
        if known is not None and known["open"]:
            return _refused("501", "重复订阅")
        kept = {"number": number, "company": company or "auto", "url": more["callbackurl"], "salt": more.get("salt"), "made": self._clock.seconds()}
        with self._book.together():
            self._book.put("kuaidi100_subscription", number, {**kept, "rich": _is_rich(more), "open": True})
            self._book.write("kuaidi100", "subscription", waybill=number, company=kept["company"])
        parcel = self._parcels.anywhere(number)
        if parcel is not None and parcel["scans"] and (push := self.push(parcel, parcel["scans"])) is not None:
            self._pushes.send(push)  # what is known already is told at once
        return json({"result": True, "returnCode": "200", "message": "提交成功"})

    async def query(self, request: Request) -> HTTPResponse:
        """POST /poll/query.do: form customer, sign, param."""
        form, param = _form(request)
        number, company = param.get("num"), param.get("com")
        if not form.get("param") or not isinstance(number, str) or not isinstance(company, str):
            return _refused("400", "提交的数据不完整，或者贵公司没授权")
        made = sign(form["param"], self._key, self._customer)
        if form.get("customer") != self._customer or not hmac.compare_digest(made.encode(), form.get("sign", "").upper().encode()):
            return _refused("503", "验证签名失败")
        if company == "shunfeng" and not self._is_known(number, str(param.get("phone") or "")):
            return _refused("408", "快递公司参数异常：验证码错误")
        parcel = self._parcels.anywhere(number)
        if parcel is None or not parcel["scans"]:
            return _refused("500", "查询无结果，请隔段时间再查")
        return json(_result(parcel, company, rich=_is_rich(param)))

    def push(self, parcel: Json, scans: list[Json]) -> Push | None:
        """The whole list, if somebody subscribed. A salt that was given, also an empty one, signs it; what is forged has another signature."""
        kept = self._book.get("kuaidi100_subscription", parcel["waybill"])
        if kept is None or not kept["open"]:
            return None
        ended = parcel["state"] in ("signed", "returned")
        result = _result(parcel, kept["company"], rich=kept["rich"])
        if ended:
            self._book.put("kuaidi100_subscription", parcel["waybill"], {**kept, "open": False})
        about = {"status": "shutdown" if ended else "polling", "billstatus": "", "message": "", "autoCheck": "0", "comOld": "", "comNew": ""}
        return _push(kept, {**about, "lastResult": result}, [scan["id"] for scan in scans])

    def given_up(self) -> list[Push]:
        """What is told of numbers that nothing is heard of any more; each once."""
        told = []
        for number, kept in self._book.every("kuaidi100_subscription"):
            parcel, now = self._parcels.anywhere(number), self._clock.seconds()
            scans = parcel["scans"] if parcel is not None else []
            latest = max((one["at"] for one in scans), default=kept["made"])
            if not kept["open"] or now - max(latest, kept["made"]) < (NO_CHANGE if scans else NO_RECORD):
                continue
            self._book.put("kuaidi100_subscription", number, {**kept, "open": False})
            why = "60天无变化" if scans else "3天查询无记录"
            result = _result(parcel, kept["company"], rich=kept["rich"]) if parcel is not None and scans else _nothing(number, kept["company"])
            about = {"status": "abort", "billstatus": "", "message": why, "autoCheck": "0", "comOld": "", "comNew": ""}
            told.append(_push(kept, {**about, "lastResult": result}, []))
        return told

    @staticmethod
    def is_taken(said: Json) -> bool:
        return said.get("result") is True and str(said.get("returnCode")) == "200"

    def _is_known(self, number: str, phone: str) -> bool:
        """A number nobody carries yet, or whose parties nobody knows, goes with any phone."""
        parcel = self._parcels.anywhere(number)
        digits = last_digits(parcel) if parcel is not None else set()
        return bool(phone) and (not digits or phone[-4:] in digits)


def _form(request: Request) -> tuple[dict[str, str], Json]:
    is_form = "form-urlencoded" in request.headers.get("content-type", "")
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)) if is_form else {}
    try:
        param = orjson.loads(form.get("param", ""))
    except orjson.JSONDecodeError:
        param = {}
    return form, param if isinstance(param, dict) else {}


def _refused(code: str, told: str) -> HTTPResponse:
    return json({"result": False, "returnCode": code, "message": told})


def _is_rich(given: Json) -> bool:
    """resultv2 asks for the state of every line."""
    return str(given.get("resultv2", "0")) in ("1", "4")


def _result(parcel: Json, company: str, *, rich: bool) -> Json:
    scans = sorted(parcel["scans"], key=lambda one: one["at"], reverse=True)
    state, _, _ = STATES[scans[0]["kind"]]
    about = {"message": "ok", "state": state, "status": "200", "condition": "F00", "ischeck": "1" if state == "3" else "0"}
    return {**about, "com": company, "nu": parcel["waybill"], "data": [_line(scan, rich=rich) for scan in scans]}


def _nothing(number: str, company: str) -> Json:
    about: dict[str, Any] = {"message": "", "state": "0", "status": "201", "condition": "", "ischeck": "0"}
    return {**about, "com": company, "nu": number, "data": []}


def _line(scan: Json, *, rich: bool) -> Json:
    at = beijing(scan["at"])
    line = {"time": at, "ftime": at, "context": f"【{scan['place']}】{scan['text']}"}
    _, code, status = STATES[scan["kind"]]
    return {**line, "status": status, "statusCode": code, "areaCode": "CN440000000000", "areaName": scan["place"]} if rich else line


def _push(kept: Json, told: Json, scan_ids: list[str]) -> Push:
    param = orjson.dumps(told).decode()
    signed, forged = (
        f"{'' if kept['salt'] is None else f'sign={made}&'}param={quote_plus(param)}"
        for made in (sign(param, kept["salt"] or ""), sign(param, f"{kept['salt']}forged"))
    )
    return Push("kuaidi100", kept["number"], scan_ids, kept["url"], signed, "application/x-www-form-urlencoded; charset=UTF-8", (kept["url"], forged))
