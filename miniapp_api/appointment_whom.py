"""Whom an appointment still concerns: whoever comes, and whoever acts for them as long as they may. Asked when something is told, not when it was booked."""

from appointments.values import Who
from core.subjects import enterprise_key, person_key
from kit.clock import now
from miniapp_api.telling import GONE
from miniapp_api.wiring import Deps


async def is_concerned(deps: Deps, who: Who, person_id: str) -> bool:
    """Raises Outside while the core does not say whom they act for. A child has no inbox until they use one."""
    if person_id.startswith(GONE) or await deps.residents.person(person_id) is None:
        return False
    if person_id == who.visitor_id:
        return True
    if who.subject_key != person_key(who.visitor_id):
        at = now()
        firms = await deps.acting.kin.enterprises(person_id)
        return any(enterprise_key(one.uscc) == who.subject_key and one.is_valid(at) for one in firms)
    return await _granted(deps, who.visitor_id, person_id) or any(one.person_id == who.visitor_id for one in await deps.acting.kin.wards(person_id))


async def _granted(deps: Deps, giver_id: str, person_id: str) -> bool:
    """A grant that lets them apply holds now."""
    at = now()
    live = [one for one in await deps.residents.grants.given(giver_id) if one.state == "accepted" and one.is_live(at)]
    return any(one.agent_person_id == person_id and (one.purposes is None or "apply" in one.purposes) for one in live)
