"""Everything parcels need, on a real database, with pretend couriers; and a worker that is stepped by hand."""

from dataclasses import dataclass, field, replace
from typing import Any

from delivery import asking, booking, polling
from delivery.couriers import CourierName, Party, Scan, ScanKind
from delivery.parcel_store import INDEXES, Parcels
from delivery.parcels import Parcel, Wish
from delivery.shipping import BOOK, CANCEL, POLL, Change, Shipping
from delivery.tracking import take_scans
from kit.crypto import Keyring
from kit.errors import Outside
from kit.ids import new_number
from kit.mongo import Mongo, Tx
from kit.outbox import COLLECTION, Outbox, Row
from tests.delivery.pretend import Fragile, Order, PretendCourier, Trouble

HANDLERS = {BOOK: booking.book, CANCEL: booking.cancel_at_courier, POLL: polling.poll}
HOME = Party("林晓梅", "13800000001", "江东省", "临江市", "城关区", "和平路 1 号")
ELSEWHERE = replace(HOME, address="解放路 2 号")
HALL = Party("临江市政务服务中心", "057100000000", "江东省", "临江市", "城关区", "人民大道 8 号")


@dataclass
class Ears:
    """What was told, as it stands in the database: what a transaction took back was not told."""

    mongo: Mongo

    async def __call__(self, tx: Tx, change: Change) -> None:
        row = {"_id": change.own, "kind": change.kind, "parcel_id": change.parcel_id, "at": change.at}
        await self.mongo["told"].insert_one(row, session=tx)

    async def of(self, parcel_id: str) -> list[str]:
        return [row["kind"] async for row in self.mongo["told"].find({"parcel_id": parcel_id}).sort("$natural", 1)]


@dataclass
class Depot:
    mongo: Mongo
    shipping: Shipping
    ears: Ears
    couriers: dict[CourierName, PretendCourier] = field(default_factory=dict)

    @property
    def sf(self) -> PretendCourier:
        return self.couriers["sf"]

    @property
    def store(self) -> Parcels:
        return self.shipping.store

    async def ask(self, **differently: Any) -> Parcel:
        return await asking.ask(self.shipping, make_wish(**differently))

    async def booked(self, **differently: Any) -> Parcel:
        parcel = await self.ask(**differently)
        await self.work()
        return await self.parcel(parcel.id)

    async def parcel(self, own: str) -> Parcel:
        found = await self.store.parcel(own)
        assert found is not None
        return found

    def order(self, parcel: Parcel) -> Order:
        (found,) = self.sf.of_parcel(parcel.id)
        return found

    async def push(self, *scans: Scan, courier: CourierName = "sf") -> int:
        return await take_scans(self.shipping, courier, scans, source="push")

    async def happens(self, parcel: Parcel, *kinds: ScanKind) -> Parcel:
        """Told one by one, as it happens."""
        for kind in kinds:
            await self.push(self.sf.scan(self.order(parcel), kind))
        return await self.parcel(parcel.id)

    async def told(self, parcel: Parcel) -> list[str]:
        return await self.ears.of(parcel.id)

    # the worker

    async def step(self) -> bool:
        """One due row, as the worker handles it; False when nothing is due. A Crash leaves the row leased, as a dead process does."""
        row = await self.shipping.outbox.take([*HANDLERS])
        if row is not None:
            await self.handle(row)
        return row is not None

    async def handle(self, row: Row) -> None:
        try:
            await HANDLERS[row.kind](self.shipping, row)
        except Outside as exc:
            await self.shipping.outbox.give_back(row, str(exc), ours=False)

    async def another_worker(self) -> None:
        """One whose colleague takes too long over a row: the lease ran out, and both are at it."""
        rows = self.mongo[COLLECTION]
        held = await rows.find_one({"state": "waiting", "held": True}, sort=[("due_at", -1)])
        if held is not None:
            await rows.update_one({"_id": held["_id"]}, [{"$set": {"due_at": "$$NOW"}}])
            row = await self.shipping.outbox.take_key(held["_id"])
            assert row is not None
            await self.handle(row)

    async def work(self, most: int = 100) -> None:
        for _ in range(most):
            if not await self.step():
                return
        raise AssertionError("the worker does not come to an end")

    async def pass_time(self, seconds: float) -> None:
        """As if so much time had gone by: what waits is due, what was asked is long asked, scans grow old."""
        back = -int(seconds * 1000)
        await self.mongo[COLLECTION].update_many({"state": "waiting"}, [{"$set": {"due_at": _moved("$due_at", back)}}])
        dates = ("moved_at", "heard_at", "polled_at", "booked_at", "created_at")
        scans = {"$map": {"input": "$scans", "as": "one", "in": {"$mergeObjects": ["$$one", {"at": _moved("$$one.at", back)}]}}}
        await self.mongo["parcels"].update_many({}, [{"$set": {name: _moved(f"${name}", back) for name in dates} | {"scans": scans}}])
        made = {name: _moved(f"${name}", back) for name in ("tried_at", "begun_at", "booked_at")}
        await self.mongo["shipments"].update_many({}, [{"$set": made}])
        for courier in self.couriers.values():
            courier.pass_time(seconds)

    def well(self) -> None:
        Fragile.dies = ""
        for courier in self.couriers.values():
            courier.trouble = Trouble()


def make_wish(**differently: Any) -> Wish:
    given = {
        "id": new_number("J"),
        "case_no": "C-1",
        "request_id": new_number("Q"),
        "subject_key": "person:p1",
        "person_id": "p1",
        "resident_id": "r1",
        "direction": "to_resident",
        "method": "courier",
        "payer": "city",
        "items": ("居民身份证",),
        "courier": "sf",
        "receiver": HOME,
        "sender": HALL,
    }
    return Wish(**given | differently)  # type: ignore[arg-type]  # a test says what it means


def make_depot(mongo: Mongo, keys: Keyring, *, dedupes: bool = True) -> Depot:
    fragile = Fragile(mongo.client, mongo.database)
    Fragile.dies = ""
    ears = Ears(mongo)
    couriers: dict[CourierName, PretendCourier] = {
        "sf": PretendCourier(dedupes=dedupes),
        "kuaidi100": PretendCourier("kuaidi100", books=False),
    }
    shipping = Shipping(fragile, Parcels(mongo, keys), Outbox(mongo), couriers, ears)
    return Depot(mongo, shipping, ears, couriers)


async def indexes(mongo: Mongo) -> None:
    await mongo.create_indexes({**INDEXES, COLLECTION: [], "told": []})


def _moved(field: str, milliseconds: int) -> dict[str, Any]:
    """A date so much later; null stays null."""
    return {"$cond": [{"$eq": [{"$type": field}, "date"]}, {"$dateAdd": {"startDate": field, "unit": "millisecond", "amount": milliseconds}}, None]}
