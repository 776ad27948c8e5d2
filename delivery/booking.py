"""Worker: one courier order for a parcel, whatever gets lost on the way, and its calling off.

When we last asked is written before we ask. After an answer that proves nothing the courier is asked what it has; it is asked to book again,
under the same number, only when it has said "nothing" for QUIET seconds.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from delivery import asking, tracking
from delivery.called_off import called_off
from delivery.couriers import Booked, Booking, Courier, Payer
from delivery.parcels import Parcel, State
from delivery.shipping import POLL, Change, ChangeKind, Shipping, poll_key
from kit import kill_points
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

QUIET = 45.0  # seconds; longer than any call of ours is on its way, and than a courier takes to show what it booked
LOOK_AGAIN = 3.0
LONGEST = 300.0


class Later(Exception):
    """Not now: again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


async def book(shipping: Shipping, row: Row) -> None:
    """Payload {parcel_id}. A courier that is away is asked again and again, never given up."""
    parcel = await _begun(shipping, row.payload["parcel_id"])
    shipment = None if parcel is None else await shipping.store.shipment(parcel.shipment_id or "")
    if parcel is None or shipment is None or shipment["state"] != "trying":
        await shipping.outbox.done(row.key)
        return
    try:
        found = await _found_or_made(shipping, parcel, shipment)
        if found is None:
            await _never(shipping, row, parcel, shipment["tried_at"])
        else:
            await _record(shipping, row, parcel, found)
    except Later as later:
        await shipping.outbox.put_off(row, later.seconds)
    except (NotReached, Unknown):
        await shipping.outbox.put_off(row, _patience(shipment["begun_at"]))
    except Refused as exc:
        await _refused(shipping, row, parcel, exc.reason)


async def _begun(shipping: Shipping, parcel_id: str) -> Parcel | None:
    """The parcel with its address frozen and one shipment that may exist; None: there is nothing to book."""
    parcel = await shipping.store.parcel(parcel_id)
    if parcel is not None and parcel.state is State.READY:

        async def begin(tx: Tx) -> None:
            await shipping.store.begin_shipment(tx, parcel_id)

        await shipping.mongo.transaction(begin)
        parcel = await shipping.store.parcel(parcel_id)
    return parcel if parcel is not None and parcel.state is State.BOOKING else None


async def _found_or_made(shipping: Shipping, parcel: Parcel, shipment: dict[str, Any]) -> Booked | None:
    """None: the courier has none, and the resident wants none any more. Raises Later, NotReached (nothing was done there), Unknown, Refused."""
    courier, own, tried = shipping.courier(parcel.courier), shipment["_id"], shipment["tried_at"]
    if tried is not None:
        found = await courier.find(own)
        if found is not None:
            return found
        quiet = (now() - tried).total_seconds()
        if quiet < QUIET:
            raise Later(min(LOOK_AGAIN, QUIET - quiet))
    if parcel.is_cancelling:
        return None
    asking_at = now()
    if not await shipping.store.trying(own, tried, asking_at):
        raise Later(LOOK_AGAIN)
    kill_points.reached("delivery.before_book")
    try:
        made = await courier.book(_booking(parcel, own))
    except NotReached:  # what is not known is what was not known before
        await shipping.store.trying(own, asking_at, tried)
        raise
    except Unknown as exc:
        raise Later(1.0) from exc
    except Refused:
        found = await courier.find(own) if tried is not None else None  # an earlier call may be why
        if found is None:
            raise
        return found
    kill_points.reached("delivery.after_book")
    return made


def _booking(parcel: Parcel, own: str) -> Booking:
    if parcel.sender is None or parcel.receiver is None:
        raise LookupError("a parcel to be booked has two ends")
    payer: Payer = "receiver" if parcel.payer == "receiver" else "sender"
    if parcel.direction == "to_hall" and parcel.payer in ("free", "city"):
        payer = "receiver"  # the hall is the receiver: what the city pays it pays there
    return Booking(own, parcel.sender, parcel.receiver, payer, parcel.goods)


async def _record(shipping: Shipping, row: Row, parcel: Parcel, found: Booked) -> None:
    n = parcel.shipments

    async def all_of_it(tx: Tx) -> bool:
        if found.is_cancelled:
            return await called_off(shipping, tx, parcel.id, n)
        kept = await shipping.store.booked(tx, found.shipment_id, parcel.id, found)
        if kept is None:
            return False
        await shipping.outbox.put(tx, POLL, poll_key(parcel.id, n), {"parcel_id": parcel.id, "n": n})
        if kept.is_cancelling:
            await asking.ask_to_cancel(shipping, tx, kept)
        else:
            await shipping.told(tx, Change(f"{parcel.id}:booked:{n}", "booked", parcel.id, now()))
        await tracking.catch_up(shipping, tx, parcel.id)
        return True

    await _end(shipping, row, all_of_it)


async def _end(shipping: Shipping, row: Row, effect: Callable[[Tx], Awaitable[bool]]) -> None:
    """The row is done in the write of its effect. Whoever finds that somebody else was faster (False) writes nothing in there: fifty of them
    would stand in each other's way."""

    async def both(tx: Tx) -> bool:
        done = await effect(tx)
        if done:
            await shipping.outbox.done(row.key, tx)
        return done

    if not await shipping.mongo.transaction(both):
        await shipping.outbox.done(row.key)


async def _never(shipping: Shipping, row: Row, parcel: Parcel, seen: datetime | None) -> None:
    async def all_of_it(tx: Tx) -> bool:
        if not await shipping.store.never_tried(tx, parcel.shipment_id or "", seen):
            return False
        await shipping.store.move(tx, parcel.id, State.CANCELLED)
        await shipping.told(tx, Change(f"{parcel.id}:cancelled:{parcel.shipments}", "cancelled", parcel.id, now()))
        await shipping.outbox.done(row.key, tx)
        return True

    if not await shipping.mongo.transaction(all_of_it):
        raise Later(LOOK_AGAIN)


async def _refused(shipping: Shipping, row: Row, parcel: Parcel, reason: str) -> None:
    """The resident may put the address right or fetch it; staff see it too. The next order has the next number: this one may be on file there."""
    n = parcel.shipments

    async def all_of_it(tx: Tx) -> bool:
        if not await shipping.store.end_shipment(tx, parcel.shipment_id or "", "refused"):
            return False
        current = await shipping.store.parcel(parcel.id, tx)
        wanted = current is not None and not current.is_cancelling
        moved = await shipping.store.move(tx, parcel.id, State.ASKED if wanted else State.CANCELLED, problem=reason)
        if moved is not None and wanted:
            await shipping.store.tasks.open(tx, f"booking_refused:{parcel.id}:{n}", "booking_refused", (parcel.id, parcel.case_no, parcel.place))
        kind: ChangeKind = "refused" if wanted else "cancelled"
        if moved is not None:
            await shipping.told(tx, Change(f"{parcel.id}:{kind}:{n}", kind, parcel.id, now()))
        return True

    await _end(shipping, row, all_of_it)
    log.warning("a courier does not take a parcel", extra={"parcel": parcel.id, "courier": parcel.courier, "reason": reason})


async def cancel_at_courier(shipping: Shipping, row: Row) -> None:
    """Payload {parcel_id, shipment_id}. Asked until the courier says yes or no."""
    own = row.payload["shipment_id"]
    parcel, shipment = await shipping.store.parcel(row.payload["parcel_id"]), await shipping.store.shipment(own)
    if parcel is None or shipment is None or not shipment["live"] or not parcel.is_cancelling:
        await shipping.outbox.done(row.key)
        return
    try:
        courier = shipping.courier(parcel.courier)
        try:
            await courier.cancel(own, shipment["waybill"])
        except Refused as exc:
            if not await _is_off(courier, shipment, exc.reason):
                await _not_cancelled(shipping, row, parcel, exc.reason)
                return
        kill_points.reached("delivery.after_cancel")
    except Later as later:
        await shipping.outbox.put_off(row, later.seconds)
        return
    except (NotReached, Unknown):
        await shipping.outbox.put_off(row, _patience(shipment["begun_at"]))
        return

    async def off(tx: Tx) -> bool:
        return await called_off(shipping, tx, parcel.id, parcel.shipments)

    await _end(shipping, row, off)


async def _is_off(courier: Courier, shipment: dict[str, Any], reason: str) -> bool:
    """Of an order that its courier does not call off. That it shows none proves nothing while it may not show it yet (Later), nor ever beside a
    reason that speaks of one. Raises NotReached, Unknown."""
    found = await courier.find(shipment["_id"])
    if found is not None:
        return found.is_cancelled
    quiet = (now() - shipment["booked_at"]).total_seconds()
    if quiet < QUIET:
        raise Later(min(LOOK_AGAIN, QUIET - quiet))
    return reason == "shipment_unknown"


async def _not_cancelled(shipping: Shipping, row: Row, parcel: Parcel, reason: str) -> None:
    async def keeps(tx: Tx) -> bool:
        if not await shipping.store.goes_on(tx, parcel.id, parcel.shipments):
            return False
        await shipping.told(tx, Change(f"{row.key}:not_cancelled", "not_cancelled", parcel.id, now()))
        return True

    await _end(shipping, row, keeps)
    log.info("a courier keeps a parcel", extra={"parcel": parcel.id, "courier": parcel.courier, "reason": reason})


def _patience(since: datetime) -> float:
    """Seconds until a courier that is away is asked again: a quarter of the time it took so far, between 1 and 300."""
    return max(1.0, min(LONGEST, (now() - since).total_seconds() / 4))
