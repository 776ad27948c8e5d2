"""One adult lets another act for them, for a time and for named purposes. It holds once the other accepted, and ends at once when either says so."""

from datetime import datetime, timedelta

from kit.clock import now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kit.mongo import Tx
from residents.binding import Joining
from residents.challenges import tidy
from residents.changes import Change
from residents.grant_store import Grant
from residents.minors import check_adult
from residents.sessions import Caller
from residents.step_up import require_step_up
from residents.store import Person, Residents
from residents.subjects import bound

LONGEST = timedelta(days=366)
MOST = 20  # live ones of one person


async def give(joining: Joining, caller: Caller, agent: tuple[str, str], purposes: frozenset[str] | None, until: datetime) -> Grant:
    """`agent`: name and ID number. Says nothing about whether there is such a person. Raises Forbidden without a step-up, Invalid, Conflict."""
    store = joining.store
    giver = await _person(store, caller)
    check_adult(giver)
    require_step_up(caller)
    name, id_number = tidy(*agent)
    _check(giver, id_number, until)
    if await store.grants.live_given(giver.id) >= MOST:
        raise Conflict("too_many_grants", f"同时有效的授权最多 {MOST} 项，请先解除不用的")

    async def both(tx: Tx) -> str:
        own = await store.grants.add(tx, giver.id, (name, id_number), purposes, until)
        await joining.told(tx, Change(f"grant_offered/{own}", "grant_offered", giver.id, None, own))
        return own

    grant = await store.grants.grant(await store.mongo.transaction(both))
    if grant is None:
        raise LookupError("a grant is gone")
    return grant


async def listed(store: Residents, caller: Caller) -> tuple[list[Grant], list[tuple[Grant, str]]]:
    """(given, received with the giver's name)."""
    person = await _person(store, caller)
    received = []
    for grant in await store.grants.received(person.name, person.id_number):
        giver = await store.person(grant.giver_person_id)
        if giver is not None:
            received.append((grant, giver.name))
    return await store.grants.given(person.id), received


async def accept(joining: Joining, caller: Caller, grant_id: str) -> tuple[Grant, str]:
    """(the grant, the giver's name). The second time changes nothing. Raises NotFound for what is not for the caller, Conflict when it has ended."""
    store = joining.store
    person = await _person(store, caller)
    check_adult(person)
    grant = await _meant_for(store, grant_id, person)
    if not grant.is_live(now()):
        raise Conflict("grant_ended", "这项授权已经解除或到期，请联系对方重新授权")

    async def both(tx: Tx) -> None:
        if await store.grants.accept(tx, grant_id, person.id):
            await joining.told(tx, Change(f"grant_accepted/{grant_id}", "grant_accepted", grant.giver_person_id, None, grant_id))

    await store.mongo.transaction(both)
    giver = await store.person(grant.giver_person_id)
    return await _meant_for(store, grant_id, person), giver.name if giver is not None else ""


async def end(joining: Joining, caller: Caller, grant_id: str) -> None:
    """By whoever gave it or was given it. Whoever acts by it is stopped at their next request. The second time changes nothing."""
    store = joining.store
    person = await _person(store, caller)
    grant = await store.grants.grant(grant_id)
    if grant is None or grant.giver_person_id != person.id:
        await _meant_for(store, grant_id, person)

    async def both(tx: Tx) -> None:
        if (ended := await store.grants.end(tx, grant_id, person.id)) is not None:
            await joining.told(tx, Change(f"grant_ended/{grant_id}", "grant_ended", ended.giver_person_id, None, grant_id))

    await store.mongo.transaction(both)


async def _meant_for(store: Residents, grant_id: str, person: Person) -> Grant:
    grant = await store.grants.grant(grant_id)
    agent = await store.agent_of(grant) if grant is not None else None
    if grant is None or agent is None or agent.id != person.id:
        raise NotFound("grant_unknown", "没有找到这项授权，请刷新列表")
    return grant


def _check(giver: Person, id_number: str, until: datetime) -> None:
    errors = []
    if id_number == giver.id_number:
        errors.append(FieldError("id_number", "不用授权给自己"))
    if not now() < until <= now() + LONGEST:
        errors.append(FieldError("until", "请填写一年以内的到期时间"))
    if errors:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(errors))


async def _person(store: Residents, caller: Caller) -> Person:
    person = await store.person(bound(caller))
    if person is None:
        raise Forbidden("real_name_needed", "请先完成实名认证")
    return person
