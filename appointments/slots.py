"""Slots of an item as the core has them, remembered for when it is away. What is shown as left is less what we hold and it has not counted."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from appointments.slot_store import Slots
from appointments.values import Slot
from core.appointments import CoreAppointments
from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused

FRESH = 1.0  # seconds for which one answer serves everybody who asks


@dataclass(frozen=True, slots=True)
class Seen:
    """`as_of`: when the core said so, where it is away now; None: just now."""

    slots: tuple[Slot, ...]
    as_of: datetime | None


class SlotReader:
    """One per process: those who ask for the same days at the same time share one call to the core."""

    def __init__(self, slots: Slots, core: CoreAppointments) -> None:
        self._slots = slots
        self._core = core
        self._asked: dict[tuple[str, date, date], tuple[float, asyncio.Task[None]]] = {}

    async def look(self, item_code: str, first: date, last: date, *, anew: bool = False) -> Seen:
        """Days both included. `anew`: an answer of just now is not enough. Raises NotReached where the core is away and nothing is remembered."""
        if anew:
            self._asked.pop((item_code, first, last), None)
        span = day_span(first, last)
        try:
            await self.refresh(item_code, first, last)
        except NotReached:
            kept = await self._slots.of_item(item_code, span)
            if not kept:
                raise
            return Seen(tuple(kept), min(one.seen_at or now() for one in kept))
        return Seen(tuple(await self._slots.of_item(item_code, span)), None)

    async def refresh(self, item_code: str, first: date, last: date) -> None:
        """Raises NotReached. An item the core has no slots for has none."""
        about, clock = (item_code, first, last), asyncio.get_running_loop().time()
        for other, (at, task) in list(self._asked.items()):
            if task.done() and clock - at > FRESH:
                del self._asked[other]
        if about not in self._asked or self._asked[about][1].cancelled():
            task = asyncio.create_task(self._read(item_code, first, last))
            task.add_done_callback(_heard)
            self._asked[about] = (clock, task)
        await asyncio.shield(self._asked[about][1])

    async def _read(self, item_code: str, first: date, last: date) -> None:
        asked_at = now()
        try:
            found = await self._core.slots(item_code, first.isoformat(), last.isoformat())
        except Refused as exc:
            if exc.reason != "unknown_item":
                raise NotReached(exc.party, exc.reason) from exc
            found = ()
        await self._slots.see(found, item_code, day_span(first, last), asked_at)


def day_span(first: date, last: date) -> tuple[datetime, datetime]:
    """From the first moment of one Beijing day up to the last of another."""
    begin = datetime.combine(first, time(), BEIJING)
    return begin.astimezone(UTC), (datetime.combine(last, time(), BEIJING) + timedelta(days=1)).astimezone(UTC)


def _heard(task: asyncio.Task[None]) -> None:
    """Whoever asked may be gone; its failure is told to those who still wait."""
    if not task.cancelled():
        task.exception()
