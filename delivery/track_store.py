"""Every query of following a parcel: its scans, its standing still. Nobody's name is read here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from delivery.couriers import Scan, ScanKind
from delivery.parcels import Place, State, shipment_id
from delivery.scans import Seen
from kit.crypto import Keyring
from kit.mongo import ASCENDING, Mongo, Tx, UpdateOne

_HIDDEN = {"receiver": 0, "sender": 0, "items": 0}  # of no use to whoever only follows a parcel


@dataclass(frozen=True, slots=True)
class Tracked:
    """A parcel as tracking sees it: nobody's name in it. `heard_at`: a push; `polled_at`: an answer; `unheard`: a poll showed what no push had."""

    id: str
    case_no: str
    place: Place
    courier: str | None
    state: State
    n: int
    waybill: str | None
    scans: list[Seen]
    booked_at: datetime | None
    moved_at: datetime | None
    heard_at: datetime | None
    polled_at: datetime | None
    unheard: bool
    turn: int  # how often what is told of it changed
    is_confirming: bool
    is_cancelling: bool

    @property
    def shipment_id(self) -> str:
        return shipment_id(self.id, self.n)


class Tracks:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._parcels = mongo["parcels"]
        self._keys = keys

    async def tracked(self, tx: Tx | None, ids: Collection[str], waybills: Collection[str]) -> list[Tracked]:
        """Parcels of these ids or waybills."""
        wanted: dict[str, Any] = {"waybill": {"$in": list(waybills)}}
        if ids:
            wanted = {"$or": [{"_id": {"$in": list(ids)}}, wanted]} if waybills else {"_id": {"$in": list(ids)}}
        return [_tracked(row) async for row in self._parcels.find(wanted, _HIDDEN, session=tx)]

    async def standing_since(self, moment: datetime, after: tuple[datetime, str] | None, limit: int) -> list[Tracked]:
        """Of which nothing new was heard since `moment`, the longest silent first, after (moved_at, id); not those somebody was told of."""
        wanted: dict[str, Any] = {"standing": True, "moved_at": {"$lt": moment}}
        if after is not None:
            wanted["$or"] = [{"moved_at": {"$gt": after[0]}}, {"moved_at": after[0], "_id": {"$gt": after[1]}}]
        found = self._parcels.find(wanted, _HIDDEN).sort([("moved_at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
        return [_tracked(row) async for row in found]

    async def stuck(self, tx: Tx, own: str, moved_at: datetime) -> bool:
        """It was told that it stands still; False when it moved meanwhile or that was known."""
        seen = {"_id": own, "standing": True, "moved_at": moved_at}
        return bool((await self._parcels.update_one(seen, {"$set": {"standing": False}}, session=tx)).modified_count)

    async def write_tracked(self, tx: Tx, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Parcel id -> facts, in one write. Only inside the transaction that read them (`tracked`), which a faster one makes run again."""
        if changes:
            await self._parcels.bulk_write([UpdateOne({"_id": own}, {"$set": dict(facts)}) for own, facts in changes.items()], session=tx)

    def seal_scan(self, own: str, n: int, scan: Scan, *, polled: bool) -> Seen:
        """As it is kept; whatever a courier writes into a text is somebody's matter."""
        text = orjson.dumps([_plain(scan.text, 500), _plain(scan.place, 100)]).decode()
        return Seen(scan.scan_id, n, scan.kind, scan.at, scan.code, polled, self._keys.seal(text, f"parcels/scans/{own}"))

    @staticmethod
    def kept(scans: Sequence[Seen]) -> list[dict[str, Any]]:
        return [{name: getattr(one, name) for name in ("id", "n", "at", "code", "polled", "text")} | {"kind": one.kind.value} for one in scans]

    def opened(self, own: str, waybill: str, one: Seen) -> Scan:
        text, place = orjson.loads(self._keys.open(one.text, f"parcels/scans/{own}"))
        return Scan(waybill, one.id, one.kind, one.at, text, place, one.code)


def seen(row: Mapping[str, Any]) -> Seen:
    return Seen(row["id"], row["n"], ScanKind(row["kind"]), row["at"], row["code"], row["polled"], row["text"])


def _tracked(row: Mapping[str, Any]) -> Tracked:
    return Tracked(
        id=row["_id"],
        case_no=row["case_no"],
        place=Place(**row["place"]),
        courier=row["courier"],
        state=State(row["state"]),
        n=row["shipments"],
        waybill=row["waybill"],
        scans=[seen(one) for one in row["scans"]],
        unheard=bool(row.get("unheard")),
        turn=row.get("turn", 0),
        is_confirming=bool(row.get("is_confirming")),
        is_cancelling=bool(row.get("is_cancelling")),
        **{name: row.get(name) for name in ("booked_at", "moved_at", "heard_at", "polled_at")},
    )


def _plain(text: str, most: int) -> str:
    """What can be stored: half of a surrogate pair is no text."""
    return text[:most].encode("utf-8", "replace").decode()
