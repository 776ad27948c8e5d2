"""The accounts of one person: seen, joined by a code shown on one channel and entered on the other, taken apart again.

A code joins nothing by itself: whoever stands behind one of the two accounts must confirm at the core, as for real name.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.client import Core
from kit.clock import now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kit.ids import new_id
from kit.mongo import DuplicateKeyError, Tx
from kit.redis import Redis
from residents import binding, challenges
from residents.binding import Joining
from residents.challenges import Asked, Started
from residents.changes import Change
from residents.masks import masked_account
from residents.sessions import Caller, forget, forget_resident
from residents.step_up import require_step_up
from residents.store import Identity, Residents
from residents.subjects import bound

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is read as something else: no 0 O 1 I L
LENGTH, LIFE = 6, timedelta(minutes=10)
GUESSES = 10  # codes an hour and account; there are 887 million
_NORMAL = str.maketrans("", "", " -")


@dataclass(frozen=True, slots=True)
class Link:
    """`mine`: the account of this session."""

    resident_id: str
    channel: str
    account: str
    seen_at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """A confirmation under way, and whose account would be joined with this one."""

    started: Started
    other: Link


async def listed(store: Residents, caller: Caller) -> tuple[list[Link], list[Link]]:
    """(accounts of the person, accounts that WeChat says are theirs too: a hint, they belong to nobody by it)."""
    residents = await store.residents_of(caller.person_id) if caller.person_id else [caller.resident_id]
    found = [_link(one, caller) for one in await store.identities_of(residents) if one.channel != "kiosk"]
    return found, [_link(one, caller) for one in await store.same_union(residents)]


async def start(store: Residents, caller: Caller) -> tuple[str, datetime]:
    """(code, its end). An earlier code of this account is void."""
    expires_at = now() + LIFE
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        try:
            await store.link_codes.add(code, caller.resident_id, expires_at)
        except DuplicateKeyError:
            continue
        return code, expires_at


async def redeem(store: Residents, core: Core, caller: Caller, code: str) -> Joined:
    """Raises TooMany; Invalid for a code that is wrong, used, old or one's own; Forbidden when neither account has a person, Conflict; Unavailable."""
    code = code.translate(_NORMAL).upper()
    await store.tries.begin([("link_code", caller.resident_id, GUESSES)], "关联码试得太多，请一小时后再试")
    owner = await store.link_codes.owner(code)
    resident = await store.resident(owner[0]) if owner is not None else None
    if owner is None or resident is None or resident.id == caller.resident_id:
        raise _wrong_code()
    person = await store.person(_whose(caller.person_id, resident.person_id))
    if person is None:
        raise LookupError("a resident names a person that is not known")
    if not await store.link_codes.use(code):
        raise _wrong_code()
    about = {"with": resident.id, "person_id": person.id}
    try:
        started = await challenges.start(store, core, Asked("link", caller.resident_id, caller.channel, person.name, person.id_number, about))
    except BaseException:
        await store.link_codes.put_back(code, resident.id, owner[1])
        raise
    return Joined(started, _link((await store.identities_of([resident.id]))[0], caller))


async def finish(joining: Joining, core: Core, redis: Redis, caller: Caller, challenge_id: str) -> bool:
    """True once both accounts stand for one person; False while they have not answered yet. Raises NotFound, Forbidden, Conflict, Unavailable."""
    pending = await challenges.find(joining.store, "link", challenge_id, caller.resident_id)
    both = [caller.resident_id, str(pending.about["with"])]
    if pending.state != "used":
        person_id = await challenges.answer(core, pending)
        if person_id is None:
            return False
        if person_id != pending.about["person_id"]:
            raise Forbidden("identity_not_confirmed", "本人没有确认这次认证，或认证已过期，请重新发起")
        await binding.bind(joining, pending, person_id, both)
    for one in both:
        await forget_resident(joining.store, redis, one)
    return True


async def unbind(joining: Joining, redis: Redis, caller: Caller, resident_id: str) -> None:
    """Nobody stands behind that account any more and its sessions end. Raises Forbidden without a step-up, NotFound for what is not the person's."""
    person_id, store = bound(caller), joining.store
    require_step_up(caller)
    sessions, change_id = await store.sessions.of_resident(resident_id), new_id("chg")

    async def all_of_it(tx: Tx) -> bool:
        if not await store.detach(tx, resident_id, person_id):
            return False
        await store.sessions.close_all(tx, resident_id)
        await joining.told(tx, Change(change_id, "unbound", person_id, resident_id))
        return True

    if not await store.mongo.transaction(all_of_it):
        raise NotFound("link_unknown", "没有找到这个关联账号，请刷新列表")
    await forget(redis, sessions)
    await forget_resident(store, redis, resident_id)  # one that was opened meanwhile


def _whose(mine: str | None, theirs: str | None) -> str:
    """The one person behind the two accounts."""
    if mine is not None and theirs is not None:
        if mine == theirs:
            raise Conflict("already_linked", "这两个账号已经关联")
        raise Conflict("linked_to_another", "对方账号已由另一人实名，不能关联；请先在那边解除")
    person_id = mine or theirs
    if person_id is None:
        raise Forbidden("real_name_needed", "请先在其中一个账号完成实名认证，再来关联")
    return person_id


def _link(one: Identity, caller: Caller) -> Link:
    return Link(one.resident_id, one.channel, masked_account(one.account), one.seen_at, one.resident_id == caller.resident_id)


def _wrong_code() -> Invalid:
    told = FieldError("code", "请核对六位关联码；每个码十分钟内在另一个渠道用一次")
    return Invalid("link_code_refused", "关联码不对、已用过或已过期，请在另一个渠道重新取一个", errors=(told,))
