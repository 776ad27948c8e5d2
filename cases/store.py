"""Every query of cases. Answers are sealed; a case is what its moves tell (cases/moves.py), written by compare-and-set on its revision."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

import orjson

from cases.handed_in import Content, fingerprints, to_rows
from cases.moves import change_of, projection_of
from cases.progress import new_code
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
_TRIES = 60  # as many writers may meet on one case
_PAUSE = 0.002  # seconds, more with every try


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

    async def give_drafts_to_person(self, tx: Tx, resident_id: str, person_id: str) -> None:
        """What a resident began before anybody stood behind the account is the person's from now on."""
        unowned = {"resident_id": resident_id, "subject_key": None}
        await self._drafts.update_many(unowned, {"$set": {"subject_key": f"person:{person_id}", "person_id": person_id}}, session=tx)

    async def hand_over_drafts(self, tx: Tx, from_resident: str, to_resident: str) -> None:
        """Two residents turned out to be one account."""
        await self._drafts.update_many({"resident_id": from_resident}, {"$set": {"resident_id": to_resident}}, session=tx)

    # submission

    async def record_sending(self, tx: Tx, draft: dict[str, Any], person_id: str, channel: str, item_kind: str | None = None) -> dict[str, Any]:
        """The intent to file this draft, before the core hears of it. `_id` is the request id the core deduplicates by."""
        request_id = request_id_of(draft)
        secret = new_code()
        row = {
            "_id": request_id,
            "person_id": person_id,
            "resident_id": draft["resident_id"],
            "draft_id": draft["_id"],
            "item_code": draft["item_code"],
            "item_version": draft["item_version"],
            "item_name": draft["item_name"],
            "item_kind": item_kind,
            "answers": self._seal(request_id, draft["answers"]),
            "materials": draft["materials"],
            "content": to_rows(self.fingerprints(request_id, draft["answers"], draft["materials"])),
            "rounds": [],
            "channel": channel,
            "case_no": None,
            "progress_mac": self.progress_mac(request_id, secret),
            "progress_secret": self._keys.seal(secret, f"cases/progress_secret/{request_id}"),
            "revision": 1,
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
        """The core holds the case. Its events may have come first, so the state never moves back."""
        await self._tell(tx, case.request_id, case.case_no, case.timeline, case.submitted_at)

    def progress_mac(self, request_id: str, secret: str) -> str:
        """What is kept to know the code of the receipt by."""
        return self._keys.index(f"progress/{request_id}", secret)

    def progress_secret(self, row: dict[str, Any]) -> str | None:
        """The code of the receipt, for whoever the case belongs to. None for cases of an earlier version."""
        sealed = row.get("progress_secret")
        return None if sealed is None else self._keys.open(sealed, f"cases/progress_secret/{row['_id']}")

    async def record_refused(self, tx: Tx, request_id: str, reason: str) -> None:
        """The core said no for good: the draft is open again and the intent is closed."""
        row = await self._cases.find_one_and_update({"_id": request_id, "state": CaseState.SENDING.value}, _refusal(reason), session=tx)
        if row is not None:
            await self._drafts.update_one({"_id": row["draft_id"]}, {"$set": {"state": "open"}, "$inc": {"version": 1, "refusals": 1}}, session=tx)

    # moves

    async def apply_move(self, tx: Tx | None, request_id: str, case_no: str, move: CaseMove) -> dict[str, Any] | None:
        """The case as its moves tell it, with this one among them. None when the case is not ours.

        An event may be the first to tell us the case number: the reply to our submit was lost.
        """
        return await self._tell(tx, request_id, case_no, [move])

    async def record_round(self, tx: Tx | None, request_id: str, version: int, content: Content) -> dict[str, Any] | None:
        """What was corrected, answering the notice that came with `version` of the case. What is told last for a version stands."""

        def think(row: dict[str, Any]) -> dict[str, Any]:
            others = [one for one in row.get("rounds") or () if one["version"] != version]
            told = {"rounds": [*others, {"version": version, "content": to_rows(content)}]}
            return told | change_of(row, projection_of({**row, **told}), now())

        return await self._rewrite(tx, request_id, think)

    def fingerprints(self, request_id: str, answers: dict[str, Any], materials: Sequence[dict[str, Any]]) -> Content:
        """Of what is handed in for this case; see cases/handed_in.py."""
        return fingerprints(answers, materials, lambda text: self._keys.index(f"handed_in/{request_id}", text))

    async def _tell(
        self, tx: Tx | None, request_id: str, case_no: str, moves: Sequence[CaseMove], submitted_at: datetime | None = None
    ) -> dict[str, Any] | None:
        def think(row: dict[str, Any]) -> dict[str, Any]:
            told: dict[str, Any] = {} if row["case_no"] else {"case_no": case_no}
            if submitted_at is not None:
                told["submitted_at"] = submitted_at
            return told | change_of(row, projection_of({**row, **told}, moves), now())

        return await self._rewrite(tx, request_id, think)

    async def _rewrite(self, tx: Tx | None, request_id: str, think: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any] | None:
        """Read, think, compare and set. Who loses reads again; inside a transaction the driver runs all of it again."""
        for tried in range(_TRIES):
            row = await self._cases.find_one({"_id": request_id}, {"answers": 0}, session=tx)
            if row is None:
                return None
            change = think(row)
            if all(row.get(key) == value for key, value in change.items()):
                return row
            seen = {"_id": request_id, "revision": row.get("revision"), "timeline": {"$size": len(row["timeline"])}}  # a process of 0.1 grows only that
            update = {"$set": change, "$inc": {"revision": 1}}
            found = await self._cases.find_one_and_update(seen, update, projection={"answers": 0}, return_document=AFTER, session=tx)
            if (after := cast("dict[str, Any] | None", found)) is not None:
                return after
            await asyncio.sleep(_PAUSE * tried)
        raise TimeoutError("the case keeps moving")

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

    async def by_number(self, case_no: str) -> dict[str, Any] | None:
        """Whoever it belongs to: for the public progress query, which asks for a secret first."""
        return await self._cases.find_one({"case_no": case_no}, {"answers": 0, "timeline": 0, "materials": 0, "content": 0, "rounds": 0})

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


def _refusal(reason: str) -> dict[str, Any]:
    return {"$set": {"state": "refused", "refused_because": reason}, "$inc": {"revision": 1}}


def request_id_of(draft: dict[str, Any]) -> str:
    """One draft, one request, until the core refuses it: whatever key or process submits it, the core sees the same request."""
    if draft["state"] != "open":
        return str(draft["request_id"])
    refusals = draft.get("refusals", 0)
    return f"q{draft['_id'][1:]}" + (f"_{refusals}" if refusals else "")
