"""Every query of notify: messages with what became of them on each channel, and the consent ledger."""

import hashlib
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx

INDEXES = {
    "messages": [IndexModel([("person_id", ASCENDING), ("at", ASCENDING)])],
    "consents": [IndexModel([("resident_id", ASCENDING)])],
}


def message_id(event_id: str, person_id: str) -> str:
    """The same event and person give the same message, whoever writes it and however often."""
    return "m_" + hashlib.sha256(f"{event_id}\n{person_id}".encode()).hexdigest()[:32]


class Messages:
    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo["messages"]
        self._consents = mongo["consents"]

    async def add(self, tx: Tx, event_id: str, person_id: str, content: dict[str, Any], channels: list[str]) -> str:
        """The inbox entry, once per (event, person). `content`: kind, case_no, text, template_key, values. Raises DuplicateKeyError."""
        own = message_id(event_id, person_id)
        pending = {channel: {"outcome": "pending", "reason": None, "at": now()} for channel in channels}
        sent = {"inbox": {"outcome": "delivered", "reason": None, "at": now()}, **pending}
        row = {"_id": own, "person_id": person_id, "event_id": event_id, **content, "at": now(), "read_at": None, "channels": sent}
        await self._messages.insert_one(row, session=tx)
        return own

    async def message(self, own: str) -> dict[str, Any] | None:
        return await self._messages.find_one({"_id": own})

    async def inbox(self, person_id: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        wanted: dict[str, Any] = {"person_id": person_id}
        if before is not None:
            wanted["at"] = {"$lt": before}
        return [row async for row in self._messages.find(wanted, {"values": 0}).sort("at", -1).limit(limit)]

    async def mark_read(self, own: str, person_id: str) -> bool:
        """False if there is no such message of this person; the second time keeps the first date."""
        if await self._messages.find_one({"_id": own, "person_id": person_id}, {"_id": 1}) is None:
            return False
        await self._messages.update_one({"_id": own, "read_at": None}, {"$set": {"read_at": now()}})
        return True

    async def move(self, tx: Tx | None, own: str, channel: str, before: str, outcome: str, reason: str | None = None) -> bool:
        """Compare-and-set of one channel's outcome; False if it was not `before`."""
        place = f"channels.{channel}"
        change = {f"{place}.outcome": outcome, f"{place}.reason": reason, f"{place}.at": now()}
        result = await self._messages.update_one({"_id": own, f"{place}.outcome": before}, {"$set": change}, session=tx)
        return bool(result.modified_count)

    async def give_consent(self, resident_id: str, channel: str, template_key: str, result: str) -> None:
        """accept adds one send; reject adds none; ban takes all away and says so."""
        row_id = {"_id": consent_id(resident_id, channel, template_key)}
        fixed = {"resident_id": resident_id, "channel": channel, "template_key": template_key}
        change: dict[str, Any] = {"$set": {"last_result": result, "at": now(), **fixed}}
        if result == "accept":
            change["$inc"] = {"remaining": 1}
        elif result == "ban":
            change["$set"]["remaining"] = 0
        else:
            change["$setOnInsert"] = {"remaining": 0}
        await self._consents.update_one(row_id, change, upsert=True)

    async def use_consent(self, tx: Tx, resident_id: str, channel: str, template_key: str) -> bool:
        """Take one send, if there is one left."""
        left = {"_id": consent_id(resident_id, channel, template_key), "remaining": {"$gt": 0}}
        return bool((await self._consents.update_one(left, {"$inc": {"remaining": -1}}, session=tx)).modified_count)

    async def return_consent(self, tx: Tx, resident_id: str, channel: str, template_key: str) -> None:
        """The send certainly did not happen."""
        await self._consents.update_one({"_id": consent_id(resident_id, channel, template_key)}, {"$inc": {"remaining": 1}}, session=tx)

    async def consent_gone(self, tx: Tx, resident_id: str, channel: str, template_key: str) -> None:
        """The platform says there is none (43101): it knows better than our count."""
        own = consent_id(resident_id, channel, template_key)
        await self._consents.update_one({"_id": own}, {"$set": {"remaining": 0, "last_result": "gone", "at": now()}}, session=tx)

    async def consents(self, resident_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["channel"], row["template_key"]): row async for row in self._consents.find({"resident_id": resident_id})}


def consent_id(resident_id: str, channel: str, template_key: str) -> str:
    return f"{resident_id}/{channel}/{template_key}"
