"""Scans, pushed or polled, applied to their parcels: what they change, who is told, and what must follow are one write.

Whatever comes at the same time goes in one transaction (kit/gather.py); it reads and writes, so a faster one makes it run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from delivery.called_off import called_off
from delivery.couriers import CourierName, Scan
from delivery.parcels import OVER, UNDER_WAY, State, TaskKind, may, parcel_of
from delivery.poll_gaps import FRESH
from delivery.scans import CONFIRMED, merged, outweighs, standing
from delivery.shipping import POLL, Change, ChangeKind, Shipping
from delivery.track_store import Tracked
from kit.clock import now
from kit.gather import Gathered
from kit.mongo import Tx

Source = Literal["push", "poll"]
MOST = 400  # scans of one parcel that pushes may fill; the longest ways have some eighty
TOGETHER = 100  # calls in one transaction
ASK_AGAIN = timedelta(minutes=10)  # a pushed end that a poll did not show is asked about again when it is pushed again
FOLLOWED = UNDER_WAY | {State.LOST, State.DELIVERED}  # a later scan may still say more
_TOLD: dict[State, ChangeKind] = {
    State.COLLECTED: "collected",
    State.DELIVERING: "delivering",
    State.AT_PICKUP_POINT: "at_pickup_point",
    State.DELIVERED: "delivered",
    State.REJECTED: "rejected",
    State.RETURNED: "returned",
    State.LOST: "lost",
}
_TASKS: dict[State, TaskKind] = {State.REJECTED: "rejected", State.RETURNED: "returned", State.LOST: "lost"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One call of a courier, or one answer of it. `of`: the parcel that was asked about."""

    courier: CourierName
    scans: Sequence[Scan]
    source: Source
    of: str | None = None


@dataclass(slots=True)
class Effect:
    """A parcel after some calls: what is to be written, and what follows."""

    now: Tracked
    facts: dict[str, Any]
    told: list[Change]
    tasks: dict[str, TaskKind] = field(default_factory=dict)  # named after their occasion
    confirm: bool = False
    is_off: bool = False


async def take_scans(shipping: Shipping, courier: CourierName, scans: Sequence[Scan], *, source: Source) -> int:
    """Durable when it returns: how many were of a parcel of ours, known ones too. 0: acknowledge nothing, the booking may still be on its way here."""
    if shipping.together.scans is None:
        shipping.together.scans = Gathered(partial(_trip, shipping), most=TOGETHER, lanes=1)
    return await shipping.together.scans(Heard(courier, scans, source)) if scans else 0


async def _trip(shipping: Shipping, party: Sequence[Heard]) -> Sequence[int]:
    async def work(tx: Tx) -> list[int]:
        return await apply(shipping, tx, party)

    return await shipping.mongo.transaction(work)


async def apply(shipping: Shipping, tx: Tx, party: Sequence[Heard]) -> list[int]:
    """How many scans of each were of a parcel of ours."""
    ids, waybills = set[str](), set[str]()
    for heard in party:
        if heard.of is not None:
            ids.add(heard.of)
        for scan in heard.scans if heard.of is None else ():
            known = parcel_of(scan.shipment_id) if scan.shipment_id else None
            ids.update(known[:1] if known is not None else ())
            waybills.add(scan.waybill)
    before = {one.id: one for one in await shipping.store.tracks.tracked(tx, ids, waybills)}
    by_waybill: dict[str | None, list[str]] = {}
    for one in before.values():
        by_waybill.setdefault(one.waybill, []).append(one.id)
    effects: dict[str, Effect] = {}
    counts = []
    for heard in party:
        mine, count = _sorted_out(shipping, heard, before, by_waybill)
        counts.append(count)
        for own, some in mine.items():
            _heard(shipping, effects.setdefault(own, Effect(before[own], {}, [])), some, heard.source)
    await _write(shipping, tx, effects)
    return counts


def _sorted_out(
    shipping: Shipping, heard: Heard, before: dict[str, Tracked], by_waybill: dict[str | None, list[str]]
) -> tuple[dict[str, list[Scan]], int]:
    """(parcel id -> its scans, how many are of ours). A courier speaks of what it carries; an earlier order of a parcel says nothing of this one."""
    if heard.of is not None:
        return ({heard.of: list(heard.scans)}, len(heard.scans)) if heard.of in before else ({}, 0)
    found: dict[str, list[Scan]] = {}
    count = 0
    for scan in heard.scans:
        named = parcel_of(scan.shipment_id) if scan.shipment_id else None
        if named is not None and named[0] in before:
            owns = [named[0]] if before[named[0]].n == named[1] else []
            count += not owns
        else:
            owns = by_waybill.get(scan.waybill, [])
        carried = [own for own in owns if (before[own].courier if before[own].n else shipping.tracker) == heard.courier]
        count += bool(carried)
        for own in carried:
            found.setdefault(own, []).append(scan)
    return found, count


def _heard(shipping: Shipping, effect: Effect, scans: Sequence[Scan], source: Source) -> None:
    """What these scans change, in memory. The second time changes nothing."""
    one, at, polled = effect.now, now(), source == "poll"
    known = {seen.key: seen for seen in one.scans}
    fresh = [scan for scan in scans if outweighs(scan, known.get((one.n, scan.scan_id)), polled=polled)]
    if len(one.scans) + len(fresh) > MOST and not polled:
        fresh = []
    is_new = any((one.n, scan.scan_id) not in known for scan in fresh)
    if fresh:
        sealed = [shipping.store.tracks.seal_scan(one.id, one.n, scan, polled=polled) for scan in fresh]
        one = replace(one, scans=merged(one.scans, sealed))
        effect.facts["scans"] = shipping.store.tracks.kept(one.scans)
    if is_new and not polled:
        one = replace(one, heard_at=at, unheard=False)
        effect.facts |= {"heard_at": at, "unheard": False}
    elif polled and any((one.n, scan.scan_id) not in known and at - scan.at > FRESH for scan in fresh):
        one = replace(one, unheard=True)
        effect.facts["unheard"] = True
    effect.now = one
    _restate(effect, at)
    if not polled:
        _confirm(effect, scans, at, is_new=is_new)


def _restate(effect: Effect, at: datetime) -> None:
    """The state its scans give it."""
    one = effect.now
    said = standing(one.scans, one.n) if one.state in FOLLOWED else None
    if said is None:
        return
    newest = min(at, max(seen.at for seen in one.scans if seen.n == one.n and seen.counts))
    if one.moved_at is None or newest > one.moved_at:
        one = replace(one, moved_at=newest)
        effect.facts |= {"moved_at": newest} | ({"standing": True} if one.state in UNDER_WAY else {})
    if said.state is State.CANCELLED:
        effect.is_off = one.state in UNDER_WAY
    elif said.state is not one.state and may(one.state, said.state):
        one = replace(one, state=said.state, turn=one.turn + 1)
        effect.facts |= {"state": said.state.value, "turn": one.turn}
        if said.state in OVER:
            effect.facts |= {"standing": False, "finished_at": at, "is_cancelling": False}
        if (kind := _TOLD.get(said.state)) is not None:
            effect.told.append(Change(f"{one.id}:{one.turn}", kind, one.id, said.by.at))
        if (task := _TASKS.get(said.state)) is not None:
            effect.tasks[f"{task}:{one.id}:{one.turn}"] = task
    effect.now = one


def _confirm(effect: Effect, scans: Sequence[Scan], at: datetime, *, is_new: bool) -> None:
    """A pushed end is a reason to ask, and nothing else."""
    one = effect.now
    ends = {scan.scan_id for scan in scans if scan.kind in CONFIRMED}
    unconfirmed = any(seen.id in ends and not seen.counts for seen in one.scans if seen.n == one.n)
    due = is_new or one.polled_at is None or at - one.polled_at > ASK_AGAIN
    if unconfirmed and due and not one.is_confirming and one.state in FOLLOWED:
        effect.now = replace(one, is_confirming=True, turn=one.turn + 1)
        effect.facts |= {"is_confirming": True, "turn": one.turn + 1}
        effect.confirm = True


async def _write(shipping: Shipping, tx: Tx, effects: dict[str, Effect]) -> None:
    await shipping.store.tracks.write_tracked(tx, {own: effect.facts for own, effect in effects.items() if effect.facts})
    confirming = [effect.now for effect in effects.values() if effect.confirm]
    if confirming:
        rows = [(f"confirm:{one.id}:{one.turn}", {"parcel_id": one.id, "n": one.n, "confirm": True}, None) for one in confirming]
        await shipping.outbox.put_many(tx, POLL, rows)
    for own, effect in effects.items():
        for change in effect.told:
            await shipping.told(tx, change)
        for occasion, task in effect.tasks.items():
            await shipping.store.tasks.open(tx, occasion, task, (own, effect.now.case_no, effect.now.place))
        if effect.now.state in OVER and effect.told and effect.now.n:
            await shipping.store.end_shipment(tx, effect.now.shipment_id, "ended")
            await shipping.store.set_free(tx, own)
        if effect.is_off:
            await called_off(shipping, tx, own, effect.now.n)


async def catch_up(shipping: Shipping, tx: Tx, parcel_id: str) -> None:
    """What was pushed of an order before we knew that it was booked."""
    for one in await shipping.store.tracks.tracked(tx, [parcel_id], []):
        effect = Effect(one, {}, [])
        _restate(effect, now())
        ends = [Scan("", seen.id, seen.kind, seen.at, "") for seen in one.scans if seen.n == one.n]
        _confirm(effect, ends, now(), is_new=True)
        await _write(shipping, tx, {parcel_id: effect})
