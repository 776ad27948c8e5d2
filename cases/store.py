"""Every query of cases. Answers are sealed; a case's state moves by compare-and-set on the core's version."""

import hashlib
from datetime import datetime
from typing import Any, cast

import orjson

from core.types import Case, CaseMove, CaseState
from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

INDEXES = {
    "drafts": [IndexModel([("resident_id", ASCENDING), ("updated_at", ASCENDING)])],
    "cases": [
        IndexModel([("case_no", ASCENDING)], unique=True, partialFilterExpression={"case_no": {"$type": "string"}}),
        IndexModel([("person_id", ASCENDING), ("created_at", ASCENDING)]),
    ],
    "core_events": [],
    "core_events_parked": [],
    "feeds": [],
}


class Cases:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._drafts = mongo["drafts"]
        self._cases = mongo["cases"]
        self._events = mongo["core_events"]
        self._parked = mongo["core_events_parked"]
        self._feeds = mongo["feeds"]
        self._keys = keys

    # drafts

    async def add_draft(self, resident_id: str, item: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
        draft_id = new_id("d")
        row = {
            "_id": draft_id,
            "resident_id": resident_id,
            "item_code": item["code"],
            "item_version": item["version"],
            "item_name": item["name"],
            "answers": self._seal(draft_id, answers),
            "materials": [],
            "version": 1,
            "state": "open",
            "created_at": now(),
            "updated_at": now(),
        }
        await self._drafts.insert_one(row)
        return {**row, "answers": answers}

    async def draft(self, draft_id: str, resident_id: str) -> dict[str, Any] | None:
        """Only the resident who owns it can see it."""
        return self._opened(await self._drafts.find_one({"_id": draft_id, "resident_id": resident_id}))

    async def drafts(self, resident_id: str, limit: int = 50) -> list[dict[str, Any]]:
        found = self._drafts.find({"resident_id": resident_id, "state": "open"}, {"answers": 0}).sort("updated_at", -1).limit(limit)
        return [row async for row in found]

    async def change_draft(
        self, draft: dict[str, Any], answers: dict[str, Any], materials: list[dict[str, Any]], item: dict[str, Any]
    ) -> dict[str, Any] | None:
        """None when somebody changed it since `draft` was read, or it was submitted."""
        change = {
            "answers": self._seal(draft["_id"], answers),
            "materials": materials,
            "item_version": item["version"],
            "item_name": item["name"],
            "updated_at": now(),
        }
        seen = {"_id": draft["_id"], "version": draft["version"], "state": "open"}
        return self._opened(await self._drafts.find_one_and_update(seen, {"$set": change, "$inc": {"version": 1}}, return_document=AFTER))

    # submission

    async def record_sending(self, tx: Tx, draft: dict[str, Any], person_id: str, channel: str) -> dict[str, Any]:
        """The intent to file this draft, before the core hears of it. `_id` is the request id the core deduplicates by."""
        request_id = request_id_of(draft)
        row = {
            "_id": request_id,
            "person_id": person_id,
            "resident_id": draft["resident_id"],
            "draft_id": draft["_id"],
            "item_code": draft["item_code"],
            "item_version": draft["item_version"],
            "item_name": draft["item_name"],
            "answers": self._seal(request_id, draft["answers"]),
            "materials": draft["materials"],
            "channel": channel,
            "case_no": None,
            "state": CaseState.SENDING.value,
            "version": 0,
            "timeline": [],
            "created_at": now(),
        }
        open_draft = {"_id": draft["_id"], "state": "open", "version": draft["version"]}
        changed = await self._drafts.update_one(open_draft, {"$set": {"state": "submitted", "request_id": request_id}}, session=tx)
        if changed.modified_count == 0:
            raise LookupError("the draft is not open any more")
        await self._cases.insert_one(row, session=tx)
        return {**row, "answers": draft["answers"]}

    async def by_request(self, request_id: str) -> dict[str, Any] | None:
        row = await self._cases.find_one({"_id": request_id})
        return None if row is None else {**row, "answers": self._unseal(request_id, row["answers"])}

    async def record_filed(self, tx: Tx | None, case: Case) -> None:
        """The core holds the case. Its events may have come first, so only the number is set and the state never moves back."""
        await self._cases.update_one({"_id": case.request_id}, {"$set": {"submitted_at": case.submitted_at}}, session=tx)
        for move in case.timeline:
            await self.apply_move(tx, case.request_id, case.case_no, move)

    async def record_refused(self, tx: Tx, request_id: str, reason: str) -> None:
        """The core said no for good: the draft is open again and the intent is closed."""
        row = await self._cases.find_one_and_update(
            {"_id": request_id, "state": CaseState.SENDING.value}, {"$set": {"state": "refused", "refused_because": reason}}, session=tx
        )
        if row is not None:
            await self._drafts.update_one({"_id": row["draft_id"]}, {"$set": {"state": "open"}, "$inc": {"version": 1, "refusals": 1}}, session=tx)

    # moves

    async def apply_move(self, tx: Tx | None, request_id: str, case_no: str, move: CaseMove) -> dict[str, Any] | None:
        """Put one move on the timeline, once; the state follows only a newer version. None when the case is not ours.

        An event may be the first to tell us the case number: the reply to our submit was lost.
        """
        entry = move.model_dump(mode="python") | {"state": move.state.value}
        known = {"$in": [move.version, "$timeline.version"]}
        longer = {"$sortArray": {"input": {"$concatArrays": ["$timeline", [{"$literal": entry}]]}, "sortBy": {"version": 1}}}
        newer = {"$gt": [move.version, "$version"]}
        change = {
            "timeline": {"$cond": [known, "$timeline", longer]},
            "state": {"$cond": [newer, move.state.value, "$state"]},
            "moved_at": {"$cond": [newer, move.at, "$moved_at"]},
            "version": {"$max": ["$version", move.version]},
            "case_no": {"$ifNull": ["$case_no", {"$literal": case_no}]},
        }
        found = await self._cases.find_one_and_update(
            {"_id": request_id}, [{"$set": change}], projection={"answers": 0}, return_document=AFTER, session=tx
        )
        return cast("dict[str, Any] | None", found)

    async def first_time(self, tx: Tx, event_id: str, case_no: str) -> None:
        """The inbox of core events. Raises DuplicateKeyError the second time, in the transaction of the effect."""
        await self._events.insert_one({"_id": event_id, "case_no": case_no, "at": now()}, session=tx)

    async def known_events(self, event_ids: list[str]) -> set[str]:
        """Those of them whose effect is written already."""
        return {row["_id"] async for row in self._events.find({"_id": {"$in": event_ids}}, {"_id": 1})}

    async def park_event(self, raw: dict[str, Any], reason: str) -> None:
        """An event we cannot read is kept, once, sealed: it may name a person."""
        body = orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)
        own = hashlib.sha256(body).hexdigest()
        row = {"event": self._keys.seal(body.decode(), f"core_events_parked/{own}"), "reason": reason, "at": now()}
        await self._parked.update_one({"_id": own}, {"$setOnInsert": row}, upsert=True)

    # reading

    async def case(self, case_no: str, person_id: str) -> dict[str, Any] | None:
        """Only the person it was filed for can see it."""
        return await self._cases.find_one({"case_no": case_no, "person_id": person_id}, {"answers": 0})

    async def cases(self, person_id: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"person_id": person_id, "state": {"$ne": "refused"}}
        if before is not None:
            wanted["created_at"] = {"$lt": before}
        found = self._cases.find(wanted, {"answers": 0, "timeline": 0}).sort("created_at", -1).limit(limit)
        return [row async for row in found]

    # the pull feed's place

    async def feed_cursor(self) -> str:
        row = await self._feeds.find_one({"_id": "core_events"})
        return "" if row is None else str(row["cursor"])

    async def move_feed(self, before: str, after: str) -> None:
        """Only forward from where we read; a second worker changes nothing."""
        await self._feeds.update_one({"_id": "core_events"}, {"$setOnInsert": {"cursor": ""}}, upsert=True)
        await self._feeds.update_one({"_id": "core_events", "cursor": before}, {"$set": {"cursor": after}})

    def _seal(self, record_id: str, answers: dict[str, Any]) -> str:
        return self._keys.seal(orjson.dumps(answers).decode(), f"answers/{record_id}")

    def _unseal(self, record_id: str, sealed: str) -> dict[str, Any]:
        opened: dict[str, Any] = orjson.loads(self._keys.open(sealed, f"answers/{record_id}"))
        return opened

    def _opened(self, row: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if row is None else {**row, "answers": self._unseal(row["_id"], row["answers"])}


def request_id_of(draft: dict[str, Any]) -> str:
    """One draft, one request, until the core refuses it: whatever key or process submits it, the core sees the same request."""
    if draft["state"] != "open":
        return str(draft["request_id"])
    refusals = draft.get("refusals", 0)
    return f"q{draft['_id'][1:]}" + (f"_{refusals}" if refusals else "")
