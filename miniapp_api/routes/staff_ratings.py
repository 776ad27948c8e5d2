"""Bad ratings, put right: sent to the department, answered, appealed against, called back, published."""

from kit.clock import now
from kit.errors import FieldError, Invalid
from miniapp_api import rectifying, staff_places
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.rating_view import for_staff, rectification_entry
from miniapp_api.shapes_ratings import (
    AppealDecision,
    DepartmentReply,
    NewAppeal,
    PhoneCallBack,
    Publication,
    RectificationEntry,
    RectificationQuery,
    RectificationsPage,
    StaffRatingQuery,
    StaffRatings,
    Triage,
)
from ratings.values import OPEN, Rectification, State

routes = Routes()
_PATH = "/staff/v1/rectifications/<own_id:str>"


@routes.add(
    "GET",
    "/staff/v1/ratings",
    who="staff",
    may="ratings.read",
    summary="评价，新的在前；部门只见自己部门、自己区划的",
    query=StaffRatingQuery,
    reply=StaffRatings,
)
async def listed(call: Call) -> StaffRatings:
    query: StaffRatingQuery = call.query
    rows = await call.deps.rating.store.listed(
        staff_places.places(call, rectifying.SEES_ALL), query.at_core or None, place(query.cursor), query.limit
    )
    after = cursor(rows[-1].rated_at, rows[-1].id) if len(rows) == query.limit else None
    return StaffRatings(items=[await for_staff(call.deps, one) for one in rows], next_cursor=after)


@routes.add(
    "GET",
    "/staff/v1/rectifications",
    who="staff",
    may="ratings.read",
    summary="差评整改，先到期的在前；部门只见自己部门、自己区划的",
    query=RectificationQuery,
    reply=RectificationsPage,
)
async def rectifications(call: Call) -> RectificationsPage:
    query: RectificationQuery = call.query
    overdue_at, last, store = now() if query.overdue else None, place(query.cursor), call.deps.rating.store
    mine = staff_places.places(call, rectifying.SEES_ALL)
    rows = await store.rectifications.listed(mine, _states(query), overdue_at, last, query.limit)
    ratings = await store.of_ids([one.id for one in rows])
    after = cursor(rows[-1].due_at, rows[-1].id) if len(rows) == query.limit else None
    return RectificationsPage(
        items=[await rectification_entry(call.deps, one, ratings[one.id]) for one in rows if one.id in ratings], next_cursor=after
    )


@routes.add("GET", _PATH, who="staff", may="ratings.read", summary="一件差评整改", reply=RectificationEntry)
async def look(call: Call, own_id: str) -> RectificationEntry:
    return await rectification_entry(call.deps, *await rectifying.own(call, own_id))


@routes.add(
    "POST", f"{_PATH}/triage", who="staff", may="ratings.supervise", summary="核实后分派（或改派）给部门", body=Triage, reply=RectificationEntry
)
async def triage(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.triage(call, both))


@routes.add("POST", f"{_PATH}/reply", who="staff", may="ratings.reply", summary="部门答复整改情况", body=DepartmentReply, reply=RectificationEntry)
async def reply(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.reply(call, both))


@routes.add(
    "POST", f"{_PATH}/appeal", who="staff", may="ratings.reply", summary="部门申诉：误评或恶意评价（一次）", body=NewAppeal, reply=RectificationEntry
)
async def appeal(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.appeal(call, both))


@routes.add(
    "POST",
    f"{_PATH}/appeal-decision",
    who="staff",
    may="ratings.supervise",
    summary="裁定申诉（不能是部门的人）",
    body=AppealDecision,
    reply=RectificationEntry,
)
async def decide(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.decide(call, both))


@routes.add("POST", f"{_PATH}/call-back", who="staff", may="ratings.supervise", summary="登记电话回访", body=PhoneCallBack, reply=RectificationEntry)
async def call_back(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.called_by_phone(call, both))


@routes.add(
    "POST",
    f"{_PATH}/publish",
    who="staff",
    may="ratings.supervise",
    summary="公布差评整改（不含身份信息）",
    body=Publication,
    reply=RectificationEntry,
)
async def publish(call: Call, own_id: str) -> RectificationEntry:
    both = await rectifying.own(call, own_id)
    return await _shown(call, await rectifying.publish(call, both))


async def _shown(call: Call, moved: Rectification) -> RectificationEntry:
    rating = (await call.deps.rating.store.of_ids([moved.id]))[moved.id]
    return await rectification_entry(call.deps, moved, rating)


def _states(query: RectificationQuery) -> list[State]:
    if not query.state:
        return sorted(OPEN)
    if query.state not in set(State):
        raise Invalid("input_invalid", "没有这种状态", errors=(FieldError("state", f"只能是 {'、'.join(State)}"),))
    return [State(query.state)]
