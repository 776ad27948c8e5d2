"""Story: the core says that something happened. From the webhook and from the pull feed alike; the second telling changes nothing.

What comes at the same time is written together: one transaction for fifty events costs little more than for one. Where one of them was here
before, or two writers meet, each is written on its own.
"""

import logging
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ValidationError

from core.appointments import AppointmentMoved
from core.complaints import ComplaintMoved
from core.events import Event, read_event
from core.types import BillIssued, CoreEvent
from kit.errors import Outside
from kit.gather import Gathered
from kit.mongo import DuplicateKeyError, Tx
from miniapp_api import appointment_moved, bill_issued, case_moved, complaint_moved
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

Outcome = Literal["applied", "repeated", "not_ours"]
TOGETHER = 50  # events of one transaction


async def take(deps: Deps, events: Sequence[Event]) -> list[Outcome]:
    """What became of each, in the same order."""
    if len({event.event_id for event in events}) == len(events):
        try:
            return await _together(deps, events)
        except (DuplicateKeyError, LookupError, TimeoutError):
            if len(events) == 1:
                return ["repeated"] if await deps.cases.known_events([events[0].event_id]) else await _together(deps, events)
    return [(await take(deps, [event]))[0] for event in events]


async def _together(deps: Deps, events: Sequence[Event]) -> list[Outcome]:
    moves = [event for event in events if isinstance(event, CoreEvent)]

    async def all_of_it(tx: Tx) -> dict[str, Outcome]:
        await deps.cases.first_time(tx, [(event.event_id, event.case_no) for event in events])
        became: dict[str, Outcome] = dict(zip((move.event_id for move in moves), await case_moved.apply(deps, tx, moves), strict=True))
        for event in events:
            if not isinstance(event, CoreEvent):
                became[event.event_id] = await _apply(deps, tx, event)
        return became

    became = await deps.mongo.transaction(all_of_it)
    return [became[event.event_id] for event in events]


async def _apply(deps: Deps, tx: Tx, event: BillIssued | AppointmentMoved | ComplaintMoved) -> Outcome:
    if isinstance(event, BillIssued):
        return await bill_issued.apply(deps, tx, event)
    if isinstance(event, AppointmentMoved):
        return await appointment_moved.apply(deps, tx, event)
    return await complaint_moved.apply(deps, tx, event)


class Intake:
    """For events that come one by one, each waiting for its own answer: those under way at the same time are taken together."""

    def __init__(self, deps: Deps) -> None:
        async def trip(events: Sequence[Event]) -> Sequence[Outcome]:
            return await take(deps, events)

        self._take = Gathered(trip, most=TOGETHER)

    async def take(self, event: Event) -> Outcome:
        """Returns when the effect is durable."""
        return await self._take(event)


async def take_feed(deps: Deps, pages: int = 20) -> int:
    """Events nobody called about. The cursor moves after the page's effects; returns how many were new."""
    new = 0
    for _ in range(pages):
        cursor = await deps.cases.feed_cursor()
        page = await deps.core.events_page(cursor)
        known = await deps.cases.known_events([str(raw.get("event_id")) for raw in page.events])
        unknown = [event for raw in page.events if raw.get("event_id") not in known and (event := await _read(deps, raw)) is not None]
        for first in range(0, len(unknown), TOGETHER):
            new += (await take(deps, unknown[first : first + TOGETHER])).count("applied")
        if page.next_cursor != cursor:
            await deps.cases.move_feed(cursor, page.next_cursor)
        if not page.has_more:
            break
    return new


async def _read(deps: Deps, raw: dict[str, Any]) -> Event | None:
    """None: it cannot be read, and is kept for somebody to look at."""
    try:
        return read_event(raw)
    except ValidationError as exc:
        log.error("core event parked", extra={"problems": len(exc.errors()), "event_id": str(raw.get("event_id"))[:64]})
        await deps.cases.park_event(raw, "; ".join(".".join(str(part) for part in one["loc"]) for one in exc.errors())[:500])
        return None


async def look_at_feed(deps: Deps) -> None:
    """Edge of a job."""
    try:
        new = await take_feed(deps)
    except Outside as exc:
        log.warning("core feed not read", extra={"error": str(exc)})
        return
    if new:
        log.info("events found by asking", extra={"events": new})
