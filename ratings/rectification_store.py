"""Every query of rectifications. A change is compare-and-set on the revision that was seen; what people wrote is sealed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

import orjson

from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx
from ratings.machine import Step
from ratings.values import CLOSED, OPEN, About, Appeal, Decision, Published, Rectification, Reply, State

ROWS = [
    IndexModel([("state", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)], name="due_first"),
    IndexModel([("department", ASCENDING), ("state", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)], name="due_first_of_department"),
    IndexModel([("region", ASCENDING), ("state", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)], name="due_first_of_region"),
    IndexModel([("published.at", DESCENDING)], name="published", partialFilterExpression={"published.at": {"$type": "date"}}),
    IndexModel([("request_id", ASCENDING)], name="of_case"),
    IndexModel([("opened_at", ASCENDING)], name="by_age"),
    IndexModel([("closed_at", ASCENDING)], name="by_end"),
]
Places = Mapping[Literal["department", "region"], Collection[str]]  # what each may be; one that is not named: anything
Place = tuple[datetime, str] | None
_SEALED = ("note", "replies", "appeal", "decision", "words")


class Rectifications:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["rectifications"]
        self._keys = keys

    async def open(self, tx: Tx, own: str, about: About, dues: tuple[datetime, datetime], at: datetime) -> None:
        """`dues`: of the first step, of all. The region stays the rated item's, whatever department has it later."""
        row = {
            "_id": own,
            "request_id": about.request_id,
            "department": about.department,
            "region": about.region,
            "state": State.TRIAGE.value,
            "revision": 1,
            "round": 1,
            "opened_at": at,
            "due_at": dues[0],
            "total_due_at": dues[1],
            "late": False,
            "lates": 0,
            "escalated_at": None,
            "closed_at": None,
            "published": None,
        }
        await self._rows.insert_one(row, session=tx)

    async def one(self, own: str, tx: Tx | None = None) -> Rectification | None:
        row = await self._rows.find_one({"_id": own}, session=tx)
        return None if row is None else self._opened(row)

    async def of_ids(self, owns: Collection[str]) -> dict[str, Rectification]:
        return {row["_id"]: self._opened(row) async for row in self._rows.find({"_id": {"$in": list(owns)}})}

    async def move(self, tx: Tx, seen: Rectification, to: Step, at: datetime, **facts: Any) -> Rectification | None:
        """`facts`: department, or a sealed one as a whole. None: somebody else was faster."""
        change: dict[str, Any] = {"state": to.state.value, "round": to.round} | {
            name: self._kept(seen.id, name, value) for name, value in facts.items()
        }
        if to.due_at is None:
            change |= {"closed_at": at, "late": False}
        elif to.due_at != seen.due_at:
            change |= {"due_at": to.due_at, "late": False}
        return await self._changed(tx, seen, change)

    async def publish(self, tx: Tx, seen: Rectification, published: Published) -> Rectification | None:
        """The approved words, open to everybody."""
        return await self._changed(tx, seen, {"published": {"text": published.text, "by": published.by, "at": published.at}})

    async def escalate(self, at: datetime) -> int:
        """Whatever is over its limit, once for each limit; how many. No revision: nobody's next act is refused for it."""
        overdue = {"state": {"$in": [one.value for one in OPEN]}, "due_at": {"$lt": at}, "late": False}
        change = {"late": True, "lates": {"$add": ["$lates", 1]}, "escalated_at": {"$ifNull": ["$escalated_at", at]}}
        return int((await self._rows.update_many(overdue, [{"$set": change}])).modified_count)

    async def listed(self, places: Places, states: Collection[State], overdue_at: datetime | None, last: Place, limit: int) -> list[Rectification]:
        """What is due first comes first, after `last` (due_at, id). `overdue_at`: only what was due before."""
        wanted: dict[str, Any] = within(places) | {"state": {"$in": [one.value for one in states]}}
        wanted |= {"due_at": {"$lt": overdue_at}} if overdue_at is not None else {}
        if last is not None:
            wanted["$or"] = [{"due_at": {"$gt": last[0]}}, {"due_at": last[0], "_id": {"$gt": last[1]}}]
        found = self._rows.find(wanted).sort([("due_at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
        return [self._opened(row) async for row in found]

    async def published(self, since: datetime, until: datetime, limit: int) -> list[Rectification]:
        """Of what was published then, the newest first."""
        wanted = {"published.at": {"$gte": since, "$lt": until}, "state": {"$in": [one.value for one in CLOSED]}}
        return [self._opened(row) async for row in self._rows.find(wanted).sort("published.at", DESCENDING).limit(limit)]

    async def counts(self, at: datetime) -> list[dict[str, Any]]:
        """{department, open, overdue, escalated} of the open ones."""
        counts = {
            "open": {"$sum": 1},
            "overdue": {"$sum": {"$cond": [{"$lt": ["$due_at", at]}, 1, 0]}},
            "escalated": {"$sum": {"$cond": [{"$ne": ["$escalated_at", None]}, 1, 0]}},
        }
        match = {"$match": {"state": {"$in": [one.value for one in OPEN]}}}
        found = self._rows.aggregate([match, {"$group": {"_id": "$department", **counts}}, {"$sort": {"_id": 1}}])
        return [{"department": row["_id"], **{name: row[name] for name in counts}} async for row in found]

    async def _changed(self, tx: Tx, seen: Rectification, change: dict[str, Any]) -> Rectification | None:
        was = {"_id": seen.id, "state": seen.state.value, "revision": seen.revision}
        row = await self._rows.find_one_and_update(was, {"$set": change, "$inc": {"revision": 1}}, session=tx, return_document=AFTER)
        return None if row is None else self._opened(row)

    def _kept(self, own: str, name: str, value: Any) -> Any:
        return self._keys.seal(orjson.dumps(value).decode(), f"rectifications/{name}/{own}") if name in _SEALED else value

    def _opened(self, row: Mapping[str, Any]) -> Rectification:
        own = row["_id"]
        said = {name: orjson.loads(self._keys.open(row[name], f"rectifications/{name}/{own}")) for name in _SEALED if row.get(name)}
        appeal, decision, published = said.get("appeal"), said.get("decision"), row.get("published")
        facts = {name: row[name] for name in ("department", "revision", "round", "opened_at", "due_at", "total_due_at", "late", "lates")}
        return Rectification(
            id=own,
            state=State(row["state"]),
            escalated_at=row.get("escalated_at"),
            closed_at=row.get("closed_at"),
            note=said.get("note") or "",
            replies=tuple(Reply(**_timed(one)) for one in said.get("replies") or ()),
            appeal=Appeal(**_timed(appeal)) if appeal else None,
            decision=Decision(**_timed(decision)) if decision else None,
            words=tuple((word, text, datetime.fromisoformat(at), by_phone) for word, text, at, by_phone in said.get("words") or ()),
            published=Published(published["text"], published["by"], published["at"]) if published else None,
            **facts,
        )


def within(places: Places) -> dict[str, Any]:
    """For the database. What has no region is in none."""
    return {name: {"$in": sorted(given)} for name, given in places.items()}


def _timed(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**kept, "at": datetime.fromisoformat(kept["at"])}
