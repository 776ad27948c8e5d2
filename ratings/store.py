"""Every query of ratings: given once for a case and stage, declined, told to the core, counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import ASCENDING, DESCENDING, IndexModel, Mongo, Tx
from ratings import rectification_store
from ratings.rectification_store import Place, Places, Rectifications, within
from ratings.values import About, AtCore, Given, Rating, Stage

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "ratings": [
        IndexModel([("request_id", ASCENDING), ("stage", ASCENDING)], unique=True, name="once_for_a_stage"),
        IndexModel([("rated_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("department", ASCENDING), ("rated_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_department"),
        IndexModel([("region", ASCENDING), ("rated_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_region"),
        IndexModel([("at_core", ASCENDING), ("rated_at", DESCENDING)], name="of_core", partialFilterExpression={"at_core": "refused"}),
        IndexModel([("subject_key", ASCENDING)], name="of_subject"),
        IndexModel([("person_id", ASCENDING)], name="of_person"),
    ],
    "rating_refusals": [
        IndexModel([("request_id", ASCENDING), ("stage", ASCENDING)], unique=True, name="once_for_a_stage"),
        IndexModel([("person_id", ASCENDING)], name="of_person"),
        IndexModel([("at", ASCENDING)], name="forget", expireAfterSeconds=365 * 86400),
    ],
    "rectifications": rectification_store.ROWS,
}


class Ratings:
    """`rectifications`: the bad ones being put right."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._ratings = mongo["ratings"]
        self._refusals = mongo["rating_refusals"]
        self._keys = keys
        self.rectifications = Rectifications(mongo, keys)

    async def add(self, tx: Tx, one: Rating) -> None:
        """Raises DuplicateKeyError: this stage of the case was rated, or this very rating is there."""
        about, given = one.about, one.given
        row = {
            "_id": one.id,
            "case_no": about.case_no,
            "request_id": about.request_id,
            "item_code": about.item_code,
            "item_name": about.item_name,
            "department": about.department,
            "region": about.region,
            "subject_key": about.subject_key,
            "stage": given.stage,
            "grade": given.grade,
            "indicators": list(given.indicators),
            "text": self._keys.seal(given.text, f"ratings/text/{one.id}"),
            "person_id": one.person_id,
            "resident_id": one.resident_id,
            "by_agent": one.by_agent,
            "channel": one.channel,
            "rated_at": one.rated_at,
            "at_core": one.at_core,
            "core_reason": None,
            "excluded": False,
        }
        await self._ratings.insert_one(row, session=tx)

    async def rating(self, own: str) -> Rating | None:
        row = await self._ratings.find_one({"_id": own})
        return None if row is None else self._rating(row)

    async def of_stage(self, request_id: str, stage: Stage) -> Rating | None:
        row = await self._ratings.find_one({"request_id": request_id, "stage": stage})
        return None if row is None else self._rating(row)

    async def of_cases(self, request_ids: Sequence[str]) -> list[Rating]:
        found = self._ratings.find({"request_id": {"$in": list(request_ids)}})
        return [self._rating(row) async for row in found]

    async def of_ids(self, owns: Sequence[str]) -> dict[str, Rating]:
        return {row["_id"]: self._rating(row) async for row in self._ratings.find({"_id": {"$in": list(owns)}})}

    async def listed(self, places: Places, at_core: AtCore | None, last: Place, limit: int) -> list[Rating]:
        """The newest first, after `last` (rated_at, id)."""
        wanted: dict[str, Any] = within(places) | ({"at_core": at_core} if at_core else {})
        if last is not None:
            wanted["$or"] = [{"rated_at": {"$lt": last[0]}}, {"rated_at": last[0], "_id": {"$lt": last[1]}}]
        found = self._ratings.find(wanted).sort([("rated_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [self._rating(row) async for row in found]

    async def told(self, tx: Tx | None, own: str, at_core: AtCore, reason: str | None = None) -> None:
        """What became of it at the core; only once."""
        change = {"$set": {"at_core": at_core, "core_reason": reason}}
        await self._ratings.update_one({"_id": own, "at_core": "waiting"}, change, session=tx)

    async def exclude(self, tx: Tx, own: str) -> None:
        await self._ratings.update_one({"_id": own}, {"$set": {"excluded": True}}, session=tx)

    # no, thank you

    async def decline(self, request_id: str, stage: Stage, person_id: str) -> None:
        """The second time changes nothing."""
        row = {"$setOnInsert": {"person_id": person_id, "at": now()}}
        await self._refusals.update_one({"request_id": request_id, "stage": stage}, row, upsert=True)

    async def declined(self, request_ids: Sequence[str]) -> set[tuple[str, Stage]]:
        found = self._refusals.find({"request_id": {"$in": list(request_ids)}})
        return {(row["request_id"], row["stage"]) async for row in found}

    # counted

    async def tally(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """{department, grade, count, excluded} of what was rated from `since` until just before `until`. What an upheld appeal marked is in `excluded` alone."""
        return await self._counted({"rated_at": {"$gte": since, "$lt": until}}, {"department": "$department", "grade": "$grade"})

    async def tally_items(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """{department, item_code, item_name, grade, count, excluded}; the name is the one it was rated under last."""
        group = {"department": "$department", "item_code": "$item_code", "item_name": "$item_name", "grade": "$grade"}
        return await self._counted({"rated_at": {"$gte": since, "$lt": until}}, group)

    async def open_rectifications(self) -> list[dict[str, Any]]:
        """{department, open, overdue, escalated}, by department; None where none is named."""
        return await self.rectifications.counts(now())

    async def _counted(self, which: Mapping[str, Any], group: Mapping[str, str]) -> list[dict[str, Any]]:
        counts = {"count": {"$sum": {"$cond": ["$excluded", 0, 1]}}, "excluded": {"$sum": {"$cond": ["$excluded", 1, 0]}}}
        found = self._ratings.aggregate([{"$match": dict(which)}, {"$group": {"_id": dict(group), **counts}}])
        rows = [{**{name: row["_id"].get(name) for name in group}, "count": row["count"], "excluded": row["excluded"]} async for row in found]
        return sorted(rows, key=lambda row: [str(row[name] or "") for name in group])

    def _rating(self, row: Mapping[str, Any]) -> Rating:
        named = {name: row[name] for name in ("case_no", "request_id", "item_code", "item_name", "department", "subject_key")}
        about = About(**named, region=row.get("region"))
        text = self._keys.open(row["text"], f"ratings/text/{row['_id']}")
        given = Given(row["stage"], row["grade"], tuple(row["indicators"]), text)
        facts = {name: row[name] for name in ("person_id", "resident_id", "by_agent", "channel", "rated_at", "at_core", "core_reason", "excluded")}
        return Rating(row["_id"], about, given, **facts, is_nobodys="pseudonymised_at" in row)
