"""Story: somebody deletes their account. At once nobody stands behind it any more; the worker takes away the rest, collection by collection.

What is done is marked, so that whoever goes on after a crash does not begin anew. Everything is gone through twice, a minute apart: a request that
was under way at the first pass has long written what it had to write by the second. Then the only row that leads from the person to the pseudonym
forgets both. The core platform is not told: it is the system of record, and holds cases and payments by its own law.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from appointments import calling_off, waiting
from kit.errors import Conflict
from kit.ids import new_id
from kit.kill_points import reached
from kit.mongo import DuplicateKeyError, Tx
from kit.outbox import Row as Job
from miniapp_api.appointment_changed import work_of
from miniapp_api.personal_data import COLLECTIONS
from miniapp_api.privacy.held import KINDS, Held, Kept, Part, Row, Whose, pseudonym_in
from miniapp_api.privacy.in_the_way import in_the_way
from miniapp_api.privacy.store import Erasure
from miniapp_api.privacy.whose import confirmed, whose_of
from miniapp_api.wiring import Deps
from residents.changes import Change
from residents.sessions import Caller, forget

log = logging.getLogger(__name__)

ERASE = "privacy.erase"
AGAIN = 60.0  # seconds; a request is cut off after 30 (RESPONSE_TIMEOUT)
AT_ONCE = ("sessions", "link_codes", "identities", "residents", "persons")
LATER = ("grants", "outbox")  # at the second pass: by then the other side of a grant has been told that it ended
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Remains:
    """What stays, without who it was."""

    collection: str
    kind: str
    what: str
    rows: int
    ground: str


@dataclass(frozen=True, slots=True)
class Begun:
    erasure_id: str
    remains: list[Remains]


async def begin(deps: Deps, caller: Caller) -> Begun:
    """Raises Forbidden without a fresh confirmation; Conflict with everything that stands in the way. After it every token of the person is void."""
    whose = await whose_of(deps, caller.resident_id)
    await confirmed(deps, caller, whose)
    await _nothing_open(deps, whose)
    remains = await _remains(deps, whose)
    sessions = [one for resident_id in whose.resident_ids for one in await deps.residents.sessions.of_resident(resident_id)]
    grants = await deps.privacy.ids("grants", _live_grants(whose), 1000)
    pseudonym = new_id("gone")

    async def all_of_it(tx: Tx) -> str:
        own = await deps.privacy.begin_erasure(tx, whose, pseudonym, sessions)
        for grant_id in grants:
            await _end_grant(deps, tx, grant_id, whose)
        for name in AT_ONCE:
            for part in COLLECTIONS[name].parts:
                if (query := part.find(whose)) is not None:
                    await deps.privacy.delete(name, query, tx)
        await deps.outbox.put(tx, ERASE, f"erase:{own}", {"erasure_id": own})
        return own

    try:
        erasure_id = await deps.mongo.transaction(all_of_it)
    except DuplicateKeyError as exc:
        raise Conflict("erasure_under_way", "账号正在注销，不用再操作") from exc
    reached("erasure_begun")
    await forget(deps.redis, sessions)
    return Begun(erasure_id, remains)


async def carry_out(deps: Deps, job: Job) -> None:
    """Worker; payload {erasure_id}. Twice through everything."""
    erasure = await deps.privacy.erasure(job.payload["erasure_id"])
    if erasure is None or erasure.whose is None:
        await deps.outbox.done(job.key)
        return
    await _call_off(deps, erasure.whose)
    if await in_the_way(deps.privacy, erasure.whose, deps.appointing.rules):  # began in the very moment of the deletion
        await deps.outbox.put_off(job, AGAIN)
        return
    await forget(deps.redis, erasure.sessions)  # whoever began may have died before that
    for name in COLLECTIONS:
        if (erasure.step, name) in erasure.done or (erasure.step == "first" and name in LATER):
            continue
        if not await deps.outbox.hold(job):
            return  # somebody else has taken over
        await deps.privacy.erased(erasure, name, await erase(deps, erasure, name))
        reached("erasure_collection")
    if erasure.step == "first":
        await deps.privacy.move_erasure(erasure.id, "first", "again")
        await deps.outbox.put_off(job, AGAIN)
        return

    async def both(tx: Tx) -> None:
        await deps.privacy.finish_erasure(tx, erasure.id)
        await deps.outbox.done(job.key, tx)

    await deps.mongo.transaction(both)
    log.info("account erased", extra={"erasure": erasure.id})


async def erase(deps: Deps, erasure: Erasure, name: str) -> int:
    """One collection; how many rows were changed or went. The second time finds nothing."""
    whose = erasure.whose
    if whose is None:
        return 0
    if (special := _SPECIAL.get(name)) is not None:
        await special(deps, whose)
    changed = 0
    for part in COLLECTIONS[name].parts:
        query = part.find(whose)
        if query is None or part.erase is None:
            continue
        if isinstance(part.erase, Kept):
            changed += await _keep(deps, name, query, part.erase, erasure)
        else:
            changed += await deps.privacy.delete(name, query)
    return changed


async def _keep(deps: Deps, name: str, query: Row, kept: Kept, erasure: Erasure) -> int:
    """Compare-and-set, row by row. What was changed in between is read again."""
    changed = 0
    query = {"$and": [query, {"pseudonymised_at": None}]} if kept.mine else query
    for _ in range(_TRIES):
        before = changed
        async for row in deps.privacy.rows(name, query):
            if erasure.whose is not None:
                left = pseudonym_in(row, kept, erasure.whose, erasure.pseudonym, deps.keys)
                changed += await deps.privacy.replace(name, row, left)
        if changed == before and not await deps.privacy.count(name, query):
            return changed
    raise RuntimeError(f"rows of {name} are still found after they were pseudonymised")


async def _files(deps: Deps, whose: Whose) -> None:
    """Also those of cases: these are over, and the core holds what was handed in."""
    for file_id in await deps.privacy.give_up_files({"owner": {"$in": list(whose.owners)}}):
        await deps.files.blobs.delete(file_id)
        await deps.mongo.transaction(lambda tx, file_id=file_id: deps.files.store.forget(tx, file_id))  # type: ignore[misc]  # a loop's own variable


async def _exports(deps: Deps, whose: Whose) -> None:
    async for row in deps.privacy.rows("exports", {"whose": {"$in": list(whose.addresses)}}):
        if row.get("blob"):
            await deps.files.blobs.delete(row["blob"])


async def _jobs_of_messages(deps: Deps, whose: Whose) -> None:
    """Before the messages themselves go: what is to be pushed names nothing but the message."""
    messages = await deps.privacy.ids("messages", {"person_id": {"$in": list(whose.addresses)}}, 1_000_000)
    for first in range(0, len(messages), 1000):
        await deps.privacy.delete("outbox", {"payload.message_id": {"$in": messages[first : first + 1000]}})


async def _call_off(deps: Deps, whose: Whose) -> None:
    """What was booked in the very moment of the deletion: nobody is left who could. Too late for that, it stands in the way until it is over."""
    for one in await deps.appointing.store.live_of(None, whose.person_id) if whose.person_id is not None else ():
        await calling_off.cancel(work_of(deps), one.id)


async def _places_in_lines(deps: Deps, whose: Whose) -> None:
    """What was kept for them goes to the next in line."""
    for wait in await deps.appointing.waits.of_visitor(whose.person_id) if whose.person_id is not None else ():
        await waiting.leave(work_of(deps), wait)


_SPECIAL: Mapping[str, Callable[[Deps, Whose], Awaitable[None]]] = {
    "files": _files,
    "exports": _exports,
    "messages": _jobs_of_messages,
    "appointment_waits": _places_in_lines,
}


async def _nothing_open(deps: Deps, whose: Whose) -> None:
    found = await in_the_way(deps.privacy, whose, deps.appointing.rules)
    if found:
        raise Conflict("erasure_blocked", "账号还不能注销，请先处理下列事项", errors=tuple(found))


async def _remains(deps: Deps, whose: Whose) -> list[Remains]:
    found = []
    for name, held in COLLECTIONS.items():
        rows = sum([await _kept_rows(deps, name, part, whose) for part in held.parts])
        if rows:
            found.append(_told(name, held, rows))
    return found


async def _kept_rows(deps: Deps, name: str, part: Part, whose: Whose) -> int:
    query = part.find(whose) if isinstance(part.erase, Kept) and part.erase.mine else None
    return await deps.privacy.count(name, query) if query is not None else 0


def _told(name: str, held: Held, rows: int) -> Remains:
    return Remains(name, KINDS[held.kind], held.what, rows, held.stays.ground)


def _live_grants(whose: Whose) -> Row:
    mine = [query for part in COLLECTIONS["grants"].parts if (query := part.find(whose)) is not None]
    return {"$or": mine, "state": {"$ne": "ended"}} if mine else {"_id": None}


async def _end_grant(deps: Deps, tx: Tx, grant_id: str, whose: Whose) -> None:
    """As if the person had ended it themselves: the other one is told."""
    ended = await deps.residents.grants.end(tx, grant_id, str(whose.person_id))
    if ended is not None:
        await deps.joining.told(tx, Change(f"grant_ended/{grant_id}", "grant_ended", ended.giver_person_id, None, grant_id))
