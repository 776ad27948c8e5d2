"""The core's pre-check: looks at what would be filed and changes nothing. A clerk sets what it finds for an item until taken back."""

from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.core_cases import told_findings, wrong_findings
from sandbox.core_content import Content
from sandbox.core_items import Items

_REQUIRED = {"item_code": str, "item_version": int, "applicant": dict, "subject": str, "answers": dict, "materials": list}


class Prechecks:
    def __init__(self, book: Book, items: Items, content: Content) -> None:
        self._book = book
        self._items = items
        self._content = content

    async def check(self, request: Request) -> HTTPResponse:
        """POST /core/v1/prechecks"""
        asked = body_of(request)
        bad = [name for name, kind in _REQUIRED.items() if not isinstance(asked.get(name), kind)]
        if bad:
            return refused(422, "bad_request", "参数不完整", bad)
        if self._items.record(asked["item_code"]) is None:
            return refused(404, "unknown_item", "没有这个事项")
        if (no := self._content.wrong_applicant(asked)) is not None:
            return no
        holders = {asked["subject"], f"person:{asked['applicant']['person_id']}"}
        set_here = (self._book.get("precheck", asked["item_code"]) or {"findings": []})["findings"]
        found = [*set_here, *self._content.findings(asked["materials"], asked["item_code"], holders)]
        self._book.write("core", "precheck", item_code=asked["item_code"], subject=asked["subject"], findings=len(found))
        return json({"findings": found})

    async def set(self, request: Request) -> HTTPResponse:
        """World control: PUT /world/core/prechecks {item_code: [findings]}; an empty list takes them back, other items stay as they are."""
        asked = body_of(request)
        told = {
            code: [{"problem": one} if isinstance(one, str) else one for one in found] for code, found in asked.items() if isinstance(found, list)
        }
        bad = [f"{code}：应为补正意见的列表" for code in asked if code not in told]
        bad += [f"{code}：没有这个事项" for code in told if self._items.record(code) is None]
        bad += [f"{code}：{problem}" for code, found in told.items() for problem in wrong_findings(found)]
        if bad or not asked:
            return refused(422, "bad_request", "预审的设置不对", bad or ["要写 事项编码: [意见]"])
        with self._book.together():
            for code, found in told.items():
                if found:
                    self._book.put("precheck", code, {"findings": told_findings(found)})
                else:
                    self._book.take("precheck", code)
        return json(self._all())

    async def look(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/prechecks -> {item_code: {name, findings}}"""
        shown = {code: {"name": self._name(code), "findings": found} for code, found in self._all().items()}
        return json({"prechecks": shown})

    def _all(self) -> dict[str, Any]:
        return {code: body["findings"] for code, body in self._book.every("precheck")}

    def _name(self, code: str) -> str:
        record = self._items.record(code)
        return str(record["item"]["name"]) if record is not None else code
