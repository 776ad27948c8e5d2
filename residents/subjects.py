"""Whom a person may act for: themselves, enterprises and minors by the core's word, other adults by their grant.

Nothing here is believed for long: membership for 15 minutes, a grant for one request.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.subjects import Enterprise, Ward, enterprise_key, person_key
from kit.clock import now
from kit.errors import Forbidden, Outside, Unavailable
from kit.redis import Redis
from residents.masks import masked_name
from residents.sessions import Caller, Role, Subject, forget
from residents.store import Residents

BELIEVED = timedelta(minutes=15)
PURPOSES = ("apply", "licence", "pay", "delivery")  # what a grant may be for; looking is part of each


class Kin(Protocol):
    """Supplied by wiring: the core's word."""

    async def enterprises(self, person_id: str) -> tuple[Enterprise, ...]: ...

    async def wards(self, person_id: str) -> tuple[Ward, ...]: ...


@dataclass(frozen=True, slots=True)
class Acting:
    """What choosing and checking a subject needs."""

    store: Residents
    redis: Redis
    kin: Kin


@dataclass(frozen=True, slots=True)
class Choice:
    """One the person may choose. `id` is what `choose` takes; `name` may be shown: people's names are masked."""

    role: Role
    id: str
    name: str
    relation: str
    subject: Subject

    def is_like(self, subject: Subject) -> bool:
        """The same one, however long each is believed."""
        mine = self.subject
        return (mine.key, mine.role, mine.grant_id) == (subject.key, subject.role, subject.grant_id)


async def choices(acting: Acting, caller: Caller) -> list[Choice]:
    """All of them. Raises Unavailable while the core does not say, Forbidden before real name."""
    person_id = bound(caller)
    found: list[Choice] = []
    for look in (_self, _enterprises, _wards, _grants):
        found += await look(acting, person_id)
    return found


async def choose(acting: Acting, caller: Caller, role: Role, own_id: str | None) -> Choice:
    """From the next request on this session acts for them. Raises Forbidden, the same for what does not exist and what is not theirs."""
    person_id = bound(caller)
    found = await _look(acting, person_id, role)
    chosen = next((one for one in found if role == "self" or one.id == own_id), None)
    if chosen is None:
        raise Forbidden("subject_refused", "您目前不能代表所选的对象办事，请刷新列表后重新选择")
    await acting.store.sessions.act_for(caller.token_digest, None if role == "self" else _kept(chosen.subject))
    await forget(acting.redis, [caller.token_digest])
    return chosen


async def verified(acting: Acting, caller: Caller) -> Caller:
    """The caller, if they may still act for the subject of their session.

    If not, raises Forbidden once and the session goes back to acting for themselves: nothing meant for one is ever done for the other.
    """
    subject, person_id = caller.subject, caller.person_id
    if subject is None or person_id is None or subject.role == "self":
        return caller
    if subject.role == "agent":
        grant = await acting.store.grants.grant(subject.grant_id or "")
        if grant is not None and grant.state == "accepted" and grant.agent_person_id == person_id and grant.is_live(now()):
            return caller
    elif subject.until is not None and now() < subject.until:
        return caller
    else:
        found = next((one for one in await _look(acting, person_id, subject.role) if one.subject.key == subject.key), None)
        if found is not None:
            await acting.store.sessions.act_for(caller.token_digest, _kept(found.subject))
            await forget(acting.redis, [caller.token_digest])
            return replace(caller, subject=found.subject)
    await acting.store.sessions.act_for(caller.token_digest, None)
    await forget(acting.redis, [caller.token_digest])
    raise Forbidden("subject_ended", "您已不能代表刚才的对象办事，已切换回本人，请核对后再操作")


def bound(caller: Caller) -> str:
    """The natural person behind the session. Raises Forbidden before real name."""
    if caller.person_id is None:
        raise Forbidden("real_name_needed", "请先完成实名认证")
    return caller.person_id


def allow(subject: Subject, purpose: str) -> None:
    """Raises Forbidden when an agent's grant is not for this."""
    if subject.purposes is not None and purpose not in subject.purposes:
        raise Forbidden("not_granted", "对方没有授权您办理这一项，请联系对方调整授权")


async def _look(acting: Acting, person_id: str, role: Role) -> list[Choice]:
    look = {"self": _self, "enterprise": _enterprises, "guardian": _wards, "agent": _grants}[role]
    return await look(acting, person_id)


async def _self(acting: Acting, person_id: str) -> list[Choice]:
    person = await acting.store.person(person_id)
    if person is None:
        raise LookupError("a resident names a person that is not known")
    return [Choice("self", person_id, masked_name(person.name), "", Subject(person_key(person_id), "self"))]


async def _enterprises(acting: Acting, person_id: str) -> list[Choice]:
    at = now()
    try:
        found = await acting.kin.enterprises(person_id)
    except Outside as exc:
        raise _away() from exc
    return [
        Choice("enterprise", one.uscc, one.name, one.role, Subject(enterprise_key(one.uscc), "enterprise", _earlier(at + BELIEVED, one.valid_until)))
        for one in found
        if one.is_valid(at)
    ]


async def _wards(acting: Acting, person_id: str) -> list[Choice]:
    try:
        found = await acting.kin.wards(person_id)
    except Outside as exc:
        raise _away() from exc
    until = now() + BELIEVED
    return [
        Choice("guardian", one.person_id, masked_name(one.name), one.relation, Subject(person_key(one.person_id), "guardian", until)) for one in found
    ]


async def _grants(acting: Acting, person_id: str) -> list[Choice]:
    person = await acting.store.person(person_id)
    received = await acting.store.grants.received(person.name, person.id_number) if person is not None else []
    found = []
    for grant in received:
        giver = await acting.store.person(grant.giver_person_id)
        if giver is not None and grant.state == "accepted" and grant.agent_person_id == person_id:
            subject = Subject(person_key(grant.giver_person_id), "agent", grant.until, grant.id, grant.purposes)
            found.append(Choice("agent", grant.id, masked_name(giver.name), "", subject))
    return found


def _earlier(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _kept(subject: Subject) -> dict[str, Any]:
    purposes = None if subject.purposes is None else sorted(subject.purposes)
    return {"key": subject.key, "as": subject.role, "until": subject.until, "grant_id": subject.grant_id, "purposes": purposes}


def _away() -> Unavailable:
    return Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5)
