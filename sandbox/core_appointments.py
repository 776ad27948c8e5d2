"""Appointments at the core: one place in a slot by its own id, called off, and what the hall does about it. Each once, with its event."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_events import Events
from sandbox.core_items import Items
from sandbox.core_slots import Slots, is_capacity
from sandbox.faults import Faults
from sandbox.moments import BEIJING
from sandbox.once import digest, is_id, wrong

Json = dict[str, Any]
MOVES = {"arrived": "到场", "served": "办理完毕", "no_show": "没有来", "closed": "大厅取消"}
NOW = {"booked": "已预约", "arrived": "已到场", "served": "已办理", "no_show": "未到场", "cancelled": "已取消", "closed": "大厅已取消"}
ALLOWED = {"booked": ("arrived", "served", "no_show", "closed"), "arrived": ("served", "closed")}
_FREE = ("cancelled", "closed")  # nobody has the place any more
_ASK: dict[str, Callable[[Any], bool]] = {
    "appointment_id": is_id,
    "slot_id": is_id,
    "item_code": lambda value: isinstance(value, str) and 1 <= len(value) <= 64,
    "person_id": is_id,
    "case_no": lambda value: value is None or (isinstance(value, str) and 1 <= len(value) <= 50),
}


class CoreAppointments:
    """`not_idempotent` makes it write a known booking into its ledger a second time, with `effective` false."""

    def __init__(self, book: Book, slots: Slots, parts: tuple[Items, Events, Faults]) -> None:
        self._book = book
        self._slots = slots
        self._items, self._events, self._faults = parts

    async def book(self, request: Request) -> HTTPResponse:
        """POST /core/v1/appointments: 201 the first time, 200 with the appointment as it is now again."""
        asked = {"case_no": None, **body_of(request)}
        if (bad := wrong(request, asked, _ASK, "appointment_id")) is not None:
            return bad
        known = self._book.get("appointment", asked["appointment_id"])
        if known is not None:
            return self._again(known, asked)
        slot = self._slots.find(asked["slot_id"], asked["item_code"])
        if slot is None:
            return refused(404, "unknown_slot", "没有这个号源")
        if self._book.get("person", asked["person_id"]) is None:
            return refused(404, "unknown_person", "没有这个人")
        if (no := self._no_place(slot)) is not None:
            return no
        return json(self._booked(asked, slot), 201)

    async def look(self, request: Request, appointment_id: str) -> HTTPResponse:
        kept = self._book.get("appointment", appointment_id)
        return _unknown() if kept is None else json(kept["told"])

    async def call_off(self, request: Request, appointment_id: str) -> HTTPResponse:
        """POST /core/v1/appointments/{appointment_id}/cancellation: the place is free again; a second time changes nothing."""
        kept = self._book.get("appointment", appointment_id)
        if request.headers.get("idempotency-key") != appointment_id:
            return refused(422, "bad_request", "Idempotency-Key 与 appointment_id 不一致")
        if kept is None:
            return _unknown()
        if kept["told"]["state"] not in ("booked", "cancelled"):
            return refused(409, "too_late", f"预约现在是“{NOW[kept['told']['state']]}”，不能再取消")
        return json(kept["told"] if kept["told"]["state"] == "cancelled" else self._moved(kept, "cancelled"))

    async def arrive(self, request: Request, appointment_id: str) -> HTTPResponse:
        """POST /core/v1/appointments/{appointment_id}/arrival, on the day of the slot; a second time changes nothing."""
        kept = self._book.get("appointment", appointment_id)
        if request.headers.get("idempotency-key") != appointment_id:
            return refused(422, "bad_request", "Idempotency-Key 与 appointment_id 不一致")
        if kept is None:
            return _unknown()
        if kept["told"]["state"] == "arrived":
            return json(kept["told"])
        if kept["told"]["state"] != "booked":
            return refused(409, "appointment_over", f"预约现在是“{NOW[kept['told']['state']]}”，不能再报到")
        if datetime.fromisoformat(kept["told"]["starts_at"]).date() != now().astimezone(BEIJING).date():
            return refused(409, "not_today", "不是预约当天，不能报到")
        return json(self._moved(kept, "arrived"))

    async def move(self, request: Request, appointment_id: str) -> HTTPResponse:
        """World control: POST /world/core/appointments/{appointment_id}/moves {to: arrived|served|no_show|closed, text?}: the hall's desk."""
        kept, asked = self._book.get("appointment", appointment_id), body_of(request)
        if kept is None:
            return _unknown()
        to, text = asked.get("to"), asked.get("text") or ""
        if not isinstance(to, str) or to not in MOVES or not isinstance(text, str) or len(text) > 20_000:
            return refused(422, "bad_request", "操作内容不对", [f"to 应为 {'、'.join(MOVES)} 之一，text 应为文字"])
        allowed = ALLOWED.get(kept["told"]["state"], ())
        if to not in allowed:
            told = "、".join(f"{MOVES[one]}（{one}）" for one in allowed) or "没有"
            return refused(409, "move_not_allowed", f"预约现在是“{NOW[kept['told']['state']]}”，可做的操作：{told}")
        return json(self._moved(kept, to, text))

    async def change_slot(self, request: Request, slot_id: str) -> HTTPResponse:
        """World control: PUT /world/core/slots/{slot_id} {capacity?, closed?, text?}: the slot; who had booked a closed one loses the place and is told."""
        slot, asked = self._slots.find(slot_id), body_of(request)
        news: Json = {name: asked[name] for name in ("capacity", "closed") if name in asked}
        if slot is None:
            return refused(404, "unknown_slot", "没有这个号源")
        if not news or not is_capacity(news.get("capacity", 0)) or not isinstance(news.get("closed", False), bool):
            return refused(422, "bad_slot", "不能这样改号源", ["capacity 应为 0 到 10000 的整数，closed 应为 true 或 false"])
        with self._book.together():
            self._slots.change(slot_id, news)
            losing = self._waiting(slot_id) if news.get("closed") else []
            events = [self._advanced(one, "closed", str(asked.get("text") or "大厅临时关闭该时段"))[1] for one in losing]
        for event in events:
            self._events.send(event)
        return json(self._slots.told(slot))

    async def listed(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/appointments: the newest first, with who comes, for what, and what may be done next."""
        newest = sorted((one for _, one in self._book.every("appointment")), key=lambda one: one["at"], reverse=True)[:200]
        return json({"appointments": [self._shown(one) for one in newest]})

    def _shown(self, kept: Json) -> Json:
        told = kept["told"]
        person, record = self._book.get("person", told["person_id"]) or {}, self._items.record(told["item_code"]) or {}
        names = {"person": person.get("name"), "item_name": (record.get("item") or {}).get("name")}
        return {**told, **names, "text": kept["text"], "allowed": list(ALLOWED.get(told["state"], ()))}

    def _again(self, known: Json, asked: Json) -> HTTPResponse:
        if known["digest"] != digest(asked):
            return refused(422, "appointment_id_reused", "同一个 appointment_id 用在了不同的内容上")
        if self._faults.now["core"]["not_idempotent"]:
            self._write(known["told"], effective=False)
            return json(known["told"], 201)
        return json(known["told"])

    def _no_place(self, slot: Json) -> HTTPResponse | None:
        if self._slots.is_closed(slot["slot_id"]):
            return refused(409, "slot_closed", "这个时段大厅不开放")
        if datetime.fromisoformat(slot["starts_at"]) <= now():
            return refused(409, "slot_over", "这个时段已经开始")
        return refused(409, "slot_full", "这个时段已经约满") if self._slots.told(slot)["left"] == 0 else None

    def _booked(self, asked: Json, slot: Json) -> Json:
        hall, day = slot["hall"], slot["starts_at"][:10]
        with self._book.together():
            serial = (self._book.get("counter", f"queue-{hall['hall_id']}-{day}") or {"n": 0})["n"] + 1
            self._book.put("counter", f"queue-{hall['hall_id']}-{day}", {"n": serial})
            about = {**{name: asked[name] for name in _ASK}, "number": f"A{serial:03d}", "hall": hall}
            told = {**about, "starts_at": slot["starts_at"], "ends_at": slot["ends_at"], "state": "booked", "version": 1}
            self._slots.count(slot["slot_id"], 1)
            self._book.put("appointment", asked["appointment_id"], {"digest": digest(asked), "told": told, "text": "", "at": stamp()})
            self._write(told, effective=True)
        return told

    def _write(self, told: Json, **more: Any) -> None:
        about = {name: told[name] for name in ("appointment_id", "slot_id", "item_code", "case_no", "number")}
        self._book.write("core", "appointment.booked", **about, person=told["person_id"], **more)

    def _waiting(self, slot_id: str) -> list[Json]:
        """Who has a place there that may still be lost."""
        every = (one for _, one in self._book.every("appointment") if one["told"]["slot_id"] == slot_id)
        return [one for one in every if "closed" in ALLOWED.get(one["told"]["state"], ())]

    def _moved(self, kept: Json, to: str, text: str = "") -> Json:
        with self._book.together():
            told, event = self._advanced(kept, to, text)
        self._events.send(event)
        return told

    def _advanced(self, kept: Json, to: str, text: str) -> tuple[Json, Json]:
        """One move on, and the event to send once the caller's transaction is over."""
        move = {"version": kept["told"]["version"] + 1, "state": to, "at": stamp(), "text": text}
        told = {**kept["told"], "state": to, "version": move["version"]}
        self._book.put("appointment", told["appointment_id"], {**kept, "told": told, "text": text})
        if to in _FREE:
            self._slots.count(told["slot_id"], -1)
        about = {"appointment_id": told["appointment_id"], "case_no": told["case_no"]}
        event = self._events.add({"type": "appointment.moved", **about, "move": move})
        self._book.write("core", "appointment.moved", **about, to=to, version=move["version"], event_id=event["event_id"])
        return told, event


def _unknown() -> HTTPResponse:
    return refused(404, "unknown_appointment", "没有这个预约")
