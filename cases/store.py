"""Every query of cases. Answers are sealed; a case is what its moves tell (cases/moves.py), written by compare-and-set on its revision."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson

from cases.handed_in import Content, fingerprints, to_rows
from cases.moves import change_of, projection_of
from cases.pages import Place, after
from cases.progress import new_code
from core.types import Case, CaseMove, CaseState
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx, UpdateOne, insert_all

INDEXES = {
    "cases": [
        IndexModel([("case_no", ASCENDING)], unique=True, partialFilterExpression={"case_no": {"$type": "string"}}),
        IndexModel([("person_id", ASCENDING), ("created_at", ASCENDING)]),
        IndexModel([("subject_key", ASCENDING), ("created_at", ASCENDING), ("_id", ASCENDING)], name="pages_of_subject"),
        IndexModel(
            [("subject_key", ASCENDING), ("moved_at", ASCENDING), ("_id", ASCENDING)],
            name="to_correct",
            partialFilterExpression={"state": CaseState.CORRECTIONS.value},
        ),
        IndexModel([("project_code", ASCENDING)], name="of_project", partialFilterExpression={"project_code": {"$type": "string"}}),
        IndexModel([("draft_id", ASCENDING)], name="of_draft"),
    ],
    "core_events": [],
    "core_events_parked": [],
    "feeds": [],
}
_ENDED = tuple(one.value for one in (CaseState.APPROVED, CaseState.REJECTED, CaseState.ISSUED, CaseState.WITHDRAWN))
_TRIES = 60  # as many writers may meet on one case
_PAUSE = 0.002  # seconds, more with every try


@dataclass(frozen=True, slots=True)
class Sending:
    """A case about to be filed. `item`: (code, version, name, kind). `materials`: see cases/hand_over.py; `project_code`: cases filed together."""

    request_id: str
    draft_id: str
    subject_key: str | None
    person_id: str
    resident_id: str
    channel: str
    item: tuple[str, int, str, str | None]
    answers: Mapping[str, Any]
    materials: Sequence[Mapping[str, Any]]
    project_code: str | None = None


class Cases:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._cases = mongo["cases"]
        self._events = mongo["core_events"]
        self._parked = mongo["core_events_parked"]
        self._feeds = mongo["feeds"]
        self._keys = keys

    # submission

    async def record_sending(self, tx: Tx, sending: Sending) -> None:
        """The intent to file a case, before the core hears of it. `_id` is the request id the core deduplicates by."""
        request_id, secret = sending.request_id, new_code()
        code, version, name, kind = sending.item
        row = {
            "_id": request_id,
            "subject_key": sending.subject_key,
            "person_id": sending.person_id,
            "resident_id": sending.resident_id,
            "draft_id": sending.draft_id,
            "project_code": sending.project_code,
            "item_code": code,
            "item_version": version,
            "item_name": name,
            "item_kind": kind,
            "answers": self._seal(request_id, sending.answers),
            "materials": [dict(one) for one in sending.materials],
            "content": to_rows(self.fingerprints(request_id, sending.answers, sending.materials)),
            "rounds": [],
            "channel": sending.channel,
            "case_no": None,
            "progress_mac": self.progress_mac(request_id, secret),
            "progress_secret": self._keys.seal(secret, f"cases/progress_secret/{request_id}"),
            "revision": 1,
            "state": CaseState.SENDING.value,
            "version": 0,
            "timeline": [],
            "created_at": now(),
        }
        await self._cases.insert_one(row, session=tx)

    async def settle_materials(self, row: dict[str, Any], materials: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """With which papers it goes to the core: decided once, so that every attempt says the same. Returns what was decided first."""
        change = {"materials": [dict(one) for one in materials], "content": to_rows(self.fingerprints(row["_id"], row["answers"], materials))}
        undecided = {"_id": row["_id"], "materials_settled": {"$ne": True}}
        update = {"$set": {**change, "materials_settled": True}, "$inc": {"revision": 1}}
        if (await self._cases.update_one(undecided, update)).modified_count:
            return materials
        kept = await self._cases.find_one({"_id": row["_id"]}, {"materials": 1})
        decided: list[dict[str, Any]] = row["materials"] if kept is None else kept["materials"]
        return decided

    async def by_request(self, request_id: str) -> dict[str, Any] | None:
        row = await self._cases.find_one({"_id": request_id})
        return None if row is None else {**row, "answers": self._unseal(request_id, row["answers"])}

    async def record_filed(self, tx: Tx | None, case: Case) -> dict[str, Any] | None:
        """The core holds the case. Its events may have come first, so the state never moves back. The case as it is then."""
        return await self._tell(tx, case.request_id, case.case_no, case.timeline, case.submitted_at)

    def progress_mac(self, request_id: str, secret: str) -> str:
        """What is kept to know the code of the receipt by."""
        return self._keys.index(f"progress/{request_id}", secret)

    def progress_secret(self, row: dict[str, Any]) -> str | None:
        """The code of the receipt, for whoever the case belongs to. None for cases of an earlier version."""
        sealed = row.get("progress_secret")
        return None if sealed is None else self._keys.open(sealed, f"cases/progress_secret/{row['_id']}")

    async def record_refused(self, tx: Tx, request_id: str, reason: str) -> dict[str, Any] | None:
        """The core said no for good: the intent is closed. None when that was known; its draft is the caller's to reopen."""
        found = await self._cases.find_one_and_update({"_id": request_id, "state": CaseState.SENDING.value}, _refusal(reason), session=tx)
        return cast("dict[str, Any] | None", found)

    # moves

    async def apply_move(self, tx: Tx | None, request_id: str, case_no: str, move: CaseMove) -> dict[str, Any] | None:
        """The case as its moves tell it, with this one among them. None when the case is not ours.

        An event may be the first to tell us the case number: the reply to our submit was lost.
        """
        return await self._tell(tx, request_id, case_no, [move])

    async def apply_moves(self, tx: Tx, told: Sequence[tuple[str, str, CaseMove]]) -> list[dict[str, Any] | None]:
        """As `apply_move` for each (request id, case number, move), in one read and one write. For a transaction, which sees one moment."""
        wanted = {"_id": {"$in": [request_id for request_id, _, _ in told]}}
        rows = {row["_id"]: row async for row in self._cases.find(wanted, {"answers": 0}, session=tx)}
        writes = []
        for request_id, row in rows.items():
            mine = [(number, move) for own, number, move in told if own == request_id]
            change = _told(row, mine[0][0], [move for _, move in mine])
            if any(row.get(key) != value for key, value in change.items()):
                writes.append(UpdateOne(_seen(row), {"$set": change, "$inc": {"revision": 1}}))
                rows[request_id] = {**row, **change}
        if writes and (await self._cases.bulk_write(writes, ordered=False, session=tx)).matched_count != len(writes):
            raise LookupError("a case moved meanwhile")
        return [rows.get(request_id) for request_id, _, _ in told]

    async def record_round(self, tx: Tx | None, request_id: str, version: int, content: Content) -> dict[str, Any] | None:
        """What was corrected, answering the notice that came with `version` of the case. What is told last for a version stands."""

        def think(row: dict[str, Any]) -> dict[str, Any]:
            others = [one for one in row.get("rounds") or () if one["version"] != version]
            told = {"rounds": [*others, {"version": version, "content": to_rows(content)}]}
            return told | change_of(row, projection_of({**row, **told}), now())

        return await self._rewrite(tx, request_id, think)

    def fingerprints(self, request_id: str, answers: Mapping[str, Any], materials: Sequence[Mapping[str, Any]]) -> Content:
        """Of what is handed in for this case; see cases/handed_in.py."""
        return fingerprints(answers, materials, lambda text: self._keys.index(f"handed_in/{request_id}", text))

    async def _tell(
        self, tx: Tx | None, request_id: str, case_no: str, moves: Sequence[CaseMove], submitted_at: datetime | None = None
    ) -> dict[str, Any] | None:
        return await self._rewrite(tx, request_id, lambda row: _told(row, case_no, moves, submitted_at))

    async def _rewrite(self, tx: Tx | None, request_id: str, think: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any] | None:
        """Read, think, compare and set. Who loses reads again; inside a transaction the driver runs all of it again."""
        for tried in range(_TRIES):
            row = await self._cases.find_one({"_id": request_id}, {"answers": 0}, session=tx)
            if row is None:
                return None
            change = think(row)
            if all(row.get(key) == value for key, value in change.items()):
                return row
            update = {"$set": change, "$inc": {"revision": 1}}
            found = await self._cases.find_one_and_update(_seen(row), update, projection={"answers": 0}, return_document=AFTER, session=tx)
            if (after := cast("dict[str, Any] | None", found)) is not None:
                return after
            await asyncio.sleep(_PAUSE * tried)
        raise TimeoutError("the case keeps moving")

    async def first_time(self, tx: Tx, events: Sequence[tuple[str, str | None]]) -> None:
        """The inbox of core events, (event id, case number). Raises DuplicateKeyError if one was here, in the transaction of the effect."""
        await insert_all(self._events, [{"_id": event_id, "case_no": case_no, "at": now()} for event_id, case_no in events], tx)

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

    async def case(self, case_no: str, subject_key: str) -> dict[str, Any] | None:
        """Only whoever acts for the subject it was filed for can see it."""
        return await self._cases.find_one({"case_no": {"$eq": case_no, "$type": "string"}, "subject_key": subject_key}, {"answers": 0})

    async def by_number(self, case_no: str) -> dict[str, Any] | None:
        """Whoever it belongs to: for the public progress query, which asks for a secret first."""
        numbered = {"$eq": case_no, "$type": "string"}  # the index holds only cases that have a number, and must be told so
        return await self._cases.find_one({"case_no": numbered}, {"answers": 0, "timeline": 0, "materials": 0, "content": 0, "rounds": 0})

    async def cases(self, subject_key: str, last: Place | None, limit: int) -> list[dict[str, Any]]:
        """Newest first, without what the core refused."""
        wanted = {"subject_key": subject_key, "state": {"$ne": "refused"}, **after("created_at", last)}
        found = self._cases.find(wanted, {"answers": 0, "timeline": 0}).sort([("created_at", -1), ("_id", -1)]).limit(limit)
        return [row async for row in found]

    async def of_project(self, subject_key: str, project_code: str) -> list[dict[str, Any]]:
        """All cases filed together, refused ones too, oldest first."""
        found = self._cases.find({"project_code": project_code, "subject_key": subject_key}, {"answers": 0}).sort("created_at", ASCENDING)
        return [row async for row in found]

    async def of_draft(self, draft_id: str) -> list[dict[str, Any]]:
        """Everything it was ever filed as, oldest first."""
        return [row async for row in self._cases.find({"draft_id": draft_id}, {"answers": 0, "timeline": 0}).sort("created_at", ASCENDING)]

    async def ids_after(self, last: str, limit: int) -> list[str]:
        """Every case there is, by id."""
        found = self._cases.find({"_id": {"$gt": last}}, {"_id": 1}).sort("_id", ASCENDING).limit(limit)
        return [row["_id"] async for row in found]

    async def touched_after(self, since: datetime, last: str, limit: int) -> list[dict[str, Any]]:
        """Cases that moved since then or have not ended, by id after `last`, as `with_timelines`. Reads the collection from end to end: for once a month."""
        either: list[dict[str, Any]] = [{"moved_at": {"$gte": since}}, {"state": {"$nin": list(_ENDED)}}]
        found = self._cases.find({"_id": {"$gt": last}, "$or": either}, {"answers": 0, "content": 0, "rounds": 0})
        return await found.sort("_id", ASCENDING).limit(limit).to_list(limit)

    async def with_timelines(self, ids: Sequence[str], tx: Tx | None = None) -> list[dict[str, Any]]:
        """These cases without what the resident wrote."""
        return [row async for row in self._cases.find({"_id": {"$in": list(ids)}}, {"answers": 0, "content": 0, "rounds": 0}, session=tx)]

    async def name_subjects(self) -> int:
        """Cases of an earlier release, which knew no subject, are their person's. How many were."""
        mine = [{"$set": {"subject_key": {"$concat": ["person:", "$person_id"]}}}]
        done = await self._cases.update_many({"subject_key": None, "person_id": {"$type": "string"}}, mine)
        return int(done.modified_count)

    # the pull feed's place

    async def feed_cursor(self) -> str:
        row = await self._feeds.find_one({"_id": "core_events"})
        return "" if row is None else str(row["cursor"])

    async def move_feed(self, before: str, after: str) -> None:
        """Only forward from where we read; a second worker changes nothing."""
        await self._feeds.update_one({"_id": "core_events"}, {"$setOnInsert": {"cursor": ""}}, upsert=True)
        await self._feeds.update_one({"_id": "core_events", "cursor": before}, {"$set": {"cursor": after}})

    def _seal(self, record_id: str, answers: Mapping[str, Any]) -> str:
        return self._keys.seal(orjson.dumps(answers).decode(), f"answers/{record_id}")

    def _unseal(self, record_id: str, sealed: str) -> dict[str, Any]:
        opened: dict[str, Any] = orjson.loads(self._keys.open(sealed, f"answers/{record_id}"))
        return opened


def _told(row: Mapping[str, Any], case_no: str, moves: Sequence[CaseMove], submitted_at: datetime | None = None) -> dict[str, Any]:
    """What to write over a case when these moves are told of it. Of nobody's case (its account is deleted) no word is kept: it may name them."""
    if "pseudonymised_at" in row:
        moves = [CaseMove(version=one.version, state=one.state, at=one.at) for one in moves]
    told: dict[str, Any] = {} if row["case_no"] else {"case_no": case_no}
    if submitted_at is not None:
        told["submitted_at"] = submitted_at
    return told | change_of(row, projection_of({**row, **told}, moves), now())


def _seen(row: Mapping[str, Any]) -> dict[str, Any]:
    """The case as it was read. A process of 0.1 grows only the timeline."""
    return {"_id": row["_id"], "revision": row.get("revision"), "timeline": {"$size": len(row["timeline"])}}


def _refusal(reason: str) -> dict[str, Any]:
    return {"$set": {"state": "refused", "refused_because": reason}, "$inc": {"revision": 1}}
