"""The waiting line of an item: the first whom a free place suits is offered it, and it is kept for them among our residents for a while.

A place is offered to one at a time, because an offer is a hold like any other. The core decides when it is accepted: windows take from the same slots.
"""

import logging
from datetime import date, timedelta

from appointments import conflicts
from appointments.rules import offered_until
from appointments.slots import SlotReader, day_span
from appointments.values import Appointment, Line, Slot, Wait, Who
from appointments.wait_store import hold_of
from appointments.work import Change, Work
from kit.clock import BEIJING, now
from kit.errors import Conflict, NotReached
from kit.mongo import DuplicateKeyError, Tx

log = logging.getLogger(__name__)

MOST = 100  # in one look
_BY_ONE_SLOT = 50  # offers in one write


async def join(work: Work, own: str, who: Who, line: Line) -> Wait:
    """The same one again where they stand in this line under the same id. Raises Conflict: they stand in it already, or have a place of the item."""

    async def write(tx: Tx) -> None:
        if await work.waits.wait(own, tx) is None:
            await work.store.take_turn(tx, who.visitor_id)
            await conflicts.check_none_of_item(work, tx, who, line.item_code)
            await work.waits.add(tx, own, who, line)

    await work.store.know(who.visitor_id)
    try:
        await work.mongo.transaction(write)
    except DuplicateKeyError:
        kept = await work.waits.wait(own)
        if kept is None:
            raise Conflict("waiting_already", "您已经在排这个事项的候补，请到“我的候补”查看") from None
        return kept
    made = await work.waits.wait(own)
    if made is None:
        raise LookupError("a place in the line that was just taken")
    return made


async def leave(work: Work, wait: Wait) -> Wait:
    """What was kept for them goes to the next. Harmless to repeat."""

    async def write(tx: Tx) -> None:
        if await work.waits.move(tx, wait.id, {"waiting", "offered"}, "left") is None:
            return
        if (current := await work.waits.wait(wait.id, tx)) is not None:
            await _free(work, tx, current)

    await work.mongo.transaction(write)
    return await work.waits.wait(wait.id) or wait


async def end_for(work: Work, tx: Tx, made: Appointment) -> None:
    """They have a place of the item: an offer would find nobody who may take it. What was kept for them goes to the next."""
    wait = await work.waits.standing(tx, made.who.visitor_id, made.item_code)
    gone = await work.waits.move(tx, wait.id, {"waiting", "offered"}, "over") if wait is not None else None
    if gone is not None:
        await _free(work, tx, gone)


async def offer_places(work: Work, tx: Tx, slot: Slot | None) -> int:
    """Every free place of it to somebody who waits, in order. Returns how many were offered."""
    offered = 0
    while slot is not None and offered < _BY_ONE_SLOT and slot.free > offered:
        until = offered_until(slot.starts_at, now(), work.rules)
        first = await work.waits.first_in_line(tx, slot) if until is not None else None
        if until is None or first is None or not await work.slots.hold(tx, slot.id, hold_of(first.id)):
            break
        told = await work.waits.offer(tx, first.id, slot, until)
        if told is None:
            raise LookupError("somebody in the line was offered a place by somebody else")  # the transaction comes again, or not at all
        await work.told(tx, Change(f"{told.id}:offered:{told.offers}", "offered", wait=told))
        offered += 1
    return offered


async def see_to(work: Work, reader: SlotReader) -> int:
    """Job: offers that lapsed go to the next, lines whose days are over end, and what the core has free now is offered. Returns offers made."""
    for wait in await work.waits.lapsed(now(), MOST):
        await work.mongo.transaction(lambda tx, own=wait.id: _lapse(work, tx, own))  # type: ignore[misc]  # bound as it is now
    today = now().astimezone(BEIJING).date()
    for wait in await work.waits.over(today.isoformat(), MOST):
        await work.mongo.transaction(lambda tx, own=wait.id: _over(work, tx, own))  # type: ignore[misc]  # bound as it is now
    offered = 0
    for item_code, first, last in await work.waits.items():
        begin, end = max(date.fromisoformat(first), today), min(date.fromisoformat(last), today + timedelta(days=work.rules.days_ahead - 1))
        if begin > end:
            continue
        try:
            await reader.refresh(item_code, begin, end)
        except NotReached as exc:
            log.info("a waiting line is not served", extra={"error": str(exc)})
            continue
        offered += await serve(work, item_code, begin, end)
    return offered


async def serve(work: Work, item_code: str, first: date, last: date) -> int:
    """What is free of these days, as far as it was seen, is offered to those who wait."""
    return sum([await serve_slot(work, slot) for slot in await work.slots.of_item(item_code, day_span(first, last)) if slot.free])


async def serve_slot(work: Work, slot: Slot) -> int:
    """Before somebody who did not wait takes a place of it."""
    if await work.waits.first_in_line(None, slot) is None:
        return 0

    async def write(tx: Tx) -> int:
        return await offer_places(work, tx, await work.slots.slot(slot.id, tx))

    try:
        return await work.mongo.transaction(write)
    except LookupError:  # another process serves the same line
        return 0


async def _lapse(work: Work, tx: Tx, own: str) -> None:
    wait = await work.waits.wait(own, tx)
    if wait is None or wait.offer is None or wait.offer.until > now():
        return
    gone = await work.waits.move(tx, own, {"offered"}, "lapsed")
    if gone is not None:
        await work.told(tx, Change(f"{own}:lapsed", "lapsed", wait=gone))
        await _free(work, tx, gone)


async def _over(work: Work, tx: Tx, own: str) -> None:
    gone = await work.waits.move(tx, own, {"waiting"}, "over")
    if gone is not None:
        await work.told(tx, Change(f"{own}:over", "line_over", wait=gone))


async def _free(work: Work, tx: Tx, wait: Wait) -> None:
    if wait.offer is not None:
        await work.slots.release(tx, wait.offer.slot_id, hold_of(wait.id))
        await offer_places(work, tx, await work.slots.slot(wait.offer.slot_id, tx))
