"""Every query of the consent ledger: one row per account and template, changed by compare-and-set alone.

A send takes its consent and marks itself as under way in one write; the mark goes with the outcome. A mark that is there when the send is
tried again means that whoever made it died between asking the platform and writing down the answer.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kit.clock import now
from kit.gather import Gathered
from kit.ids import new_nonce
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx, UpdateOne

INDEXES = {"consents": [IndexModel([("resident_id", ASCENDING)])]}
_TRIES = 60
Taken = Literal["taken", "none", "under_way"]
Ending = Literal["used", "returned", "gone"]


@dataclass(frozen=True, slots=True)
class Consent:
    """`for_good`: a long-term template is allowed. `twins`: accepts that wait for the same one from the other side, (source, at)."""

    remaining: int = 0
    for_good: bool = False
    last_result: str | None = None
    at: datetime | None = None
    twins: tuple[tuple[str, datetime], ...] = ()


class Consents:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["consents"]
        self._take = Gathered(self._taken)
        self._end = Gathered(self._ended)

    async def of_resident(self, resident_id: str, channel: str) -> dict[str, Consent]:
        """By kind, for one account."""
        found = self._rows.find({"resident_id": resident_id, "channel": channel})
        return {row["template_key"]: _consent(row) async for row in found}

    async def rewrite(self, tx: Tx | None, place: tuple[str, str, str], think: Callable[[Consent], Consent]) -> None:
        """Read, think, compare and set; `place`: (resident id, channel, kind)."""
        resident_id, channel, kind = place
        own = consent_id(*place)
        for tried in range(_TRIES):
            row = await self._rows.find_one({"_id": own}, session=tx)
            thought = think(_consent(row) if row else Consent())
            change = {
                "remaining": thought.remaining,
                "for_good": thought.for_good,
                "last_result": thought.last_result,
                "at": thought.at,
                "twins": [{"source": source, "at": at} for source, at in thought.twins],
            }
            if await self._write(tx, own, row, {**change, "resident_id": resident_id, "channel": channel, "template_key": kind}):
                return
            await asyncio.sleep(0.002 * tried)
        raise TimeoutError("the consent keeps changing")

    async def _write(self, tx: Tx | None, own: str, row: dict[str, Any] | None, change: dict[str, Any]) -> bool:
        if row is None:
            try:
                await self._rows.insert_one({"_id": own, "revision": 1, **change}, session=tx)
            except DuplicateKeyError:
                if tx is not None:
                    raise  # the transaction is over; whoever opened it begins again
                return False
            return True
        seen = {"_id": own, "revision": row.get("revision"), "remaining": row["remaining"]}
        return bool((await self._rows.update_one(seen, {"$set": change, "$inc": {"revision": 1}}, session=tx)).modified_count)

    async def take(self, resident_id: str, channel: str, kind: str, message_id: str) -> Taken:
        """One send for this message: `none` where nothing allows it, `under_way` where it was taken before and its end is not known."""
        return await self._take((consent_id(resident_id, channel, kind), message_id))

    async def under_way(self, places: Sequence[tuple[str, str, str]], message_id: str) -> set[str]:
        """Channels on which a consent was taken for this message and its end is not known; `places`: (resident id, channel, kind)."""
        marked = {"_id": {"$in": [consent_id(*place) for place in places]}, f"under_way.{message_id}": {"$exists": True}}
        return {row["channel"] async for row in self._rows.find(marked, {"channel": 1})}

    async def end(self, resident_id: str, channel: str, kind: str, message_id: str, how: Ending) -> None:
        """The mark goes. `returned`: certainly not sent, so the send is there again; `gone`: the platform says that nothing is allowed."""
        await self._end((consent_id(resident_id, channel, kind), message_id, how))

    async def _taken(self, asked: Sequence[tuple[str, str]]) -> Sequence[Taken]:
        marked = [(own, message_id, new_nonce()) for own, message_id in asked]
        result = await self._rows.bulk_write([_take(*one) for one in marked], ordered=False)
        if result.modified_count == len(asked):
            return ["taken"] * len(asked)
        rows = {row["_id"]: row async for row in self._rows.find({"_id": {"$in": [own for own, _ in asked]}}, {"under_way": 1})}
        return [_taken_by(rows.get(own), message_id, mine) for own, message_id, mine in marked]

    async def _ended(self, asked: Sequence[tuple[str, str, Ending]]) -> Sequence[None]:
        await self._rows.bulk_write([_end(*one) for one in asked], ordered=False)
        return [None] * len(asked)


def consent_id(resident_id: str, channel: str, kind: str) -> str:
    return f"{resident_id}/{channel}/{kind}"


def _consent(row: dict[str, Any]) -> Consent:
    twins = tuple((one["source"], one["at"]) for one in row.get("twins") or ())
    return Consent(row["remaining"], bool(row.get("for_good")), row.get("last_result"), row.get("at"), twins)


def _take(own: str, message_id: str, mine: str) -> UpdateOne:
    mark = f"under_way.{message_id}"
    allowed = {"_id": own, mark: {"$exists": False}, "$or": [{"remaining": {"$gt": 0}}, {"for_good": True}]}
    left = {"$cond": ["$for_good", "$remaining", {"$subtract": ["$remaining", 1]}]}
    return UpdateOne(allowed, [{"$set": {"remaining": left, mark: mine}}])


def _taken_by(row: dict[str, Any] | None, message_id: str, mine: str) -> Taken:
    mark = ((row or {}).get("under_way") or {}).get(message_id)
    return "none" if mark is None else "taken" if mark == mine else "under_way"


def _end(own: str, message_id: str, how: Ending) -> UpdateOne:
    """A second ending finds no mark and changes nothing."""
    mark = f"under_way.{message_id}"
    change: dict[str, Any] = {}
    if how == "returned":
        change = {"remaining": {"$cond": ["$for_good", "$remaining", {"$add": ["$remaining", 1]}]}}
    elif how == "gone":
        change = {"remaining": 0, "for_good": False, "last_result": "gone", "at": now(), "twins": []}
    return UpdateOne({"_id": own, mark: {"$exists": True}}, [*([{"$set": change}] if change else []), {"$unset": mark}])
