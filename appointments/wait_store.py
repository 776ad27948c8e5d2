"""Every query of the waiting line. Somebody stands in it once for an item; a place is offered to one of them at a time."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from appointments.slot_store import hall_row
from appointments.values import Hall, Line, Offer, Slot, Wait, WaitState, Who
from kit.clock import BEIJING, now
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

_TEXT = {"$type": "string"}
INDEXES = {
    "appointment_waits": [
        IndexModel([("only", ASCENDING)], name="once_in_a_line", unique=True, partialFilterExpression={"only": _TEXT}),
        IndexModel([("item_code", ASCENDING), ("state", ASCENDING), ("created_at", ASCENDING), ("_id", ASCENDING)], name="line"),
        IndexModel([("subject_key", ASCENDING), ("created_at", ASCENDING)], name="mine"),
        IndexModel([("person_id", ASCENDING)], name="acted"),
        IndexModel([("state", ASCENDING), ("offer.until", ASCENDING)], name="to_lapse"),
        IndexModel([("created_at", ASCENDING)], name="by_age"),
    ]
}
_STANDS: tuple[WaitState, ...] = ("waiting", "offered")


class Waits:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["appointment_waits"]

    async def add(self, tx: Tx | None, own: str, who: Who, line: Line) -> None:
        """Raises DuplicateKeyError: it is there, or they stand in this line already."""
        row = {
            "_id": own,
            "person_id": who.person_id,
            "visitor_id": who.visitor_id,
            "resident_id": who.resident_id,
            "subject_key": who.subject_key,
            "item_code": line.item_code,
            "item_name": line.item_name,
            "hall_id": line.hall_id,
            "first": line.first,
            "last": line.last,
            "state": "waiting",
            "created_at": now(),
            "only": _only(who.visitor_id, line.item_code),
        }
        await self._rows.insert_one(row, session=tx)

    async def wait(self, own: str, tx: Tx | None = None) -> Wait | None:
        row = await self._rows.find_one({"_id": own}, session=tx)
        return None if row is None else _wait(row)

    async def mine(self, subject_key: str) -> list[Wait]:
        """Where they stand."""
        wanted = {"subject_key": subject_key, "state": {"$in": list(_STANDS)}}
        return [_wait(row) async for row in self._rows.find(wanted).sort("created_at", ASCENDING)]

    async def standing(self, tx: Tx, visitor_id: str, item_code: str) -> Wait | None:
        """The one place in the line of this item that somebody has."""
        row = await self._rows.find_one({"only": _only(visitor_id, item_code), "state": {"$in": list(_STANDS)}}, session=tx)
        return None if row is None else _wait(row)

    async def of_visitor(self, person_id: str) -> list[Wait]:
        """Where somebody stands who would come themselves: in their own name, or for an enterprise."""
        themselves = [{"subject_key": f"person:{person_id}"}, {"person_id": person_id, "visitor_id": person_id}]
        return [_wait(row) async for row in self._rows.find({"$or": themselves, "state": {"$in": list(_STANDS)}})]

    async def before(self, one: Wait) -> int:
        """How many stand before them for the same item."""
        earlier = {"item_code": one.line.item_code, "state": "waiting", "created_at": {"$lt": one.created_at}}
        return int(await self._rows.count_documents(earlier))

    async def items(self) -> list[tuple[str, str, str]]:
        """(item, first day, last day) of every line in which somebody waits."""
        grouped: list[dict[str, Any]] = [
            {"$match": {"state": "waiting"}},
            {"$group": {"_id": "$item_code", "first": {"$min": "$first"}, "last": {"$max": "$last"}}},
        ]
        return [(row["_id"], row["first"], row["last"]) async for row in self._rows.aggregate(grouped)]

    async def first_in_line(self, tx: Tx | None, slot: Slot) -> Wait | None:
        """Of those whom this slot suits."""
        day = slot.starts_at.astimezone(BEIJING).date().isoformat()
        fits = {"first": {"$lte": day}, "last": {"$gte": day}, "hall_id": {"$in": [None, slot.hall.hall_id]}}
        wanted = {"item_code": slot.item_code, "state": "waiting", **fits}
        row = await self._rows.find_one(wanted, sort=[("created_at", ASCENDING), ("_id", ASCENDING)], session=tx)
        return None if row is None else _wait(row)

    async def offer(self, tx: Tx, own: str, slot: Slot, until: datetime) -> Wait | None:
        """None: they were faster."""
        place = {"slot_id": slot.id, "hall": hall_row(slot.hall), "starts_at": slot.starts_at, "ends_at": slot.ends_at, "until": until}
        change = {"$set": {"state": "offered", "offer": place}, "$inc": {"offers": 1}}
        row = await self._rows.find_one_and_update({"_id": own, "state": "waiting"}, change, session=tx, return_document=AFTER)
        return None if row is None else _wait(row)

    async def move(self, tx: Tx, own: str, seen: Collection[WaitState], to: WaitState) -> Wait | None:
        """None: it is in none of these states."""
        change: dict[str, Any] = {"$set": {"state": to}}
        if to in ("lapsed", "left", "over"):
            change = {"$set": {"state": to, "ended_at": now()}, "$unset": {"only": ""}}
        elif to == "waiting":
            change["$unset"] = {"offer": ""}
        row = await self._rows.find_one_and_update({"_id": own, "state": {"$in": list(seen)}}, change, session=tx, return_document=AFTER)
        return None if row is None else _wait(row)

    async def end(self, tx: Tx, own: str) -> None:
        """It led to an appointment."""
        await self._rows.update_one({"_id": own, "state": "booked"}, {"$set": {"ended_at": now()}, "$unset": {"only": ""}}, session=tx)

    async def lapsed(self, at: datetime, most: int) -> list[Wait]:
        wanted = {"state": "offered", "offer.until": {"$lte": at}}
        return [_wait(row) async for row in self._rows.find(wanted).sort("offer.until", ASCENDING).limit(most)]

    async def over(self, day: str, most: int) -> list[Wait]:
        """Those whose last day has passed."""
        return [_wait(row) async for row in self._rows.find({"state": "waiting", "last": {"$lt": day}}).limit(most)]


def _only(visitor_id: str, item_code: str) -> str:
    return f"{visitor_id}/{item_code}"


def hold_of(wait_id: str) -> str:
    """The name of the place kept for them in a slot."""
    return f"wait:{wait_id}"


def _wait(row: Mapping[str, Any]) -> Wait:
    offer = row.get("offer")
    return Wait(
        row["_id"],
        Who(row["person_id"], row["visitor_id"], row["resident_id"], row["subject_key"]),
        Line(row["item_code"], row["item_name"], row["hall_id"], row["first"], row["last"]),
        row["state"],
        row["created_at"],
        Offer(offer["slot_id"], Hall(**offer["hall"]), offer["starts_at"], offer["ends_at"], offer["until"]) if offer else None,
        row.get("offers", 0),
    )
