"""A place is given back: at once here, and at the core until it has said so. Only then is it free for the next in line."""

import logging
from datetime import timedelta

from appointments import waiting
from appointments.rules import cancel_until, patience
from appointments.values import Appointment, State
from appointments.work import CALL_OFF, Change, Work, book_key, call_off_key
from kit import kill_points
from kit.clock import now
from kit.errors import Outside, Refused
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

AWAY = timedelta(days=1)  # after the beginning nobody can take the place any more
_NO = frozenset({"unknown_appointment", "too_late", "appointment_over"})  # it has none, or they were there, or the hall closed: no place comes of it


async def cancel(work: Work, own: str) -> Appointment | None:
    """Harmless to repeat. None: it is too late, or there is nothing to call off; the caller says which. One that is being asked for goes as soon as known."""

    async def write(tx: Tx) -> bool:
        one = await work.store.appointment(own, tx)
        if one is None or one.state is State.CANCELLED:
            return one is not None
        if one.state is State.ASKING:
            return await work.store.note(tx, own, {State.ASKING}, is_cancelling=True)
        if one.state is not State.BOOKED or now() > cancel_until(one.starts_at, work.rules):
            return False
        coming = await work.store.moving_from(tx, own)
        if coming is not None:
            await work.store.note(tx, coming.id, {State.ASKING}, is_cancelling=True)
        await off(work, tx, one)
        return True

    if not await work.mongo.transaction(write):
        return None
    await work.outbox.hurry(book_key(own))
    return await work.store.appointment(own)


async def off(work: Work, tx: Tx, one: Appointment) -> None:
    """A booked one is over, told, and called off at the core by a row of its own."""
    gone = await work.store.move(tx, one.id, {State.BOOKED}, State.CANCELLED)
    if gone is not None:
        await work.outbox.put(tx, CALL_OFF, call_off_key(one.id), {"appointment_id": one.id})
        await work.told(tx, Change(f"{one.id}:cancelled", "cancelled", gone))


async def give_up_for(work: Work, tx: Tx, new: Appointment) -> bool:
    """The old one makes room, silently: its owner is told that it moved. False: they were at the hall already, or called it off, and need no new one."""
    old = await work.store.appointment(new.replaces or "", tx)
    if old is not None and old.state in (State.ARRIVED, State.SERVED, State.CANCELLED):
        return False
    gone = await work.store.move(tx, old.id, {State.BOOKED}, State.CANCELLED, moved_to=new.id) if old is not None else None
    if gone is not None:
        await work.outbox.put(tx, CALL_OFF, call_off_key(gone.id), {"appointment_id": gone.id})
    if new.state is State.BOOKED:
        await work.store.stands_alone(tx, new)
    return True


async def call_off(work: Work, row: Row) -> None:
    """Worker; payload {appointment_id}. Asked until the core says yes, or that there is nothing to call off; any other no is about the call."""
    one = await work.store.appointment(row.payload["appointment_id"])
    if one is None or now() > one.starts_at + AWAY:
        await work.outbox.done(row.key)
        return
    try:
        await work.core.call_off(one.id)
        is_free = True
    except Outside as exc:
        if not isinstance(exc, Refused) or exc.reason not in _NO:
            log.warning("an appointment is not called off yet", extra={"appointment": one.id, "error": str(exc)})
            await work.outbox.put_off(row, patience(one.ended_at or now(), now()))
            return
        is_free = False
    kill_points.reached("appointments.after_call_off")

    async def all_of_it(tx: Tx) -> None:
        await work.outbox.done(row.key, tx)
        if await work.store.off_at_core(tx, one.id) and is_free:
            await waiting.offer_places(work, tx, await work.slots.given_back(tx, one.slot_id))

    await work.mongo.transaction(all_of_it)
