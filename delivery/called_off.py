"""A courier order is off: by the resident's wish the parcel is, too; else somebody has to send it anew."""

from typing import Final

from delivery.parcels import State
from delivery.shipping import Change, Shipping
from kit.clock import now
from kit.mongo import Tx

PROBLEM: Final = "cancelled_by_courier"


async def called_off(shipping: Shipping, tx: Tx, parcel_id: str, n: int) -> bool:
    """In the transaction of whoever found out. False when that was known, or the parcel has another order by now. `n` 0: an order of the resident's own."""
    kept = await shipping.store.parcel(parcel_id, tx)
    if kept is None or kept.shipments != n:
        return False
    if n and not await shipping.store.end_shipment(tx, kept.shipment_id or "", "cancelled"):
        return False
    if kept.is_cancelling or not n:
        moved = await shipping.store.move(tx, parcel_id, State.CANCELLED)
    else:
        moved = await shipping.store.move(tx, parcel_id, State.ASKED, problem=PROBLEM, waybill=None, booked_at=None)
        if moved is not None:
            await shipping.store.tasks.open(tx, f"{PROBLEM}:{parcel_id}:{n}", PROBLEM, (parcel_id, kept.case_no, kept.place))
    if moved is not None:
        await shipping.told(tx, Change(f"{parcel_id}:cancelled:{n}", "cancelled", parcel_id, now()))
    return moved is not None
