"""Whom the signed-in person acts for."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_residents import SubjectChoice, SubjectChoices, SubjectWish
from residents import subjects
from residents.subjects import Choice

routes = Routes()


@routes.add("GET", "/v1/me/subjects", who="resident", summary="我可以代表谁办事", reply=SubjectChoices)
async def listed(call: Call) -> SubjectChoices:
    subject = call.resident.subject
    found = await subjects.choices(call.deps.acting, call.resident)
    return SubjectChoices(items=[_shape(one, current=subject is not None and one.is_like(subject)) for one in found])


@routes.add("POST", "/v1/me/subject", who="resident", summary="选择代表谁办事", body=SubjectWish, reply=SubjectChoice)
async def choose(call: Call) -> SubjectChoice:
    chosen = await subjects.choose(call.deps.acting, call.resident, call.body.kind, call.body.id)
    return _shape(chosen, current=True)


def _shape(one: Choice, *, current: bool) -> SubjectChoice:
    purposes, until = one.subject.purposes, one.subject.until
    return SubjectChoice(
        kind=one.role,
        id=one.id,
        name=one.name,
        relation=one.relation,
        purposes=None if purposes is None else sorted(purposes),
        until=None if until is None else at_edge(until),
        current=current,
    )
