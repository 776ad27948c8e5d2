"""Every query of appointments. States move by compare-and-set; `only` stands while one is live, so that a person has one of an item."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from appointments.slot_store import hall_row
from appointments.values import LIVE, Appointment, Hall, Place, Slot, State, Who, Wish
from core.appointments import Appointment as CoreAppointment
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, DESCENDING, DuplicateKeyError, IndexModel, Mongo, Tx

_TEXT = {"$type": "string"}
_LONGEST = timedelta(days=1)  # of a slot
INDEXES = {
    "appointments": [
        IndexModel([("only", ASCENDING)], name="one_live_of_a_person_and_item", unique=True, partialFilterExpression={"only": _TEXT}),
        IndexModel([("subject_key", ASCENDING), ("starts_at", DESCENDING), ("_id", DESCENDING)], name="mine"),
        IndexModel([("person_id", ASCENDING)], name="acted"),
        IndexModel([("visitor_id", ASCENDING), ("state", ASCENDING), ("starts_at", DESCENDING)], name="of_visitor"),
        IndexModel([("replaces", ASCENDING)], name="moving", partialFilterExpression={"replaces": _TEXT}),
        IndexModel([("starts_at", ASCENDING), ("hall.hall_id", ASCENDING), ("_id", ASCENDING)], name="of_a_day"),
    ],
    "appointment_turns": [IndexModel([("at", ASCENDING)], name="by_age")],  # a row a person: two bookings of one person come one after the other
}
_PLAIN = ("number", "version", "problem", "note", "replaces", "moved_to", "wait_id", "tried_at", "arrived_at", "denied_at", "excused_at", "ended_at")


class Appointments:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["appointments"]
        self._turns = mongo["appointment_turns"]
        self._keys = keys

    # made

    async def know(self, visitor_id: str) -> None:
        """There is a row to take turns on."""
        with suppress(DuplicateKeyError):
            await self._turns.update_one({"_id": visitor_id}, {"$set": {"at": now()}}, upsert=True)

    async def take_turn(self, tx: Tx, visitor_id: str) -> None:
        """Until this transaction ends no other one of the same person sees the same facts."""
        await self._turns.update_one({"_id": visitor_id}, {"$inc": {"turn": 1}}, session=tx)

    async def add(self, tx: Tx, wish: Wish, slot: Slot) -> None:
        """Raises DuplicateKeyError where it is there already, or there is another live one of this item, or another move of it under way."""
        row = {
            "_id": wish.id,
            "person_id": wish.who.person_id,
            "visitor_id": wish.who.visitor_id,
            "resident_id": wish.who.resident_id,
            "subject_key": wish.who.subject_key,
            "item_code": wish.item_code,
            "item_name": wish.item_name,
            "case_no": wish.case_no,
            "slot_id": slot.id,
            "hall": hall_row(slot.hall),
            "starts_at": slot.starts_at,
            "ends_at": slot.ends_at,
            "state": State.ASKING.value,
            "version": 0,
            "created_at": now(),
            "only": only(wish) + ("/moving" if wish.replaces else ""),
        }
        row |= {name: value for name, value in (("replaces", wish.replaces), ("wait_id", wish.wait_id)) if value}
        if wish.place is not None:
            row |= {"department": wish.place.department, "region": wish.place.region}
        await self._rows.insert_one(row, session=tx)

    # read

    async def appointment(self, own: str, tx: Tx | None = None) -> Appointment | None:
        row = await self._rows.find_one({"_id": own}, session=tx)
        return None if row is None else _appointment(row)

    async def mine(self, subject_key: str, last: tuple[datetime, str] | None, limit: int) -> list[Appointment]:
        """The latest beginning first, after `last` (starts_at, id)."""
        wanted: dict[str, Any] = {"subject_key": subject_key}
        if last is not None:
            wanted["$or"] = [{"starts_at": {"$lt": last[0]}}, {"starts_at": last[0], "_id": {"$lt": last[1]}}]
        return [_appointment(row) async for row in self._rows.find(wanted).sort([("starts_at", -1), ("_id", -1)]).limit(limit)]

    async def coming(self, subject_key: str, since: datetime, limit: int) -> list[Appointment]:
        """Live ones that end later than `since`, the soonest first."""
        wanted = {
            "subject_key": subject_key,
            "starts_at": {"$gte": since - _LONGEST},
            "ends_at": {"$gt": since},
            "state": {"$in": [one.value for one in LIVE]},
        }
        return [_appointment(row) async for row in self._rows.find(wanted).sort([("starts_at", ASCENDING), ("_id", ASCENDING)]).limit(limit)]

    async def live_of(self, tx: Tx | None, visitor_id: str) -> list[Appointment]:
        wanted = {"visitor_id": visitor_id, "state": {"$in": [one.value for one in LIVE]}}
        return [_appointment(row) async for row in self._rows.find(wanted, session=tx)]

    async def missed(self, tx: Tx | None, visitor_id: str, since: datetime) -> list[datetime]:
        """Beginnings of those they did not come to, and nobody excused. Whose code was read at the hall has come, whatever was said afterwards."""
        wanted = {"visitor_id": visitor_id, "state": State.NO_SHOW.value, "starts_at": {"$gte": since}, "excused_at": None, "arrived_at": None}
        return [row["starts_at"] async for row in self._rows.find(wanted, {"starts_at": 1}, session=tx)]

    async def moving_from(self, tx: Tx, own: str) -> Appointment | None:
        """The one that is to take its place."""
        row = await self._rows.find_one({"replaces": own, "state": State.ASKING.value}, session=tx)
        return None if row is None else _appointment(row)

    async def of_day(self, span: tuple[datetime, datetime], hall_id: str, last: tuple[datetime, str] | None, limit: int) -> list[Appointment]:
        """For staff, the soonest first."""
        wanted: dict[str, Any] = {"starts_at": {"$gte": span[0], "$lt": span[1]}, "version": {"$gte": 1}}
        if hall_id:
            wanted["hall.hall_id"] = hall_id
        if last is not None:
            wanted["$or"] = [{"starts_at": {"$gt": last[0]}}, {"starts_at": last[0], "_id": {"$gt": last[1]}}]
        return [_appointment(row) async for row in self._rows.find(wanted).sort([("starts_at", 1), ("_id", 1)]).limit(limit)]

    # moved

    async def trying(self, own: str, seen: datetime | None, at: datetime | None) -> bool:
        """When we last asked, written before we ask. False when somebody else was faster."""
        wanted = {"_id": own, "state": State.ASKING.value, "tried_at": seen}
        return bool((await self._rows.update_one(wanted, {"$set": {"tried_at": at}})).matched_count)

    async def booked(self, tx: Tx, own: str, found: CoreAppointment, state: State) -> Appointment | None:
        """As the core has it. None when that was known, or a newer step was heard of before this answer came."""
        facts = {"number": found.number, "version": found.version, "starts_at": found.starts_at, "ends_at": found.ends_at}
        hall = {"hall_id": found.hall.hall_id, "name": found.hall.name, "address": found.hall.address}
        stale = await self._rows.find_one({"_id": own, "heard": {"$gt": found.version}}, {"_id": 1}, session=tx)
        return None if stale is not None else await self.move(tx, own, {State.ASKING}, state, **facts, hall=hall)

    async def heard(self, tx: Tx, own: str, version: int) -> bool:
        """A step of one whose booking is still on its way: the answer must be as new. False: it is on its way no more."""
        wanted = {"_id": own, "state": State.ASKING.value}
        return bool((await self._rows.update_one(wanted, {"$max": {"heard": version}}, session=tx)).matched_count)

    async def move(self, tx: Tx, own: str, seen: Collection[State], to: State, **facts: Any) -> Appointment | None:
        """The appointment after it, or None where it is in none of these states."""
        change: dict[str, Any] = {"$set": {"state": to.value, **facts}}
        if to not in LIVE:
            change["$unset"] = {"only": ""}
            change["$set"]["ended_at"] = now()
        wanted = {"_id": own, "state": {"$in": [one.value for one in seen]}}
        row = await self._rows.find_one_and_update(wanted, change, session=tx, return_document=AFTER)
        return None if row is None else _appointment(row)

    async def stands_alone(self, tx: Tx, own: Appointment) -> None:
        """The one it took the place of is gone: it is the one of its item now."""
        await self._rows.update_one({"_id": own.id}, {"$set": {"only": f"{own.who.visitor_id}/{own.item_code}"}}, session=tx)

    async def note(self, tx: Tx | None, own: str, seen: Collection[State], **facts: Any) -> bool:
        wanted = {"_id": own, "state": {"$in": [one.value for one in seen]}}
        return bool((await self._rows.update_one(wanted, {"$set": facts}, session=tx)).matched_count)

    async def newer(self, tx: Tx, own: str, version: int, facts: Mapping[str, Any], *, ends: bool) -> bool:
        """A move of the core, if it is newer than all we know."""
        change: dict[str, Any] = {"$set": {**facts, "version": version}}
        if ends:
            change["$unset"] = {"only": ""}
            change["$set"]["ended_at"] = now()
        return bool((await self._rows.update_one({"_id": own, "version": {"$lt": version, "$gte": 1}}, change, session=tx)).modified_count)

    async def off_at_core(self, tx: Tx, own: str) -> bool:
        """The core has given its place back. False when that was known."""
        return bool((await self._rows.update_one({"_id": own, "off_at": None}, {"$set": {"off_at": now()}}, session=tx)).modified_count)

    async def excuse(self, tx: Tx, own: str, reason: str, by: str) -> Appointment | None:
        """None where it is no no-show, or is excused already."""
        facts = {"excused_at": now(), "excused_by": by, "excuse": self._keys.seal(reason, f"appointments/excuse/{own}")}
        wanted = {"_id": own, "state": State.NO_SHOW.value, "excused_at": None}
        row = await self._rows.find_one_and_update(wanted, {"$set": facts}, session=tx, return_document=AFTER)
        return None if row is None else _appointment(row)


def only(wish: Wish) -> str:
    return f"{wish.who.visitor_id}/{wish.item_code}"


def _appointment(row: Mapping[str, Any]) -> Appointment:
    facts: dict[str, Any] = {name: row[name] for name in _PLAIN if row.get(name) is not None}
    return Appointment(
        id=row["_id"],
        who=Who(row["person_id"], row["visitor_id"], row["resident_id"], row["subject_key"]),
        item_code=row["item_code"],
        item_name=row["item_name"],
        case_no=row.get("case_no"),
        slot_id=row["slot_id"],
        hall=Hall(**row["hall"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        state=State(row["state"]),
        created_at=row["created_at"],
        is_cancelling=bool(row.get("is_cancelling")),
        is_nobodys="pseudonymised_at" in row,
        place=Place(row["department"], row["region"]) if "department" in row else None,
        **facts,
    )
