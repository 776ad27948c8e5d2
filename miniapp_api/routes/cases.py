"""The resident's own cases: timelines, limits, notices of corrections."""

from datetime import UTC, datetime
from typing import Any

from cases import limits, pages
from cases.moves import projection_of
from cases.notices import REASONS, Notice
from cases.states import TEXTS
from content.store import Content
from core.types import CaseMove, CaseState
from kit.clock import at_edge, at_edge_or_none, now
from kit.errors import NotFound
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import CaseEntry, CaseList, CasesQuery
from miniapp_api.shapes_cases import CaseDetail, CaseLimits, Deemed, Move, NoticeDocument, NoticeEntry, NoticeFinding

routes = Routes()


@routes.add("GET", "/v1/cases", who="resident", summary="我的办件", query=CasesQuery, reply=CaseList)
async def mine(call: Call) -> CaseList:
    subject = call.resident.subject
    if subject is None:
        return CaseList(items=[], next_cursor=None)
    if call.query.project is not None:
        together = await call.deps.cases.of_project(subject.key, call.query.project)
        return CaseList(items=[CaseEntry(**entry(row)) for row in reversed(together) if row["state"] != "refused"], next_cursor=None)
    rows = await call.deps.cases.cases(subject.key, pages.place(call.query.cursor), call.query.limit)
    after = pages.cursor(rows[-1]["created_at"], rows[-1]["_id"]) if len(rows) == call.query.limit else None
    return CaseList(items=[CaseEntry(**entry(row)) for row in rows], next_cursor=after)


@routes.add("GET", "/v1/cases/<case_no:str>", who="resident", summary="办件详情与进度", reply=CaseDetail)
async def one(call: Call, case_no: str) -> CaseDetail:
    row = await own_case(call, case_no)
    told = projection_of(row)
    notices = {one.version: one for one in told.notices}
    return CaseDetail(
        **entry(row),
        version=row["version"],
        timeline=[_move(move, notices.get(move.version)) for move in told.timeline],
        limits=_limits(limits.shape(row, await item_as_filed(call.deps.content, row), call.deps.workdays.current, now())),
        open_notice=told.open_notice.notice_no if told.open_notice else None,
        deemed_accepted=_deemed(row),
        progress_secret=call.deps.cases.progress_secret(row),
    )


@routes.add(
    "GET", "/v1/cases/<case_no:str>/notices/<notice_no:str>", who="resident", summary="补正通知书（一次性告知，全部补正事项）", reply=NoticeDocument
)
async def notice(call: Call, case_no: str, notice_no: str) -> NoticeDocument:
    row = await own_case(call, case_no)
    told = projection_of(row)
    found = next((one for one in told.notices if one.notice_no == notice_no), None)
    if found is None:
        raise NotFound("notice_unknown", "没有找到这份补正通知，请从办件详情中打开")
    return _document(found, row, told.open_notice == found, _titles(await item_as_filed(call.deps.content, row)))


def before(text: str) -> datetime | None:
    """A page's cursor: milliseconds of the last row seen."""
    return datetime.fromtimestamp(int(text[:15]) / 1000, UTC) if text else None


def cursor(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))


async def own_case(call: Call, case_no: str) -> dict[str, Any]:
    """Of whom the caller acts for. Raises NotFound, also for somebody else's."""
    subject = call.resident.subject
    row = await call.deps.cases.case(case_no, subject.key) if subject is not None else None
    if row is None:
        raise NotFound("case_unknown", "没有找到这个办件，请核对办件编号")
    return row


async def item_as_filed(store: Content, row: dict[str, Any]) -> dict[str, Any] | None:
    """The item as it was when the case was filed: that version's limits were promised."""
    version = await store.item_version(row["item_code"], row["item_version"])
    item: dict[str, Any] | None = None if version is None else version["item"]
    return item


def entry(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_no": row["case_no"],
        "receipt_no": row["_id"],
        "item_code": row["item_code"],
        "item_name": row["item_name"],
        "state": row["state"],
        "state_text": TEXTS[CaseState(row["state"])],
        "submitted_at": at_edge(row.get("submitted_at") or row["created_at"]),
        "project_code": row.get("project_code"),
    }


def _move(move: CaseMove, notice: Notice | None) -> Move:
    return Move(
        version=move.version,
        state=move.state,
        state_text=TEXTS[move.state],
        at=at_edge(move.at),
        text=move.text,
        findings=[finding.model_dump() for finding in move.findings],
        notice=_notice(notice) if notice else None,
    )


def _notice(told: Notice) -> NoticeEntry:
    due_at = at_edge_or_none(told.due_at)
    return NoticeEntry(notice_no=told.notice_no, ordinal=told.ordinal, due_at=due_at, findings=len(told.findings), again=told.again)


def _document(told: Notice, row: dict[str, Any], is_open: bool, titles: dict[str, str]) -> NoticeDocument:
    return NoticeDocument(
        **_notice(told).model_dump(exclude={"findings"}),
        case_no=row["case_no"],
        item_name=row["item_name"],
        issued_at=at_edge(told.issued_at),
        text=told.text,
        open=is_open,
        findings=[
            NoticeFinding(
                no=number,
                target=one.target,
                name=one.name,
                title=titles.get(one.name, one.name) if one.target == "field" else one.name,
                problem=one.problem,
                fix=one.fix,
                again=one.again is not None,
                again_reason=REASONS[one.again] if one.again else None,
            )
            for number, one in enumerate(told.findings, 1)
        ],
    )


def _titles(item: dict[str, Any] | None) -> dict[str, str]:
    """Field -> the form's own title of it."""
    form: dict[str, Any] = (item or {}).get("form") or {}
    return {name: str(spec["title"]) for name, spec in form.get("properties", {}).items() if isinstance(spec, dict) and spec.get("title")}


def _limits(found: limits.Limits) -> CaseLimits:
    return CaseLimits(
        promised_due=found.promised_due.isoformat() if found.promised_due else None,
        statutory_due=found.statutory_due.isoformat() if found.statutory_due else None,
        days_left=found.days_left,
        unit=found.unit,
        colour=found.colour,
        provisional=found.provisional,
        paused=found.paused,
    )


def _deemed(row: dict[str, Any]) -> Deemed | None:
    if row.get("deemed_accepted_at") is None:
        return None
    accepted, lapsed = at_edge(row["deemed_accepted_at"]), at_edge(row["deemed_lapsed_at"])
    told = "受理部门在收到申请材料后五个工作日内没有告知需要补正的内容，依照《行政许可法》第三十二条，自收到申请材料之日起即为受理"
    return Deemed(accepted_at=accepted, lapsed_at=lapsed, text=told)
