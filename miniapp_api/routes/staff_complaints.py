"""Complaints as staff see them: which are there and how late they are. What was written is opened one by one, and the resident sees who did."""

from collections.abc import Collection

from complaints.values import STATES, Complaint
from core.complaints import ComplaintState
from kit.clock import now
from kit.errors import FieldError, Invalid, NotFound
from miniapp_api.complaint_view import for_staff, opened
from miniapp_api.gate import Call, Routes
from miniapp_api.page_place import cursor, place
from miniapp_api.privacy.access import looked
from miniapp_api.shapes_complaints import StaffComplaintDetail, StaffComplaints, StaffComplaintsQuery
from staff.roles import ALL

routes = Routes()


@routes.add(
    "GET",
    "/staff/v1/complaints",
    who="staff",
    may="complaints.read",
    summary="投诉、建议、咨询；部门只见分派给自己的",
    query=StaffComplaintsQuery,
    reply=StaffComplaints,
)
async def listed(call: Call) -> StaffComplaints:
    query: StaffComplaintsQuery = call.query
    if query.state and query.state not in {one.value for one in STATES}:
        told = "、".join(one.value for one in STATES if one is not ComplaintState.OTHER)
        raise Invalid("input_invalid", "没有这种状态", errors=(FieldError("state", f"只能是 {told}"),))
    which = {"state": query.state, "kind": query.kind, "at_core": query.at_core, "overdue_at": now() if query.overdue else None}
    rows = await call.deps.complaining.store.listed(_mine(call), which, place(query.cursor), query.limit)
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
    found = await call.deps.complaining.store.complaint(complaint_id)
    if found is None or not _is_mine(call, found):
        raise NotFound("complaint_unknown", "没有找到这条诉求，请刷新列表")
    call.acted_on(found.id)
    await looked(call.deps, found.person_id, call.staff.username, "投诉建议", "办理诉求")
    return opened(found)


def _mine(call: Call) -> Collection[str] | None:
    """A department its own; the hotline and supervisors all, also what no department has yet."""
    given, permissions = call.staff.scope.departments, call.staff.permissions
    return None if ALL in given or permissions & {"hotline.read", "ratings.supervise"} else given


def _is_mine(call: Call, one: Complaint) -> bool:
    mine = _mine(call)
    return mine is None or one.department in mine
