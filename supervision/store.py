"""Every query of the facts of cases. Figures are counted from indexes that hold all they need."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kit.mongo import ASCENDING, IndexModel, Mongo, Tx, UpdateOne
from supervision.facts import Row
from supervision.figures import Groups, Key

_OPEN = {"open": True}
_PLACE = ("department", "region")
_RECEIVED = ("month", *_PLACE, "channel", "state")
_FINISHED = ("finished_month", *_PLACE, "result", "online", "in_time")
_DUE = ("near_at", "due_at", "legal_due_at", *_PLACE, "step", "_id")


def _index(name: str, fields: Sequence[str], **more: Any) -> IndexModel:
    return IndexModel([(one, ASCENDING) for one in fields], name=name, **more)


INDEXES = {
    "case_facts": [
        _index("received", _RECEIVED),
        _index("finished", _FINISHED, partialFilterExpression={"finished_month": {"$type": "string"}}),
        _index("due", _DUE, partialFilterExpression=_OPEN),
        _index("second", ("second_months", *_PLACE), partialFilterExpression={"second_months": {"$type": "string"}}),
        _index("counted_by", ("edition", "_id"), partialFilterExpression=_OPEN),
        _index("by_age", ("submitted_at",)),
        _index("by_end", ("finished_at",)),
    ],
}


class Facts:
    def __init__(self, mongo: Mongo) -> None:
        self._facts = mongo["case_facts"]

    async def put(self, tx: Tx, rows: Sequence[Row]) -> None:
        """In the transaction that saw the cases these rows were made from: who saw an older case meets the newer row's write and begins again."""
        if rows:
            writes = [UpdateOne({"_id": row["_id"]}, {"$set": {name: row[name] for name in row if name != "_id"}}, upsert=True) for row in rows]
            await self._facts.bulk_write(writes, ordered=False, session=tx)

    async def month(self, month: str) -> Groups:
        """Counts of a month without what is due. Half a second for 200,000 cases: supervision/kept.py shares it."""
        wanted = {"$eq": month, "$type": "string"}  # an index of some rows must be told that these are among them
        return Groups(
            received=await self._count("received", {"month": wanted}, _plain(*_RECEIVED[1:])),
            finished=await self._count("finished", {"finished_month": wanted}, _plain(*_FINISHED[1:])),
            second=await self._again(month),
        )

    async def due(self, moment: datetime, department: str | None = None) -> Counter[Key]:
        """Open cases near their due moment or past it, as Groups.due, of one department or all."""
        near = {**_OPEN, "near_at": {"$lte": moment}, **({} if department is None else {"department": department})}
        past = {"$and": [{"$ne": ["$legal_due_at", None]}, {"$lt": ["$legal_due_at", moment]}]}
        return await self._count("due", near, _plain(*_PLACE, "step") | {"overdue": {"$lt": ["$due_at", moment]}, "past": past})

    async def _count(self, index: str, match: Mapping[str, Any], by: Mapping[str, Any]) -> Counter[Key]:
        steps = [{"$match": dict(match)}, {"$group": {"_id": dict(by), "n": {"$sum": 1}}}]
        found = self._facts.aggregate(steps, hint=index)
        return Counter({tuple(row["_id"].get(name) for name in by): int(row["n"]) async for row in found})

    async def _again(self, month: str) -> Counter[Key]:
        """Few cases get a second notice; they are looked at one by one."""
        wanted = {"second_months": {"$eq": month, "$type": "string"}}
        counted = Counter[Key]()
        async for row in self._facts.find(wanted, dict.fromkeys((*_PLACE, "second_months"), 1)).hint("second"):
            counted[(row["department"], row["region"])] += row["second_months"].count(month)
        return counted

    async def near(self, moment: datetime, after: tuple[datetime, str] | None, limit: int) -> list[Row]:
        """Open cases near their due moment or past it, by (near_at, _id), after that place."""
        wanted: dict[str, Any] = {**_OPEN, "near_at": {"$lte": moment}}
        if after is not None:
            wanted["$or"] = [{"near_at": {"$gt": after[0]}}, {"near_at": after[0], "_id": {"$gt": after[1]}}]
        return await self._facts.find(wanted).sort([("near_at", 1), ("_id", 1)]).hint("due").limit(limit).to_list(limit)

    async def of_cases(self, request_ids: Sequence[str]) -> dict[str, Row]:
        return {row["_id"]: row async for row in self._facts.find({"_id": {"$in": list(request_ids)}})}

    async def counted_otherwise(self, edition: str, limit: int) -> AsyncIterator[list[str]]:
        """Open cases whose days were counted by another calendar, some at a time. Goes through the index once, whatever is written meanwhile."""
        found = self._facts.find({**_OPEN, "edition": {"$ne": edition}}, {"_id": 1}).sort([("edition", 1), ("_id", 1)]).hint("counted_by")
        ids: list[str] = []
        async for row in found.batch_size(limit):
            ids.append(row["_id"])
            if len(ids) == limit:
                yield ids
                ids = []
        if ids:
            yield ids

    async def count(self) -> int:
        return int(await self._facts.estimated_document_count())


def _plain(*fields: str) -> dict[str, Any]:
    return {one: f"${one}" for one in fields}
