"""The resident's own cases and their timelines."""

from datetime import UTC, datetime
from typing import Any

from cases.states import TEXTS
from core.types import CaseState
from kit.clock import at_edge
from kit.errors import NotFound
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import CaseDetail, CaseEntry, CaseList, Move, PageQuery

routes = Routes()


@routes.add("GET", "/v1/cases", who="resident", summary="我的办件", query=PageQuery, reply=CaseList)
async def mine(call: Call) -> CaseList:
    resident = await call.deps.residents.resident(call.resident.resident_id)
    if resident is None or resident.person_id is None:
        return CaseList(items=[], next_cursor=None)
    rows = await call.deps.cases.cases(resident.person_id, before(call.query.cursor), call.query.limit)
    after = cursor(rows[-1]["created_at"]) if len(rows) == call.query.limit else None
    return CaseList(items=[CaseEntry(**_entry(row)) for row in rows], next_cursor=after)


@routes.add("GET", "/v1/cases/<case_no:str>", who="resident", summary="办件详情与进度", reply=CaseDetail)
async def one(call: Call, case_no: str) -> CaseDetail:
    resident = await call.deps.residents.resident(call.resident.resident_id)
    row = await call.deps.cases.case(case_no, resident.person_id) if resident and resident.person_id else None
    if row is None:
        raise NotFound("case_unknown", "没有找到这个办件，请核对办件编号")
    return CaseDetail(version=row["version"], timeline=[_move(entry) for entry in row["timeline"]], **_entry(row))


def before(text: str) -> datetime | None:
    """A page's cursor: milliseconds of the last row seen."""
    return datetime.fromtimestamp(int(text[:15]) / 1000, UTC) if text else None


def cursor(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_no": row["case_no"],
        "receipt_no": row["_id"],
        "item_code": row["item_code"],
        "item_name": row["item_name"],
        "state": row["state"],
        "state_text": TEXTS[CaseState(row["state"])],
        "submitted_at": at_edge(row.get("submitted_at") or row["created_at"]),
    }


def _move(entry: dict[str, Any]) -> Move:
    state = CaseState(entry["state"])
    findings = [dict(finding) for finding in entry["findings"]]
    return Move(version=entry["version"], state=state, state_text=TEXTS[state], at=at_edge(entry["at"]), text=entry["text"], findings=findings)
