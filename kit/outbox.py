"""What must happen later, written in the same transaction as its cause, and done by a worker that may die at any line.

A row is taken by lease: its `due_at` moves into the future by the lease, judged by the database's clock, so a dead worker's row comes
back by itself. Handlers must make the second time boring. A row that keeps failing is parked, counted and left for an operator; one with
an `until` is tried that long while somebody outside is away, and its handler is called once more when the time is over.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kit.clock import now
from kit.errors import Outside
from kit.gather import Gathered
from kit.ids import new_nonce
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo, PyMongoError, Tx, insert_all

log = logging.getLogger(__name__)

COLLECTION = "outbox"
INDEXES = {
    COLLECTION: [
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="due"),
        IndexModel([("state", ASCENDING), ("kind", ASCENDING), ("due_at", ASCENDING)], name="due_of_kind"),
        IndexModel([("done_at", ASCENDING)], name="forget_done", expireAfterSeconds=7 * 86400),
    ]
}
LEASE = 15  # seconds; longer than any handler's own time-outs together
MAX_ATTEMPTS = 12  # with the gaps below: about three and a half hours
_GAPS = (0.5, 1, 2, 5, 15, 30, 60, 300, 900, 3600, 7200)  # seconds
_LONGEST_WAIT = 1800.0  # of a row that has an `until`: whoever was away may be back


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to do. `attempt` counts from 1. `until`: how long it is worth trying; None: the attempts are counted."""

    key: str
    kind: str
    payload: dict[str, Any]
    attempt: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A row that failed again and again, and why it did the last time."""

    key: str
    kind: str
    error: str
    parked_at: datetime


Handler = Callable[[Row], Awaitable[None]]


class Outbox:
    """Put rows in, take them by lease, mark them done. One collection for every feature."""

    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo[COLLECTION]
        self._end = Gathered(self._ended)

    async def put(self, tx: Tx, kind: str, key: str, payload: dict[str, Any], *, delay: float = 0.0, until: datetime | None = None) -> None:
        """Inside the caller's transaction. `key` is unique forever for its effect: `push:<message>:<channel>`. `delay` in seconds."""
        await self._rows.insert_one(_new(kind, key, payload, now() + timedelta(seconds=delay), until), session=tx)

    async def put_many(self, tx: Tx | None, kind: str, rows: Sequence[tuple[str, dict[str, Any], datetime | None]]) -> None:
        """Rows of (key, payload, until) in one write."""
        at = now()
        await insert_all(self._rows, [_new(kind, key, payload, at, until) for key, payload, until in rows], tx)

    async def take(self, kinds: Collection[str]) -> Row | None:
        """Of these kinds the row that has been due longest, leased to us; None when nothing is due. Other kinds are for other processes."""
        due = {"state": "waiting", "kind": {"$in": list(kinds)}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        row = await self._rows.find_one_and_update(due, _lease(), sort=[("due_at", ASCENDING)], return_document=AFTER)
        return None if row is None else _row(row)

    async def take_many(self, kinds: Collection[str], most: int) -> list[Row]:
        """As `take`, up to `most` rows in one write. What two workers reach for at once, one of them gets."""
        if most == 1:
            row = await self.take(kinds)
            return [] if row is None else [row]
        due = {"state": "waiting", "kind": {"$in": list(kinds)}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        found = [row["_id"] async for row in self._rows.find(due, {"_id": 1}).sort("due_at", ASCENDING).limit(most)]
        if not found:
            return []
        mine = new_nonce()
        await self._rows.update_many({"_id": {"$in": found}, **due}, [{"$set": {**_lease()[0]["$set"], "taken_by": mine}}])
        return [_row(row) async for row in self._rows.find({"_id": {"$in": found}, "taken_by": mine})]

    async def take_key(self, key: str) -> Row | None:
        """This very row, if it is waiting and nobody holds it."""
        due = {"_id": key, "state": "waiting", "$or": [{"held": {"$ne": True}}, {"$expr": {"$lte": ["$due_at", "$$NOW"]}}]}
        row = await self._rows.find_one_and_update(due, _lease(), return_document=AFTER)
        return None if row is None else _row(row)

    async def at_once(self, key: str, handle: Handler, seconds: float) -> None:
        """By whoever waits for it, for so long; what does not come off is the worker's. Nothing, if somebody holds the row or it is done."""
        row = await self.take_key(key)
        if row is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await handle(row)
        except Outside as exc:
            await self.give_back(row, str(exc))
        except TimeoutError:
            await self.give_back(row, "too_slow_to_wait_for")

    async def done(self, key: str, tx: Tx | None = None) -> None:
        """Mark done; pass the transaction of the effect so that both happen together."""
        if tx is None:
            await self._end(key)
        else:
            await self._rows.update_one({"_id": key}, _done(), session=tx)

    async def _ended(self, keys: Sequence[str]) -> Sequence[None]:
        await self._rows.update_many({"_id": {"$in": list(keys)}}, _done())
        return [None] * len(keys)

    async def hold(self, row: Row) -> bool:
        """The whole lease again, for work of several steps. False when it ran out and somebody else took the row."""
        until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE}}
        mine = {"_id": row.key, "state": "waiting", "held": True, "attempts": row.attempt}
        return bool((await self._rows.update_one(mine, [{"$set": {"due_at": until}}])).matched_count)

    async def put_off(self, row: Row, seconds: float) -> None:
        """It is not its turn yet: again later, and this was no attempt."""
        await self._again(row.key, seconds, {"attempts": {"$max": [0, {"$subtract": ["$attempts", 1]}]}})

    async def hurry(self, key: str) -> None:
        """Somebody says that it is time: a row nobody holds is due now."""
        await self._rows.update_one({"_id": key, "state": "waiting", "held": {"$ne": True}}, [{"$set": {"due_at": "$$NOW"}}])

    async def give_back(self, row: Row, error: str, *, ours: bool = True) -> None:
        """Failed: again after a growing, jittered gap, or parked after MAX_ATTEMPTS. `ours`: not because somebody outside is away, who has until `until`."""
        left = 0.0 if row.until is None else (row.until - now()).total_seconds()
        if row.attempt >= MAX_ATTEMPTS and (ours or left <= 0):
            await self._rows.update_one(
                {"_id": row.key, "state": "waiting"}, {"$set": {"state": "parked", "last_error": error, "parked_at": now()}, "$unset": {"held": ""}}
            )
            log.error("parked", extra={"key": row.key, "kind": row.kind, "error": error})
            return
        gap = _GAPS[min(row.attempt - 1, len(_GAPS) - 1)] * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
        if left > 0:
            gap = min(gap, _LONGEST_WAIT, max(1.0, left))
        await self._again(row.key, gap, {"last_error": {"$literal": error}})

    async def _again(self, key: str, seconds: float, more: dict[str, Any]) -> None:
        due = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": int(seconds * 1000)}}
        await self._rows.update_one({"_id": key, "state": "waiting"}, [{"$set": {"due_at": due, "held": False, **more}}])

    async def counts(self) -> Mapping[str, int]:
        """Rows per state, done ones left out: for /metrics and operators."""
        return {state: await self._rows.count_documents({"state": state}) for state in ("waiting", "parked")}

    async def oldest_due_seconds(self) -> float:
        row = await self._rows.find_one({"state": "waiting"}, sort=[("due_at", ASCENDING)])
        return 0.0 if row is None else max(0.0, (now() - row["due_at"]).total_seconds())

    async def state(self, key: str) -> str | None:
        """waiting | done | parked, or None: no such row."""
        row = await self._rows.find_one({"_id": key}, {"state": 1})
        return None if row is None else str(row["state"])

    async def parked(self, kinds: Collection[str], most: int) -> list["ParkedRow"]:
        """What an operator looks at, the oldest first."""
        found = self._rows.find({"state": "parked", "kind": {"$in": list(kinds)}}).sort("due_at", ASCENDING).limit(most)
        return [ParkedRow(row["_id"], row["kind"], str(row.get("last_error") or ""), row["parked_at"]) async for row in found]

    async def retry_parked(self, key: str) -> bool:
        """An operator's decision; True if the row was parked. It goes on as a repetition: whoever handles it asks before acting."""
        change = {"$set": {"state": "waiting", "attempts": 1, "due_at": now()}}
        return bool((await self._rows.update_one({"_id": key, "state": "parked"}, change)).modified_count)

    async def inserted(self, kinds: Collection[str], wake: asyncio.Event) -> None:
        """Set `wake` whenever a row of these kinds is inserted. A wake-up only: losing it costs the poll interval, never a row."""
        ours = {"operationType": "insert", "fullDocument.kind": {"$in": list(kinds)}}
        only: list[dict[str, Any]] = [{"$match": ours}, {"$project": {"_id": 1}}]
        while True:
            with suppress(PyMongoError):
                async with self._rows.watch(only, max_await_time_ms=1000) as changes:
                    wake.set()
                    async for _ in changes:
                        wake.set()
            await asyncio.sleep(1)


def _done() -> dict[str, Any]:
    return {"$set": {"state": "done", "done_at": now(), "payload": {}}, "$unset": {"held": "", "taken_by": ""}}


def _lease() -> list[dict[str, Any]]:
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE}}
    return [{"$set": {"due_at": until, "held": True, "attempts": {"$add": ["$attempts", 1]}}}]


def _new(kind: str, key: str, payload: dict[str, Any], due: datetime, until: datetime | None = None) -> dict[str, Any]:
    more = {} if until is None else {"until": until}
    return {"_id": key, "kind": kind, "payload": payload, "state": "waiting", "attempts": 0, "created_at": now(), "due_at": due, **more}


def _row(found: dict[str, Any]) -> Row:
    return Row(found["_id"], found["kind"], found["payload"], found["attempts"], found.get("until"))


class Worker:
    """Runs handlers for due rows, at most `slots` at a time, until `stop()`; then lets the running ones finish.

    It takes rows of the kinds it has a handler for and leaves the others to whoever has one: another process, or the next release.
    """

    def __init__(self, outbox: Outbox, handlers: Mapping[str, Handler], *, slots: int = 16, poll: float = 1.0) -> None:
        self._outbox = outbox
        self._handlers = handlers
        self._slots = slots
        self._poll = poll
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        watcher = asyncio.create_task(self._outbox.inserted(self._handlers, self._wake))
        try:
            while not self._stopping:
                if len(self._running) >= self._slots:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                    continue
                rows = await self._next(self._slots - len(self._running))
                for row in rows:
                    task = asyncio.create_task(self._handle(row))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                if not rows:
                    await self._rest()
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            if self._running:
                await asyncio.wait(self._running, timeout=LEASE)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _next(self, room: int) -> list[Row]:
        self._wake.clear()
        try:
            return await self._outbox.take_many(self._handlers, room)
        except PyMongoError as exc:
            log.warning("outbox away", extra={"error": type(exc).__name__})
            return []

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._poll)

    async def _handle(self, row: Row) -> None:
        """The edge of a job: whatever goes wrong is logged and the row comes back."""
        try:
            await self._handlers[row.kind](row)
        except Outside as exc:
            log.warning("job put off", extra={"key": row.key, "kind": row.kind, "attempt": row.attempt, "error": str(exc)})
            await self._settle(self._outbox.give_back(row, str(exc), ours=False))
        except Exception as exc:
            log.exception("job failed", extra={"key": row.key, "kind": row.kind, "attempt": row.attempt})
            await self._settle(self._outbox.give_back(row, type(exc).__name__))

    async def _settle(self, write: Awaitable[None]) -> None:
        try:
            await write
        except (PyMongoError, DuplicateKeyError) as exc:
            log.warning("outbox away", extra={"error": type(exc).__name__})
