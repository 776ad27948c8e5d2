"""One appointment at the core for each of ours, whatever gets lost on the way. By whoever waits for it, and by the worker after them.

When we last asked is written before we ask. After an answer that proves nothing the core is asked what it has, before it is asked again under the
same id. A place of ours that was held is counted there, or free again: never forgotten.
"""

import logging
from datetime import datetime, timedelta

from appointments import calling_off, waiting
from appointments.moves import TOLD
from appointments.rules import patience
from appointments.values import OF_CORE, Appointment, State, WaitState
from appointments.work import Change, Work
from core.appointments import Appointment as CoreAppointment
from core.appointments import AppointmentAsk
from kit import kill_points
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

QUIET = 20.0  # seconds; longer than any call of ours is on its way
GIVEN_UP = timedelta(minutes=30)  # with the core away: whoever waits may rather go to the window
_FULL = frozenset({"slot_full", "slot_closed", "slot_over", "unknown_slot"})
_NOBODY = "unknown_person"  # who can have no place at all, however often one is offered
_LOOKS = 3  # at a booking that moves on while it is written down


class Later(Exception):
    """Not now: again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


async def book(work: Work, row: Row, *, is_waited_for: bool = False) -> None:
    """Payload {appointment_id}. Raises nothing for a core that is away. `is_waited_for`: a no is told by the answer, not by a message."""
    one = await work.store.appointment(row.payload["appointment_id"])
    if one is None or one.state is not State.ASKING:
        await work.outbox.done(row.key)
        return
    try:
        found = await _found_or_made(work, one)
        if found is None:
            await _refused(work, row, one, "cancelled" if one.is_cancelling else "slot_over", tells=not is_waited_for)
        else:
            await _recorded(work, row, one, found)
        kill_points.reached("appointments.recorded")
    except Later as later:
        await work.outbox.put_off(row, later.seconds)
    except (NotReached, Unknown) as exc:
        log.info("an appointment is not confirmed yet", extra={"appointment": one.id, "error": str(exc)})
        if one.tried_at is None and now() - one.created_at > GIVEN_UP and isinstance(exc, NotReached):
            await _refused(work, row, one, "not_reached", tells=True)
        else:
            await work.outbox.put_off(row, patience(one.created_at, now()))
    except Refused as exc:
        await _refused(work, row, one, exc.reason, tells=not is_waited_for)


async def _found_or_made(work: Work, one: Appointment) -> CoreAppointment | None:
    """None: the core has none, and nobody wants one any more. Raises Later, NotReached (nothing was done there), Unknown, Refused."""
    tried = one.tried_at
    if tried is not None:
        found = await work.core.find_appointment(one.id)
        if found is not None:
            return found
    if one.is_cancelling or one.starts_at <= now():
        quiet = QUIET if tried is None else (now() - tried).total_seconds()
        if quiet < QUIET:
            raise Later(QUIET - quiet)
        if not await work.store.trying(one.id, tried, tried):
            raise Later(1.0)
        return None
    return await _ask(work, one, tried)


async def _ask(work: Work, one: Appointment, tried: datetime | None) -> CoreAppointment:
    asking_at = now()
    if not await work.store.trying(one.id, tried, asking_at):
        raise Later(1.0)
    kill_points.reached("appointments.before_book")
    ask = AppointmentAsk(appointment_id=one.id, slot_id=one.slot_id, item_code=one.item_code, person_id=one.who.visitor_id, case_no=one.case_no)
    try:
        made = await work.core.book(ask)
    except NotReached:  # what is not known is what was not known before
        await work.store.trying(one.id, asking_at, tried)
        raise
    except Unknown as exc:
        raise Later(1.0) from exc
    except Refused:
        found = await work.core.find_appointment(one.id) if tried is not None else None  # an earlier call may be why
        if found is None:
            raise
        return found
    kill_points.reached("appointments.after_book")
    return made


async def _recorded(work: Work, row: Row, one: Appointment, found: CoreAppointment) -> None:
    """As the core has it, however it moved while its answer was on the way. Raises Later: it is booked there, whatever cannot be asked any more."""
    for _ in range(_LOOKS):
        if await _record(work, row, one, found):
            return
        try:
            found = await work.core.find_appointment(one.id) or found
        except NotReached as exc:
            raise Later(1.0) from exc
    raise Later(1.0)


async def _record(work: Work, row: Row, one: Appointment, found: CoreAppointment) -> bool:
    """The old place of one that moved is given back in the same write, and asked back at the core. False: a newer step was heard of than `found` has."""

    async def all_of_it(tx: Tx) -> bool:
        kept = await work.store.booked(tx, one.id, found, OF_CORE[found.state])
        if kept is None:
            current = await work.store.appointment(one.id, tx)
            is_stale = current is not None and current.state is State.ASKING
            if not is_stale:
                await work.outbox.done(row.key, tx)
            return not is_stale
        await work.outbox.done(row.key, tx)
        await work.slots.counted(tx, kept.slot_id, kept.id)
        if kept.wait_id is not None:
            await work.waits.end(tx, kept.wait_id)
        wanted = not one.is_cancelling and not kept.is_cancelling
        if kept.replaces is not None and kept.state is State.BOOKED and wanted:
            wanted = await calling_off.give_up_for(work, tx, kept)
        if kept.state is not State.BOOKED:
            await work.told(tx, Change(f"{kept.id}:{kept.version}", TOLD.get(kept.state, "booked"), kept))
        elif wanted:
            await waiting.end_for(work, tx, kept)
            await work.told(tx, Change(f"{kept.id}:booked", "moved" if kept.replaces else "booked", kept))
        else:
            await calling_off.off(work, tx, kept)
        return True

    return await work.mongo.transaction(all_of_it)


async def _refused(work: Work, row: Row, one: Appointment, reason: str, *, tells: bool) -> None:
    """The place is free again, or the slot is known to be full. Whoever stood in the line for it stands there again."""
    to = State.CANCELLED if reason == "cancelled" else State.REFUSED

    async def all_of_it(tx: Tx) -> None:
        moved = await work.store.move(tx, one.id, {State.ASKING}, to, problem=reason)
        await work.outbox.done(row.key, tx)
        if moved is None:
            return
        await work.slots.release(tx, one.slot_id, one.id, is_full=reason in _FULL)
        if one.wait_id is not None:
            then: WaitState = "left" if to is State.CANCELLED else "over" if reason == _NOBODY else "waiting"
            back = await work.waits.move(tx, one.wait_id, {"booked"}, then)
            if back is not None and then == "waiting":
                await work.told(tx, Change(f"{back.id}:again:{back.offers}", "waiting_again", wait=back, problem=reason))
        is_told_by_the_line = one.wait_id is not None and reason != _NOBODY
        if not is_told_by_the_line and (tells or to is State.CANCELLED):
            await work.told(tx, Change(f"{one.id}:{to.value}", "cancelled" if to is State.CANCELLED else "refused", moved))
        await waiting.offer_places(work, tx, await work.slots.slot(one.slot_id, tx))

    await work.mongo.transaction(all_of_it)
    log.info("an appointment is not made", extra={"appointment": one.id, "reason": reason})
