"""Every query of parcels, their scans and their courier orders (shipments). States move by compare-and-set; names, phones and addresses are sealed.

shipments: trying ──> booked ──> ended        `live` while one may exist at the courier; an index lets a parcel have one live shipment
              └──> refused        └──> cancelled
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

import orjson

from delivery import scans as lines
from delivery import task_store
from delivery.couriers import Booked, Party
from delivery.parcels import CHANGEABLE, OVER, UNDER_WAY, Parcel, Place, State, Wish, before, shipment_id
from delivery.task_store import ParcelTasks
from delivery.track_store import Tracks, seen
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx

_LIVE = {"live": True}
_TEXT = {"$type": "string"}  # an index of only those rows must be told so by the query
INDEXES = {
    "parcels": [
        IndexModel([("only", ASCENDING)], name="one_live_parcel_of_a_licence", unique=True, partialFilterExpression={"only": _TEXT}),
        IndexModel([("request_id", ASCENDING), ("created_at", ASCENDING)], name="of_case"),
        IndexModel([("person_id", ASCENDING), ("created_at", DESCENDING)], name="mine"),
        IndexModel([("subject_key", ASCENDING)], name="of_subject"),
        IndexModel([("bill_id", ASCENDING)], name="of_bill", partialFilterExpression={"bill_id": _TEXT}),
        IndexModel([("waybill", ASCENDING)], name="of_waybill", partialFilterExpression={"waybill": _TEXT}),
        IndexModel(
            [("standing", ASCENDING), ("moved_at", ASCENDING), ("_id", ASCENDING)], name="standing", partialFilterExpression={"standing": True}
        ),
        IndexModel([("state", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="newest_of_a_state"),
    ],
    "shipments": [
        IndexModel([("parcel_id", ASCENDING)], name="one_live_shipment_a_parcel", unique=True, partialFilterExpression=_LIVE),
        IndexModel([("parcel_id", ASCENDING), ("n", ASCENDING)], name="of_parcel"),
        IndexModel([("begun_at", ASCENDING)], name="by_age"),
    ],
    **task_store.INDEXES,
}


class Parcels:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._parcels = mongo["parcels"]
        self._shipments = mongo["shipments"]
        self._keys = keys
        self.tasks = ParcelTasks(mongo)
        self.tracks = Tracks(mongo, keys)

    # parcels

    async def add(self, tx: Tx, wish: Wish, state: State) -> None:
        """Raises DuplicateKeyError where it is there already, or the licence is on its way in another one."""
        at = now()
        row: dict[str, Any] = {
            "_id": wish.id,
            **{name: getattr(wish, name) for name in _PLAIN},
            "items": list(wish.items),
            "place": asdict(wish.place),
            "receiver": self._sealed("receiver", wish.id, wish.receiver),
            "sender": self._sealed("sender", wish.id, wish.sender),
            "digest": self.digest(wish),
            "state": state.value,
            "scans": [],
            "shipments": 0,
            "revision": 1,
            "created_at": at,
            **_follows(state, at),
        }
        if (only := self.only(wish)) is not None:
            row["only"] = only
        await self._parcels.insert_one(row, session=tx)

    @staticmethod
    def only(one: Wish | Parcel) -> str | None:
        """What of a case may be under way once: its licences. Papers may come in several parcels."""
        return f"{one.request_id}/to_resident" if one.direction == "to_resident" else None

    async def set_free(self, tx: Tx, own: str) -> None:
        """Its licences may be asked for once more."""
        await self._parcels.update_one({"_id": own}, {"$unset": {"only": ""}}, session=tx)

    def digest(self, wish: Wish) -> str:
        """Equal for equal wishes, and says nothing of them."""
        return self._keys.index("parcels/wish", orjson.dumps(asdict(wish), option=orjson.OPT_SORT_KEYS).decode())

    async def is_like(self, wish: Wish) -> bool | None:
        """Whether the parcel of this id was asked for in just this way; None: there is none."""
        row = await self._parcels.find_one({"_id": wish.id}, {"digest": 1})
        return None if row is None else bool(row["digest"] == self.digest(wish))

    async def parcel(self, own: str, tx: Tx | None = None) -> Parcel | None:
        row = await self._parcels.find_one({"_id": own}, session=tx)
        return self._opened(row)

    async def of_case(self, request_id: str) -> list[Parcel]:
        """The oldest first."""
        return [self._parcel(row) async for row in self._parcels.find({"request_id": request_id}).sort("created_at", ASCENDING)]

    async def under_way(self, subject_key: str, limit: int) -> list[Parcel]:
        """Of one's own those that are not over, the newest first."""
        wanted = {"subject_key": subject_key, "state": {"$nin": [one.value for one in OVER]}}
        return [self._parcel(row) async for row in self._parcels.find(wanted).sort("created_at", DESCENDING).limit(limit)]

    async def of_bill(self, tx: Tx, bill_id: str) -> Parcel | None:
        row = await self._parcels.find_one({"bill_id": bill_id}, session=tx)
        return self._opened(row)

    async def listed(self, states: Collection[State], last: tuple[datetime, str] | None, limit: int) -> list[Parcel]:
        """For staff: newest first, after `last` (created_at, id). Whose window it is, the caller looks at (Parcel.place)."""
        wanted: dict[str, Any] = {"state": {"$in": [one.value for one in states]}}
        if last is not None:
            wanted["$or"] = [{"created_at": {"$lt": last[0]}}, {"created_at": last[0], "_id": {"$lt": last[1]}}]
        return [self._parcel(row) async for row in self._parcels.find(wanted).sort([("created_at", -1), ("_id", -1)]).limit(limit)]

    async def move(self, tx: Tx, own: str, to: State, **facts: Any) -> Parcel | None:
        """The parcel after it, or None when it was in no state from which that is allowed."""
        wanted = {"_id": own, "state": {"$in": [one.value for one in before(to)]}}
        change: dict[str, Any] = {"$set": {"state": to.value, **_follows(to, now()), **facts}}
        if to in OVER:
            change["$unset"] = {"only": ""}
        row = await self._parcels.find_one_and_update(wanted, change, session=tx, return_document=AFTER)
        return self._opened(row)

    async def note(self, tx: Tx | None, own: str, states: Collection[State], **facts: Any) -> Parcel | None:
        """Facts that change no state, while it is in one of these."""
        wanted = {"_id": own, "state": {"$in": [one.value for one in states]}}
        row = await self._parcels.find_one_and_update(wanted, {"$set": facts}, session=tx, return_document=AFTER)
        return self._opened(row)

    async def goes_on(self, tx: Tx, own: str, n: int) -> bool:
        """The courier keeps this order of it. False when that was known, or nobody wants it called off."""
        wanted = {"_id": own, "shipments": n, "is_cancelling": True}
        return bool((await self._parcels.update_one(wanted, {"$set": {"is_cancelling": False}}, session=tx)).modified_count)

    async def once(self, tx: Tx, own: str, fact: Literal["packed_at", "handed_over_at"], states: Collection[State]) -> Parcel | None:
        """The moment of something that happens once. None: it did, or the parcel is elsewhere."""
        wanted = {"_id": own, fact: None, "state": {"$in": [one.value for one in states]}}
        row = await self._parcels.find_one_and_update(wanted, {"$set": {fact: now()}}, session=tx, return_document=AFTER)
        return self._opened(row)

    async def change_party(self, tx: Tx, own: str, name: Literal["receiver", "sender"], party: Party, seen_revision: int) -> Parcel | None:
        """None when its address is frozen or it was changed since."""
        wanted = {"_id": own, "revision": seen_revision, "state": {"$in": [one.value for one in CHANGEABLE]}}
        change = {"$set": {name: self._sealed(name, own, party), "problem": None}, "$inc": {"revision": 1}}
        row = await self._parcels.find_one_and_update(wanted, change, session=tx, return_document=AFTER)
        return self._opened(row)

    # courier orders

    async def begin_shipment(self, tx: Tx, own: str) -> Parcel | None:
        """Before a courier hears of it: the address is frozen from here on. None when somebody else was first."""
        wanted = {"_id": own, "state": State.READY.value}
        change = {"$set": {"state": State.BOOKING.value, "problem": None}, "$inc": {"shipments": 1}}
        row = await self._parcels.find_one_and_update(wanted, change, session=tx, return_document=AFTER)
        made = self._opened(row)
        if made is None:
            return None
        shipment = {"_id": made.shipment_id, "parcel_id": own, "n": made.shipments, "courier": made.courier, "state": "trying", **_LIVE}
        await self._shipments.insert_one({**shipment, "tried_at": None, "begun_at": now()}, session=tx)
        return made

    async def shipment(self, own: str) -> dict[str, Any] | None:
        return await self._shipments.find_one({"_id": own})

    async def trying(self, own: str, seen: datetime | None, at: datetime | None) -> bool:
        """When we last asked, written before we ask. False when somebody else was faster."""
        change = {"$set": {"tried_at": at}}
        return bool((await self._shipments.update_one({"_id": own, "state": "trying", "tried_at": seen}, change)).matched_count)

    async def booked(self, tx: Tx, own: str, parcel_id: str, found: Booked) -> Parcel | None:
        """None when that was known, or the order is over."""
        change = {"$set": {"state": "booked", "waybill": found.waybill, "booked_at": now()}}
        if not (await self._shipments.update_one({"_id": own, "state": "trying"}, change, session=tx)).matched_count:
            return None
        return await self.move(tx, parcel_id, State.BOOKED, waybill=found.waybill, booked_at=now())

    async def end_shipment(self, tx: Tx, own: str, state: Literal["refused", "cancelled", "ended"]) -> bool:
        """No order of ours any more. False when that was known."""
        change = {"$set": {"state": state, "live": False, "ended_at": now()}}
        return bool((await self._shipments.update_one({"_id": own, **_LIVE}, change, session=tx)).matched_count)

    async def never_tried(self, tx: Tx, own: str, seen: datetime | None) -> bool:
        """It is called off without a courier having it. False when somebody asked for it since."""
        change = {"$set": {"state": "cancelled", "live": False, "ended_at": now()}}
        wanted = {"_id": own, "state": "trying", "tried_at": seen, **_LIVE}
        return bool((await self._shipments.update_one(wanted, change, session=tx)).matched_count)

    async def cancel_asked(self, tx: Tx, own: str) -> int:
        """How often its courier was to be asked to call it off, this time with it."""
        row = await self._shipments.find_one_and_update({"_id": own}, {"$inc": {"cancels": 1}}, session=tx, return_document=AFTER)
        return int(row["cancels"])

    async def live_shipments(self, parcel_id: str) -> int:
        return int(await self._shipments.count_documents({"parcel_id": parcel_id, **_LIVE}))

    # shapes

    def _sealed(self, name: str, own: str, party: Party | None) -> str | None:
        return None if party is None else self._keys.seal(orjson.dumps(asdict(party)).decode(), f"parcels/{name}/{own}")

    def _party(self, name: str, row: Mapping[str, Any]) -> Party | None:
        return None if row[name] is None else Party(**orjson.loads(self._keys.open(row[name], f"parcels/{name}/{row['_id']}")))

    def _opened(self, row: Mapping[str, Any] | None) -> Parcel | None:
        return None if row is None else self._parcel(row)

    def _parcel(self, row: Mapping[str, Any]) -> Parcel:
        own, n = row["_id"], row["shipments"]
        facts: dict[str, Any] = {name: row.get(name) for name in ("problem", "booked_at", "packed_at", "handed_over_at", "finished_at")}
        return Parcel(
            id=own,
            **{name: row[name] for name in _PLAIN},
            state=State(row["state"]),
            items=tuple(row["items"]),
            place=Place(**row["place"]),
            receiver=self._party("receiver", row),
            sender=self._party("sender", row),
            scans=tuple(self.tracks.opened(own, row["waybill"] or "", one) for one in lines.shown(map(seen, row["scans"]), n)),
            revision=row["revision"],
            shipment_id=shipment_id(own, n) if n else None,
            shipments=n,
            is_cancelling=bool(row.get("is_cancelling")),
            created_at=row["created_at"],
            **facts,
        )


_PLAIN = (
    "case_no",
    "request_id",
    "subject_key",
    "person_id",
    "resident_id",
    "direction",
    "method",
    "payer",
    "goods",
    "courier",
    "grant_id",
    "checks_id",
    "bill_id",
    "waybill",
)


def _follows(state: State, at: datetime) -> dict[str, Any]:
    """What is true with a state: whether its standing still is watched, and since when; when it was over."""
    if state is State.BOOKED:
        return {"standing": True, "moved_at": at}
    return {} if state in UNDER_WAY else {"standing": False, **({"finished_at": at, "is_cancelling": False} if state in OVER else {})}
