"""What the hall does with its hands: packs, gives to the courier, gives to the resident, receives papers. Who may do it, the caller has checked."""

from delivery.asking import UNDER_WAY_ALREADY, held, there
from delivery.parcels import OVER, UNDER_WAY, Parcel, State
from delivery.shipping import Change, ChangeKind, Shipping
from kit.clock import now
from kit.errors import Conflict
from kit.mongo import DuplicateKeyError, Tx

_PACKABLE = frozenset({State.ASKED, State.READY, State.AWAITING_PAYMENT, State.BOOKING}) | UNDER_WAY


async def packed(shipping: Shipping, parcel_id: str) -> Parcel:
    """The licence lies in its envelope. What is to be fetched can be fetched from now on, and what came back, too. The second time changes nothing."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.direction != "to_resident":
            return False
        if kept.method != "pickup" and kept.state is not State.RETURNED:
            return await shipping.store.once(tx, parcel_id, "packed_at", _PACKABLE) is not None or kept.packed_at is not None
        if await shipping.store.move(tx, parcel_id, State.WAITING_AT_HALL, packed_at=now(), **held(shipping, kept)) is None:
            return kept.state in {State.WAITING_AT_HALL, State.PICKED_UP}
        await _tell(shipping, tx, kept, "ready_at_hall")
        return True

    try:
        done = await shipping.mongo.transaction(write)
    except DuplicateKeyError:  # it came back, and the resident has asked for another one since
        raise Conflict("parcel_under_way", UNDER_WAY_ALREADY) from None
    return await _done(shipping, parcel_id, done)


async def handed_over(shipping: Shipping, parcel_id: str) -> Parcel:
    """Scanned out: the courier has it in hand. The second time changes nothing. Raises Conflict before there is a courier order."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.direction != "to_resident" or kept.method != "courier":
            return False
        if await shipping.store.once(tx, parcel_id, "handed_over_at", UNDER_WAY) is None:
            return kept.handed_over_at is not None
        await _tell(shipping, tx, kept, "handed_over")
        return True

    return await _done(shipping, parcel_id, await shipping.mongo.transaction(write))


async def picked_up(shipping: Shipping, parcel_id: str) -> Parcel:
    """The holder or the registered agent has it, after a look at an ID document. The second time changes nothing."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.move(tx, parcel_id, State.PICKED_UP)
        if kept is None:
            found = await shipping.store.parcel(parcel_id, tx)
            return found is not None and found.state is State.PICKED_UP
        await _tell(shipping, tx, kept, "picked_up")
        return True

    return await _done(shipping, parcel_id, await shipping.mongo.transaction(write))


async def arrived_at_hall(shipping: Shipping, parcel_id: str) -> Parcel:
    """Papers are in the hall's hands, by whatever way they came. The second time changes nothing."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.direction != "to_hall":
            return False
        if await shipping.store.move(tx, parcel_id, State.ARRIVED) is None:
            return kept.state is State.ARRIVED
        if kept.shipment_id is not None:
            await shipping.store.end_shipment(tx, kept.shipment_id, "ended")
        await _tell(shipping, tx, kept, "arrived_at_hall")
        return True

    return await _done(shipping, parcel_id, await shipping.mongo.transaction(write))


async def _tell(shipping: Shipping, tx: Tx, parcel: Parcel, kind: ChangeKind) -> None:
    await shipping.told(tx, Change(f"{parcel.id}:{kind}:{parcel.shipments}", kind, parcel.id, now()))


async def _done(shipping: Shipping, parcel_id: str, done: bool) -> Parcel:
    kept = await there(shipping, parcel_id)
    if not done:
        over = kept.state in OVER
        raise Conflict("parcel_not_there_yet", "这个寄递件已经结束，不能再登记" if over else "这个寄递件还没有到这一步，请核对它的状态后再登记")
    return kept
