"""Every query of messages: the inbox, and what became of each message on every channel.

push: waiting ──> done          (one walk through the channels, notify/push.py)
channels.<name>.outcome: sent | refused | failed | parked | unknown | skipped | expired | not_needed; pending, sending on the way
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kit.clock import now
from kit.gather import Gathered
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx, UpdateOne, insert_all
from notify.told import Told

_ANSWER = "channels.wechat.answer"
_TEXT = {"$type": "string"}  # an index of only those rows must be told so by the query
INDEXES = {
    "messages": [
        IndexModel([("person_id", ASCENDING), ("at", ASCENDING)]),
        IndexModel([("case_no", ASCENDING), ("at", ASCENDING)], name="of_case", partialFilterExpression={"case_no": _TEXT}),
        IndexModel([("parked_at", ASCENDING)], name="parked", partialFilterExpression={"parked_at": {"$type": "date"}}),
        IndexModel([(_ANSWER, ASCENDING)], name="wechat_answer", partialFilterExpression={_ANSWER: _TEXT}),
    ],
}

Word = Literal["sent", "refused", "failed", "parked", "unknown", "skipped", "expired", "not_needed", "pending", "sending"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message on one channel. `reason` in our words, `answer` the platform's own: its id of the message, or its code."""

    outcome: Word
    reason: str | None = None
    answer: str | None = None


Noted = Mapping[str, Outcome]


def message_id(event_id: str, person_id: str) -> str:
    """The same event and person give the same message, whoever writes it and however often."""
    return "m_" + hashlib.sha256(f"{event_id}\n{person_id}".encode()).hexdigest()[:32]


class Messages:
    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo["messages"]
        self._read = Gathered(self._of_ids)
        self._write = Gathered(self._noted)
        self._receive = Gathered(self._received)

    async def add_many(self, tx: Tx, tellings: Sequence[tuple[str, str, Told]]) -> list[str]:
        """Inbox entries of (event id, whose, words), each once per (event, person); their ids. Raises DuplicateKeyError."""
        rows = [_row(event_id, person_id, told) for event_id, person_id, told in tellings]
        await insert_all(self._messages, rows, tx)
        return [row["_id"] for row in rows]

    async def message(self, own: str) -> dict[str, Any] | None:
        """Without its words, which only the inbox shows."""
        return await self._read(own)

    async def _of_ids(self, owns: Sequence[str]) -> Sequence[dict[str, Any] | None]:
        found = {row["_id"]: row async for row in self._messages.find({"_id": {"$in": list(owns)}}, {"text": 0})}
        return [found.get(own) for own in owns]

    async def inbox(self, person_id: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"person_id": person_id}
        if before is not None:
            wanted["at"] = {"$lt": before}
        return [row async for row in self._messages.find(wanted, {"values": 0, "fields": 0}).sort("at", -1).limit(limit)]

    async def unread(self, person_id: str, among: int) -> int:
        """How many of the `among` newest were not read yet."""
        newest: list[dict[str, Any]] = [{"$match": {"person_id": person_id}}, {"$sort": {"at": -1}}, {"$limit": among}]
        count: list[dict[str, Any]] = [{"$match": {"read_at": None}}, {"$count": "unread"}]
        return next((int(row["unread"]) for row in await self._messages.aggregate([*newest, *count]).to_list(1)), 0)

    async def mark_read(self, own: str, person_id: str) -> bool:
        """False if there is no such message of this person; the second time keeps the first date."""
        if await self._messages.find_one({"_id": own, "person_id": person_id}, {"_id": 1}) is None:
            return False
        await self._messages.update_one({"_id": own, "read_at": None}, {"$set": {"read_at": now()}})
        return True

    # what became of it

    async def note(self, own: str, noted: Noted, *, done: bool) -> None:
        """Write down outcomes, unless the walk is over. `done` ends it: the first who says so is believed."""
        await self._write((own, noted, done))

    async def _noted(self, asked: Sequence[tuple[str, Noted, bool]]) -> Sequence[None]:
        await self._messages.bulk_write([_note(*one) for one in asked], ordered=False)
        return [None] * len(asked)

    async def begin(self, own: str, channel: str) -> bool:
        """Before a send that leaves no other mark: False where it was begun already, or the walk is over."""
        place = f"channels.{channel}"
        free = {"_id": own, **_AT_WORK, f"{place}.outcome": {"$ne": "sending"}}
        change = {"$set": {f"{place}.outcome": "sending", f"{place}.reason": None, f"{place}.at": now()}}
        return bool((await self._messages.update_one(free, change)).modified_count)

    async def receipt(self, answer: str, word: str) -> bool:
        """WeChat says afterwards what became of the message it gave this id. False: we know no such message (yet)."""
        return await self._receive((answer, word))

    async def _received(self, asked: Sequence[tuple[str, str]]) -> Sequence[bool]:
        told = [
            UpdateOne({_ANSWER: {"$eq": answer, **_TEXT}}, {"$set": {"channels.wechat.receipt": word, "channels.wechat.receipt_at": now()}})
            for answer, word in asked
        ]
        if (await self._messages.bulk_write(told, ordered=False)).matched_count == len(asked):
            return [True] * len(asked)
        # our own note may come between the two: only what holds a receipt was reached
        mine = {_ANSWER: {"$in": [answer for answer, _ in asked], **_TEXT}, "channels.wechat.receipt": _TEXT}
        known = {row["channels"]["wechat"]["answer"] async for row in self._messages.find(mine, {_ANSWER: 1})}
        return [answer in known for answer, _ in asked]

    # operators

    async def parked(self, limit: int) -> list[dict[str, Any]]:
        """Messages of which some channel is parked by a fault of ours, the oldest first; nobody's data."""
        shown = {"kind": 1, "at": 1, "channels": 1, "parked_at": 1}
        return [row async for row in self._messages.find({"parked_at": {"$type": "date"}}, shown).sort("parked_at", ASCENDING).limit(limit)]

    async def parked_count(self) -> int:
        return int(await self._messages.count_documents({"parked_at": {"$type": "date"}}))

    async def reopen(self, tx: Tx, row: Mapping[str, Any]) -> bool:
        """Its parked channels may be tried again. False: somebody was first."""
        places = [name for name, one in row["channels"].items() if one["outcome"] == "parked"]
        change = {f"channels.{name}": {"outcome": "pending", "reason": "retried", "at": now()} for name in places}
        update = {"$set": {"push": "waiting", **change}, "$unset": {"parked_at": ""}}
        return bool((await self._messages.update_one({"_id": row["_id"], "parked_at": row["parked_at"]}, update, session=tx)).modified_count)

    async def of_case(self, case_no: str, limit: int) -> list[dict[str, Any]]:
        """What was sent about a case, the latest first: when, by which channel, what the platform said. No words and no person."""
        shown = {"kind": 1, "at": 1, "read_at": 1, "channels": 1, "push": 1}
        return [row async for row in self._messages.find({"case_no": {"$eq": case_no, **_TEXT}}, shown).sort("at", -1).limit(limit)]


_AT_WORK = {"push": {"$ne": "done"}}  # messages of a release before this one have no such word


def _row(event_id: str, person_id: str, told: Told) -> dict[str, Any]:
    at = now()
    broadcast = {} if told.broadcast_id is None else {"broadcast_id": told.broadcast_id}
    return {
        "_id": message_id(event_id, person_id),
        "person_id": person_id,
        "event_id": event_id,
        "kind": told.kind,
        "case_no": told.case_no,
        "page": told.page,
        "text": told.text,
        "fields": dict(told.fields),
        **broadcast,
        "at": at,
        "read_at": None,
        "push": "waiting",
        "channels": {"inbox": {"outcome": "delivered", "reason": None, "at": at}},
    }


def _note(own: str, noted: Noted, done: bool) -> UpdateOne:
    at = now()
    change: dict[str, Any] = {
        f"channels.{name}": {"outcome": one.outcome, "reason": one.reason, "answer": one.answer, "at": at} for name, one in noted.items()
    }
    if any(one.outcome == "parked" for one in noted.values()):
        change["parked_at"] = at
    if done:
        change["push"] = "done"
    return UpdateOne({"_id": own, **_AT_WORK}, {"$set": change})
