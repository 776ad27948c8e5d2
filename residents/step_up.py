"""Once more, that it is really them: asked of the core before anything that could let somebody else in."""

from datetime import timedelta

from core.client import Core
from kit.clock import now
from kit.errors import Forbidden, NotFound
from kit.mongo import Tx
from kit.redis import Redis
from residents import challenges
from residents.challenges import Asked, Started
from residents.sessions import Caller, forget
from residents.store import Residents
from residents.subjects import bound

FRESH = timedelta(minutes=10)


def require_step_up(caller: Caller) -> None:
    """Raises Forbidden unless the person confirmed within ten minutes, for this very session."""
    if caller.stepped_up_at is None or now() - caller.stepped_up_at >= FRESH:
        raise Forbidden("step_up_needed", "这一步要先由本人再确认一次，确认后十分钟内有效")


async def start(store: Residents, core: Core, caller: Caller) -> Started:
    """Raises Forbidden before real name, TooMany, Unavailable."""
    person = await store.person(bound(caller))
    if person is None:
        raise LookupError("a resident names a person that is not known")
    about = {"session": caller.token_digest}
    return await challenges.start(store, core, Asked("step_up", caller.resident_id, caller.channel, person.name, person.id_number, about))


async def finish(store: Residents, core: Core, redis: Redis, caller: Caller, challenge_id: str) -> bool:
    """True once confirmed; False while the person has not answered yet. Raises NotFound, also from another session; Forbidden, Unavailable."""
    pending = await challenges.find(store, "step_up", challenge_id, caller.resident_id)
    if pending.about.get("session") != caller.token_digest:
        raise NotFound("challenge_unknown", "没有找到这次认证，请重新发起")
    if pending.state != "used":
        person_id = await challenges.answer(core, pending)
        if person_id is None:
            return False
        if person_id != caller.person_id:
            raise Forbidden("identity_not_confirmed", "本人没有确认这次认证，或认证已过期，请重新发起")
        at = now()

        async def both(tx: Tx) -> None:
            if await store.challenges.use(tx, pending.id):
                await store.sessions.stepped_up(tx, caller.token_digest, at)

        await store.mongo.transaction(both)
    await forget(redis, [caller.token_digest])
    return True
