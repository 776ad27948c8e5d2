"""Every query of complaints. Whatever somebody wrote, and whatever they were answered, is sealed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import orjson

from complaints.values import NOT_THERE, OPEN, Act, Complaint, HandedOver, Move, Said, Spoken
from core.complaints import ComplaintState
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import ASCENDING, DESCENDING, IndexModel, Mongo, Tx

_OPEN = [one.value for one in OPEN]
_THERE = {"$nin": sorted(NOT_THERE)}
INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "complaints": [
        IndexModel([("person_id", ASCENDING), ("told_at", DESCENDING), ("_id", DESCENDING)], name="of_person"),
        IndexModel([("same", ASCENDING)], unique=True, name="once_a_day", partialFilterExpression={"same": {"$type": "string"}}),
        IndexModel(
            [("person_id", ASCENDING), ("nth", ASCENDING)], unique=True, name="so_many_a_day", partialFilterExpression={"nth": {"$type": "string"}}
        ),
        IndexModel([("department", ASCENDING), ("told_at", DESCENDING), ("_id", DESCENDING)], name="of_department"),
        IndexModel([("region", ASCENDING), ("told_at", DESCENDING), ("_id", DESCENDING)], name="of_region"),
        IndexModel([("told_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="due"),
    ],
}
Place = tuple[datetime, str] | None
Places = Mapping[Literal["department", "region"], Collection[str]]  # what each may be; one that is not named: anything


class Complaints:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["complaints"]
        self._keys = keys

    def same(self, person_id: str, said: Said, day: str) -> str:
        """Of what one person says twice on one day, whatever it is called; about another case it is something else."""
        return self._keys.index("complaints/same", "\n".join((person_id, day, said.text, said.case_no or "")))

    async def add(self, tx: Tx, one: Complaint, same: str, nth: str) -> None:
        """`nth` of the day. Raises DuplicateKeyError: this very one, the same words of the same day, or another was that one of the day."""
        said = one.said
        row = {
            "_id": one.id,
            "kind": said.kind,
            "said": self._seal("said", one.id, {"title": said.title, "text": said.text, "conversation": [_line(line) for line in said.conversation]}),
            "item_code": said.item_code,
            "case_no": said.case_no,
            "region": one.region,
            "conversation_id": said.conversation_id,
            "files": list(said.files),
            "person_id": one.person_id,
            "resident_id": one.resident_id,
            "channel": one.channel,
            "told_at": one.told_at,
            "same": same,
            "nth": nth,
            **self._changing(one),
        }
        await self._rows.insert_one(row, session=tx)

    async def complaint(self, own: str, tx: Tx | None = None) -> Complaint | None:
        row = await self._rows.find_one({"_id": own}, session=tx)
        return None if row is None else self._complaint(row)

    async def of_same(self, same: str, tx: Tx | None = None) -> Complaint | None:
        row = await self._rows.find_one({"same": {"$eq": same, "$type": "string"}}, session=tx)
        return None if row is None else self._complaint(row)

    async def count_since(self, tx: Tx | None, person_id: str, since: datetime) -> int:
        return int(await self._rows.count_documents({"person_id": person_id, "told_at": {"$gte": since}}, session=tx))

    async def count_overdue(self, at: datetime) -> int:
        return int(await self._rows.count_documents({"state": {"$in": _OPEN}, "at_core": _THERE, "due_at": {"$lt": at}}))

    async def mine(self, person_id: str, last: Place, limit: int, *, open_only: bool = False) -> list[Complaint]:
        """The newest first. `open_only`: what still waits for the core, or for a word of the resident."""
        wanted: dict[str, Any] = {"person_id": person_id, **_after(last)}
        if open_only:
            wanted |= {"state": {"$in": [*_OPEN, ComplaintState.REPLIED.value]}, "at_core": _THERE}
        found = self._rows.find(wanted).sort([("told_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [self._complaint(row) async for row in found]

    async def listed(self, places: Places, which: Mapping[str, Any], last: Place, limit: int) -> list[Complaint]:
        """For staff, the newest first. `which`: state, kind, at_core, overdue_at. What the core refused is in no state of the core's."""
        wanted: dict[str, Any] = {name: which[name] for name in ("state", "kind", "at_core") if which.get(name)} | _after(last)
        wanted |= {name: {"$in": sorted(given)} for name, given in places.items()}
        if not which.get("at_core") and (which.get("state") or which.get("overdue_at") is not None):
            wanted["at_core"] = _THERE
        if which.get("overdue_at") is not None:
            wanted["$and"] = [{"state": {"$in": _OPEN}}, {"due_at": {"$lt": which["overdue_at"]}}]  # beside the state that was asked for
        found = self._rows.find(wanted).sort([("told_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [self._complaint(row) async for row in found]

    async def change(self, tx: Tx | None, before: Complaint, after: Complaint) -> bool:
        """Compare and set on the revision. False: somebody was faster. The words of what the core refused may be said again."""
        update: dict[str, Any] = {"$set": self._changing(replace(after, revision=before.revision + 1))}
        if after.at_core in NOT_THERE:
            update["$unset"] = {"same": ""}
        done = await self._rows.update_one({"_id": before.id, "revision": before.revision}, update, session=tx)
        return bool(done.modified_count)

    async def tally(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """{kind, department, grade, count, overdue} of what was told from `since` until just before `until`; `overdue`: open past their day, or answered after it."""
        is_there = {"$not": [{"$in": ["$at_core", sorted(NOT_THERE)]}]}
        open_late = {"$and": [is_there, {"$in": ["$state", _OPEN]}, {"$lt": ["$due_at", now()]}, {"$ne": ["$due_at", None]}]}
        late = {"$or": [open_late, {"$eq": ["$late", True]}]}
        group = {"_id": {"kind": "$kind", "department": "$department", "grade": "$grade"}, "count": {"$sum": 1}}
        counted = {**group, "overdue": {"$sum": {"$cond": [late, 1, 0]}}}
        found = self._rows.aggregate([{"$match": {"told_at": {"$gte": since, "$lt": until}}}, {"$group": counted}])
        rows = [{**{name: row["_id"].get(name) for name in ("kind", "department", "grade")}, **_counts(row)} async for row in found]
        return sorted(rows, key=lambda row: [str(row[name] or "") for name in ("department", "kind", "grade")])

    def _changing(self, one: Complaint) -> dict[str, Any]:
        return {
            "at_core": one.at_core,
            "number": one.number,
            "state": one.state.value,
            "version": one.version,
            "department": one.department,
            "due_at": one.due_at,
            "late": one.late,
            "grade": next((act.grade for act in one.acts if act.grade is not None and act.at_core == "told"), None),
            "history": self._seal("history", one.id, _history(one)),
            "revision": one.revision,
        }

    def _complaint(self, row: Mapping[str, Any]) -> Complaint:
        own, kind = row["_id"], row["kind"]
        said, history = self._open("said", own, row["said"]), self._open("history", own, row["history"])
        talk = tuple(Spoken(datetime.fromisoformat(line["at"]), line["by"], line["text"]) for line in said.get("conversation") or ())
        told = (said.get("title") or "", said.get("text") or "", row["item_code"], row["case_no"])
        words = Said(kind, *told, tuple(row["files"]), talk, row.get("conversation_id"))
        moves = tuple(_a_move(one) for one in history.get("moves") or ())
        acts = tuple(
            Act(one["id"], one["text"], datetime.fromisoformat(one["at"]), one["at_core"], one["grade"]) for one in history.get("acts") or ()
        )
        facts = {
            name: row[name] for name in ("person_id", "resident_id", "channel", "told_at", "at_core", "number", "version", "department", "due_at")
        }
        facts |= {"revision": row["revision"], "late": row.get("late", False), "is_nobodys": "pseudonymised_at" in row, "region": row.get("region")}
        facts["handed"] = _handed(history.get("handed"))
        return Complaint(own, words, **facts, state=ComplaintState(row["state"]), moves=moves, acts=acts)

    def _seal(self, field: str, own: str, value: Mapping[str, Any]) -> str:
        return self._keys.seal(orjson.dumps(value).decode(), f"complaints/{field}/{own}")

    def _open(self, field: str, own: str, sealed: str) -> dict[str, Any]:
        opened: dict[str, Any] = orjson.loads(self._keys.open(sealed, f"complaints/{field}/{own}"))
        return opened


def _after(last: Place) -> dict[str, Any]:
    return {} if last is None else {"$or": [{"told_at": {"$lt": last[0]}}, {"told_at": last[0], "_id": {"$lt": last[1]}}]}


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    return {"count": row["count"], "overdue": row["overdue"]}


def _history(one: Complaint) -> dict[str, Any]:
    handed = {"text": one.handed.text, "at": one.handed.at.isoformat()} if one.handed is not None else None
    return {"moves": [_move(move) for move in one.moves], "acts": [_act(act) for act in one.acts], "handed": handed}


def _handed(one: Mapping[str, Any] | None) -> HandedOver | None:
    return HandedOver(one["text"], datetime.fromisoformat(one["at"])) if one else None


def _line(one: Spoken) -> dict[str, Any]:
    return {"at": one.at.isoformat(), "by": one.by, "text": one.text}


def _move(one: Move) -> dict[str, Any]:
    due = one.due_at.isoformat() if one.due_at is not None else None
    return {"version": one.version, "state": one.state.value, "at": one.at.isoformat(), "text": one.text, "department": one.department, "due_at": due}


def _a_move(one: Mapping[str, Any]) -> Move:
    due = datetime.fromisoformat(one["due_at"]) if one["due_at"] else None
    return Move(one["version"], ComplaintState(one["state"]), datetime.fromisoformat(one["at"]), one["text"], one["department"], due)


def _act(one: Act) -> dict[str, Any]:
    return {"id": one.id, "text": one.text, "at": one.at.isoformat(), "at_core": one.at_core, "grade": one.grade}
