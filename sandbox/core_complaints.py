"""Complaints, suggestions and consultation at the core, under 12345's number: filed, asked again and judged once each; moved by the hotline's desk."""

from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_events import Events
from sandbox.core_files import Files
from sandbox.core_items import Items
from sandbox.faults import Faults
from sandbox.moments import BEIJING, moment
from sandbox.once import digest, is_id, is_text, wrong

Json = dict[str, Any]
KINDS = ("complaint", "suggestion", "consultation")
MOVES = {"assigned": "派单", "transferred": "转办", "replied": "答复", "closed": "办结", "not_accepted": "不予受理"}
NOW = {
    "received": "已收到",
    "assigned": "已派单",
    "transferred": "已转办",
    "replied": "已答复",
    "reopened": "追问待办",
    "closed": "已办结",
    "not_accepted": "不予受理",
}
ALLOWED = {
    "received": ("assigned", "transferred", "replied", "not_accepted"),
    "assigned": ("transferred", "replied", "not_accepted"),
    "transferred": ("assigned", "transferred", "replied", "not_accepted"),
    "replied": ("closed",),
    "reopened": ("assigned", "transferred", "replied", "closed"),
}


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_moment(value: Any) -> bool:
    return moment(value) is not None


def _are_turns(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > 100:
        return False
    shaped = all(isinstance(one, dict) and one.get("by") in ("resident", "assistant") and _is_moment(one.get("at")) for one in value)
    return shaped and all(is_text(0, 20_000)(one.get("text")) for one in value)


_ASK: dict[str, Callable[[Any], bool]] = {
    "complaint_id": is_id,
    "kind": lambda value: value in KINDS,
    "title": is_text(1, 500),
    "text": is_text(0, 20_000),
    "person_id": is_id,
    "item_code": _or_none(is_text(1, 64)),
    "case_no": _or_none(is_text(1, 50)),
    "files": lambda value: isinstance(value, list) and len(value) <= 20 and all(isinstance(one, dict) for one in value),
    "conversation": _are_turns,
    "channel": is_text(1, 20),
    "told_at": _is_moment,
}
_FOLLOW_UP: dict[str, Callable[[Any], bool]] = {"follow_up_id": is_id, "text": is_text(0, 20_000), "asked_at": _is_moment}
_SATISFACTION: dict[str, Callable[[Any], bool]] = {
    "satisfaction_id": is_id,
    "grade": lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5,
    "text": is_text(0, 20_000),
    "at": _is_moment,
}


class CoreComplaints:
    """A kept complaint is {"digest", "told": as the contract has it, "asked", "follow_ups", "satisfactions"}; the last by the reply they are about.

    `not_idempotent` makes it write a known filing into its ledger a second time, with `effective` false."""

    def __init__(self, book: Book, parts: tuple[Items, Files, Events, Faults]) -> None:
        self._book = book
        self._items, self._files, self._events, self._faults = parts

    async def file(self, request: Request) -> HTTPResponse:
        """POST /core/v1/complaints: 201 the first time, 200 with the complaint as it is now again."""
        asked = {"item_code": None, "case_no": None, "files": [], "conversation": [], **body_of(request)}
        if (bad := wrong(request, asked, _ASK, "complaint_id")) is not None:
            return bad
        known = self._book.get("core_complaint", asked["complaint_id"])
        if known is not None:
            return self._again(known, asked)
        if (no := self._unknown_part(asked)) is not None:
            return no
        return json(self._filed({name: asked[name] for name in _ASK}, digest(asked)), 201)

    async def look(self, request: Request, complaint_id: str) -> HTTPResponse:
        kept = self._book.get("core_complaint", complaint_id)
        return _unknown() if kept is None else json(kept["told"])

    async def follow_up(self, request: Request, complaint_id: str) -> HTTPResponse:
        """POST /core/v1/complaints/{complaint_id}/follow-ups {follow_up_id, text, asked_at}: after a reply; it is open again."""
        asked = body_of(request)
        if (bad := wrong(request, asked, _FOLLOW_UP, "follow_up_id")) is not None:
            return bad
        kept, own = self._book.get("core_complaint", complaint_id), {"complaint_id": complaint_id, "digest": digest(asked)}
        if kept is None:
            return _unknown()
        known = self._book.get("complaint_follow_up", asked["follow_up_id"])
        if known is not None:
            return json(kept["told"]) if known == own else refused(422, "follow_up_id_reused", "同一个 follow_up_id 用在了不同的内容上")
        if _reply(kept["told"]) is None:
            return refused(409, "not_replied", "还没有答复，不能追问")
        kept = {**kept, "follow_ups": [*kept["follow_ups"], {name: asked[name] for name in _FOLLOW_UP}]}
        with self._book.together():
            self._book.put("complaint_follow_up", asked["follow_up_id"], own)
            told, event = self._advanced(kept, "reopened", asked["text"])
        self._events.send(event)
        return json(told, 201)

    async def rate(self, request: Request, complaint_id: str) -> HTTPResponse:
        """POST /core/v1/complaints/{complaint_id}/satisfaction {satisfaction_id, grade, text, at}: once per reply; it is closed by that."""
        asked = {"text": "", **body_of(request)}
        if (bad := wrong(request, asked, _SATISFACTION, "satisfaction_id")) is not None:
            return bad
        kept, own = self._book.get("core_complaint", complaint_id), {"complaint_id": complaint_id, "digest": digest(asked)}
        if kept is None:
            return _unknown()
        known = self._book.get("complaint_satisfaction", asked["satisfaction_id"])
        if known is not None:
            return json(kept["told"]) if known == own else refused(422, "satisfaction_id_reused", "同一个 satisfaction_id 用在了不同的内容上")
        reply = _reply(kept["told"])
        if reply is None:
            return refused(409, "not_replied", "还没有答复，不能评价")
        if reply in kept["satisfactions"]:
            return refused(409, "already_rated", "这次答复已经评价过")
        return json(self._rated(kept, reply, asked, own), 201)

    async def move(self, request: Request, complaint: str) -> HTTPResponse:
        """World control: POST /world/core/complaints/{complaint_id or number}/moves {to, text?, department?, due_at?}: the hotline's desk."""
        by_number = self._book.get("complaint_number", complaint) or {"complaint_id": complaint}
        kept, asked = self._book.get("core_complaint", by_number["complaint_id"]), body_of(request)
        if kept is None:
            return _unknown()
        to, text = asked.get("to"), asked.get("text") or ""
        bad = [] if isinstance(to, str) and to in MOVES else [f"to 应为 {'、'.join(MOVES)} 之一"]
        bad += [] if is_text(0, 20_000)(text) and (text or to != "replied") else ["答复要写 text，最多 20000 个字"]
        bad += [] if _or_none(is_text(1, 500))(asked.get("department")) else ["department 应为 1 到 500 个字"]
        bad += [] if _or_none(_is_moment)(asked.get("due_at")) else ["due_at 应为带时区的时间，如 2026-11-30T18:00:00+08:00"]
        if bad:
            return refused(422, "bad_request", "操作内容不对", bad)
        allowed = ALLOWED.get(kept["told"]["state"], ())
        if to not in allowed:
            told = "、".join(f"{MOVES[one]}（{one}）" for one in allowed) or "没有"
            return refused(409, "move_not_allowed", f"诉求现在是“{NOW[kept['told']['state']]}”，可做的操作：{told}")
        with self._book.together():
            moved, event = self._advanced(kept, str(to), text, asked)
        self._events.send(event)
        return json(moved)

    async def listed(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/complaints: the newest first, whole, with what may be done next."""
        newest = sorted((one for _, one in self._book.every("core_complaint")), key=lambda one: one["at"], reverse=True)[:200]
        return json({"complaints": [self._shown(one) for one in newest]})

    def _shown(self, kept: Json) -> Json:
        asked, told = kept["asked"], kept["told"]
        person, item = self._book.get("person", asked["person_id"]) or {}, self._items.record(asked["item_code"] or "") or {}
        more = {"person": person.get("name"), "item_name": (item.get("item") or {}).get("name"), "allowed": list(ALLOWED.get(told["state"], ()))}
        return {**asked, **told, **more, "follow_ups": kept["follow_ups"], "satisfactions": list(kept["satisfactions"].values())}

    def _unknown_part(self, asked: Json) -> HTTPResponse | None:
        if self._book.get("person", asked["person_id"]) is None:
            return refused(404, "unknown_person", "没有这个人")
        if asked["case_no"] is not None and self._book.get("case", asked["case_no"]) is None:
            return refused(404, "unknown_case", "没有这个办件")
        if asked["item_code"] is not None and self._items.record(asked["item_code"]) is None:
            return refused(404, "unknown_item", "没有这个事项")
        if any(self._files.kept(one.get("sha256")) is None for one in asked["files"]):
            return refused(422, "unknown_file", "附件还没有收到")
        return None

    def _again(self, known: Json, asked: Json) -> HTTPResponse:
        if known["digest"] != digest(asked):
            return refused(422, "complaint_id_reused", "同一个 complaint_id 用在了不同的内容上")
        if self._faults.now["core"]["not_idempotent"]:
            self._write(known, effective=False)
            return json(known["told"], 201)
        return json(known["told"])

    def _filed(self, asked: Json, own_digest: str) -> Json:
        day, at = now().astimezone(BEIJING).strftime("%Y%m%d"), stamp()
        with self._book.together():
            serial = (self._book.get("counter", f"complaints-{day}") or {"n": 0})["n"] + 1
            self._book.put("counter", f"complaints-{day}", {"n": serial})
            first = {"version": 1, "state": "received", "at": at, "text": "", "department": None, "due_at": None}
            about = {"complaint_id": asked["complaint_id"], "number": f"LJ12345{day}{serial:05d}"}
            told = {**about, "state": "received", "version": 1, "timeline": [first]}
            kept = {"digest": own_digest, "told": told, "asked": asked, "follow_ups": [], "satisfactions": {}, "at": at}
            self._book.put("core_complaint", asked["complaint_id"], kept)
            self._book.put("complaint_number", told["number"], {"complaint_id": asked["complaint_id"]})
            self._write(kept, effective=True)
        return told

    def _rated(self, kept: Json, reply: str, asked: Json, own: Json) -> Json:
        """What the desk closed before stays closed, without another move."""
        kept = {**kept, "satisfactions": {**kept["satisfactions"], reply: {name: asked[name] for name in _SATISFACTION}}}
        told: Json = kept["told"]
        event: Json | None = None
        with self._book.together():
            self._book.put("complaint_satisfaction", asked["satisfaction_id"], own)
            self._book.put("core_complaint", told["complaint_id"], kept)
            self._book.write("core", "complaint.rated", complaint_id=told["complaint_id"], grade=asked["grade"])
            if told["state"] == "replied":
                told, event = self._advanced(kept, "closed", "")
        if event is not None:
            self._events.send(event)
        return told

    def _advanced(self, kept: Json, to: str, text: str, asked: Json | None = None) -> tuple[Json, Json]:
        """One move on, and the event to send once the caller's transaction is over. Who had it before has it still, unless told otherwise."""
        told, more = kept["told"], asked or {}
        before = told["timeline"][-1]
        due_at = more.get("due_at") or (before["due_at"] if to in ("assigned", "transferred") else None)
        own = {"version": told["version"] + 1, "state": to, "at": stamp(), "text": text}
        move = {**own, "department": more.get("department") or before["department"], "due_at": due_at}
        told = {**told, "state": to, "version": move["version"], "timeline": [*told["timeline"], move]}
        self._book.put("core_complaint", told["complaint_id"], {**kept, "told": told})
        about = {"complaint_id": told["complaint_id"], "number": told["number"]}
        event = self._events.add({"type": "complaint.moved", **about, "case_no": kept["asked"]["case_no"], "move": move})
        self._book.write("core", "complaint.moved", **about, to=to, version=move["version"], event_id=event["event_id"])
        return told, event

    def _write(self, kept: Json, **more: Any) -> None:
        asked = {name: kept["asked"][name] for name in ("complaint_id", "item_code", "case_no", "channel")} | {"about": kept["asked"]["kind"]}
        self._book.write("core", "complaint.filed", **asked, number=kept["told"]["number"], person=kept["asked"]["person_id"], **more)


def _reply(told: Json) -> str | None:
    """The version of the reply that stands; None if nothing was replied, or it was asked again since."""
    if told["state"] not in ("replied", "closed"):
        return None
    last = next((one for one in reversed(told["timeline"]) if one["state"] in ("replied", "reopened")), None)
    return None if last is None or last["state"] != "replied" else str(last["version"])


def _unknown() -> HTTPResponse:
    return refused(404, "unknown_complaint", "没有这件诉求")
