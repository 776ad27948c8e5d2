"""The core's slots: every item, two halls, hour by hour on working days, without a row until somebody takes or changes one; and those made by hand."""

import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now
from sandbox.core_items import Items
from sandbox.moments import BEIJING, moment

Json = dict[str, Any]
HALLS: dict[str, Json] = {
    "hall-1": {"hall_id": "hall-1", "name": "临江市政务服务中心", "address": "临江市江滨大道 1 号"},
    "hall-2": {"hall_id": "hall-2", "name": "临江市城东便民服务中心", "address": "临江市城东路 88 号"},
}
HOURS = (9, 10, 11, 14, 15, 16)  # an hour each
CAPACITY = 3
MOST_DAYS = 31
HOLIDAYS = frozenset({"01-01", "05-01", "10-01", "10-02", "10-03"})  # what never moves; the others are working days in this world
_MADE = re.compile(r"([0-9a-f]{12})\.(hall-[12])\.(\d{8})\.(\d{2})")


class Slots:
    """Kept: `slot` (made by hand), `slot_change` (capacity, closed), `slot_taken` (how many places somebody has)."""

    def __init__(self, book: Book, items: Items) -> None:
        self._book = book
        self._items = items

    async def page(self, request: Request) -> HTTPResponse:
        """GET /core/v1/slots?item_code=&from=&to=: those that have not begun, soonest first."""
        return self._listed(request, now())

    async def desk(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/slots?item_code=&from=&to=: also those that have begun."""
        return self._listed(request, datetime.min.replace(tzinfo=BEIJING))

    async def make(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/slots {item_code, hall_id?, starts_at, ends_at?, capacity?} -> the slot; ends an hour later if nothing is said."""
        asked = {"hall_id": "hall-1", "capacity": CAPACITY, **body_of(request)}
        starts, record = moment(asked.get("starts_at")), self._items.record(str(asked.get("item_code")))
        ends = moment(asked["ends_at"]) if asked.get("ends_at") is not None else starts and starts + timedelta(hours=1)
        wrong = [] if record is not None else ["没有这个事项（item_code）"]
        wrong += [] if asked["hall_id"] in HALLS else [f"hall_id 应为 {'、'.join(HALLS)}"]
        wrong += [] if starts is not None and ends is not None and starts < ends else ["starts_at、ends_at 应为带时区的时间，先后不能颠倒"]
        wrong += [] if is_capacity(asked["capacity"]) else ["capacity 应为 0 到 10000 的整数"]
        if wrong or starts is None or ends is None:
            return refused(422, "bad_slot", "不能放出这个号源", wrong)
        slot = _slot(f"x{secrets.token_hex(10)}", asked["item_code"], asked["hall_id"], (starts, ends), asked["capacity"])
        with self._book.together():
            self._book.put("slot", slot["slot_id"], slot)
        return json(self.told(slot))

    def find(self, slot_id: str, item_code: str | None = None) -> Json | None:
        """The slot, if there is one and it is for this item, or for any that the core has."""
        if (made := self._book.get("slot", slot_id)) is not None:
            return made if item_code in (None, made["item_code"]) else None
        match = _MADE.fullmatch(slot_id)
        day, hour = (_day(f"{match[3][:4]}-{match[3][4:6]}-{match[3][6:]}"), int(match[4])) if match is not None else (None, 0)
        if match is None or day is None or not is_open(day) or hour not in HOURS:
            return None
        codes = [item_code] if item_code is not None else [code for code, _ in self._book.every("item_at")]
        code = next((one for one in codes if _short(one) == match[1]), None)
        return None if code is None or self._items.record(code) is None else _worked_out(code, match[2], day, hour)

    def told(self, slot: Json) -> Json:
        """With what was changed about it, and what is left."""
        change = self._book.get("slot_change", slot["slot_id"]) or {}
        capacity: int = {**slot, **change}["capacity"]
        left = 0 if change.get("closed") else max(0, capacity - self.taken(slot["slot_id"]))
        return {**slot, "capacity": capacity, "left": left}

    def is_closed(self, slot_id: str) -> bool:
        return bool((self._book.get("slot_change", slot_id) or {}).get("closed"))

    def taken(self, slot_id: str) -> int:
        return int((self._book.get("slot_taken", slot_id) or {"n": 0})["n"])

    def count(self, slot_id: str, more: int) -> None:
        """Inside the caller's transaction."""
        self._book.put("slot_taken", slot_id, {"n": self.taken(slot_id) + more})

    def change(self, slot_id: str, news: Json) -> None:
        """Inside the caller's transaction."""
        self._book.put("slot_change", slot_id, {**(self._book.get("slot_change", slot_id) or {}), **news})

    def _listed(self, request: Request, after: datetime) -> HTTPResponse:
        item_code, first, last = request.args.get("item_code"), _day(request.args.get("from")), _day(request.args.get("to"))
        if not item_code or first is None or last is None or not 0 <= (last - first).days < MOST_DAYS:
            return refused(422, "bad_request", f"item_code、from、to 必填，日期写成 YYYY-MM-DD，最多 {MOST_DAYS} 天")
        if self._items.record(item_code) is None:
            return refused(404, "unknown_item", "没有这个事项")
        found = [slot for slot in self._every(item_code, first, last) if datetime.fromisoformat(slot["starts_at"]) > after]
        return json({"slots": [self.told(one) for one in sorted(found, key=lambda one: (one["starts_at"], one["hall"]["hall_id"], one["slot_id"]))]})

    def _every(self, item_code: str, first: date, last: date) -> Iterator[Json]:
        for day in (first + timedelta(days=ahead) for ahead in range((last - first).days + 1)):
            if is_open(day):
                yield from (_worked_out(item_code, hall, day, hour) for hall in HALLS for hour in HOURS)
        for _, made in self._book.every("slot"):
            if made["item_code"] == item_code and first <= datetime.fromisoformat(made["starts_at"]).date() <= last:
                yield made


def is_capacity(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000


def is_open(day: date) -> bool:
    return day.weekday() < 5 and day.strftime("%m-%d") not in HOLIDAYS


def _worked_out(item_code: str, hall: str, day: date, hour: int) -> Json:
    starts = datetime(day.year, day.month, day.day, hour, tzinfo=BEIJING)
    own = f"{_short(item_code)}.{hall}.{day:%Y%m%d}.{hour:02d}"
    return _slot(own, item_code, hall, (starts, starts + timedelta(hours=1)), CAPACITY)


def _slot(slot_id: str, item_code: str, hall: str, times: tuple[datetime, datetime], capacity: int) -> Json:
    """Times in Beijing's zone, so that they sort as text."""
    starts, ends = (one.astimezone(BEIJING).isoformat(timespec="seconds") for one in times)
    about = {"slot_id": slot_id, "item_code": item_code, "hall": HALLS[hall]}
    return {**about, "starts_at": starts, "ends_at": ends, "capacity": capacity}


def _short(item_code: str) -> str:
    return hashlib.sha256(item_code.encode()).hexdigest()[:12]


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None
