"""Every query of files: what is known of each, and how much room each owner uses. The bytes lie in kit.blobs under the file's id.

storing -> scanning -> ready                 nobody sees a file before it is stored whole
        -> ready    -> refused               a scanner's no; its bytes are gone
any of them -> removing -> (no row)          the row goes last, so nothing lies about without one
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

State = Literal["storing", "scanning", "ready", "refused", "removing"]
SEALED = ("name", "sha256", "data_key")  # fields
SEEN = ("scanning", "ready", "refused")
UNUSED = timedelta(days=7)  # until an upload that nothing refers to is forgotten
HALF = timedelta(hours=1)  # until a put that never ended is one that never will
REFUSED = timedelta(days=30)  # how long its owner can read why

INDEXES = {
    "files": [
        IndexModel([("digests", ASCENDING)], unique=True, partialFilterExpression={"digests": {"$exists": True}}),
        IndexModel([("owner", ASCENDING), ("created_at", ASCENDING)]),
        IndexModel([("forget_at", ASCENDING)], sparse=True),
    ],
    "file_room": [],
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is: `key` is the subject's ("person:…", "enterprise:…"), or "resident:…" before the real name is known."""

    key: str
    person_id: str | None
    resident_id: str


@dataclass(frozen=True, slots=True)
class NewFile:
    """What is kept of a file before it is stored. `received`: the hash of what came, `sha256` of what is kept; both hexadecimal."""

    id: str
    received: str
    sha256: str
    size: int
    media_type: str
    pages: int | None
    name: str
    purpose: str | None
    data_key: bytes


class NoRoom(Exception):
    """The owner's share is used up."""


class Files:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._files = mongo["files"]
        self._room = mongo["file_room"]
        self._keys = keys

    # becoming visible

    async def same(self, owner: str, sha256: str) -> dict[str, Any] | None:
        """The owner's file with these bytes, as they came or as they are kept. Nobody else's, whoever else has the same."""
        return self._opened(await self._files.find_one({"digests": self._digest(owner, sha256)}))

    async def also_came_as(self, file_id: str, owner: str, sha256: str) -> None:
        """Other bytes that turned out to be this file: they are found at once the next time. At most 20 of them."""
        await self._files.update_one({"_id": file_id, "digests.20": {"$exists": False}}, {"$addToSet": {"digests": self._digest(owner, sha256)}})

    async def begin(self, file: NewFile, owner: Owner) -> None:
        """Nobody sees it yet. Should this process die, `overdue` finds it."""
        row: dict[str, Any] = {
            "_id": file.id,
            "owner": owner.key,
            "person_id": owner.person_id,
            "resident_id": owner.resident_id,
            "name": self._keys.seal(file.name, f"files/name/{file.id}"),
            "sha256": self._keys.seal(file.sha256, f"files/sha256/{file.id}"),
            "data_key": self._keys.seal(file.data_key.hex(), f"files/data_key/{file.id}"),
            "size": file.size,
            "media_type": file.media_type,
            "pages": file.pages,
            "purpose": file.purpose,
            "state": "storing",
            "used_by": [],
            "created_at": now(),
            "forget_at": now() + HALF,
        }
        await self._files.insert_one(row)
        await self._room.update_one({"_id": owner.key}, {"$setOnInsert": {"bytes": 0, "files": 0}}, upsert=True)

    async def reveal(self, tx: Tx, file: NewFile, owner: Owner, state: State, share: tuple[int, int]) -> None:
        """It is stored whole. `share`: most bytes and files of one owner. Raises NoRoom, DuplicateKeyError (the same bytes came at the same moment)."""
        most_bytes, most_files = share
        left = {"_id": owner.key, "bytes": {"$lte": most_bytes - file.size}, "files": {"$lt": most_files}}
        if (await self._room.update_one(left, {"$inc": {"bytes": file.size, "files": 1}}, session=tx)).matched_count == 0:
            raise NoRoom
        digests = list({self._digest(owner.key, file.received), self._digest(owner.key, file.sha256)})
        change = {"state": state, "digests": digests, "counted": True, "forget_at": now() + UNUSED}
        if (await self._files.update_one({"_id": file.id, "state": "storing"}, {"$set": change}, session=tx)).matched_count == 0:
            raise LookupError("the file was swept away while it was being stored")

    async def has_room(self, owner: str, share: tuple[int, int]) -> bool:
        """Before anything is received; `reveal` is what holds the line."""
        used: dict[str, Any] | None = await self._room.find_one({"_id": owner})
        return used is None or (used["bytes"] < share[0] and used["files"] < share[1])

    # reading

    async def file(self, file_id: str, owner: str) -> dict[str, Any] | None:
        """Only its owner can see it."""
        return self._opened(await self._files.find_one({"_id": file_id, "owner": owner, "state": {"$in": SEEN}}))

    async def any_file(self, file_id: str) -> dict[str, Any] | None:
        """For ourselves: scanning it, handing it to the core. Whatever its state."""
        return self._opened(await self._files.find_one({"_id": file_id}))

    async def some(self, file_ids: Sequence[str], owner: str) -> dict[str, dict[str, Any]]:
        found = self._files.find({"_id": {"$in": list(file_ids)}, "owner": owner, "state": {"$in": SEEN}})
        return {row["_id"]: opened async for row in found if (opened := self._opened(row)) is not None}

    async def of_owner(self, owner: str) -> list[dict[str, Any]]:
        """All of them, oldest first: what an export holds and a deletion takes away."""
        found = self._files.find({"owner": owner, "state": {"$in": SEEN}}).sort("created_at", ASCENDING)
        return [opened async for row in found if (opened := self._opened(row)) is not None]

    async def saved(self, owner: str, limit: int) -> list[dict[str, Any]]:
        """The newest that may be used: `_id`, `name`, `size`, `media_type`, `pages`, `created_at`, `used_by`."""
        shown = dict.fromkeys(("name", "size", "media_type", "pages", "created_at", "used_by"), 1)
        found = self._files.find({"owner": owner, "state": "ready"}, shown).sort("created_at", -1).limit(limit)
        return [row | {"name": self._keys.open(row["name"], f"files/name/{row['_id']}")} async for row in found]

    # use

    async def keep(self, file_id: str) -> None:
        """Uploaded once more: its days start anew, if nothing uses it."""
        await self._files.update_one({"_id": file_id, "used_by": [], "state": {"$in": SEEN}}, {"$set": {"forget_at": now() + UNUSED}})

    async def attach(self, tx: Tx | None, file_ids: Sequence[str], to: str) -> bool:
        """False when one of them is not ready any more; the caller's transaction then ends without a write."""
        wanted = {"_id": {"$in": list(file_ids)}, "state": "ready"}
        done = await self._files.update_many(wanted, {"$addToSet": {"used_by": to}, "$unset": {"forget_at": ""}}, session=tx)
        return int(done.matched_count) == len(set(file_ids))

    async def detach(self, tx: Tx | None, file_ids: Sequence[str], of: str) -> None:
        """What nothing uses any more is forgotten in time."""
        rest = {"$filter": {"input": "$used_by", "cond": {"$ne": ["$$this", {"$literal": of}]}}}
        forget = {"$cond": [{"$eq": ["$used_by", []]}, now() + UNUSED, "$forget_at"]}
        wanted = {"_id": {"$in": list(file_ids)}, "used_by": of}
        await self._files.update_many(wanted, [{"$set": {"used_by": rest}}, {"$set": {"forget_at": forget}}], session=tx)

    # the scanner's word

    async def released(self, tx: Tx, file_id: str) -> bool:
        change = {"$set": {"state": "ready"}}
        return bool((await self._files.update_one({"_id": file_id, "state": "scanning"}, change, session=tx)).modified_count)

    async def turned_away(self, tx: Tx, file_id: str, reason: str) -> dict[str, Any] | None:
        """None when that was said before. Its room is free again; its bytes must be deleted by the caller."""
        change = {"$set": {"state": "refused", "reason": reason, "counted": False, "forget_at": now() + REFUSED}, "$unset": {"digests": ""}}
        row = await self._files.find_one_and_update({"_id": file_id, "state": "scanning"}, change, return_document=AFTER, session=tx)
        if row is not None:
            await self._give_room_back(tx, row)
        return self._opened(row)

    # the end

    async def doom(self, file_id: str, owner: str | None = None, *, before: datetime | None = None) -> bool:
        """Nobody sees it any more, and its bytes may go. False when something uses it, or it is not there."""
        wanted: dict[str, Any] = {"_id": file_id, "used_by": []}
        if owner is not None:
            wanted |= {"owner": owner, "state": {"$in": SEEN}}
        if before is not None:
            wanted["forget_at"] = {"$lt": before}
        change = {"$set": {"state": "removing", "forget_at": now()}, "$unset": {"digests": ""}}
        return bool((await self._files.update_one(wanted, change)).matched_count)

    async def overdue(self, at: datetime, limit: int = 100) -> list[str]:
        """Unused for too long, never stored whole, or never removed to the end."""
        return [row["_id"] async for row in self._files.find({"forget_at": {"$lt": at}}, {"_id": 1}).sort("forget_at", ASCENDING).limit(limit)]

    async def forget(self, tx: Tx, file_id: str) -> None:
        """After its bytes are gone."""
        row = await self._files.find_one_and_delete({"_id": file_id, "state": "removing"}, session=tx)
        if row is not None and row.get("counted"):
            await self._give_room_back(tx, row)

    async def _give_room_back(self, tx: Tx, row: dict[str, Any]) -> None:
        await self._room.update_one({"_id": row["owner"]}, {"$inc": {"bytes": -row["size"], "files": -1}}, session=tx)

    # keys

    async def seal_anew(self) -> int:
        """With the current key, what an older one sealed: a file's own key and words, never its bytes. How many files were changed."""
        changed = 0
        async for row in self._files.find({}, {"name": 1, "sha256": 1, "data_key": 1}):
            if self._keys.is_current(row["data_key"]):
                continue
            places = {field: f"files/{field}/{row['_id']}" for field in SEALED}
            fresh = {field: self._keys.seal(self._keys.open(row[field], place), place) for field, place in places.items()}
            changed += (await self._files.update_one({"_id": row["_id"], "data_key": row["data_key"]}, {"$set": fresh})).modified_count
        return changed

    async def adopt(self, tx: Tx, resident_id: str, owner: Owner) -> int:
        """Their real name is known now: what they uploaded before is the person's, above any share. Bytes the person has already stay two files."""
        before = f"resident:{resident_id}"
        found = self._files.find({"owner": before, "state": {"$in": SEEN}}, session=tx)
        rows = [opened async for row in found if (opened := self._opened(row)) is not None]
        for row in rows:
            digest = self._digest(owner.key, row["sha256"])
            twice = row["state"] == "refused" or await self._files.find_one({"digests": digest}, {"_id": 1}, session=tx) is not None
            change = {"$set": {"owner": owner.key, "person_id": owner.person_id, **({} if twice else {"digests": [digest]})}}
            await self._files.update_one({"_id": row["_id"]}, change | ({"$unset": {"digests": ""}} if twice else {}), session=tx)
            if row.get("counted"):
                await self._give_room_back(tx, row)
                await self._room.update_one({"_id": owner.key}, {"$inc": {"bytes": row["size"], "files": 1}}, upsert=True, session=tx)
        return len(rows)

    def _digest(self, owner: str, sha256: str) -> str:
        return self._keys.index("files/sha256", f"{owner}\n{sha256}")

    def _opened(self, row: dict[str, Any] | None) -> dict[str, Any] | None:
        if row is None:
            return None
        return row | {field: self._keys.open(row[field], f"files/{field}/{row['_id']}") for field in SEALED}
