"""What must happen later, written in the same transaction as its cause, and done by a worker that may die at any line.

A row is taken by lease: its `due_at` moves into the future by the lease, judged by the database's clock, so a dead worker's row comes
back by itself. Handlers must make the second time boring. A row that keeps failing is parked, counted and left for an operator.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kit.clock import now
from kit.errors import Outside
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo, PyMongoError, Tx

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


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to do. `attempt` counts from 1."""

    key: str
    kind: str
    payload: dict[str, Any]
    attempt: int


Handler = Callable[[Row], Awaitable[None]]


class Outbox:
    """Put rows in, take them by lease, mark them done. One collection for every feature."""

    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo[COLLECTION]

    async def put(self, tx: Tx, kind: str, key: str, payload: dict[str, Any], *, delay: float = 0.0) -> None:
        """Inside the caller's transaction. `key` is unique forever for its effect: `push:<message>:<channel>`. `delay` in seconds."""
        due = now() + timedelta(seconds=delay)
        row = {"_id": key, "kind": kind, "payload": payload, "state": "waiting", "attempts": 0, "created_at": now(), "due_at": due}
        await self._rows.insert_one(row, session=tx)

    async def take(self, kinds: Collection[str]) -> Row | None:
        """Of these kinds the row that has been due longest, leased to us; None when nothing is due. Other kinds are for other processes."""
        due = {"state": "waiting", "kind": {"$in": list(kinds)}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        return _row(await self._rows.find_one_and_update(due, _lease(), sort=[("due_at", ASCENDING)], return_document=AFTER))

    async def take_key(self, key: str) -> Row | None:
        """This very row, if it is waiting and nobody holds it."""
        due = {"_id": key, "state": "waiting", "$or": [{"held": {"$ne": True}}, {"$expr": {"$lte": ["$due_at", "$$NOW"]}}]}
        return _row(await self._rows.find_one_and_update(due, _lease(), return_document=AFTER))

    async def done(self, key: str, tx: Tx | None = None) -> None:
        """Mark done; pass the transaction of the effect so that both happen together."""
        change = {"$set": {"state": "done", "done_at": now(), "payload": {}}, "$unset": {"held": ""}}
        await self._rows.update_one({"_id": key}, change, session=tx)

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

    async def give_back(self, row: Row, error: str) -> None:
        """Failed: again after a growing, jittered gap, or parked after MAX_ATTEMPTS."""
        if row.attempt >= MAX_ATTEMPTS:
            await self._rows.update_one(
                {"_id": row.key, "state": "waiting"}, {"$set": {"state": "parked", "last_error": error, "parked_at": now()}, "$unset": {"held": ""}}
            )
            log.error("parked", extra={"key": row.key, "kind": row.kind, "error": error})
            return
        gap = _GAPS[min(row.attempt - 1, len(_GAPS) - 1)] * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
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


def _lease() -> list[dict[str, Any]]:
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE}}
    return [{"$set": {"due_at": until, "held": True, "attempts": {"$add": ["$attempts", 1]}}}]


def _row(found: dict[str, Any] | None) -> Row | None:
    return None if found is None else Row(found["_id"], found["kind"], found["payload"], found["attempts"])


class Worker:
    """Runs handlers for due rows, at most `slots` at a time, until `stop()`; then lets the running ones finish.

    It takes rows of the kinds it has a handler for and leaves the others to whoever has one: another process, or the next release.
    """

    def __init__(self, outbox: Outbox, handlers: Mapping[str, Handler], *, slots: int = 16, poll: float = 1.0) -> None:
        self._outbox = outbox
        self._handlers = handlers
        self._slots = asyncio.Semaphore(slots)
        self._poll = poll
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        watcher = asyncio.create_task(self._outbox.inserted(self._handlers, self._wake))
        try:
            while not self._stopping:
                await self._slots.acquire()
                row = await self._next()
                if row is None:
                    self._slots.release()
                    await self._rest()
                    continue
                task = asyncio.create_task(self._handle(row))
                self._running.add(task)
                task.add_done_callback(self._finished)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            if self._running:
                await asyncio.wait(self._running, timeout=LEASE)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _next(self) -> Row | None:
        self._wake.clear()
        try:
            return await self._outbox.take(self._handlers)
        except PyMongoError as exc:
            log.warning("outbox away", extra={"error": type(exc).__name__})
            return None

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._poll)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _handle(self, row: Row) -> None:
        """The edge of a job: whatever goes wrong is logged and the row comes back."""
        try:
            await self._handlers[row.kind](row)
        except Outside as exc:
            log.warning("job put off", extra={"key": row.key, "kind": row.kind, "attempt": row.attempt, "error": str(exc)})
            await self._settle(self._outbox.give_back(row, str(exc)))
        except Exception as exc:
            log.exception("job failed", extra={"key": row.key, "kind": row.kind, "attempt": row.attempt})
            await self._settle(self._outbox.give_back(row, type(exc).__name__))

    async def _settle(self, write: Awaitable[None]) -> None:
        try:
            await write
        except (PyMongoError, DuplicateKeyError) as exc:
            log.warning("outbox away", extra={"error": type(exc).__name__})
