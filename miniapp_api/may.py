"""Story: whether the caller may bind the subject they act for: apply in its name, show its licences, pay its bills. Residents' rules, before cases' acts."""

from dataclasses import replace

from cases.submit import Part
from kit.errors import Forbidden
from miniapp_api.draft_view import View
from miniapp_api.gate import Call
from residents import cooling, minors, subjects
from residents.sessions import Subject


async def may_do(call: Call, purpose: str) -> Subject:
    """Raises Forbidden: before real name, for a child, without the guardian's consent, outside of what an agent was granted."""
    person_id, subject = subjects.bound(call.resident), call.resident.subject
    if subject is None:
        raise Forbidden("real_name_needed", "请先完成实名认证")
    subjects.allow(subject, purpose)
    await minors.check(call.deps.residents, person_id, subject)
    return subject


async def may_apply(call: Call) -> Subject:
    return await may_do(call, "apply")


async def may_use_licences(call: Call) -> Subject:
    """Raises Forbidden also while a changed phone is not trusted yet."""
    subject = await may_apply_for_licence(call)
    await cooling.check(call.deps.residents, call.resident.resident_id, "licence")
    return subject


async def may_apply_for_licence(call: Call) -> Subject:
    return await may_do(call, "licence")


async def may_show_licences(call: Call, seen: View) -> list[Part]:
    """What is filed: a licence the resident chose needs the right to show it; where it only could be of use, it is left out without that right."""
    try:
        await may_use_licences(call)
    except Forbidden:
        if any(one.get("licence_id") for one in seen.draft["materials"]):
            raise
        return [replace(part, covers=()) for part in seen.parts]
    return seen.parts


async def may_pay(call: Call) -> str:
    """The person whose bills the caller pays: their own, a principal's who granted that, a ward's. Raises Forbidden."""
    own, subject = subjects.bound(call.resident), call.resident.subject
    if subject is None or not subject.key.startswith("person:"):
        raise Forbidden("bills_of_people", "缴费单记在个人名下，请先换回本人再查看和支付")
    subjects.allow(subject, "pay")
    await minors.check(call.deps.residents, own, subject)
    return subject.key.removeprefix("person:")


def wait_not(call: Call) -> bool:
    """The client takes "received, on its way" for an answer (RFC 7240)."""
    asked = call.request.headers.get("prefer", "")
    return any(one.strip().lower() == "respond-async" for one in asked.split(","))
