"""A parcel asked for, booked once, called off, handed over: the happy case, the repeat, the refusal, and death half-way."""

import asyncio
from dataclasses import replace

import pytest

from delivery import asking, at_the_window
from delivery.booking import QUIET
from delivery.couriers import ScanKind
from delivery.parcels import State
from kit.errors import Conflict, NotFound, VersionConflict
from kit.mongo import Tx
from kit.outbox import COLLECTION
from tests.delivery.depot import ELSEWHERE, HALL, HOME, Depot, make_wish
from tests.delivery.pretend import Crash, Fragile

# asking


async def test_a_parcel_is_booked_with_the_address_that_was_given(depot: Depot) -> None:
    parcel = await depot.booked()
    order = depot.order(parcel)
    assert parcel.state is State.BOOKED and parcel.waybill == order.waybill and order.booking.shipment_id == f"{parcel.id}-1"
    assert (order.booking.receiver, order.booking.sender, order.booking.payer) == (HOME, HALL, "sender")
    assert await depot.told(parcel) == ["booked"]


async def test_asking_twice_is_asking_once(depot: Depot) -> None:
    wish = make_wish()
    first = await asking.ask(depot.shipping, wish)
    await depot.work()
    again = await asking.ask(depot.shipping, wish)
    await depot.work()
    assert again.id == first.id and again.state is State.BOOKED and len(depot.sf.orders) == 1


async def test_another_wish_under_the_same_id_is_refused(depot: Depot) -> None:
    wish = make_wish()
    await asking.ask(depot.shipping, wish)
    with pytest.raises(Conflict) as refused:
        await asking.ask(depot.shipping, replace(wish, receiver=ELSEWHERE))
    assert refused.value.code == "parcel_differs" and (await depot.parcel(wish.id)).receiver == HOME


async def test_the_licences_of_a_case_travel_once_at_a_time(depot: Depot) -> None:
    first = await depot.ask(request_id="Q1")
    with pytest.raises(Conflict) as refused:
        await depot.ask(request_id="Q1", method="pickup", courier=None, receiver=None, sender=None)
    assert refused.value.code == "parcel_under_way"
    await asking.cancel(depot.shipping, first.id)
    assert (await depot.ask(request_id="Q1", method="pickup", courier=None, receiver=None, sender=None)).state is State.ASKED


async def test_papers_may_be_sent_in_in_several_parcels(depot: Depot) -> None:
    for _ in range(2):
        await depot.ask(request_id="Q2", direction="to_hall", receiver=HALL, sender=HOME)
    await depot.work()
    assert len(depot.sf.orders) == 2


async def test_names_phones_and_addresses_do_not_stand_in_the_database(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.push(replace(depot.sf.scan(depot.order(parcel), ScanKind.DELIVERING), text=f"派送中 {HOME.phone}"))
    stored = str([row async for row in depot.mongo["parcels"].find()]) + str([row async for row in depot.mongo["shipments"].find()])
    stored += str([row async for row in depot.mongo[COLLECTION].find()])
    assert not any(text in stored for text in (HOME.name, HOME.phone, HOME.address, "派送中"))
    assert (await depot.parcel(parcel.id)).scans[0].text.endswith(HOME.phone)


# paying


async def test_freight_that_is_to_be_paid_first_is_booked_when_it_is(depot: Depot) -> None:
    parcel = await depot.ask(payer="prepaid", bill_id="B1")
    await depot.work()
    assert parcel.state is State.AWAITING_PAYMENT and depot.sf.orders == []

    async def pay(tx: Tx) -> bool:
        return await asking.paid(depot.shipping, tx, "B1")

    assert [await depot.mongo.transaction(pay) for _ in range(2)] == [True, False]
    await depot.work()
    assert depot.order(parcel).booking.payer == "sender"


async def test_a_bill_of_no_parcel_or_of_one_called_off_pays_nothing(depot: Depot) -> None:
    parcel = await depot.ask(payer="prepaid", bill_id="B2")
    await asking.cancel(depot.shipping, parcel.id)
    for bill in ("B2", "B-of-nobody"):

        async def pay(tx: Tx, bill: str = bill) -> bool:
            return await asking.paid(depot.shipping, tx, bill)

        assert not await depot.mongo.transaction(pay)


# the address


async def test_an_address_is_changed_until_there_is_a_courier_order(depot: Depot) -> None:
    parcel = await depot.ask()
    changed = await asking.change_address(depot.shipping, parcel.id, ELSEWHERE, parcel.revision)
    assert changed.receiver == ELSEWHERE and changed.revision == parcel.revision + 1
    await depot.work()
    assert depot.order(parcel).booking.receiver == ELSEWHERE
    with pytest.raises(Conflict) as refused:
        await asking.change_address(depot.shipping, parcel.id, HOME, changed.revision)
    assert refused.value.code == "address_frozen" and (await depot.parcel(parcel.id)).receiver == ELSEWHERE


async def test_an_address_is_frozen_while_the_reply_of_the_booking_is_lost(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.lose = True
    await depot.step()
    assert (await depot.parcel(parcel.id)).state is State.BOOKING
    with pytest.raises(Conflict, match="address_frozen"):
        await asking.change_address(depot.shipping, parcel.id, ELSEWHERE, parcel.revision)


async def test_of_two_who_change_an_address_the_second_hears_of_the_first(depot: Depot) -> None:
    parcel = await depot.ask()
    await asking.change_address(depot.shipping, parcel.id, ELSEWHERE, parcel.revision)
    with pytest.raises(VersionConflict, match="parcel_changed"):
        await asking.change_address(depot.shipping, parcel.id, HOME, parcel.revision)


async def test_an_address_no_courier_goes_to_is_put_right_and_booked_under_the_next_number(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.refuse = "not_reachable"
    await depot.work()
    refused = await depot.parcel(parcel.id)
    assert (refused.state, refused.problem, refused.is_frozen) == (State.ASKED, "not_reachable", False)
    assert [task.kind for task in await depot.store.tasks.of_parcel(parcel.id)] == ["booking_refused"]
    depot.well()
    await asking.change_address(depot.shipping, parcel.id, ELSEWHERE, refused.revision)
    await depot.work()
    assert depot.order(parcel).booking.shipment_id == f"{parcel.id}-2" and await depot.told(parcel) == ["refused", "booked"]


# booked once


@pytest.mark.parametrize("trouble", ["lose", "die"])
@pytest.mark.parametrize("dedupes", [True, False])
async def test_a_lost_reply_books_nothing_twice(depot: Depot, trouble: str, dedupes: bool) -> None:
    depot.sf.dedupes, depot.sf.hides_for = dedupes, QUIET - 5
    parcel = await depot.ask()
    setattr(depot.sf.trouble, trouble, True)
    for _ in range(8):
        try:
            await depot.work()
        except Crash:
            pass
        await depot.pass_time(16)
    assert len(depot.sf.orders) == 1 and (await depot.parcel(parcel.id)).waybill == depot.sf.orders[0].waybill


async def test_who_dies_before_the_call_is_followed_by_one_who_makes_it(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.die_before = True
    with pytest.raises(Crash):
        await depot.work()
    await depot.pass_time(QUIET + 16)
    await depot.work()
    assert depot.order(parcel).is_live


@pytest.mark.parametrize("how", ["inside", "after"])
@pytest.mark.parametrize("which", range(2))
async def test_whichever_write_dies_there_is_one_order_in_the_end(depot: Depot, how: str, which: int) -> None:
    """The transaction that freezes the address, and the one that records the booking."""
    parcel = await depot.ask()
    depot.sf.dedupes = False
    if which == 0:
        Fragile.dies = how
    else:

        async def then() -> None:
            Fragile.dies = how

        depot.sf.trouble.then = then
    with pytest.raises(Crash):
        await depot.work()
    await depot.pass_time(QUIET + 16)
    await depot.work()
    assert depot.order(parcel).is_live and (await depot.parcel(parcel.id)).state is State.BOOKED and await depot.told(parcel) == ["booked"]


async def test_a_courier_that_is_away_is_asked_until_it_is_there(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.away = True
    for _ in range(30):
        await depot.work()
        await depot.pass_time(3600)
    depot.well()
    await depot.work()
    assert depot.order(parcel).is_live


@pytest.mark.parametrize("when", ["first", "then"])
async def test_two_workers_over_one_booking_make_one_order(depot: Depot, when: str) -> None:
    depot.sf.dedupes = False
    parcel = await depot.ask()
    setattr(depot.sf.trouble, when, depot.another_worker)
    await depot.work()
    await depot.pass_time(QUIET + 16)
    await depot.work()
    assert depot.order(parcel).is_live and await depot.told(parcel) == ["booked"]


async def test_fifty_who_book_one_parcel_at_once_make_one_order(depot: Depot) -> None:
    depot.sf.dedupes = False
    parcel = await depot.ask()
    row = await depot.shipping.outbox.take(["delivery.book"])
    assert row is not None
    await asyncio.gather(*(depot.handle(row) for _ in range(50)))
    assert depot.order(parcel).is_live and await depot.store.live_shipments(parcel.id) == 1


async def test_a_refusal_of_the_second_try_may_come_of_the_first_which_is_looked_for(depot: Depot) -> None:
    parcel = await depot.ask()
    depot.sf.trouble.lose = True
    depot.sf.hides_for = QUIET + 30  # longer than promised
    await depot.work()
    await depot.pass_time(QUIET + 5)
    depot.sf.trouble.refuse = "refused"

    async def shows() -> None:
        depot.sf.hides_for = 0

    async def found_nothing() -> None:
        depot.sf.trouble.first = shows

    depot.sf.trouble.first = found_nothing
    await depot.work()
    assert depot.order(parcel).is_live and (await depot.parcel(parcel.id)).state is State.BOOKED


# calling off


async def test_what_no_courier_knows_of_is_called_off_at_once(depot: Depot) -> None:
    parcel = await depot.ask()
    for _ in range(2):
        assert (await asking.cancel(depot.shipping, parcel.id)).state is State.CANCELLED
    await depot.work()
    assert depot.sf.orders == []


async def test_a_booked_parcel_is_called_off_at_the_courier_whatever_reply_is_lost(depot: Depot) -> None:
    parcel = await depot.booked()
    assert (await asking.cancel(depot.shipping, parcel.id)).is_cancelling
    await asking.cancel(depot.shipping, parcel.id)
    depot.sf.trouble.lose = True
    for _ in range(3):
        await depot.work()
        await depot.pass_time(30)
    gone = await depot.parcel(parcel.id)
    assert gone.state is State.CANCELLED and depot.order(parcel).cancelled and await depot.told(parcel) == ["booked", "cancelled"]


async def test_a_parcel_called_off_while_its_booking_is_not_known_ends_without_an_order(depot: Depot) -> None:
    for how in ("lose", "die_before"):
        parcel = await depot.ask()
        setattr(depot.sf.trouble, how, True)
        try:
            await depot.work()
        except Crash:
            pass
        assert (await asking.cancel(depot.shipping, parcel.id)).is_cancelling
        for _ in range(4):
            await depot.pass_time(QUIET)
            await depot.work()
        assert (await depot.parcel(parcel.id)).state is State.CANCELLED and not any(one.is_live for one in depot.sf.of_parcel(parcel.id)), how
        assert await depot.told(parcel) == ["cancelled"]


async def test_what_is_collected_is_not_called_off(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED)
    with pytest.raises(Conflict) as refused:
        await asking.cancel(depot.shipping, parcel.id)
    assert refused.value.code == "already_collected"


async def test_what_was_collected_meanwhile_goes_on_and_the_resident_hears_of_it(depot: Depot) -> None:
    parcel = await depot.booked()
    depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    await asking.cancel(depot.shipping, parcel.id)
    await depot.work()
    kept = await depot.parcel(parcel.id)
    assert kept.state is State.BOOKED and not kept.is_cancelling and await depot.told(parcel) == ["booked", "not_cancelled"]


@pytest.mark.parametrize("is_collected", [True, False])
async def test_a_refusal_is_no_yes_while_the_courier_may_not_show_the_order_yet(depot: Depot, is_collected: bool) -> None:
    depot.sf.hides_for = QUIET - 1
    parcel = await depot.booked()
    if is_collected:
        depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    else:
        depot.sf.knows_after = QUIET - 1
    await asking.cancel(depot.shipping, parcel.id)
    await depot.work()
    waits = await depot.parcel(parcel.id)
    assert (waits.state, waits.is_cancelling, depot.order(parcel).is_live) == (State.BOOKED, True, True)
    await depot.pass_time(QUIET)
    await depot.work()
    ended, told = await depot.parcel(parcel.id), await depot.told(parcel)
    assert not ended.is_cancelling and ("not_cancelled" in told, "cancelled" in told) == (is_collected, not is_collected)
    assert (ended.state is State.CANCELLED) is not depot.order(parcel).is_live


@pytest.mark.parametrize("is_collected", [True, False])
async def test_an_order_the_courier_never_shows_is_off_unless_its_refusal_speaks_of_one(depot: Depot, is_collected: bool) -> None:
    parcel = await depot.booked()
    order = depot.order(parcel)
    if is_collected:
        depot.sf.scan(order, ScanKind.COLLECTED)
        depot.sf.hides_for = QUIET * 10  # longer than promised
    else:
        depot.sf.orders.remove(order)
    await asking.cancel(depot.shipping, parcel.id)
    for _ in range(3):
        await depot.pass_time(QUIET)
        await depot.work()
    assert ((await depot.parcel(parcel.id)).state is State.CANCELLED) is not is_collected
    assert ("not_cancelled" in await depot.told(parcel)) is is_collected


@pytest.mark.parametrize("when", ["first", "then"])
async def test_two_workers_who_hear_that_the_courier_keeps_it_say_so_once(depot: Depot, when: str) -> None:
    parcel = await depot.booked()
    depot.sf.scan(depot.order(parcel), ScanKind.COLLECTED)
    await asking.cancel(depot.shipping, parcel.id)
    setattr(depot.sf.trouble, when, depot.another_worker)
    await depot.work()
    assert await depot.told(parcel) == ["booked", "not_cancelled"]


async def test_what_is_over_is_not_called_off(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.SIGNED)
    await depot.work()
    with pytest.raises(Conflict, match="parcel_over"):
        await asking.cancel(depot.shipping, parcel.id)
    with pytest.raises(NotFound):
        await asking.cancel(depot.shipping, "J-of-nobody")


async def test_what_the_courier_called_off_is_sent_again_by_staff_under_the_next_number(depot: Depot) -> None:
    parcel = await depot.booked()
    await depot.happens(parcel, ScanKind.CANCELLED)
    await depot.work()
    off = await depot.parcel(parcel.id)
    assert (off.state, off.problem, off.waybill) == (State.ASKED, "cancelled_by_courier", None)
    assert [task.kind for task in await depot.store.tasks.of_parcel(parcel.id)] == ["cancelled_by_courier"]
    for _ in range(2):
        await asking.book_again(depot.shipping, parcel.id)
    await depot.work()
    await asking.book_again(depot.shipping, parcel.id)
    await depot.work()
    assert [one.booking.shipment_id for one in depot.sf.orders if one.is_live] == [f"{parcel.id}-2"]


async def test_what_came_back_is_sent_again_or_fetched(depot: Depot) -> None:
    for act in (asking.book_again, at_the_window.packed):
        parcel = await depot.booked()
        await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.RETURNING, ScanKind.RETURNED)
        await depot.work()
        assert (await depot.parcel(parcel.id)).state is State.RETURNED
        await act(depot.shipping, parcel.id)
        await depot.work()
        assert (await depot.parcel(parcel.id)).state is (State.BOOKED if act is asking.book_again else State.WAITING_AT_HALL)


async def test_what_came_back_and_was_asked_for_anew_is_not_sent_a_second_time(depot: Depot) -> None:
    parcel = await depot.booked(request_id="Q3")
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.RETURNED)
    await depot.work()
    await depot.ask(request_id="Q3")
    for act in (asking.book_again, at_the_window.packed):
        with pytest.raises(Conflict, match="parcel_under_way"):
            await act(depot.shipping, parcel.id)


async def test_what_goes_out_once_more_is_scanned_out_once_more(depot: Depot) -> None:
    parcel = await depot.booked()
    await at_the_window.handed_over(depot.shipping, parcel.id)
    await depot.happens(parcel, ScanKind.COLLECTED, ScanKind.RETURNED)
    await depot.work()
    await asking.book_again(depot.shipping, parcel.id)
    await depot.work()
    assert (await at_the_window.handed_over(depot.shipping, parcel.id)).handed_over_at is not None
    assert await depot.told(parcel) == ["booked", "handed_over", "collected", "returned", "booked", "handed_over"]


# at the window


async def test_a_licence_is_packed_fetched_and_that_is_told_once(depot: Depot) -> None:
    parcel = await depot.ask(method="pickup", courier=None, receiver=None, sender=None)
    with pytest.raises(Conflict, match="parcel_not_there_yet"):
        await at_the_window.picked_up(depot.shipping, parcel.id)
    for _ in range(2):
        await at_the_window.packed(depot.shipping, parcel.id)
    for _ in range(2):
        await at_the_window.picked_up(depot.shipping, parcel.id)
    await at_the_window.packed(depot.shipping, parcel.id)
    assert (await depot.parcel(parcel.id)).state is State.PICKED_UP and await depot.told(parcel) == ["ready_at_hall", "picked_up"]


async def test_a_parcel_is_scanned_out_once_and_only_with_a_courier_order(depot: Depot) -> None:
    parcel = await depot.ask()
    with pytest.raises(Conflict, match="parcel_not_there_yet"):
        await at_the_window.handed_over(depot.shipping, parcel.id)
    await at_the_window.packed(depot.shipping, parcel.id)
    await depot.work()
    handed = [await at_the_window.handed_over(depot.shipping, parcel.id) for _ in range(2)]
    assert handed[0].handed_over_at == handed[1].handed_over_at and handed[0].packed_at is not None
    assert await depot.told(parcel) == ["booked", "handed_over"]


async def test_papers_that_arrive_close_the_loop_however_they_came(depot: Depot) -> None:
    sent = await depot.booked(direction="to_hall", receiver=HALL, sender=HOME, payer="receiver")
    await depot.happens(sent, ScanKind.COLLECTED, ScanKind.SIGNED)
    await depot.work()
    brought = await depot.ask(direction="to_hall", receiver=HALL, sender=HOME)
    for parcel in (sent, brought):
        for _ in range(2):
            await at_the_window.arrived_at_hall(depot.shipping, parcel.id)
        assert (await depot.parcel(parcel.id)).state is State.ARRIVED
        assert (await depot.told(parcel))[-1] == "arrived_at_hall" and (await depot.told(parcel)).count("arrived_at_hall") == 1
    await depot.work()
    assert depot.sf.of_parcel(brought.id) == []


async def test_a_licence_does_not_arrive_at_the_hall_and_papers_are_not_scanned_out(depot: Depot) -> None:
    licence = await depot.booked()
    papers = await depot.booked(direction="to_hall", receiver=HALL, sender=HOME)
    with pytest.raises(Conflict):
        await at_the_window.arrived_at_hall(depot.shipping, licence.id)
    with pytest.raises(Conflict):
        await at_the_window.handed_over(depot.shipping, papers.id)


# tasks


async def test_a_task_is_taken_by_one_and_closed_by_the_same(depot: Depot) -> None:
    await depot.ask()
    depot.sf.trouble.refuse = "not_reachable"
    await depot.work()
    (task,) = await depot.store.tasks.listed(["open"], None, 10)
    assert await depot.store.tasks.close(task.id, "s1", "已联系") is None
    assert await depot.store.tasks.take(task.id, "s1") is not None and await depot.store.tasks.take(task.id, "s2") is None
    assert await depot.store.tasks.close(task.id, "s2", "已联系") is None
    closed = await depot.store.tasks.close(task.id, "s1", "已联系")
    assert closed is not None and closed.state == "closed" and await depot.store.tasks.listed(["open", "taken"], None, 10) == []
