"""Putting a real-name person behind an account, and taking them away again. Two accounts of one person are simply one person."""

from dataclasses import dataclass
from datetime import timedelta

from kit.clock import now
from kit.errors import Conflict
from kit.mongo import Tx
from residents.challenge_store import PendingChallenge
from residents.changes import Change, Told
from residents.store import Residents


@dataclass(frozen=True, slots=True)
class Joining:
    """What binding needs: our store, who tells of it, and how long a changed phone is not trusted."""

    store: Residents
    told: Told
    cooling: timedelta


async def bind(joining: Joining, challenge: PendingChallenge, person_id: str, resident_ids: list[str]) -> None:
    """The challenge is used up, the person known, the accounts theirs and everybody told, all in one write. The second time changes nothing.

    Raises Conflict when somebody else stands behind one of them by now.
    """
    store = joining.store

    async def all_of_it(tx: Tx) -> None:
        if not await store.challenges.use(tx, challenge.id):
            return
        await store.confirm_person(tx, person_id, challenge.name, challenge.id_number)
        for resident_id in resident_ids:
            others = await store.residents_of(person_id, tx)
            if resident_id in others:
                continue
            await _cool(joining, tx, person_id, resident_id)
            if not await store.attach(tx, resident_id, person_id):
                raise Conflict("already_real_name", "此账号已完成实名认证")
            await store.consents.give_to_person(tx, resident_id, person_id)
            await joining.told(tx, Change(f"{challenge.id}/{resident_id}", "linked" if others else "bound", person_id, resident_id))

    await store.mongo.transaction(all_of_it)


async def _cool(joining: Joining, tx: Tx, person_id: str, resident_id: str) -> None:
    """An account that brings another phone than the person is known by is a change of phone too."""
    resident = await joining.store.resident(resident_id)
    known = {phone for one in await joining.store.residents_of(person_id, tx) for phone in await joining.store.phones(tx, None, one)}
    if resident is not None and resident.phone is not None and known and resident.phone not in known:
        await joining.store.cool_until(tx, resident_id, now() + joining.cooling)
