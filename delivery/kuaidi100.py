"""Kuaidi100 (api.kuaidi100.com): follows what any other courier carries. It books nothing.

A subscription has the whole way pushed again with every change, the newest line first; the push is signed with MD5 over `param` and our salt.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from delivery import courier_values as values
from delivery.couriers import Booked, Booking, CourierName, ForgedNotice, Notice, Party, Quote, Scan, ScanKind, UnreadableNotice
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http

log = logging.getLogger(__name__)

PARTY = "kuaidi100"
# statusCode of a line, or state of the whole way -> what it is to us (快递单当前状态); what is not here is in_transit, with Kuaidi100's own words.
KINDS = {
    "1": ScanKind.COLLECTED,
    "101": ScanKind.BOOKED,
    "102": ScanKind.BOOKED,
    "103": ScanKind.COLLECTED,
    "2": ScanKind.EXCEPTION,
    "201": ScanKind.EXCEPTION,
    "202": ScanKind.EXCEPTION,
    "203": ScanKind.REJECTED,
    "204": ScanKind.EXCEPTION,
    "205": ScanKind.EXCEPTION,
    "206": ScanKind.EXCEPTION,
    "207": ScanKind.EXCEPTION,
    "208": ScanKind.EXCEPTION,
    "209": ScanKind.EXCEPTION,
    "3": ScanKind.SIGNED,
    "301": ScanKind.SIGNED,
    "302": ScanKind.SIGNED,
    "303": ScanKind.SIGNED,
    "304": ScanKind.SIGNED,  # taken out of the locker, or signed for by the shop
    "4": ScanKind.RETURNED,  # 退签: the sender has it back
    "401": ScanKind.CANCELLED,
    "5": ScanKind.DELIVERING,
    "501": ScanKind.AT_PICKUP_POINT,
    "6": ScanKind.RETURNING,
    "13": ScanKind.EXCEPTION,
    "14": ScanKind.REJECTED,
}
_LAST_STATES = frozenset(("3", "4", "6", "14"))  # of a way whose lines carry no code: they belong to its newest line
# Numbers that tell their courier by themselves; any other is left to Kuaidi100.
_COMPANIES = (
    (re.compile(r"SF\d{12,13}"), "shunfeng"),
    (re.compile(r"JD[A-Z0-9]{10,18}"), "jd"),
    (re.compile(r"YT\d{13}"), "yuantong"),
    (re.compile(r"ZT[A-Z0-9]{9,15}"), "zhongtong"),
    (re.compile(r"ST[A-Z0-9]{9,15}"), "shentong"),
    (re.compile(r"JT\d{13}"), "jtexpress"),
    (re.compile(r"(?:E[A-Z]\d{9}CN|1[0-3]\d{11})"), "ems"),
)
_DONE = frozenset(("200", "501"))  # 501: subscribed before
_TURNED_AWAY = frozenset(("503", "600", "601", "701", "702"))  # our key, our signature, our contract
_NO_TRACK = frozenset(("500",))  # 查询无结果, of a query alone
_FORM = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Kuaidi100Account:
    """`url` of the subscription, https://poll.kuaidi100.com/poll in production; `callback_url`: where pushes reach us."""

    url: str
    customer: str
    callback_url: str
    key: str = field(repr=False)
    salt: str = field(repr=False)


class Kuaidi100Courier:
    """Fulfils delivery.couriers.Courier."""

    name: CourierName = "kuaidi100"
    books = False

    def __init__(self, http: Http, account: Kuaidi100Account) -> None:
        self._http = http
        self._account = account

    async def quote(self, sender: Party, receiver: Party) -> Quote:
        raise Refused(PARTY, "not_offered")

    async def book(self, booking: Booking) -> Booked:
        raise Refused(PARTY, "not_offered")

    async def find(self, shipment_id: str) -> Booked | None:
        return None

    async def cancel(self, shipment_id: str, waybill: str) -> None:
        raise Refused(PARTY, "shipment_unknown")

    async def track(self, waybill: str, phone: str) -> Sequence[Scan]:
        """/query.do."""
        company = company_of(waybill)
        asked = {"com": company or "auto", "num": waybill, **_phone(phone), "resultv2": "4", "show": "0", "order": "desc"}
        param = orjson.dumps(asked).decode()
        account = self._account
        answer = await self._post(
            f"{account.url}/query.do", {"customer": account.customer, "sign": md5_of(param + account.key + account.customer), "param": param}
        )
        code = values.code_of(answer.get("returnCode"))
        if code in _NO_TRACK:
            return ()
        if code and code != "200":
            raise _no(code)
        if not code and values.code_of(answer.get("status")) != "200":
            raise Unknown(PARTY, "garbled_reply")
        try:
            return _scans(answer, waybill)
        except values.Unreadable as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    async def subscribe(self, waybill: str, phone: str) -> None:
        """/poll. Harmless to repeat."""
        company = company_of(waybill)
        wishes = {"callbackurl": self._account.callback_url, "salt": self._account.salt, "resultv2": "4", **_phone(phone)}
        asked = {"company": company, "number": waybill, "key": self._account.key, "parameters": wishes if company else wishes | {"autoCom": "1"}}
        answer = await self._post(self._account.url, {"schema": "json", "param": orjson.dumps(asked).decode()})
        code = values.code_of(answer.get("returnCode"))
        if code not in _DONE:
            raise _no(code)

    def read_notice(self, notice: Notice) -> Sequence[Scan]:
        """Both fields exactly once, so that what is verified is what is read. An end of watching (abort) may bring no scan. Raises ForgedNotice, UnreadableNotice."""
        try:
            fields = parse_qsl(notice.body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=8)
        except ValueError as exc:
            raise ForgedNotice("not_a_form") from exc
        given = dict(fields)
        if len(given) != len(fields):
            raise ForgedNotice("a_field_twice")
        param, sign = given.get("param"), given.get("sign")
        if param is None or sign is None:
            raise ForgedNotice("not_signed")
        if not hmac.compare_digest(md5_of(param + self._account.salt).encode(), sign.upper().encode()):
            raise ForgedNotice("wrong_signature")
        try:
            told = orjson.loads(param)
            way = told["lastResult"]
            if told.get("status") == "abort" and not way.get("data"):
                return ()
            return _scans(way, values.waybill(way.get("nu")))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, values.Unreadable) as exc:
            raise UnreadableNotice("no readable lastResult") from exc

    def answer(self, *, taken: bool) -> tuple[bytes, str]:
        told = {"result": True, "returnCode": "200", "message": "成功"} if taken else {"result": False, "returnCode": "500", "message": "失败"}
        return orjson.dumps(told), "application/json"

    async def _post(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        reply = await self._http.send(PARTY, "POST", url, headers=_FORM, body=urlencode(form).encode(), seconds=_SECONDS)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        return reply.json()


def _phone(phone: str) -> dict[str, str]:
    return {"phone": phone} if phone else {}


def company_of(waybill: str) -> str:
    """Kuaidi100's code of the courier whose numbers look like this; "" where it has to find out."""
    return next((company for shape, company in _COMPANIES if shape.fullmatch(waybill)), "")


def md5_of(text: str) -> str:
    """Signatures of pushes (param + salt) and queries (param + key + customer): MD5 in upper-case hexadecimal."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def _no(code: str) -> NotReached | Unknown | Refused:
    if code in _TURNED_AWAY:
        return NotReached(PARTY, f"code_{code}")
    if code in ("400", "408", "700"):  # what we asked for: an incomplete number, another phone, a courier that is not followed
        return Refused(PARTY, "refused")
    return Unknown(PARTY, f"code_{code}" if code else "garbled_reply")


def _scans(way: dict[str, Any], waybill: str) -> tuple[Scan, ...]:
    """Raises values.Unreadable for a way of another number, or of which not one line can be read."""
    if way.get("nu", waybill) != waybill:
        raise values.Unreadable("other number")
    lines = values.rows(way.get("data"))
    coded = any(values.code_of(line.get("statusCode")) for line in lines)
    state = values.code_of(way.get("state"))
    newest = max((str(line.get("ftime") or line.get("time")) for line in lines), default="")
    read: list[Scan] = []
    for line in lines:
        when = line.get("ftime") or line.get("time")
        code = values.code_of(line.get("statusCode"))
        if not coded and state in _LAST_STATES and str(when) == newest:
            code, newest = state, ""  # the first of a second: the list is newest first
        try:
            at = values.beijing(when)
        except values.Unreadable:
            log.warning("line left out", extra={"party": PARTY})
            continue
        text = values.words(line.get("context"))
        kind = KINDS.get(code, ScanKind.IN_TRANSIT)
        read.append(Scan(waybill, values.scan_id(waybill, at, code, text), kind, at, text, values.place(line.get("areaName")), code))
    if lines and not read:
        raise values.Unreadable("lines")
    return tuple(read)
