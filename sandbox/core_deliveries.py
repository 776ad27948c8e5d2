"""Papers on their way, as the core is told: what was handed over or asked for, what became of it, and the bill for prepaid freight. Each once."""

import re
from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.core_bills import Bills, is_fen
from sandbox.core_events import Events
from sandbox.moments import moment
from sandbox.once import digest, is_id, is_text, wrong

Json = dict[str, Any]
DIRECTIONS = ("to_resident", "to_hall")
_COURIER = re.compile(r"[a-z0-9_]{1,32}")
OUTCOMES = ("delivered", "returned", "lost", "arrived", "picked_up")
_DELIVERY: dict[str, Callable[[Any], bool]] = {
    "delivery_id": is_id,
    "case_no": is_id,
    "direction": lambda value: value in DIRECTIONS,
    "courier": lambda value: value is None or (isinstance(value, str) and _COURIER.fullmatch(value) is not None),
    "waybill": lambda value: value is None or is_text(1, 64)(value),
    "handed_over_at": lambda value: moment(value) is not None,
}
_OUTCOME: dict[str, Callable[[Any], bool]] = {"state": lambda value: value in OUTCOMES, "at": lambda value: moment(value) is not None}
_FREIGHT: dict[str, Callable[[Any], bool]] = {
    "delivery_id": is_id,
    "person_id": is_id,
    "case_no": is_id,
    "amount_fen": is_fen,
    "title": is_text(1, 500),
}


class CoreDeliveries:
    def __init__(self, book: Book, bills: Bills, events: Events) -> None:
        self._book = book
        self._bills, self._events = bills, events

    async def tell(self, request: Request) -> HTTPResponse:
        """POST /core/v1/deliveries: 201 the first time, 200 with the delivery as it is now again."""
        asked = {"courier": None, "waybill": None, **body_of(request)}
        if (bad := wrong(request, asked, _DELIVERY, "delivery_id")) is not None:
            return bad
        known = self._book.get("delivery", asked["delivery_id"])
        if known is not None:
            return _again(known, asked)
        if self._book.get("case", asked["case_no"]) is None:
            return refused(404, "unknown_case", "没有这个办件")
        delivery = {**{name: asked[name] for name in _DELIVERY}, "outcome": None}
        with self._book.together():
            self._book.put("delivery", asked["delivery_id"], {"digest": digest(asked), "told": delivery})
            about = {name: asked[name] for name in ("delivery_id", "case_no", "direction", "courier", "waybill")}
            self._book.write("core", "delivery.handed_over", **about)
        return json(delivery, 201)

    async def look(self, request: Request, delivery_id: str) -> HTTPResponse:
        kept = self._book.get("delivery", delivery_id)
        return refused(404, "unknown_delivery", "没有这个寄递件") if kept is None else json(kept["told"])

    async def end(self, request: Request, delivery_id: str) -> HTTPResponse:
        """POST /core/v1/deliveries/{delivery_id}/outcomes {state, at}: the delivery; the first outcome stays, with its time."""
        asked, kept = body_of(request), self._book.get("delivery", delivery_id)
        bad = [name for name, fits in _OUTCOME.items() if not fits(asked.get(name))]
        if bad or request.headers.get("idempotency-key") != delivery_id:
            return refused(422, "bad_request", "参数不对，或 Idempotency-Key 与 delivery_id 不一致", bad)
        if kept is None:
            return refused(404, "unknown_delivery", "没有这个寄递件")
        delivery = kept["told"]
        if delivery["outcome"] is not None:
            again = delivery["outcome"]["state"] == asked["state"]
            return json(delivery) if again else refused(409, "outcome_known", "这个寄递件已经有了另一个结果")
        now = {**delivery, "outcome": {name: asked[name] for name in _OUTCOME}}
        with self._book.together():
            self._book.put("delivery", delivery_id, {**kept, "told": now})
            self._book.write("core", "delivery.ended", delivery_id=delivery_id, case_no=delivery["case_no"], state=asked["state"])
        return json(now)

    async def freight(self, request: Request) -> HTTPResponse:
        """POST /core/v1/freight-bills {delivery_id, person_id, case_no, amount_fen, title}: a bill like any other, one per delivery."""
        asked = body_of(request)
        if (bad := wrong(request, asked, _FREIGHT, "delivery_id")) is not None:
            return bad
        known = self._book.get("freight_bill", asked["delivery_id"])
        if known is not None:
            bill = self._bills.kept(known["bill_id"]) or {"bill": {}}
            return _again({**known, "told": bill["bill"]}, asked)
        case = self._book.get("case", asked["case_no"])
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        if self._book.get("person", asked["person_id"]) is None:
            return refused(404, "unknown_person", "没有这个人")
        with self._book.together():
            bill, event = self._bills.issued(case, {**asked, "payee": "政务服务中心"}, asked["person_id"])
            self._book.put("freight_bill", asked["delivery_id"], {"digest": digest(asked), "bill_id": bill["bill_id"]})
        self._events.send(event)
        return json(bill, 201)


def _again(known: Json, asked: Json) -> HTTPResponse:
    if known["digest"] != digest(asked):
        return refused(422, "delivery_id_reused", "同一个 delivery_id 用在了不同的内容上")
    return json(known["told"])
