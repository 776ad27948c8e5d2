"""Every query of the assistant: conversations, what did not help, and what waits for a person.

Texts are masked before they come here; what a conversation said is sealed as well, because people name themselves.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from bot.reply import Memory
from kit.clock import BEIJING, now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import ASCENDING, DESCENDING, IndexModel, Mongo, Tx

TALK_LIFE = timedelta(days=7)
MISS_LIFE = timedelta(days=90)
HANDOVER_LIFE = timedelta(days=180)
KEPT_TURNS = 20
MOST_MISSES = 100_000  # distinct ones; more are not kept

INDEXES = {
    "conversations": [IndexModel([("updated_at", ASCENDING)], name="forget", expireAfterSeconds=int(TALK_LIFE.total_seconds()))],
    "bot_misses": [
        IndexModel([("last_at", ASCENDING)], name="forget", expireAfterSeconds=int(MISS_LIFE.total_seconds())),
        IndexModel([("count", DESCENDING)]),
    ],
    "bot_handovers": [
        IndexModel([("at", ASCENDING)], name="forget", expireAfterSeconds=int(HANDOVER_LIFE.total_seconds())),
        IndexModel([("conversation_id", ASCENDING)], name="one_waiting", unique=True, partialFilterExpression={"state": "waiting"}),
        IndexModel([("state", ASCENDING), ("at", ASCENDING)]),
    ],
}


class Conversations:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._talks = mongo["conversations"]
        self._misses = mongo["bot_misses"]
        self._handovers = mongo["bot_handovers"]
        self._keys = keys

    async def conversation(self, conversation_id: str, resident_id: str | None) -> Memory | None:
        """What is remembered; None for one that is not there, has been forgotten, or is somebody else's."""
        row = await self._talks.find_one({"_id": conversation_id, "resident_id": {"$in": [resident_id, None]}}, {"memory": 1})
        return None if row is None else Memory.model_validate(row["memory"])

    async def record(self, conversation_id: str, resident_id: str | None, memory: Memory, asked: str, told: str, intent: str) -> None:
        """One turn. A conversation begun before signing in becomes the resident's own at the first turn after."""
        turn = {"asked": asked, "told": told, "intent": intent, "at": now().isoformat()}
        sealed = self._keys.seal(orjson.dumps(turn).decode(), f"conversations/turns/{conversation_id}")
        change: dict[str, Any] = {
            "$set": {"memory": memory.model_dump(mode="json"), "updated_at": now(), "resident_id": resident_id},
            "$push": {"turns": {"$each": [sealed], "$slice": -KEPT_TURNS}},
        }
        await self._talks.update_one({"_id": conversation_id}, change, upsert=True)

    async def turns(self, conversation_id: str, resident_id: str | None) -> list[dict[str, Any]]:
        """The last KEPT_TURNS: {asked, told, intent, at}, oldest first."""
        row = await self._talks.find_one({"_id": conversation_id, "resident_id": {"$in": [resident_id, None]}}, {"turns": 1})
        return [] if row is None else [orjson.loads(self._keys.open(one, f"conversations/turns/{conversation_id}")) for one in row["turns"]]

    async def talk(self, conversation_id: str, resident_id: str) -> list[dict[str, Any]]:
        """As `turns`; of one forgotten since, what this resident's waiting hand-over kept."""
        if turns := await self.turns(conversation_id, resident_id):
            return turns
        row = await self._handovers.find_one({"conversation_id": conversation_id, "resident_id": resident_id, "state": "waiting"})
        kept: list[dict[str, Any]] = [] if row is None else orjson.loads(self._keys.open(row["talk"], f"bot_handovers/talk/{conversation_id}"))
        return kept

    # what did not help

    async def miss(self, reason: str, intent: str, question: str, nearest: str | None) -> None:
        """Counted by what was asked, without who asked. `nearest`: code of the item shown, if any."""
        own = hashlib.sha256(f"{reason}\n{question}".encode()).hexdigest()
        counted = {"count": 1, f"by_month.{now().astimezone(BEIJING):%Y-%m}": 1}
        there = await self._misses.update_one({"_id": own}, {"$inc": counted, "$set": {"last_at": now()}})
        if there.matched_count or await self._misses.estimated_document_count() >= MOST_MISSES:
            return
        row = {"reason": reason, "intent": intent, "question": question, "nearest": nearest}
        await self._misses.update_one({"_id": own}, {"$setOnInsert": row, "$inc": counted, "$set": {"last_at": now()}}, upsert=True)

    async def missed(self, months: Sequence[str]) -> list[dict[str, Any]]:
        """{reason, count} of these months (YYYY-MM, Beijing). Whole for months of the last MISS_LIFE alone: what nobody asks again is forgotten."""
        times = {"$sum": {"$add": [{"$ifNull": [f"$by_month.{month}", 0]} for month in months]}}
        found = self._misses.aggregate([{"$match": {"by_month": {"$exists": True}}}, {"$group": {"_id": "$reason", "count": times}}])
        return sorted([{"reason": row["_id"], "count": row["count"]} async for row in found if row["count"]], key=lambda row: str(row["reason"]))

    async def misses(self, limit: int) -> list[dict[str, Any]]:
        """Grouped by why and the item nearest to them, most first: {reason, nearest, count, questions: at most 5}."""
        group = {
            "_id": {"reason": "$reason", "nearest": "$nearest"},
            "count": {"$sum": "$count"},
            "questions": {"$push": "$question"},
        }
        steps: list[dict[str, Any]] = [{"$sort": {"count": -1, "_id": 1}}, {"$group": group}, {"$sort": {"count": -1, "_id": 1}}, {"$limit": limit}]
        steps.append(
            {"$project": {"_id": 0, "reason": "$_id.reason", "nearest": "$_id.nearest", "count": 1, "questions": {"$slice": ["$questions", 5]}}}
        )
        return [row async for row in self._misses.aggregate(steps)]

    # what waits for a person

    async def hand_over(self, conversation_id: str, resident_id: str | None) -> str:
        """The id of the waiting hand-over of this conversation, with all that was said so far; asking twice makes one. It is theirs who has signed in."""
        own = new_id("ho")
        whose = {"resident_id": resident_id}
        talk = orjson.dumps(await self.turns(conversation_id, resident_id)).decode()
        row = await self._handovers.find_one_and_update(
            {"conversation_id": conversation_id, "state": "waiting"},
            {
                "$set": {"talk": self._keys.seal(talk, f"bot_handovers/talk/{conversation_id}"), **(whose if resident_id else {})},
                "$setOnInsert": {"_id": own, "at": now(), **({} if resident_id else whose)},
            },
            upsert=True,
            return_document=True,
        )
        return str(row["_id"]) if row else own

    async def handovers(self, limit: int) -> list[dict[str, Any]]:
        """Those waiting, longest first: {id, resident_id, at, talk}."""
        rows = self._handovers.find({"state": "waiting"}).sort("at", 1).limit(limit)
        return [
            {
                "id": row["_id"],
                "resident_id": row.get("resident_id"),
                "at": row["at"],
                "talk": orjson.loads(self._keys.open(row["talk"], f"bot_handovers/talk/{row['conversation_id']}")),
            }
            async for row in rows
        ]

    async def landed(self, tx: Tx, conversation_id: str) -> None:
        """What was said lies with somebody now who answers for it: nobody has to pick it up here any more."""
        change = {"$set": {"state": "done", "done_at": now()}}
        await self._handovers.update_one({"conversation_id": conversation_id, "state": "waiting"}, change, session=tx)

    async def close_handover(self, handover_id: str) -> bool:
        """An operator has taken care of it."""
        change = {"$set": {"state": "done", "done_at": now()}}
        return bool((await self._handovers.update_one({"_id": handover_id, "state": "waiting"}, change)).modified_count)
