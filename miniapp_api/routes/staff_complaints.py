"""Complaints as staff see them: which are there and how late they are. What was written is opened one by one, and the resident sees who did."""

from complaints.values import STATES
from core.complaints import ComplaintState
from kit.clock import now
from kit.errors import FieldError, Invalid
from miniapp_api import complaint_at_desk, staff_places
from miniapp_api.complaint_view import for_staff, opened
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.privacy.access import looked
from miniapp_api.shapes_complaints import HandOver, StaffComplaint, StaffComplaintDetail, StaffComplaints, StaffComplaintsQuery

routes = Routes()


@routes.add(
    "GET",
    "/staff/v1/complaints",
    who="staff",
    may="complaints.read",
    summary="投诉、建议、咨询；部门只见分派给自己的，限定区划的只见自己区划的",
    query=StaffComplaintsQuery,
    reply=StaffComplaints,
)
async def listed(call: Call) -> StaffComplaints:
    query: StaffComplaintsQuery = call.query
    if query.state and query.state not in {one.value for one in STATES}:
        told = "、".join(one.value for one in STATES if one is not ComplaintState.OTHER)
        raise Invalid("input_invalid", "没有这种状态", errors=(FieldError("state", f"只能是 {told}"),))
    which = {"state": query.state, "kind": query.kind, "at_core": query.at_core, "overdue_at": now() if query.overdue else None}
    rows = await call.deps.complaining.store.listed(staff_places.places(call, complaint_at_desk.SEES_ALL), which, place(query.cursor), query.limit)
    return StaffComplaints(
        items=[for_staff(one) for one in rows], next_cursor=cursor(rows[-1].told_at, rows[-1].id) if len(rows) == query.limit else None
    )


@routes.add(
    "GET",
    "/staff/v1/complaints/<complaint_id:str>",
    who="staff",
    may="complaints.read",
    summary="打开一条诉求（本人看得到谁打开过）",
    reply=StaffComplaintDetail,
)
async def look(call: Call, complaint_id: str) -> StaffComplaintDetail:
    found = await complaint_at_desk.seen(call, complaint_id)
    call.acted_on(found.id)
    await looked(call.deps, found.person_id, call.staff.username, "投诉建议", "办理诉求")
    return opened(found)


@routes.add(
    "POST",
    "/staff/v1/complaints/<complaint_id:str>/handed-over",
    who="staff",
    may="complaints.handle",
    summary="政务平台没有接受的诉求：登记已人工转交（热线、监督人员）",
    body=HandOver,
    reply=StaffComplaint,
)
async def handed_over(call: Call, complaint_id: str) -> StaffComplaint:
    return for_staff(await complaint_at_desk.hand_over(call, complaint_id))
