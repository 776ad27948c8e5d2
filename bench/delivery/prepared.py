"""Parcels that are under way, put where booked ones stand, and the scans that couriers will tell of them."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from delivery import asking, parcel_store
from delivery.couriers import Booked, Courier, CourierName, Party, Scan, ScanKind
from delivery.parcel_store import Parcels
from delivery.parcels import Parcel, Wish
from delivery.shipping import Change, Shipping
from kit import outbox
from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_number
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox

HALL: Final = Party("临江市政务服务中心", "02088886666", "广东省", "临江市", "城东区", "市民大道1号")
HOME: Final = Party("某某", "13900000001", "湖南省", "长沙市", "岳麓区", "某路5号")
TELL = "parcel.tell"
WAY = (ScanKind.COLLECTED, *[ScanKind.IN_TRANSIT] * 6, ScanKind.DELIVERING)  # what a parcel usually goes through before it is signed for


class Tell:
    """One outbox row for each change that is told, as the house writes it."""

    def __init__(self, rows: Outbox) -> None:
        self._rows = rows

    async def __call__(self, tx: Tx, change: Change) -> None:
        await self._rows.put(tx, TELL, f"tell:{change.own}", {"kind": change.kind, "parcel_id": change.parcel_id})


def shipping_on(mongo: Mongo, couriers: Mapping[CourierName, Courier]) -> Shipping:
    keys, rows = Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32)), Outbox(mongo)
    return Shipping(mongo, Parcels(mongo, keys), rows, couriers, Tell(rows))


async def indexes(mongo: Mongo) -> None:
    await mongo.create_indexes({**parcel_store.INDEXES, **outbox.INDEXES})


async def asked(shipping: Shipping) -> Parcel:
    wish = Wish(
        id=new_number("J"),
        case_no="C-1",
        request_id=new_number("Q"),
        subject_key="person:p1",
        person_id="p1",
        resident_id="r1",
        direction="to_resident",
        method="courier",
        payer="city",
        items=("居民身份证",),
        courier="sf",
        receiver=HOME,
        sender=HALL,
    )
    return await asking.ask(shipping, wish)


async def booked(shipping: Shipping) -> Parcel:
    """As after the courier's answer; no courier is asked."""
    parcel = await asked(shipping)

    async def both(tx: Tx) -> None:
        made = await shipping.store.begin_shipment(tx, parcel.id)
        if made is None or made.shipment_id is None:
            raise LookupError("a parcel was not ready")
        await shipping.store.booked(tx, made.shipment_id, parcel.id, Booked(made.shipment_id, f"SF{parcel.id[-12:]}"))

    await shipping.mongo.transaction(both)
    return await asking.there(shipping, parcel.id)


def way(parcel: Parcel) -> list[Scan]:
    """Its scans in order, as one push each."""
    begun = now() - timedelta(hours=20)
    return [
        Scan(
            parcel.waybill or "",
            new_number("S"),
            kind,
            begun + timedelta(hours=n),
            f"快件到达【长沙岳麓{n}号集散中心】，准备发往下一站",
            "长沙市",
            "31",
            parcel.shipment_id,
        )
        for n, kind in enumerate(WAY)
    ]
