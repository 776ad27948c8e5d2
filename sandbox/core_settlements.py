"""The core's book of money: what settles a bill, what takes that back, and a day's lines of both. One transaction per booking."""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_bills import Bills, is_fen
from sandbox.faults import Faults
from sandbox.feed import next_seq, page
from sandbox.moments import BEIJING, moment

Json = dict[str, Any]
_ID = re.compile(r"[0-9A-Za-z_.:|*-]{1,64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


_SETTLEMENT: dict[str, Callable[[Any], bool]] = {
    "settlement_id": _is_id,
    "bill_id": _is_id,
    "bill_version": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
    "order_no": _is_id,
    "channel": lambda value: value in ("wechat", "alipay"),
    "transaction_id": lambda value: isinstance(value, str) and 1 <= len(value) <= 64,
    "amount_fen": is_fen,
    "paid_at": lambda value: moment(value) is not None,
}
_REVERSAL: dict[str, Callable[[Any], bool]] = {
    "reversal_id": _is_id,
    "settlement_id": _is_id,
    "amount_fen": is_fen,
    "reason": lambda value: isinstance(value, str) and len(value) <= 20_000,
    "refunded_at": lambda value: moment(value) is not None,
}


class Settlements:
    """`not_idempotent` makes it book a known id a second time, `hide_settlements_ms` makes it slow to find what it has booked."""

    def __init__(self, book: Book, bills: Bills, faults: Faults) -> None:
        self._book = book
        self._bills = bills
        self._faults = faults

    async def settle(self, request: Request) -> HTTPResponse:
        """POST /core/v1/settlements: 201 the first time, 200 with the same settlement again."""
        asked = body_of(request)
        if (wrong := _wrong(request, asked, _SETTLEMENT, "settlement_id")) is not None:
            return wrong
        known = self._book.get("settlement", asked["settlement_id"])
        if known is not None and not self._faults.now["core"]["not_idempotent"]:
            return _again(known, "settlement", asked)
        kept = self._bills.kept(asked["bill_id"])
        if kept is None:
            return refused(404, "unknown_bill", "没有这张缴费单")
        if kept["bill"]["state"] == "cancelled":
            return refused(409, "bill_cancelled", "缴费单已撤销")
        if kept["standing"] not in (None, asked["settlement_id"]):
            return refused(409, "bill_already_paid", "缴费单已由另一笔支付核销")
        if kept["bill"]["amount_fen"] != asked["amount_fen"]:
            return refused(409, "amount_mismatch", "金额与缴费单不符")
        with self._book.together():
            return json(self._settle(asked, kept, known), 201)

    async def look(self, request: Request, settlement_id: str) -> HTTPResponse:
        return self._found("settlement", settlement_id, "没有这笔核销")

    async def reverse(self, request: Request) -> HTTPResponse:
        """POST /core/v1/reversals: 201 the first time, 200 with the same reversal again."""
        asked = {"reason": "", **body_of(request)}
        if (wrong := _wrong(request, asked, _REVERSAL, "reversal_id")) is not None:
            return wrong
        known = self._book.get("reversal", asked["reversal_id"])
        if known is not None and not self._faults.now["core"]["not_idempotent"]:
            return _again(known, "reversal", asked)
        settled = self._book.get("settlement", asked["settlement_id"])
        if settled is None:
            return refused(404, "unknown_settlement", "没有这笔核销")
        if known is None and settled["reversed_fen"] + asked["amount_fen"] > settled["settlement"]["amount_fen"]:
            return refused(409, "more_than_settled", "退回的金额超过核销的金额")
        with self._book.together():
            return json(self._reverse(asked, settled, known), 201)

    async def look_reversal(self, request: Request, reversal_id: str) -> HTTPResponse:
        return self._found("reversal", reversal_id, "没有这笔冲销")

    async def day(self, request: Request) -> HTTPResponse:
        """GET /core/v1/book?date=YYYY-MM-DD&cursor=&limit=: by when the money moved, in Beijing; in the order it was booked."""
        day = request.args.get("date") or ""
        try:
            date.fromisoformat(day if _DAY.fullmatch(day) else "")
        except ValueError:
            return refused(422, "bad_date", "date 应为 2026-11-23 这样的日期")
        return page(self._book, "core_book", request, usual=500, name="entries", within=f"{day}/")

    def _settle(self, asked: Json, kept: Json, known: Json | None) -> Json:
        """`effective` is false for what a core that is not idempotent booked once more."""
        own = asked["settlement_id"]
        settlement = {name: asked[name] for name in _SETTLEMENT if name != "bill_version"}
        settlement |= {"settled_at": stamp(), "e_bill": self._e_bill()}
        effective = kept["bill"]["state"] == "unpaid"
        if known is None:
            self._book.put("settlement", own, {"settlement": settlement, **_first(asked), "reversed_fen": 0})
        else:
            self._book.put("settlement", own, {**known, "bookings": known["bookings"] + 1})
        if effective:
            settlements = kept["settlements"] if own in kept["settlements"] else [*kept["settlements"], own]
            self._bills.changed(kept, standing=own, settlements=settlements, state="paid")
        self._enter("settled", own, settlement, asked["amount_fen"], asked["paid_at"])
        told = {name: asked[name] for name in ("settlement_id", "bill_id", "order_no", "amount_fen", "channel", "transaction_id")}
        self._book.write("core", "settled", **told, effective=effective)
        return settlement

    def _reverse(self, asked: Json, settled: Json, known: Json | None) -> Json:
        """What is reversed in full leaves its bill unpaid."""
        own, amount = asked["reversal_id"], asked["amount_fen"]
        reversal = {**{name: asked[name] for name in _REVERSAL}, "reversed_at": stamp()}
        settlement = settled["settlement"]
        if known is None:
            settled = {**settled, "reversed_fen": settled["reversed_fen"] + amount}
            self._book.put("reversal", own, {"reversal": reversal, **_first(asked)})
            self._book.put("settlement", settlement["settlement_id"], settled)
            kept = self._bills.kept(settlement["bill_id"])
            if settled["reversed_fen"] == settlement["amount_fen"] and kept is not None and kept["standing"] == settlement["settlement_id"]:
                self._bills.changed(kept, state="unpaid")
        else:
            self._book.put("reversal", own, {**known, "bookings": known["bookings"] + 1})
        self._enter("reversed", own, settlement, amount, asked["refunded_at"])
        told = {name: asked[name] for name in ("reversal_id", "settlement_id", "amount_fen")}
        self._book.write("core", "reversed", **told, effective=known is None)
        return reversal

    def _enter(self, kind: str, own: str, settlement: Json, amount_fen: int, at: str) -> None:
        about = {name: settlement[name] for name in ("settlement_id", "order_no")}
        line = {"kind": kind, "id": own, **about, "amount_fen": amount_fen, "at": at}
        day = datetime.fromisoformat(at).astimezone(BEIJING).date().isoformat()
        self._book.put("core_book", f"{day}/{next_seq(self._book, 'core_book'):012d}", line)

    def _e_bill(self) -> Json:
        """A non-tax electronic bill in the form of 财政电子票据; region 99 is nowhere."""
        number = next_seq(self._book, "e_bills")
        code = f"9901{now().astimezone(BEIJING):%y}01"
        return {"code": code, "number": f"{number:010d}", "check_code": secrets.token_hex(3), "issued_at": stamp()}

    def _found(self, kind: str, own: str, none: str) -> HTTPResponse:
        kept = self._book.get(kind, own)
        if kept is None or (time.time() - kept["made"]) * 1000 < self._faults.now["core"]["hide_settlements_ms"]:
            return refused(404, f"unknown_{kind}", none)
        return json(kept[kind])


def _wrong(request: Request, asked: Json, rules: dict[str, Callable[[Any], bool]], own: str) -> HTTPResponse | None:
    wrong = [name for name, fits in rules.items() if not fits(asked.get(name))]
    if wrong or request.headers.get("idempotency-key") != asked[own]:
        return refused(422, "bad_request", f"参数不对，或 Idempotency-Key 与 {own} 不一致", wrong)
    return None


def _again(known: Json, kind: str, asked: Json) -> HTTPResponse:
    if known["digest"] != _digest(asked):
        return refused(422, f"{kind}_id_reused", f"同一个 {kind}_id 用在了不同的内容上")
    return json(known[kind])


def _first(asked: Json) -> Json:
    return {"digest": _digest(asked), "made": time.time(), "bookings": 1}


def _digest(asked: Json) -> str:
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
