"""Every query of exports, erasures and the access log; and those that treat rows of any collection by what the registry says of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx
from miniapp_api.privacy.held import Row, Whose

EXPORT_LIFE = timedelta(hours=24)
KEPT_DAYS = 3 * 365
# By what somebody's rows, and those whose time is over, are found where their own feature never asks so; rare questions, but not ones to read a
# city's orders for.
_FOUND_BY = {
    "messages": ("at",),
    "cases": ("moved_at", "created_at"),
    "core_events": ("at",),
    "core_events_parked": ("at",),
    "orders": ("resident_id",),
    "refunds": ("person_id", "requested_by"),
    "files": ("person_id",),
    "drafts": ("person_id", "updated_at"),
    "licence_uses": ("person_id", "valid_until"),
    "case_acts": ("person_id", "at"),
    "conversations": ("resident_id",),
    "bot_handovers": ("resident_id",),
    "challenges": ("resident_id",),
    "grants": ("agent_person_id", "until"),
    "policy_consents": ("about", "pseudonymised_at"),
    "outbox": ("payload.person_id", "payload.resident_id", "payload.message_id"),
}
INDEXES = {
    **{name: [IndexModel([(field, ASCENDING)], name=f"whose_{field}", sparse=True) for field in fields] for name, fields in _FOUND_BY.items()},
    "exports": [IndexModel([("whose", ASCENDING)])],
    "erasures": [
        IndexModel([("of", ASCENDING)], name="one_at_a_time", unique=True, partialFilterExpression={"of": {"$type": "string"}}),
        IndexModel([("finished_at", ASCENDING)], name="forget", expireAfterSeconds=KEPT_DAYS * 86400),
    ],
    "access_log": [
        IndexModel([("person_id", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("at", ASCENDING)], name="forget", expireAfterSeconds=KEPT_DAYS * 86400),
    ],
}


@dataclass(frozen=True, slots=True)
class Export:
    """`state`: waiting | ready. `blob` and `data_key`: where its bytes lie, once there are any."""

    id: str
    whose: str
    resident_id: str
    with_files: bool
    state: Literal["waiting", "ready"]
    asked_at: datetime
    expires_at: datetime
    blob: str | None
    data_key: bytes | None
    size: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """One account on its way out. `pseudonym`, `whose` and `sessions` (digests) are gone when it is finished. `step`: first | again | done."""

    id: str
    whose: Whose | None
    pseudonym: str
    step: str
    done: tuple[tuple[str, str], ...]  # (step, collection)
    sessions: tuple[str, ...]


class Privacy:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self.mongo, self._keys = mongo, keys
        self._exports, self._erasures, self._looks = mongo["exports"], mongo["erasures"], mongo["access_log"]

    # who looked

    async def add_look(self, person_id: str, by: str, what: str, reason: str) -> None:
        await self._looks.insert_one({"_id": new_id("al"), "person_id": person_id, "at": now(), "by": by, "what": what, "reason": reason})

    async def looks(self, addresses: Sequence[str], before: datetime | None, limit: int) -> list[Row]:
        """The newest first."""
        wanted: Row = {"person_id": {"$in": list(addresses)}} | ({"at": {"$lt": before}} if before else {})
        return [row async for row in self._looks.find(wanted).sort("at", DESCENDING).limit(limit)]

    # exports

    async def export_of(self, addresses: Sequence[str], with_files: bool) -> Export | None:
        """One that still holds for at least an hour."""
        wanted = {"whose": {"$in": list(addresses)}, "with_files": with_files, "expires_at": {"$gt": now() + timedelta(hours=1)}}
        return self._export(await self._exports.find_one(wanted, sort=[("asked_at", DESCENDING)]))

    async def add_export(self, tx: Tx, export_id: str, whose: str, resident_id: str, with_files: bool) -> datetime:
        """Its end."""
        row = {"_id": export_id, "whose": whose, "resident_id": resident_id, "with_files": with_files, "state": "waiting"}
        end = now() + EXPORT_LIFE
        await self._exports.insert_one({**row, "asked_at": now(), "expires_at": end}, session=tx)
        return end

    async def export(self, export_id: str) -> Export | None:
        return self._export(await self._exports.find_one({"_id": export_id}))

    async def export_ready(self, tx: Tx, export_id: str, blob: str, data_key: bytes, size: int) -> bool:
        """False when it is gone, or another worker was faster."""
        sealed = self._keys.seal(data_key.hex(), f"exports/data_key/{export_id}")
        change = {"$set": {"state": "ready", "blob": blob, "data_key": sealed, "size": size, "ready_at": now()}}
        return bool((await self._exports.update_one({"_id": export_id, "state": "waiting"}, change, session=tx)).modified_count)

    async def drop_export(self, export_id: str, tx: Tx | None = None) -> None:
        await self._exports.delete_one({"_id": export_id}, session=tx)

    def _export(self, row: Row | None) -> Export | None:
        if row is None:
            return None
        key = bytes.fromhex(self._keys.open(row["data_key"], f"exports/data_key/{row['_id']}")) if "data_key" in row else None
        told = {name: row[name] for name in ("whose", "resident_id", "with_files", "state", "asked_at", "expires_at")}
        return Export(id=row["_id"], **told, blob=row.get("blob"), data_key=key, size=row.get("size", 0))

    # erasures

    async def begin_erasure(self, tx: Tx, whose: Whose, pseudonym: str, sessions: Sequence[str]) -> str:
        """Raises DuplicateKeyError while one of the same person is under way."""
        own = new_id("er")
        row = {"_id": own, "of": whose.addresses[0], "whose": whose.to_row(), "pseudonym": pseudonym, "sessions": list(sessions)}
        await self._erasures.insert_one({**row, "step": "first", "done": [], "asked_at": now()}, session=tx)
        return own

    async def erasure(self, erasure_id: str) -> Erasure | None:
        row = await self._erasures.find_one({"_id": erasure_id})
        if row is None:
            return None
        whose = Whose.of_row(row["whose"]) if "whose" in row else None
        done = tuple((one["step"], one["collection"]) for one in row["done"])
        return Erasure(erasure_id, whose, row.get("pseudonym", ""), row["step"], done, tuple(row.get("sessions") or ()))

    async def erased(self, erasure: Erasure, collection: str, rows: int) -> None:
        """This collection is through with this step."""
        step = {"step": erasure.step, "collection": collection, "rows": rows}
        unmarked = {"_id": erasure.id, "done": {"$not": {"$elemMatch": {"step": erasure.step, "collection": collection}}}}
        await self._erasures.update_one(unmarked, {"$push": {"done": step}})

    async def move_erasure(self, erasure_id: str, before: str, step: str) -> None:
        await self._erasures.update_one({"_id": erasure_id, "step": before}, {"$set": {"step": step}})

    async def finish_erasure(self, tx: Tx, erasure_id: str) -> None:
        """What was done stays, and nothing that leads from the person to the pseudonym or to what was theirs."""
        change = {"$set": {"step": "done", "finished_at": now()}, "$unset": {"of": "", "whose": "", "pseudonym": "", "sessions": ""}}
        await self._erasures.update_one({"_id": erasure_id}, change, session=tx)

    # rows of any collection

    def rows(self, collection: str, query: Row) -> AsyncIterator[Row]:
        cursor: AsyncIterator[Row] = self.mongo[collection].find(query).sort("_id", ASCENDING)
        return cursor

    async def count(self, collection: str, query: Row, tx: Tx | None = None) -> int:
        return int(await self.mongo[collection].count_documents(query, session=tx))

    async def delete(self, collection: str, query: Row, tx: Tx | None = None) -> int:
        return int((await self.mongo[collection].delete_many(query, session=tx)).deleted_count)

    async def replace(self, collection: str, seen: Row, row: Row) -> bool:
        """Compare-and-set of a whole row: False when it has changed since `seen` was read."""
        names = ("revision", "version", "state", "updated_at")
        same = {"_id": seen["_id"]} | {name: seen.get(name) for name in names}
        return cast("Any", await self.mongo[collection].find_one_and_replace(same, row, return_document=AFTER)) is not None

    async def ids(self, collection: str, query: Row, limit: int) -> list[str]:
        return [str(row["_id"]) async for row in self.mongo[collection].find(query, {"_id": 1}).limit(limit)]

    async def release_files(self, of: Sequence[str], forget_at: datetime) -> None:
        """Drafts or cases are gone: what nothing else uses is forgotten in time."""
        rest = {"$setDifference": ["$used_by", list(of)]}
        forget = {"$cond": [{"$eq": ["$used_by", []]}, forget_at, "$forget_at"]}
        await self.mongo["files"].update_many({"used_by": {"$in": list(of)}}, [{"$set": {"used_by": rest}}, {"$set": {"forget_at": forget}}])

    async def give_up_files(self, query: Row) -> list[str]:
        """Nobody uses or sees them any more; their bytes may go. Should we die before that, the sweep finds them."""
        change = {"$set": {"state": "removing", "used_by": [], "forget_at": now()}, "$unset": {"digests": ""}}
        await self.mongo["files"].update_many({**query, "state": {"$ne": "storing"}}, change)
        return await self.ids("files", {**query, "state": "removing"}, 100_000)
