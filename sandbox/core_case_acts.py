"""What the applicant does about a case at the core: hands in corrections, takes it back. Each once, in one transaction with the move."""

from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, stamp
from sandbox.core_cases import Cases
from sandbox.core_content import Content
from sandbox.faults import Faults
from sandbox.once import digest, is_id, is_text, wrong

Json = dict[str, Any]
_CORRECTION: dict[str, Callable[[Any], bool]] = {
    "correction_id": is_id,
    "answers": lambda value: isinstance(value, dict),
    "materials": lambda value: isinstance(value, list),
}
_WITHDRAWAL: dict[str, Callable[[Any], bool]] = {"withdrawal_id": is_id, "reason": is_text(0, 20_000)}
_TO = {"correction": "supplemented", "withdrawal": "withdrawn"}
_LINE = {"correction": "case.corrected", "withdrawal": "case.withdrawn"}
WITHDRAWABLE = ("submitted", "accepted", "corrections", "supplemented", "special_procedure")


class CaseActs:
    """`not_idempotent` makes it write a known act into its ledger a second time, with `effective` false."""

    def __init__(self, book: Book, cases: Cases, content: Content, faults: Faults) -> None:
        self._book = book
        self._cases = cases
        self._content = content
        self._faults = faults

    async def correct(self, request: Request, case_no: str) -> HTTPResponse:
        """POST /core/v1/cases/{case_no}/corrections: 201 the first time, 200 with the case as it is now again."""
        asked = {"answers": {}, "materials": [], **body_of(request)}
        if (bad := wrong(request, asked, _CORRECTION, "correction_id")) is not None:
            return bad
        case = self._book.get("case", case_no)
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        if (again := self._again("correction", case, asked)) is not None:
            return again
        if case["state"] != "corrections":
            return refused(409, "not_waiting_for_corrections", "办件现在不在等补正")
        content = self._book.get("case_content", case_no) or {}
        holders = {content.get("subject") or f"person:{content['person']}", f"person:{content['person']}"}
        if (no := self._content.wrong_materials(asked["materials"], case["item_code"], holders)) is not None:
            return no
        notice = next((one["notice"] for one in reversed(case["timeline"]) if one.get("notice")), None)
        return self._done("correction", case, asked, _supplemented(content, asked), notice_no=(notice or {}).get("notice_no"))

    async def withdraw(self, request: Request, case_no: str) -> HTTPResponse:
        """POST /core/v1/cases/{case_no}/withdrawals: 201 the first time, 200 again."""
        asked = {"reason": "", **body_of(request)}
        if (bad := wrong(request, asked, _WITHDRAWAL, "withdrawal_id")) is not None:
            return bad
        case = self._book.get("case", case_no)
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        if (again := self._again("withdrawal", case, asked)) is not None:
            return again
        if case["state"] not in WITHDRAWABLE:
            return refused(409, "too_late", "办件已经办出结果或已撤回，不能再撤回")
        return self._done("withdrawal", case, asked, self._book.get("case_content", case_no) or {})

    async def look_correction(self, request: Request, case_no: str, correction_id: str) -> HTTPResponse:
        return self._found("correction", case_no, correction_id, "没有这次补正")

    async def look_withdrawal(self, request: Request, case_no: str, withdrawal_id: str) -> HTTPResponse:
        return self._found("withdrawal", case_no, withdrawal_id, "没有这次撤回")

    def _again(self, kind: str, case: Json, asked: Json) -> HTTPResponse | None:
        """The answer to an act that is known; None if it is new."""
        known = self._book.get(kind, asked[f"{kind}_id"])
        if known is None:
            return None
        if (known["case_no"], known["digest"]) != (case["case_no"], digest(asked)):
            return refused(422, f"{kind}_id_reused", f"同一个 {kind}_id 用在了不同的内容上")
        if self._faults.now["core"]["not_idempotent"]:
            self._write(kind, case, asked, effective=False)
            return json(case, 201)
        return json(case)

    def _done(self, kind: str, case: Json, asked: Json, content: Json, **more: Any) -> HTTPResponse:
        with self._book.together():
            moved, event = self._cases.advance(case, _TO[kind], str(asked.get("reason") or ""))
            self._book.put("case_content", case["case_no"], content)
            self._book.put(kind, asked[f"{kind}_id"], {"case_no": case["case_no"], "digest": digest(asked), "at": stamp()})
            self._write(kind, case, asked, effective=True, **more)
        self._cases.tell(event)
        return json(moved, 201)

    def _write(self, kind: str, case: Json, asked: Json, **more: Any) -> None:
        self._book.write("core", _LINE[kind], case_no=case["case_no"], **{f"{kind}_id": asked[f"{kind}_id"]}, **more)

    def _found(self, kind: str, case_no: str, own: str, none: str) -> HTTPResponse:
        known = self._book.get(kind, own)
        if known is None or known["case_no"] != case_no:
            return refused(404, f"unknown_{kind}", none)
        return json(self._book.get("case", case_no))


def _supplemented(content: Json, asked: Json) -> Json:
    """Answers that changed, and materials in place of those of the same name; what was there before stays in `corrections`."""
    new = {one["name"] for one in asked["materials"]}
    kept = [one for one in content["materials"] if one.get("name") not in new]
    act = {"at": stamp(), "correction_id": asked["correction_id"], "answers": asked["answers"], "materials": asked["materials"]}
    return {
        **content,
        "answers": content["answers"] | asked["answers"],
        "materials": [*kept, *asked["materials"]],
        "corrections": [*content.get("corrections", []), act],
    }
