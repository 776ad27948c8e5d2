"""Figures for supervisors and for everybody; warnings of cases near their due day or past it."""

from kit.clock import now
from kit.errors import NotFound
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import place
from miniapp_api.shapes_supervision import (
    FiguresQuery,
    Noted,
    OpenFigures,
    SupervisionQuery,
    SupervisionTold,
    WarningEntry,
    WarningsPage,
    WarningsQuery,
)
from miniapp_api.supervision_told import for_public, months_of, places_of, told
from miniapp_api.supervision_view import for_everybody, for_staff, warning
from supervision.due import LEVELS

routes = Routes()
_WARNINGS = "/staff/v1/supervision/warnings"


@routes.add(
    "GET",
    "/staff/v1/supervision",
    who="staff",
    may="supervision.read",
    summary="效能监督：三率一数、临期逾期、满意度、投诉（本账号范围内）",
    query=SupervisionQuery,
    reply=SupervisionTold,
)
async def look(call: Call) -> SupervisionTold:
    query: SupervisionQuery = call.query
    moment = now()
    period, months = months_of(query.month, query.year, moment)
    found, as_of = await told(call.deps, months, places_of(call.staff.scope, query.department), moment)
    return for_staff(found, period, query.department, as_of)


@routes.add("GET", "/open/v1/figures", who="anyone", summary="公开的效能指标，附定义和日期", query=FiguresQuery, reply=OpenFigures)
async def figures(call: Call) -> OpenFigures:
    query: FiguresQuery = call.query
    period, months = months_of(query.month, query.year, now())
    found, about = await for_public(call.deps, period, months)
    return for_everybody(found, about)


@routes.add("GET", _WARNINGS, who="staff", may="supervision.read", summary="预警：临期、逾期、逾期多日", query=WarningsQuery, reply=WarningsPage)
async def warnings(call: Call) -> WarningsPage:
    query: WarningsQuery = call.query
    level = next((one for one in LEVELS if one == query.level), None)
    rows = await call.deps.supervising.warnings.listed(places_of(call.staff.scope), level, place(query.cursor), query.limit)
    facts = await call.deps.supervising.facts.of_cases([row["request_id"] for row in rows])
    items = [warning(row, bool(facts.get(row["request_id"], {}).get("open")), call.staff.id) for row in rows]
    last = f"{round(rows[-1]['at'].timestamp() * 1000)}.{rows[-1]['_id']}" if len(rows) == query.limit else None
    return WarningsPage(items=items, next_cursor=last)


@routes.add(
    "POST",
    f"{_WARNINGS}/<warning_id:str>/seen",
    who="staff",
    may="supervision.read",
    summary="看过一条预警，写处理说明",
    body=Noted,
    reply=WarningEntry,
)
async def seen(call: Call, warning_id: str) -> WarningEntry:
    row = await call.deps.supervising.warnings.seen(warning_id, places_of(call.staff.scope), call.staff.id, call.body.note)
    if row is None:
        raise NotFound("warning_unknown", "没有找到这条预警，请刷新列表")
    facts = await call.deps.supervising.facts.of_cases([row["request_id"]])
    return warning(row, bool(facts.get(row["request_id"], {}).get("open")), call.staff.id)
