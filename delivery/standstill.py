"""Job: parcels of which nothing was heard for so many working days. Somebody looks, and the resident is told, once for each standstill."""

from datetime import datetime, timedelta

from delivery.shipping import Change, Shipping
from delivery.track_store import Tracked
from kit.clock import now
from kit.mongo import Tx
from kit.workdays import Calendar, day_of

TOGETHER = 200


async def look_for_stuck(shipping: Shipping, calendar: Calendar) -> int:
    """How many were found now. `Shipping.stuck_days` working days must have passed whole since the last scan, or since the booking."""
    told = 0
    today = day_of(now())
    after: tuple[datetime, str] | None = None
    latest = now() - timedelta(days=shipping.stuck_days)  # so many working days are at least so many days
    while True:
        some = await shipping.store.tracks.standing_since(latest, after, TOGETHER)
        for one in some:
            if one.moved_at is not None and calendar.between(day_of(one.moved_at), today).days > shipping.stuck_days:
                told += await _tell(shipping, one, one.moved_at)
        if len(some) < TOGETHER:
            return told
        after = (some[-1].moved_at or latest, some[-1].id)


async def _tell(shipping: Shipping, one: Tracked, moved_at: datetime) -> bool:
    occasion = f"stuck:{one.id}:{one.n}:{int(moved_at.timestamp() * 1000)}"

    async def all_of_it(tx: Tx) -> bool:
        if not await shipping.store.tracks.stuck(tx, one.id, moved_at):
            return False
        await shipping.store.tasks.open(tx, occasion, "stuck", (one.id, one.case_no, one.place))
        await shipping.told(tx, Change(occasion, "stuck", one.id, now()))
        return True

    return await shipping.mongo.transaction(all_of_it)
