"""What staff did, for good: a chain in which every entry carries the one before it. Nothing here changes or removes an entry.

`hash` is a keyed HMAC (a part of the index key's family), so that whoever can write to the database, but has no key, cannot chain anew.
What a chain alone cannot show is that its end is missing: `Verified.last_hash`, kept elsewhere, does; those of entries outside transactions are logged as well.
Entries hold usernames and ids of objects, never a name, number, phone, password or code.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Unavailable
from kit.mongo import ASCENDING, DESCENDING, DuplicateKeyError, IndexModel, Mongo, PyMongoError, Tx

log = logging.getLogger(__name__)

COLLECTION = "staff_audit"
INDEXES: dict[str, list[IndexModel]] = {COLLECTION: []}
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """`who` is a username; `action` the route or command; `object` an id; `result` "begun", "done", "refused <code>" or "failed"."""

    who: str
    roles: tuple[str, ...]
    action: str
    object: str
    result: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Kept(Entry):
    seq: int
    at: datetime
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """`first_broken`: the first number that is missing, changed, or not what the one before it leads to; None: the chain holds."""

    first_broken: int | None
    checked: int
    last_seq: int
    last_hash: str


class Audit:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo[COLLECTION]
        self._keys = keys
        self._one_by_one = asyncio.Lock()  # spares this process races with itself; the unique number is what keeps order

    async def append(self, tx: Tx | None, entry: Entry) -> int:
        """Its number. In a transaction the entry stands or falls with it, and the transaction is run again when another entry was faster.

        Raises Unavailable without one when it cannot be written: the caller must then not act.
        """
        if tx is not None:
            return await self._insert(entry, tx)
        try:
            async with self._one_by_one, asyncio.timeout(8):
                return await self._insert_at_the_end(entry)
        except (PyMongoError, TimeoutError) as exc:
            log.error("audit not written", extra={"error": type(exc).__name__, "action": entry.action})
            raise Unavailable("audit_unavailable", "审计记录暂时写不进去，这次操作没有执行，请稍后再试", retry_after=3) from exc

    async def _insert_at_the_end(self, entry: Entry) -> int:
        for tried in range(_TRIES):
            try:
                return await self._insert(entry, None)
            except DuplicateKeyError:
                await asyncio.sleep(random.random() * 0.002 * min(tried + 1, 20))  # noqa: S311 - a pause, not a secret
        raise TimeoutError

    async def _insert(self, entry: Entry, tx: Tx | None) -> int:
        last = await self._rows.find_one({}, sort=[("_id", DESCENDING)], session=tx)
        seq, prev = (1, "") if last is None else (int(last["_id"]) + 1, str(last["hash"]))
        row = {"_id": seq, "at": now(), **asdict(entry), "roles": list(entry.roles), "prev": prev}
        row["hash"] = self._hash(row)
        await self._rows.insert_one(row, session=tx)
        if tx is None:  # a transaction may yet fall; the next entry vouches for its own
            log.info("audit", extra={"seq": seq, "hash": row["hash"], "action": entry.action, "result": entry.result})
        return seq

    async def verify(self, first: int = 1, last: int | None = None) -> Verified:
        """Walks the chain from `first` to `last`, or to its end, in order and without holding it."""
        expected, prev = first, ""
        if first > 1:
            before = await self._rows.find_one({"_id": first - 1})
            if before is None or before.get("hash") != self._hash(before):
                return Verified(first - 1, 0, first - 1, "")
            prev = str(before["hash"])
        async for row in self._rows.find(_range(first, last)).sort("_id", ASCENDING):
            seq = row["_id"]
            if seq != expected or isinstance(seq, bool | float) or row.get("prev") != prev or row.get("hash") != self._hash(row):
                return Verified(expected, expected - first, expected - 1, prev)
            expected, prev = expected + 1, str(row["hash"])
        if last is not None and expected <= last:
            ended = await self._rows.find_one({"_id": {"$gt": last}}, {"_id": 1})
            if ended is not None:
                return Verified(expected, expected - first, expected - 1, prev)
        return Verified(None, expected - first, expected - 1, prev)

    async def hash_of(self, seq: int) -> str | None:
        """To compare with one that was kept elsewhere."""
        row = await self._rows.find_one({"_id": seq}, {"hash": 1})
        return None if row is None else str(row.get("hash"))

    async def entries(self, after: int = 0, limit: int = 0) -> AsyncIterator[Kept]:
        """In order, one at a time; limit 0: all."""
        async for row in self._rows.find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit):
            told = {key: row[key] for key in ("who", "action", "object", "result", "request_id", "at", "prev", "hash")}
            yield Kept(seq=row["_id"], roles=tuple(row["roles"]), **told)

    def _hash(self, row: dict[str, Any]) -> str:
        """Over everything that stands in the row, in one fixed form."""
        plain = {key: _plain(value) for key, value in row.items() if key != "hash"}
        return self._keys.index("staff_audit", orjson.dumps(plain, option=orjson.OPT_SORT_KEYS, default=repr).decode())


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _range(first: int, last: int | None) -> dict[str, Any]:
    """All of it without a condition, so that a row whose number is none is found too."""
    if first == 1 and last is None:
        return {}
    return {"_id": {"$gte": first} | ({} if last is None else {"$lte": last})}
