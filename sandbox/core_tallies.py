"""What the core counts per department and month: cases filed through us, and those of the windows as somebody tells it. Nobody told: not counted."""

import re
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_items import Items
from sandbox.moments import BEIJING, moment

Json = dict[str, Any]
FINISHED = ("approved", "rejected", "issued")
FIGURES = ("received", "finished")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class CoreTallies:
    """A kept month is {"counted", "windows": {department: {"received", "finished"}}}; None there: the core does not know the whole number either."""

    def __init__(self, book: Book, items: Items) -> None:
        self._book = book
        self._items = items

    async def month(self, request: Request, month: str) -> HTTPResponse:
        """GET /core/v1/tallies/{YYYY-MM}, Beijing time."""
        kept = self._book.get("tally_month", month)
        if kept is None or not kept["counted"]:
            return refused(404, "unknown_month", "这个月没有统计")
        departments, own = kept["windows"], self._own(month)
        rows = [{"department": name, **self._row(departments.get(name), own.get(name, {}))} for name in sorted({*departments, *own})]
        return json({"month": month, "as_of": stamp(), "whole": now().astimezone(BEIJING).strftime("%Y-%m") > month, "departments": rows})

    async def count_windows(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/window-cases {department, month, received?, finished?}: adds to the month; null: nobody knows any more."""
        asked = body_of(request)
        department, month, told = asked.get("department"), asked.get("month"), {name: asked[name] for name in FIGURES if name in asked}
        bad = [] if isinstance(department, str) and 1 <= len(department) <= 500 else ["department 应为 1 到 500 个字"]
        bad += [] if _is_month(month) else ["month 应为 YYYY-MM"]
        bad += [] if told and all(one is None or _is_count(one) for one in told.values()) else ["received、finished 至少写一个，应为非负整数或 null"]
        if bad:
            return refused(422, "bad_request", "窗口办件的数不对", bad)
        kept = self._kept(str(month))
        before = kept["windows"].get(department, dict.fromkeys(FIGURES, 0))
        after = {**before, **{name: None if one is None else (before[name] or 0) + one for name, one in told.items()}}
        with self._book.together():
            self._book.put("tally_month", str(month), {"counted": True, "windows": {**kept["windows"], department: after}})
            self._book.write("core", "window_cases.counted", department=department, month=month, **told)
        return json({"department": department, "month": month, **after})

    async def count(self, request: Request) -> HTTPResponse:
        """World control: POST /world/core/tallies {month, counted}: whether the core has figures of that month at all."""
        asked = body_of(request)
        if not _is_month(asked.get("month")) or not isinstance(asked.get("counted"), bool):
            return refused(422, "bad_request", "month 应为 YYYY-MM，counted 应为 true 或 false")
        with self._book.together():
            self._book.put("tally_month", asked["month"], {**self._kept(asked["month"]), "counted": asked["counted"]})
        return json({"month": asked["month"], "counted": asked["counted"]})

    def _kept(self, month: str) -> Json:
        return self._book.get("tally_month", month) or {"counted": False, "windows": {}}

    def _row(self, windows: Json | None, own: Json) -> Json:
        told = windows or dict.fromkeys(FIGURES, 0)
        return {name: None if told[name] is None else told[name] + own.get(name, 0) for name in FIGURES}

    def _own(self, month: str) -> dict[str, Json]:
        """By department: filed through us in that month, and ended in it for the first time."""
        found: dict[str, Json] = {}
        for _, case in self._book.every("case"):
            ended = next((one["at"] for one in case["timeline"] if one["state"] in FINISHED), None)
            for name, at in (("received", case["submitted_at"]), ("finished", ended)):
                if _month_of(at) == month:
                    row = found.setdefault(self._department(case), dict.fromkeys(FIGURES, 0))
                    row[name] += 1
        return found

    def _department(self, case: Json) -> str:
        """Whose item it is; of one that is gone, nobody's."""
        record = self._items.record(case["item_code"])
        return str(((record or {}).get("item") or {}).get("department", {}).get("name") or "事项已取消")


def _month_of(at: str | None) -> str | None:
    found = moment(at)
    return None if found is None else found.astimezone(BEIJING).strftime("%Y-%m")


def _is_month(value: Any) -> bool:
    return isinstance(value, str) and _MONTH.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9
