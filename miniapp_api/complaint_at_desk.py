"""Story: complaints at the desks of staff: which of them somebody sees, and what the core refused is passed on by hand and so comes to its end."""

from dataclasses import replace

from complaints.values import Complaint, HandedOver
from kit.clock import now
from kit.errors import Conflict, NotFound
from miniapp_api import staff_places
from miniapp_api.complaint_moved import taken_over
from miniapp_api.complaint_view import state_of
from miniapp_api.gate import Call
from staff.roles import Permission

SEES_ALL: frozenset[Permission] = frozenset({"hotline.read", "ratings.supervise"})  # also what no department has yet


async def seen(call: Call, complaint_id: str) -> Complaint:
    """One of another department or region is not told from one that is not there. Raises NotFound."""
    found = await call.deps.complaining.store.complaint(complaint_id)
    if found is None or not staff_places.covers(call, SEES_ALL, found.department, found.region):
        raise NotFound("complaint_unknown", "没有找到这条诉求，请刷新列表")
    return found


async def hand_over(call: Call, complaint_id: str) -> Complaint:
    """By the hotline or a supervisor; where to, the resident reads. Should the core tell of it later, its word counts.

    Raises NotFound, Conflict: complaint_not_refused, complaint_busy.
    """
    before = await seen(call, complaint_id)
    if before.at_core != "refused":
        raise Conflict("complaint_not_refused", f"这条诉求现在是“{state_of(before)[1]}”，不用人工转交，请刷新后再看")
    after = replace(before, at_core="handed_over", handed=HandedOver(call.body.text.strip(), now()))
    if not await call.deps.mongo.transaction(lambda tx: taken_over(call.deps, tx, before, after)):
        raise Conflict("complaint_busy", "这条诉求刚刚有了变化，请刷新后再操作")
    return after
