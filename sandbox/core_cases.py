"""The core's cases: filed once per request, moved by a clerk, told by events."""

from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_content import Content
from sandbox.core_events import Events
from sandbox.core_items import Items
from sandbox.moments import BEIJING, moment
from sandbox.once import digest

STATES = {
    "accepted": "受理",
    "corrections": "要求补正",
    "special_procedure": "转特别程序",
    "approved": "通过",
    "rejected": "不予批准",
    "issued": "发证",
    "withdrawn": "撤回",
}
NOW = {
    "submitted": "已提交",
    "accepted": "已受理",
    "corrections": "待补正",
    "approved": "已通过",
    "rejected": "未通过",
    "issued": "已办结",
    "withdrawn": "已撤回",
    "supplemented": "已补正",
    "special_procedure": "特别程序中",
}
ALLOWED = {
    "submitted": ("accepted", "corrections", "rejected"),
    "accepted": ("corrections", "special_procedure", "approved", "rejected", "issued"),  # issued at once: 即办件
    "corrections": ("accepted", "approved", "rejected"),
    "supplemented": ("accepted", "corrections", "approved", "rejected"),
    "special_procedure": ("accepted", "approved", "rejected"),
    "approved": ("issued",),
}
_REQUIRED = {"request_id": str, "item_code": str, "item_version": int, "applicant": dict, "answers": dict, "materials": list, "channel": str}


class Cases:
    def __init__(self, book: Book, items: Items, events: Events, content: Content) -> None:
        self._book = book
        self._items = items
        self._events = events
        self._content = content

    async def submit(self, request: Request) -> HTTPResponse:
        """201 the first time, 200 with the same case for the same content, 422 for other content under the same request id."""
        asked = body_of(request)
        wrong = [name for name, kind in _REQUIRED.items() if not isinstance(asked.get(name), kind)]
        if wrong or request.headers.get("idempotency-key") != asked.get("request_id"):
            return refused(422, "bad_request", "参数不完整，或 Idempotency-Key 与 request_id 不一致", wrong)
        known = self._book.get("request", asked["request_id"])
        if known is not None:
            if known["digest"] != digest(asked):
                return refused(422, "request_id_reused", "同一个 request_id 用在了不同的内容上")
            return json(self._book.get("case", known["case_no"]))
        record = self._items.record(asked["item_code"])
        if record is None:
            return refused(404, "unknown_item", "没有这个事项")
        if (no := self._content.wrong_applicant(asked)) is not None:
            return no
        own = f"person:{asked['applicant']['person_id']}"
        if (no := self._content.wrong_materials(asked["materials"], asked["item_code"], {own, asked.get("subject") or own})) is not None:
            return no
        return json(self._file(asked, record["item"]["name"]), 201)

    def _file(self, asked: dict[str, Any], item_name: str) -> dict[str, Any]:
        day = now().astimezone(BEIJING).strftime("%Y%m%d")
        at = stamp()
        with self._book.together():
            serial = (self._book.get("counter", f"cases-{day}") or {"n": 0})["n"] + 1
            self._book.put("counter", f"cases-{day}", {"n": serial})
            case = {
                "case_no": f"{asked['item_code'][:31]}{day}{serial:04d}",
                "request_id": asked["request_id"],
                "item_code": asked["item_code"],
                "item_version": asked["item_version"],
                "item_name": item_name,
                "state": "submitted",
                "version": 1,
                "submitted_at": at,
                "timeline": [{"version": 1, "state": "submitted", "at": at, "text": "", "findings": []}],
            }
            more = {"person": asked["applicant"]["person_id"], "channel": asked["channel"]}
            more |= {name: asked[name] for name in ("subject", "by_person_id", "project_code", "joint_id") if asked.get(name) is not None}
            self._book.put("case", case["case_no"], case)
            self._book.put("case_content", case["case_no"], {"answers": asked["answers"], "materials": asked["materials"], **more})
            self._book.put("request", asked["request_id"], {"digest": digest(asked), "case_no": case["case_no"]})
            self._book.write("core", "case.submitted", case_no=case["case_no"], request_id=case["request_id"], item_code=case["item_code"], **more)
        return case

    async def find(self, request: Request) -> HTTPResponse:
        known = self._book.get("request", request.args.get("request_id") or "")
        return json({"cases": [self._book.get("case", known["case_no"])] if known is not None else []})

    async def look(self, request: Request, case_no: str) -> HTTPResponse:
        case = self._book.get("case", case_no)
        return refused(404, "unknown_case", "没有这个办件") if case is None else json(case)

    async def move(self, request: Request, case_no: str) -> HTTPResponse:
        """World control: the clerk's desk. {to, text?, findings?: [{target?, name?, problem, fix?} or a plain sentence], due_at?: of corrections}"""
        case, asked = self._book.get("case", case_no), body_of(request)
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        to, findings = asked.get("to"), asked.get("findings") or []
        if isinstance(findings, list):
            findings = [{"problem": one} if isinstance(one, str) else one for one in findings]
        wrong = wrong_findings(findings)
        if not isinstance(to, str) or to not in STATES:
            wrong.append(f"to 应为 {'、'.join(STATES)} 之一")
        if asked.get("due_at") is not None and (to != "corrections" or moment(asked["due_at"]) is None):
            wrong.append("due_at 只用于要求补正，应为带时区的时间，如 2026-11-30T18:00:00+08:00")
        if wrong:
            return refused(422, "bad_request", "操作内容不对", wrong)
        allowed = ALLOWED.get(case["state"], ())
        if to not in allowed:
            told = "、".join(f"{STATES[one]}（{one}）" for one in allowed) or "没有"
            return refused(409, "move_not_allowed", f"办件现在是“{NOW[case['state']]}”，可做的操作：{told}")
        with self._book.together():
            moved, event = self.advance(case, str(to), str(asked.get("text") or ""), findings, asked.get("due_at"))
        self.tell(event)
        return json(moved)

    def advance(
        self, case: dict[str, Any], to: str, text: str, findings: list[dict[str, Any]] | None = None, due_at: str | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The case one move on, and the event to `tell` once the caller's transaction is over."""
        move = {"version": case["version"] + 1, "state": to, "at": stamp(), "text": text, "findings": told_findings(findings or [])}
        move |= _papers(case, move, due_at)
        case = {**case, "state": to, "version": move["version"], "timeline": [*case["timeline"], move]}
        self._book.put("case", case["case_no"], case)
        event = self._events.add({"type": "case.moved", "case_no": case["case_no"], "request_id": case["request_id"], "move": move})
        self._book.write("core", "case.moved", case_no=case["case_no"], to=to, version=move["version"], event_id=event["event_id"])
        return case, event

    def tell(self, event: dict[str, Any]) -> None:
        self._events.send(event)

    async def listed(self, request: Request) -> HTTPResponse:
        """World control: every case, the newest first, with what was filed and what may be done next."""
        newest = sorted((case for _, case in self._book.every("case")), key=lambda case: case["submitted_at"], reverse=True)[:200]
        return json({"cases": [{**case, "allowed": list(ALLOWED.get(case["state"], ())), **self._filed(case)} for case in newest]})

    def _filed(self, case: dict[str, Any]) -> dict[str, Any]:
        """For whom it is and what was handed in; `labels` and `words` say the form's own names of fields and of coded answers."""
        content = self._book.get("case_content", case["case_no"]) or {}
        person = self._book.get("person", content.get("person", "")) or {}
        by = self._book.get("person", content.get("by_person_id") or "") or {}
        form = ((self._items.record(case["item_code"]) or {}).get("item") or {}).get("form") or {}
        fields = {name: one for name, one in (form.get("properties") or {}).items() if isinstance(one, dict)}
        return {
            **{name: content.get(name) for name in ("answers", "subject", "project_code", "joint_id")},
            "applicant": person.get("name"),
            "by": by.get("name"),
            "subject_name": self._content.name_of(content.get("subject") or ""),
            "materials": self._content.told(content.get("materials") or []),
            "corrections": len(content.get("corrections") or []),
            "labels": {name: one["title"] for name, one in fields.items() if one.get("title")},
            "words": {name: one["x-labels"] for name, one in fields.items() if one.get("x-labels")},
        }


def _papers(case: dict[str, Any], move: dict[str, Any], due_at: str | None) -> dict[str, Any]:
    """The numbered notice of corrections; the receipt of the acceptance, the same one however often the case is accepted."""
    before = case["timeline"]
    if move["state"] == "corrections":
        ordinal = 1 + sum(one["state"] == "corrections" for one in before)
        return {"notice": {"notice_no": f"{case['case_no']}-BZ{ordinal:02d}", "ordinal": ordinal, "due_at": due_at}}
    if move["state"] == "accepted":
        first = next((one["receipt"] for one in before if one.get("receipt")), None)
        return {"receipt": first or {"receipt_no": f"{case['case_no']}-SL", "received_at": move["at"]}}
    return {}


def told_findings(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the contract has them."""
    return [{"target": "case", "name": "", "fix": "", **finding} for finding in findings]


def wrong_findings(findings: Any) -> list[str]:
    if not isinstance(findings, list) or len(findings) > 50:
        return ["findings 应为列表，最多 50 条"]
    wrong = []
    for number, one in enumerate(findings, 1):
        if not isinstance(one, dict) or not isinstance(one.get("problem"), str) or not one["problem"]:
            wrong.append(f"第 {number} 条补正意见要写明 problem")
        elif one.get("target", "case") not in ("case", "material", "field"):
            wrong.append(f"第 {number} 条补正意见的 target 应为 case、material 或 field")
        elif not isinstance(one.get("name", ""), str) or not isinstance(one.get("fix", ""), str):
            wrong.append(f"第 {number} 条补正意见的 name、fix 应为文字")
    return wrong
