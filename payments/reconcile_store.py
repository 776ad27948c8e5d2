"""Every query of a reconciliation: the ledger of a day, streamed, and the record of each run with the lease that keeps two runs apart."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Any, cast

from kit.clock import now
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo

LEASE = 60  # seconds; a run renews it every LEASE / 4
BATCH = 2000  # ledger lines from one reply
_LINE = ("order_no", "refund_no", "amount_fen", "transaction_id", "channel", "merchant", "day")
INDEXES = {
    "reconciliations": [IndexModel([("day", ASCENDING)], name="of_a_day")],
    "ledger_entries": [IndexModel([("order_no", ASCENDING)], name="of_an_order")],
}


class Reconciliations:
    def __init__(self, mongo: Mongo) -> None:
        self._runs = mongo["reconciliations"]
        self._entries = mongo["ledger_entries"]

    # the ledger, read only

    async def entries(self, day: str, kind: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Every line of a Beijing day and kind, some at a time."""
        cursor = self._entries.find({"day": day, "kind": kind}, list(_LINE), batch_size=BATCH)
        while some := await cursor.to_list(BATCH):
            yield some

    async def entry_count(self, day: str, merchant: str) -> int:
        return await self._entries.count_documents({"day": day, "kind": {"$in": ["paid", "refunded"]}, "merchant": merchant})

    async def entries_by_id(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Whatever their day: {"paid:…": line}."""
        found: dict[str, dict[str, Any]] = {}
        wanted = list(ids)
        for first in range(0, len(wanted), BATCH):
            async for row in self._entries.find({"_id": {"$in": wanted[first : first + BATCH]}}, list(_LINE)):
                found[row["_id"]] = row
        return found

    async def refunded(self, order_nos: Collection[str]) -> dict[str, int]:
        """Order -> fen that went back so far, whatever the day."""
        found: dict[str, int] = {}
        wanted = list(order_nos)
        for first in range(0, len(wanted), BATCH):
            of_these = {"order_no": {"$in": wanted[first : first + BATCH]}, "kind": "refunded"}
            async for row in self._entries.find(of_these, ["order_no", "amount_fen"]):
                found[row["order_no"]] = found.get(row["order_no"], 0) + row["amount_fen"]
        return found

    async def accounts(self, day: str) -> dict[tuple[str, str], int]:
        """(channel, merchant) -> lines of money on that day: what ought to have a statement."""
        steps: list[dict[str, Any]] = [
            {"$match": {"day": day, "kind": {"$in": ["paid", "refunded"]}}},
            {"$group": {"_id": {"channel": "$channel", "merchant": "$merchant"}, "n": {"$sum": 1}}},
        ]
        return {(row["_id"]["channel"], row["_id"]["merchant"]): row["n"] async for row in self._entries.aggregate(steps)}

    # runs

    async def begin(self, own: str, run: str, facts: dict[str, Any]) -> datetime | None:
        """The lease is ours: None. Else somebody is at it, and until when at least. What an earlier run left in the record is gone."""
        await self._runs.update_one({"_id": own}, {"$setOnInsert": {"state": "new"}}, upsert=True)
        free = {"_id": own, "$or": [{"state": {"$ne": "running"}}, {"$expr": {"$lte": ["$until", "$$NOW"]}}]}
        fresh = {"_id": own, "runs": {"$add": [{"$ifNull": ["$runs", 0]}, 1]}, "until": _lease_end(), **_literal(facts)}
        fresh |= _literal({"state": "running", "run": run, "started_at": now(), "finished_at": None})
        taken = await self._runs.find_one_and_update(free, [{"$replaceWith": fresh}], return_document=AFTER)
        if cast("dict[str, Any] | None", taken) is not None:
            return None
        held = await self._runs.find_one({"_id": own})
        until: datetime = (held or {}).get("until") or now() + timedelta(seconds=LEASE)
        return until

    async def hold(self, own: str, run: str) -> bool:
        """The whole lease again. False when it ran out and another run took over."""
        mine = {"_id": own, "run": run, "state": "running"}
        return bool((await self._runs.update_one(mine, [{"$set": {"until": _lease_end()}}])).matched_count)

    async def finish(self, own: str, run: str, state: str, facts: dict[str, Any]) -> bool:
        """`done`, `refused` or `failed`. False when another run has taken over: what it finds stands."""
        mine = {"_id": own, "run": run, "state": "running"}
        change = {"$set": {"state": state, "finished_at": now(), **facts}}
        return bool((await self._runs.update_one(mine, change)).matched_count)

    async def record(self, own: str) -> dict[str, Any] | None:
        return await self._runs.find_one({"_id": own})

    async def records(self, since: str, limit: int = 200) -> list[dict[str, Any]]:
        """For staff: newest day first, from the day `since`."""
        return [row async for row in self._runs.find({"day": {"$gte": since}}).sort([("day", -1), ("_id", 1)]).limit(limit)]


def _lease_end() -> dict[str, Any]:
    """By the database's clock, so that two machines agree on it."""
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE}}


def _literal(facts: dict[str, Any]) -> dict[str, Any]:
    """In a pipeline a text with a dollar in front would be read as the name of a field."""
    return {name: {"$literal": value} for name, value in facts.items()}
