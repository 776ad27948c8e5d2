"""Scans: durable, once, in any order; ends made true by a poll; polls the exception; standstills noticed on working days."""

import asyncio
import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from delivery import asking
from delivery.couriers import Scan, ScanKind
from delivery.parcels import Parcel, State
from delivery.poll_gaps import HEARD_ELSE, LONGEST, UNHEARD_ELSE, next_poll
from delivery.standstill import look_for_stuck
from delivery.tracking import MOST, take_scans
from kit.clock import now
from kit.outbox import COLLECTION
from kit.workdays import Calendar, Special, day_of
from tests.delivery.depot import HALL, HOME, Depot
from tests.delivery.pretend import Crash, Fragile

WAY = (ScanKind.COLLECTED, ScanKind.IN_TRANSIT, ScanKind.DELIVERING)
HOUR = 3600


def every_day() -> Calendar:
    """All days of these years are worked, so that days are counted without a look at today's date."""
    first = date(now().year - 1, 1, 1)
    days = {first + timedelta(days=n): Special("workday", "") for n in range(3 * 366)}
    return Calendar(days, frozenset(day.year for day in days))


async def polls_of(depot: Depot, parcel: Parcel) -> list[str]:
    rows = depot.mongo[COLLECTION].find({"kind": "delivery.poll", "payload.parcel_id": parcel.id, "state": "waiting"})
    return sorted([row["_id"] async for row in rows])


async def test_a_whole_way_is_told_step_by_step_and_its_end_after_a_poll(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, *WAY)
    pushed = await depot.happens(parcel, ScanKind.SIGNED)
    assert pushed.state is State.DELIVERING and [scan.kind for scan in pushed.scans] == list(WAY) and depot.sf.asked == 0
    await depot.work()
    done = await depot.parcel(parcel.id)
    assert done.state is State.DELIVERED and done.scans[-1].kind is ScanKind.SIGNED and done.finished_at is not None
    assert await depot.told(parcel) == ["booked", "collected", "delivering", "delivered"] and depot.sf.asked == 1
    assert await depot.store.live_shipments(parcel.id) == 0
    await depot.pass_time(30 * HOUR)
    await depot.work()
    assert await polls_of(depot, parcel) == [] and depot.sf.asked == 1


async def test_scans_twice_and_in_any_order_change_nothing_more(depot: Depot) -> None:
    parcel = await depot.booked()
    scans = [depot.sf.scan(depot.order(parcel), kind) for kind in WAY]
    every = scans * 3
    random.Random(7).shuffle(every)
    assert sum([await depot.push(one) for one in every]) == 9
    kept = await depot.parcel(parcel.id)
    assert [scan.scan_id for scan in kept.scans] == [scan.scan_id for scan in scans] and kept.state is State.DELIVERING
    before = await depot.mongo["parcels"].find_one({"_id": parcel.id})
    await depot.push(*every)
    assert await depot.mongo["parcels"].find_one({"_id": parcel.id}) == before


async def test_scans_that_come_at_once_for_many_and_the_same_are_all_kept(depot: Depot) -> None:
    parcels = [await depot.booked() for _ in range(5)]
    scans = [depot.sf.scan(depot.order(parcel), ScanKind.IN_TRANSIT) for parcel in parcels for _ in range(10)]
    assert await asyncio.gather(*(depot.push(scan) for scan in scans * 2)) == [1] * 100
    assert [len((await depot.parcel(parcel.id)).scans) for parcel in parcels] == [10] * 5


async def test_a_scan_of_nobody_counts_as_none(depot: Depot) -> None:
    parcel = await depot.booked()
    scan = depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    assert await depot.push(replace(scan, waybill="SF-other", shipment_id=None)) == 0
    assert await depot.push(replace(scan, waybill="SF-other", shipment_id="J-nobody-1")) == 0
    assert await depot.push() == 0
    assert (await depot.parcel(parcel.id)).scans == ()


async def test_a_courier_says_nothing_of_what_another_carries(depot: Depot) -> None:
    parcel = await depot.booked()
    scan = depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    assert await depot.push(scan, courier="kuaidi100") == 0 and (await depot.parcel(parcel.id)).scans == ()


async def test_a_parcel_is_known_by_its_shipment_where_the_waybill_is_a_child(depot: Depot) -> None:
    parcel = await depot.booked()
    scan = depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    assert await depot.push(replace(scan, waybill="SF-child")) == 1 and (await depot.parcel(parcel.id)).state is State.COLLECTED


async def test_a_push_before_the_booking_is_known_is_kept_for_it(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.lose = True
    await depot.work()
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.SIGNED)
    assert (await depot.parcel(parcel.id)).state is State.BOOKING
    await depot.pass_time(60)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED and (await depot.told(parcel))[-1] == "delivered"


async def test_what_is_left_of_an_order_called_off_does_not_end_the_next_one(depot: Depot) -> None:
    parcel = await depot.booked()
    old = depot.order(parcel)
    await depot.happens(parcel, ScanKind.BOOKED, ScanKind.CANCELLED)
    await depot.work()
    await asking.book_again(depot.shipping, parcel.id)
    await depot.work()
    assert await depot.push(*old.scans) == 2
    await depot.work()
    kept = await depot.parcel(parcel.id)
    assert kept.state is State.BOOKED and kept.shipments == 2 and kept.scans == ()


# ends


@pytest.mark.parametrize("end", [ScanKind.SIGNED, ScanKind.RETURNED, ScanKind.LOST, ScanKind.CANCELLED, ScanKind.REJECTED])
async def test_a_forged_end_is_asked_about_and_never_believed(depot: Depot, end: ScanKind) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED)
    forged = Scan(parcel.waybill or "", "forged", end, now(), "已签收", shipment_id=parcel.shipment_id)
    assert await depot.push(forged) == 1
    for _ in range(15):
        await depot.work()
        await depot.pass_time(400)
    kept = await depot.parcel(parcel.id)
    assert kept.state is State.COLLECTED and await depot.told(parcel) == ["booked", "collected"]
    assert 2 <= depot.sf.asked <= 12 and await polls_of(depot, parcel) == [f"poll:{parcel.id}:1"]
    assert await depot.store.tasks.of_parcel(parcel.id) == []
    await depot.happens(parcel, ScanKind.SIGNED)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED


async def test_a_search_that_lags_behind_its_pushes_is_asked_again_soon(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, *WAY)
    scan = depot.sf.scan(depot.order(parcel), ScanKind.SIGNED)
    depot.order(parcel).hidden = 1
    await depot.push(scan)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERING
    await depot.pass_time(2)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED and (await depot.told(parcel)).count("delivered") == 1


async def test_a_courier_that_is_away_confirms_when_it_is_back(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.SIGNED)
    depot.sf.trouble.away = True
    for _ in range(20):
        await depot.work()
        await depot.pass_time(40)
    depot.well()
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED


@pytest.mark.parametrize(
    ("end", "state", "task"),
    [(ScanKind.REJECTED, State.REJECTED, "rejected"), (ScanKind.RETURNED, State.RETURNED, "returned"), (ScanKind.LOST, State.LOST, "lost")],
)
async def test_what_went_wrong_is_told_and_opens_one_task(depot: Depot, end: ScanKind, state: State, task: str) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED, end)
    for _ in range(3):
        await depot.work()
        await depot.push(*depot.order(parcel).scans)
    assert (await depot.parcel(parcel.id)).state is state and (await depot.told(parcel))[-1] == task
    assert [one.kind for one in await depot.store.tasks.of_parcel(parcel.id)] == [task]


async def test_a_lost_parcel_that_is_found_after_all_is_delivered(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.LOST)
    await depot.work()
    await depot.happens(parcel, ScanKind.SIGNED)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED


@pytest.mark.parametrize("how", ["inside", "after"])
async def test_who_dies_over_a_push_or_a_poll_loses_nothing_and_tells_nothing_twice(depot: Depot, how: str) -> None:
    parcel = await depot.booked()
    scans = [depot.sf.scan(depot.order(parcel), kind) for kind in (*WAY, ScanKind.SIGNED)]
    for scan in scans:
        Fragile.dies = how
        with pytest.raises(asyncio.CancelledError):  # as a gathered call ends whose trip died
            await depot.push(scan)
        await depot.push(scan)
    Fragile.dies = how
    with pytest.raises(Crash):
        await depot.work()
    await depot.pass_time(20)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED
    assert await depot.told(parcel) == ["booked", "collected", "delivering", "delivered"]


async def test_pushes_cannot_fill_a_parcel_without_end(depot: Depot) -> None:
    parcel = await depot.booked()
    flood = [Scan(parcel.waybill or "", f"f{n}", ScanKind.IN_TRANSIT, now(), "", shipment_id=parcel.shipment_id) for n in range(MOST)]
    await depot.push(*flood)
    await depot.push(replace(flood[0], scan_id="one-more"))
    assert len((await depot.parcel(parcel.id)).scans) == MOST
    depot.sf.scan(depot.order(parcel), ScanKind.SIGNED)
    await depot.pass_time(30 * HOUR)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED


async def test_half_a_character_in_a_scan_is_no_reason_to_lose_the_others(depot: Depot) -> None:
    parcel = await depot.booked()
    order = depot.order(parcel)
    bad, good = replace(depot.sf.scan(order, ScanKind.COLLECTED), text="快\ud83d", place="\udc00"), depot.sf.scan(order, ScanKind.IN_TRANSIT)
    assert sum(await asyncio.gather(depot.push(bad), depot.push(good))) == 2
    assert next(scan.text for scan in (await depot.parcel(parcel.id)).scans) == "快?"


# polls


async def test_while_pushes_come_nobody_is_asked(depot: Depot) -> None:
    parcel = await depot.booked()
    for kind in (ScanKind.COLLECTED, *[ScanKind.IN_TRANSIT] * 5):
        await depot.happens(parcel, kind)
        await depot.pass_time(11 * HOUR)
        await depot.work()
    assert depot.sf.asked == 0


async def test_where_no_push_comes_polls_take_their_place(depot: Depot) -> None:
    parcel = await depot.booked()
    order = depot.order(parcel)
    await depot.pass_time(HEARD_ELSE.total_seconds() - 4 * HOUR)
    depot.sf.scan(order, ScanKind.COLLECTED)
    await depot.pass_time(4 * HOUR + 60)
    await depot.work()
    assert depot.sf.asked == 1 and (await depot.parcel(parcel.id)).state is State.COLLECTED
    await depot.pass_time(UNHEARD_ELSE.total_seconds() - 60)
    await depot.work()
    assert depot.sf.asked == 1
    depot.sf.scan(order, ScanKind.SIGNED)
    await depot.pass_time(120)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED and await depot.told(parcel) == ["booked", "collected", "delivered"]


async def test_a_courier_that_is_away_or_will_not_say_is_asked_again_later(depot: Depot) -> None:
    parcel = await depot.booked()
    depot.sf.trouble.away = True
    await depot.pass_time(13 * HOUR)
    await depot.work()
    depot.sf.scan(depot.order(parcel), ScanKind.SIGNED)
    depot.well()
    await depot.pass_time(301)
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED


def test_gaps_grow_while_a_parcel_stands_still_and_end_at_a_day() -> None:
    at = now()
    gaps = [next_poll(State.IN_TRANSIT, at - timedelta(hours=quiet), at, unheard=True) - at for quiet in (0, 8, 16, 48, 500)]
    assert gaps == [timedelta(hours=2), timedelta(hours=2), timedelta(hours=4), timedelta(hours=12), LONGEST]
    assert next_poll(State.DELIVERING, at, at, unheard=False) - at == timedelta(hours=4)


# couriers of the resident's own


async def test_a_waybill_the_resident_told_is_subscribed_and_followed(depot: Depot) -> None:
    tracker = depot.couriers["kuaidi100"]
    tracker.foreign["YT1"] = [Scan("YT1", "y1", ScanKind.COLLECTED, now(), "已揽收")]
    parcel = await depot.booked(direction="to_hall", method="own_courier", courier=None, waybill="YT1", payer="receiver", receiver=HALL, sender=HOME)
    assert tracker.subscribed == ["YT1"] and parcel.state is State.COLLECTED and depot.sf.orders == []
    signed = Scan("YT1", "y2", ScanKind.SIGNED, now() + timedelta(seconds=1), "已签收")
    tracker.foreign["YT1"].append(signed)
    assert await take_scans(depot.shipping, "kuaidi100", [signed], source="push") == 1
    await depot.work()
    assert (await depot.parcel(parcel.id)).state is State.DELIVERED and tracker.subscribed == ["YT1"]


async def test_a_waybill_of_the_residents_own_that_is_called_off_is_over(depot: Depot) -> None:
    tracker = depot.couriers["kuaidi100"]
    tracker.foreign["YT2"] = [Scan("YT2", "y1", ScanKind.CANCELLED, now(), "已销单")]
    parcel = await depot.booked(direction="to_hall", method="own_courier", courier=None, waybill="YT2", payer="receiver", receiver=HALL, sender=HOME)
    assert parcel.state is State.CANCELLED


# standing still


async def test_a_parcel_that_stands_still_is_told_once_and_again_at_its_next_standstill(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED)
    await depot.pass_time(3 * 24 * HOUR)
    assert await look_for_stuck(depot.shipping, every_day()) == 0
    await depot.pass_time(24 * HOUR)
    assert [await look_for_stuck(depot.shipping, every_day()) for _ in range(2)] == [1, 0]
    await depot.happens(parcel, ScanKind.IN_TRANSIT)
    assert await look_for_stuck(depot.shipping, every_day()) == 0
    await depot.pass_time(4 * 24 * HOUR)
    assert [await look_for_stuck(depot.shipping, every_day()) for _ in range(2)] == [1, 0]
    assert await depot.told(parcel) == ["booked", "collected", "stuck", "stuck"]
    assert [task.kind for task in await depot.store.tasks.of_parcel(parcel.id)] == ["stuck", "stuck"]


async def test_days_off_are_no_standstill(depot: Depot) -> None:
    await depot.booked()
    await depot.pass_time(6 * 24 * HOUR)
    today = day_of(now())
    off = {today - timedelta(days=n): Special("holiday", "") for n in range(4)}
    worked = {today - timedelta(days=n): Special("workday", "") for n in range(4, 10)}
    calendar = Calendar(off | worked, frozenset({today.year, today.year - 1}))
    assert await look_for_stuck(depot.shipping, calendar) == 0
    assert await look_for_stuck(depot.shipping, every_day()) == 1


async def test_what_is_over_or_was_never_booked_does_not_stand_still(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.SIGNED)
    await depot.work()
    await depot.ask(payer="prepaid", bill_id="B9")
    await depot.pass_time(20 * 24 * HOUR)
    assert await look_for_stuck(depot.shipping, every_day()) == 0
