"""Every query of drafts. Answers are sealed. A draft belongs to the subject it is for; before the real name is known, to the resident."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from cases.file_store import Owner
from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

INDEXES = {
    "drafts": [
        IndexModel([("resident_id", ASCENDING), ("updated_at", ASCENDING)]),
        IndexModel([("subject_key", ASCENDING), ("state", ASCENDING), ("updated_at", ASCENDING)], name="of_subject"),
    ]
}
SEALED = ("answers", "former")  # fields


@dataclass(frozen=True, slots=True)
class Content:
    """What a resident may change in a draft, whole. `items`: code, version and name of each item it is for, as the resident last saw them."""

    answers: Mapping[str, Any]
    former: Mapping[str, Any]  # field -> {title, value}: its field is gone from the form
    materials: Sequence[Mapping[str, Any]]
    situations: Sequence[str]
    items: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Head:
    """What a draft is for. `project_code` None: a single item."""

    item_code: str
    item_version: int
    item_name: str
    project_code: str | None = None


def seen(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": item["code"], "version": item["version"], "name": item["name"]}


class Drafts:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._drafts = mongo["drafts"]
        self._keys = keys

    async def add(self, owner: Owner, head: Head, content: Content) -> dict[str, Any]:
        draft_id = new_id("d")
        row = {
            "_id": draft_id,
            "resident_id": owner.resident_id,
            "person_id": owner.person_id,
            "subject_key": _subject(owner),
            "item_code": head.item_code,
            "project_code": head.project_code,
            "begun_with": [dict(one) for one in content.items],
            "version": 1,
            "state": "open",
            "created_at": now(),
            **self._written(draft_id, head, content),
        }
        await self._drafts.insert_one(row)
        return cast("dict[str, Any]", self._opened(row))

    async def draft(self, draft_id: str, owner: Owner) -> dict[str, Any] | None:
        """Only whoever acts for the subject it is for can see it."""
        return self._opened(await self._drafts.find_one({"_id": draft_id, **_of(owner)}))

    async def drafts(self, owner: Owner, limit: int = 50) -> list[dict[str, Any]]:
        hidden = dict.fromkeys(SEALED, 0)
        found = self._drafts.find({**_of(owner), "state": "open"}, hidden).sort("updated_at", -1).limit(limit)
        return [row async for row in found]

    async def change(self, tx: Tx, draft: Mapping[str, Any], head: Head, content: Content, person_id: str | None) -> dict[str, Any] | None:
        """None when somebody changed it since `draft` was read, or it was submitted. `person_id`: who does it."""
        change = {**self._written(draft["_id"], head, content), "person_id": person_id}
        as_read = {"_id": draft["_id"], "version": draft["version"], "state": "open"}
        update = {"$set": change, "$inc": {"version": 1}}
        return self._opened(await self._drafts.find_one_and_update(as_read, update, return_document=AFTER, session=tx))

    async def passed_check(self, draft_id: str) -> None:
        """A pre-check found nothing that stands in the way; the first time counts."""
        await self._drafts.update_one({"_id": draft_id, "checked_at": {"$exists": False}}, {"$set": {"checked_at": now()}})

    async def submitted(self, tx: Tx, draft: Mapping[str, Any], request_id: str) -> None:
        """Raises LookupError when it is not open any more, or was changed since it was read."""
        as_read = {"_id": draft["_id"], "state": "open", "version": draft["version"]}
        change = {"state": "submitted", "request_id": request_id}
        if (await self._drafts.update_one(as_read, {"$set": change}, session=tx)).modified_count == 0:
            raise LookupError("the draft is not open any more")

    async def reopened(self, tx: Tx, draft_id: str, item_code: str | None = None) -> None:
        """The core said no for good. `item_code`: the one item of several that it did not take; only that is handed in again."""
        update: dict[str, Any] = {"$set": {"state": "open"}, "$inc": {"version": 1, "refusals": 1}}
        if item_code is not None:
            update["$addToSet"] = {"again": item_code}
        await self._drafts.update_one({"_id": draft_id}, update, session=tx)

    async def taken_up(self, tx: Tx, draft_id: str) -> None:
        """What was to be handed in again is on its way."""
        await self._drafts.update_one({"_id": draft_id}, {"$set": {"again": []}}, session=tx)

    # whose they are

    async def move_drafts(self, tx: Tx, resident_id: str, person_id: str) -> None:
        """What a resident began before anybody stood behind the account is the person's from now on."""
        unowned = {"resident_id": resident_id, "subject_key": None}
        await self._drafts.update_many(unowned, {"$set": {"subject_key": f"person:{person_id}", "person_id": person_id}}, session=tx)

    async def hand_over_drafts(self, tx: Tx, from_resident: str, to_resident: str) -> None:
        """Two residents turned out to be one account."""
        await self._drafts.update_many({"resident_id": from_resident}, {"$set": {"resident_id": to_resident}}, session=tx)

    async def of_an_earlier_release(self) -> list[str]:
        """Residents with drafts from before drafts had a subject."""
        found = self._drafts.aggregate([{"$match": {"subject_key": {"$exists": False}}}, {"$group": {"_id": "$resident_id"}}])
        return [str(row["_id"]) async for row in found]

    async def nobody_stands_behind(self, resident_id: str) -> None:
        """Drafts of an earlier release whose resident has no real name."""
        await self._drafts.update_many({"resident_id": resident_id, "subject_key": {"$exists": False}}, {"$set": {"subject_key": None}})

    def _written(self, draft_id: str, head: Head, content: Content) -> dict[str, Any]:
        return {
            "answers": self._seal("answers", draft_id, content.answers),
            "former": self._seal("former", draft_id, content.former),
            "materials": [dict(one) for one in content.materials],
            "situations": list(content.situations),
            "items": [dict(one) for one in content.items],
            "item_version": head.item_version,
            "item_name": head.item_name,
            "updated_at": now(),
        }

    def _seal(self, field: str, draft_id: str, plain: Mapping[str, Any]) -> str:
        return self._keys.seal(orjson.dumps(plain).decode(), f"{field}/{draft_id}")

    def _opened(self, row: dict[str, Any] | None) -> dict[str, Any] | None:
        """Rows of an earlier release know one item, and no former answers."""
        if row is None:
            return None
        plain = {field: orjson.loads(self._keys.open(row[field], f"{field}/{row['_id']}")) for field in SEALED if field in row}
        items = row.get("items") or [{"code": row["item_code"], "version": row["item_version"], "name": row["item_name"]}]
        more: dict[str, Any] = {"former": {}, "situations": [], "project_code": None, "begun_with": items, "again": []}
        return {**more, **row, "items": items, **plain}


def request_id_of(draft: Mapping[str, Any]) -> str:
    """One draft, one request, until the core refuses it: whatever key or process submits it, the core sees the same request."""
    if draft["state"] != "open":
        return str(draft["request_id"])
    refusals = draft.get("refusals", 0)
    return f"q{draft['_id'][1:]}" + (f"_{refusals}" if refusals else "")


def _of(owner: Owner) -> dict[str, Any]:
    key = _subject(owner)
    return {"subject_key": key} if key is not None else {"resident_id": owner.resident_id, "subject_key": None}


def _subject(owner: Owner) -> str | None:
    """None before the real name is known."""
    return None if owner.key.startswith("resident:") else owner.key
