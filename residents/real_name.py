"""Real-name binding. A correct name and ID number prove nothing by themselves: the core asks their owner, who must confirm."""

from core.client import Core
from kit.errors import Conflict
from kit.redis import Redis
from residents import binding, challenges
from residents.binding import Joining
from residents.challenges import Asked, Started, tidy
from residents.masks import masked_id as masked_id
from residents.masks import masked_name as masked_name
from residents.masks import masked_phone as masked_phone
from residents.sessions import Caller, forget_resident
from residents.store import Residents


async def start(store: Residents, core: Core, caller: Caller, name: str, id_number: str) -> Started:
    """Ask the core to challenge the owner. The answer is the same for a right and a wrong pair. Raises Invalid, Conflict, TooMany, Unavailable."""
    name, id_number = tidy(name, id_number)
    resident = await store.resident(caller.resident_id)
    if resident is not None and resident.person_id is not None:
        raise Conflict("already_real_name", "此账号已完成实名认证")
    return await challenges.start(store, core, Asked("bind", caller.resident_id, caller.channel, name, id_number, {}))


async def finish(joining: Joining, core: Core, redis: Redis, caller: Caller, challenge_id: str) -> bool:
    """True once bound; False while the owner has not answered yet. Raises NotFound, Forbidden, Conflict, Unavailable."""
    pending = await challenges.find(joining.store, "bind", challenge_id, caller.resident_id)
    if pending.state != "used":
        person_id = await challenges.answer(core, pending)
        if person_id is None:
            return False
        await binding.bind(joining, pending, person_id, [caller.resident_id])
    await forget_resident(joining.store, redis, caller.resident_id)
    return True
