"""Worker: asking a courier of itself, when nothing was heard for long, or at once when a push told of an end that only an answer makes true."""

import logging

from delivery import tracking
from delivery.couriers import Scan
from delivery.parcels import UNDER_WAY
from delivery.poll_gaps import next_poll
from delivery.scans import unconfirmed
from delivery.shipping import Shipping
from delivery.track_store import Tracked
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

AWAY = 300.0  # seconds until a courier that does not answer is asked again
AWAY_CONFIRMING = 30.0
TRIES = 9  # answers without the end that was pushed, over about seven minutes: a courier's search may lag behind its pushes
AT_ONCE = 5.0


async def poll(shipping: Shipping, row: Row) -> None:
    """Payload {parcel_id, n, confirm?, subscribe?}. A push since the last time costs no question: the row sleeps on."""
    one = await _followed(shipping, row)
    if one is None:
        await shipping.outbox.done(row.key)
        return
    confirming = bool(row.payload.get("confirm"))
    wait = 0.0 if confirming else _wait(one)
    if wait > 0:
        await shipping.outbox.put_off(row, wait)
        return
    try:
        scans = await _ask(shipping, one, subscribe=bool(row.payload.get("subscribe")) and one.polled_at is None)
    except (NotReached, Unknown):
        await shipping.outbox.put_off(row, AWAY_CONFIRMING if confirming else AWAY)
        return
    after = await _apply(shipping, row, one, scans)
    if after is None:
        return
    if not confirming:
        await shipping.outbox.put_off(row, max(AT_ONCE, _wait(after)))
    elif unconfirmed(after.scans, after.n) - unconfirmed(one.scans, one.n):  # told of while we asked
        await shipping.outbox.put_off(row, AT_ONCE)
    else:
        await shipping.outbox.give_back(row, "end_not_confirmed")


async def _followed(shipping: Shipping, row: Row) -> Tracked | None:
    found = await shipping.store.tracks.tracked(None, [row.payload["parcel_id"]], [])
    states = tracking.FOLLOWED if row.payload.get("confirm") else UNDER_WAY
    return next((one for one in found if one.n == row.payload["n"] and one.state in states), None)


def _wait(one: Tracked) -> float:
    """Seconds until it is to be asked about."""
    begun = one.booked_at or now()
    if one.n == 0 and one.polled_at is None:  # a waybill the resident told: nothing is known of it
        return 0.0
    last = max(moment for moment in (begun, one.heard_at, one.polled_at) if moment is not None)
    return (next_poll(one.state, one.moved_at or begun, last, unheard=one.unheard) - now()).total_seconds()


async def _ask(shipping: Shipping, one: Tracked, *, subscribe: bool) -> list[Scan]:
    """Raises NotReached, Unknown. A courier that refuses to answer showed nothing."""
    parcel = await shipping.store.parcel(one.id)
    if parcel is None or one.waybill is None:
        return []
    courier = shipping.courier(parcel.courier if one.n else shipping.tracker)
    party = parcel.receiver or parcel.sender
    phone = "" if party is None else party.phone
    try:
        if subscribe:
            await courier.subscribe(one.waybill, phone)
        return list(await courier.track(one.waybill, phone))
    except Refused as exc:
        log.warning("a courier does not say where a parcel is", extra={"parcel": one.id, "courier": courier.name, "reason": exc.reason})
        return []


async def _apply(shipping: Shipping, row: Row, seen: Tracked, scans: list[Scan]) -> Tracked | None:
    """The answer, that it was given, and the end of the row where there is one, in one write. None: the row is done."""
    confirming = bool(row.payload.get("confirm"))
    courier = shipping.courier(seen.courier if seen.n else shipping.tracker).name  # type: ignore[arg-type]  # as it is stored

    async def all_of_it(tx: Tx) -> Tracked | None:
        current = [one for one in await shipping.store.tracks.tracked(tx, [seen.id], []) if one.n == seen.n]
        if not current:
            await shipping.outbox.done(row.key, tx)
            return None
        await tracking.apply(shipping, tx, [tracking.Heard(courier, scans, "poll", seen.id)])
        after = (await shipping.store.tracks.tracked(tx, [seen.id], []))[0]
        left = unconfirmed(after.scans, after.n)
        gave_up = row.attempt >= TRIES and left <= unconfirmed(seen.scans, seen.n)
        over = (not left or gave_up or after.state not in tracking.FOLLOWED) if confirming else after.state not in UNDER_WAY
        facts = {"polled_at": now()} | ({"is_confirming": False} if confirming and over else {})
        await shipping.store.tracks.write_tracked(tx, {seen.id: facts})
        if over:
            await shipping.outbox.done(row.key, tx)
        if over and confirming and left:
            log.warning("a pushed end is not confirmed", extra={"parcel": seen.id, "courier": courier})
        return None if over else after

    return await shipping.mongo.transaction(all_of_it)
