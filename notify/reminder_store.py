"""Every query of watches and of how far the sweep of licences has come.

waiting ──> told     the last reminder of it went out
   │  └──> waiting   one of several did, or whoever took it died, or could not find out whether it still holds
   └──> moot         it is over, or was done
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kit.clock import now
from kit.ids import new_nonce
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx, UpdateOne, written
from notify.reminders import Watch

KEPT_DAYS = 30  # after the due day; nothing plants it again by then
LEASE = timedelta(minutes=10)  # longer than asking the core takes; also how long what could not be looked up is put off
SWEEP_LEASE = timedelta(minutes=2)
INDEXES = {
    "reminders": [
        IndexModel([("remind_at", ASCENDING)], name="waiting", partialFilterExpression={"state": "waiting"}),
        IndexModel([("person_id", ASCENDING)], name="of_person"),
        IndexModel([("due_at", ASCENDING)], name="forget", expireAfterSeconds=KEPT_DAYS * 86400),
    ],
    "reminder_sweeps": [],
}


class Reminders:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["reminders"]
        self._sweeps = mongo["reminder_sweeps"]

    async def plant(self, tx: Tx | None, planted: Sequence[tuple[Watch, datetime]]) -> None:
        """Watches with their first moment. One that stands there stays as it is, whatever became of it."""
        writes = [_plant(watch, remind_at) for watch, remind_at in planted]
        if tx is None:
            await written(self._rows, writes)
        elif writes:
            await self._rows.bulk_write(writes, session=tx)

    async def take(self, at: datetime) -> Watch | None:
        """The one waiting longest, ours for LEASE; whoever dies with it loses nothing but that time."""
        lease = {"$set": {"remind_at": at + LEASE}}
        row = await self._rows.find_one_and_update(due(at), lease, sort=[("remind_at", ASCENDING)], return_document=AFTER)
        return None if row is None else _watch(row)

    async def told(self, tx: Tx | None, watch: Watch, following: datetime | None) -> bool:
        """Compare-and-set: told once more, and waiting for the `following` moment if there is one. False when somebody else told it, or it is gone."""
        change: dict[str, Any] = {"step": watch.step + 1, "told_at": now()}
        change |= {"state": "told"} if following is None else {"remind_at": following}
        return bool((await self._rows.update_one(_seen(watch), {"$set": change}, session=tx)).modified_count)

    async def moot(self, watch: Watch) -> bool:
        return bool((await self._rows.update_one(_seen(watch), {"$set": {"state": "moot"}})).modified_count)

    async def give_up(self, tx: Tx | None, kind: str, thing: str) -> int:
        """Whatever waits for this thing is moot. `thing` must be an id of ours: none is the beginning of another."""
        of_it = {"_id": {"$gte": f"{kind}:{thing}:", "$lt": f"{kind}:{thing};"}, "state": "waiting"}
        return int((await self._rows.update_many(of_it, {"$set": {"state": "moot"}}, session=tx)).modified_count)

    # the sweep: one at a time, wherever it runs

    async def begin_sweep(self, name: str, at: datetime) -> tuple[str, str] | None:
        """(lease, cursor); None: another runs, or the next round is not due."""
        lease = new_nonce()
        free = {"_id": name, "held_until": {"$lte": at}, "next_at": {"$lte": at}}
        change = {"$set": {"lease": lease, "held_until": at + SWEEP_LEASE}, "$setOnInsert": {"cursor": "", "next_at": at}}
        try:
            row = await self._sweeps.find_one_and_update(free, change, upsert=True, return_document=AFTER)
        except DuplicateKeyError:
            return None
        return None if row is None else (lease, str(row.get("cursor", "")))

    async def move_sweep(self, name: str, lease: str, cursor: str, at: datetime) -> bool:
        """Done up to here. False when the lease ran out and somebody else goes on."""
        change = {"$set": {"cursor": cursor, "held_until": at + SWEEP_LEASE}}
        return bool((await self._sweeps.update_one({"_id": name, "lease": lease}, change)).matched_count)

    async def end_sweep(self, name: str, lease: str, at: datetime, next_at: datetime | None) -> None:
        """Free for the next run; `next_at`: the round is through, the next begins then, from the start."""
        change: dict[str, Any] = {"held_until": at} | ({"cursor": "", "next_at": next_at} if next_at is not None else {})
        await self._sweeps.update_one({"_id": name, "lease": lease}, {"$set": change})


def due(at: datetime) -> dict[str, Any]:
    """Whose moment has come."""
    return {"state": "waiting", "remind_at": {"$lte": at}}


def _plant(watch: Watch, remind_at: datetime) -> UpdateOne:
    row = {"kind": watch.kind, "thing": watch.thing, "person_id": watch.person_id, "due_at": watch.due_at, "about": dict(watch.about)}
    row |= {"remind_at": remind_at, "state": "waiting", "step": 0, "planted_at": now()}
    return UpdateOne({"_id": watch.id}, {"$setOnInsert": row}, upsert=True)


def _seen(watch: Watch) -> dict[str, Any]:
    return {"_id": watch.id, "state": "waiting", "step": watch.step}


def _watch(row: Mapping[str, Any]) -> Watch:
    return Watch(row["kind"], row["thing"], row["person_id"], row["due_at"], row["about"], row["step"])
