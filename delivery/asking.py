"""A resident asks for a parcel, changes where it goes, calls it off; its freight is paid. Nothing here waits for a courier."""

from delivery.couriers import Party
from delivery.parcels import CHANGEABLE, UNDER_WAY, Parcel, State, Wish
from delivery.shipping import BOOK, CANCEL, POLL, Shipping, book_key, cancel_key, poll_key
from kit.errors import Conflict, NotFound, VersionConflict
from kit.mongo import DuplicateKeyError, Tx

UNDER_WAY_ALREADY = "这件办件的证照已经安排了寄递或自取，请在办件详情查看；如需更改，请先取消原来的安排"


async def ask(shipping: Shipping, wish: Wish) -> Parcel:
    """The same wish again gives the same parcel. Raises Conflict: another wish under this id, or the case's licences are on their way already."""
    state = _begins(wish)

    async def write(tx: Tx) -> None:
        await shipping.store.add(tx, wish, state)
        if state is State.READY:
            await shipping.outbox.put(tx, BOOK, book_key(wish.id, 1), {"parcel_id": wish.id})
        if state is State.BOOKED:
            await shipping.outbox.put(tx, POLL, poll_key(wish.id, 0), {"parcel_id": wish.id, "n": 0, "subscribe": True})

    try:
        await shipping.mongo.transaction(write)
    except DuplicateKeyError:
        alike = await shipping.store.is_like(wish)
        if alike is None:
            raise Conflict("parcel_under_way", UNDER_WAY_ALREADY) from None
        if not alike:
            raise Conflict("parcel_differs", "这次提交与之前的内容不同，请刷新页面后重新填写") from None
    return await there(shipping, wish.id)


def _begins(wish: Wish) -> State:
    if wish.method == "pickup":
        return State.ASKED
    if wish.method == "own_courier":
        return State.BOOKED
    return State.AWAITING_PAYMENT if wish.payer == "prepaid" else State.READY


async def change_address(shipping: Shipping, parcel_id: str, party: Party, seen_revision: int) -> Parcel:
    """Where it goes to, or is fetched from. What a courier did not take is booked anew. Raises Conflict (address_frozen), VersionConflict, NotFound."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.method != "courier":
            return False
        side = "receiver" if kept.direction == "to_resident" else "sender"
        changed = await shipping.store.change_party(tx, parcel_id, side, party, seen_revision)  # type: ignore[arg-type]  # one of the two
        if changed is not None and changed.state is State.ASKED:
            await again(shipping, tx, changed)
        return changed is not None

    if not await shipping.mongo.transaction(write):
        kept = await there(shipping, parcel_id)
        if kept.state not in CHANGEABLE or kept.method != "courier":
            raise Conflict("address_frozen", "快递单已经生成，地址不能再改；如需更改，请在快递揽收前取消后重新申请，或联系快递公司")
        raise VersionConflict("parcel_changed", "寄递信息刚刚被修改过，请刷新后再改")
    return await there(shipping, parcel_id)


async def again(shipping: Shipping, tx: Tx, parcel: Parcel) -> bool:
    """Ready once more, with the booking that follows, under the next number."""
    afresh = {"waybill": None, "booked_at": None, "handed_over_at": None, "problem": None}
    moved = await shipping.store.move(tx, parcel.id, State.READY, **afresh, **held(shipping, parcel))
    if moved is not None:
        await shipping.outbox.put(tx, BOOK, book_key(parcel.id, moved.shipments + 1), {"parcel_id": parcel.id})
    return moved is not None


def held(shipping: Shipping, parcel: Parcel) -> dict[str, str]:
    """What must not be under way a second time while this is."""
    what = shipping.store.only(parcel)
    return {} if what is None else {"only": what}


async def book_again(shipping: Shipping, parcel_id: str) -> Parcel:
    """Staff: what the courier called off, or brought back, goes out once more. The second time changes nothing. Raises Conflict, NotFound."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.method != "courier":
            return False
        if kept.state in {State.ASKED, State.RETURNED}:
            return await again(shipping, tx, kept)
        return kept.state in {State.READY, State.BOOKING, State.BOOKED}

    try:
        done = await shipping.mongo.transaction(write)
    except DuplicateKeyError:
        raise Conflict("parcel_under_way", UNDER_WAY_ALREADY) from None
    if not done:
        await there(shipping, parcel_id)
        raise Conflict("parcel_not_to_be_sent", "这个寄递件现在不能重新寄出，请核对它的状态")
    return await there(shipping, parcel_id)


async def cancel(shipping: Shipping, parcel_id: str) -> Parcel:
    """At once while no courier knows of it; else the courier is asked (`is_cancelling`). Harmless to repeat. Raises Conflict once it is collected."""

    async def write(tx: Tx) -> bool:
        kept = await shipping.store.parcel(parcel_id, tx)
        if kept is None or kept.state is State.CANCELLED:
            return kept is not None
        if kept.state in CHANGEABLE or kept.state is State.WAITING_AT_HALL or (kept.method == "own_courier" and kept.state is State.BOOKED):
            return await shipping.store.move(tx, parcel_id, State.CANCELLED) is not None
        if kept.state not in {State.BOOKING, State.BOOKED}:
            return False
        if not kept.is_cancelling:
            await shipping.store.note(tx, parcel_id, {kept.state}, is_cancelling=True)
            if kept.state is State.BOOKED:
                await ask_to_cancel(shipping, tx, kept)
        return True

    if not await shipping.mongo.transaction(write):
        kept = await there(shipping, parcel_id)
        if kept.state in UNDER_WAY:
            raise Conflict("already_collected", "快递已经揽收，不能取消；如不需要，可在派送时拒收")
        raise Conflict("parcel_over", "这个寄递件已经结束，不能取消")
    return await there(shipping, parcel_id)


async def ask_to_cancel(shipping: Shipping, tx: Tx, parcel: Parcel) -> None:
    """A row for the worker, once for a courier order. One that was refused before is asked again: it may be a day later."""
    own = parcel.shipment_id or ""
    asked = await shipping.store.cancel_asked(tx, own)
    await shipping.outbox.put(tx, CANCEL, f"{cancel_key(own)}:{asked}", {"parcel_id": parcel.id, "shipment_id": own})


async def paid(shipping: Shipping, tx: Tx, bill_id: str) -> bool:
    """The freight of a parcel is paid, in the transaction that says so. False: no parcel waits for this bill (any more)."""
    waiting = await shipping.store.of_bill(tx, bill_id)
    if waiting is None or waiting.state is not State.AWAITING_PAYMENT:
        return False
    return await again(shipping, tx, waiting)


async def there(shipping: Shipping, parcel_id: str) -> Parcel:
    """Raises NotFound."""
    found = await shipping.store.parcel(parcel_id)
    if found is None:
        raise NotFound("parcel_unknown", "没有找到这个寄递件，请刷新列表")
    return found
