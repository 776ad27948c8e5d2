"""The waiting line and whoever needs it no more: a place of the item ends their waiting, and a place kept for them is theirs however they take it."""

from datetime import timedelta

import pytest

from appointments import calling_off, making, waiting
from appointments.making import Full
from appointments.values import Slot, State, Wait
from kit.clock import now
from tests.appointments.counter import AID, Counter, in_days, make_who, make_wish, refused


async def offered(counter: Counter, person: str, slot: Slot) -> Wait:
    """They wait for this slot, and its free place is kept for them."""
    wait = await counter.join(person, slot)
    assert await waiting.serve_slot(counter.work, slot) == 1
    return await counter.wait(wait)


async def test_who_books_another_slot_waits_no_more_and_what_was_kept_is_the_next_ones(counter: Counter) -> None:
    slot, other = await counter.slot(), await counter.slot(at=in_days(4))
    first = await offered(counter, "p1", slot)
    second = await counter.join("p2", slot)
    assert (first.state, (await counter.wait(second)).state) == ("offered", "waiting")
    made = await counter.take("p1", other)
    assert (made.state, (await counter.wait(first)).state) == (State.BOOKED, "over")
    assert (await counter.wait(second)).state == "offered" and (await counter.seen(slot.id)).holds == (f"wait:{second.id}",)
    assert counter.told == ["offered", "offered", "booked"]


async def test_who_waits_without_an_offer_waits_no_more_either(counter: Counter) -> None:
    full, other = await counter.slot(left=0), await counter.slot(at=in_days(4))
    wait = await counter.join("p1", full)
    await counter.take("p1", other)
    assert (await counter.wait(wait)).state == "over"


async def test_a_booking_that_is_not_made_leaves_the_line_as_it_is(counter: Counter) -> None:
    slot, other = await counter.slot(), await counter.slot(at=in_days(4))
    wait = await offered(counter, "p1", slot)
    counter.core.no["book"] = (409, "slot_closed")
    with refused("slot_refused", "停止预约"):
        await counter.take("p1", other)
    assert (await counter.wait(wait)).state == "offered" and (await counter.seen(slot.id)).holds == (f"wait:{wait.id}",)


async def test_who_has_a_place_of_the_item_does_not_join_its_line(counter: Counter) -> None:
    slot, full = await counter.slot(left=2), await counter.slot(left=0, at=in_days(4))
    asking = await counter.asks_for("p1", slot)
    with refused("appointment_exists", "您已经预约了这个事项"):
        await counter.join("p1", full)
    booked = await counter.books(asking)
    with refused("appointment_exists"):
        await counter.join("p1", full)
    await calling_off.cancel(counter.work, booked.id)
    assert (await counter.join("p1", full)).state == "waiting"
    with refused("waiting_already"):
        await counter.join("p1", full)


async def test_a_place_kept_for_them_is_taken_without_the_list_of_their_waits(counter: Counter) -> None:
    slot = await counter.slot()
    wait = await offered(counter, "p1", slot)
    with pytest.raises(Full):
        await counter.take("p2", slot)
    made = await counter.take("p1", slot)
    assert (made.state, made.wait_id, (await counter.wait(wait)).state) == (State.BOOKED, wait.id, "booked")
    after = await counter.seen(slot.id)
    assert (after.holds, after.left) == ((), 0)
    await calling_off.cancel(counter.work, made.id)
    assert (await counter.join("p1", slot)).state == "waiting", "the wait that led to it is over"


async def test_somebody_moves_to_the_place_that_is_kept_for_them(counter: Counter) -> None:
    old, slot = await counter.slot(left=5), await counter.slot(at=in_days(4))
    wait = await offered(counter, "p1", slot)
    made = await counter.take("p1", old)
    await counter.mongo["appointment_waits"].update_one(
        {"_id": wait.id}, {"$set": {"state": "offered", "only": "p1/11440300-1"}}
    )  # of an earlier release
    await counter.mongo["slots"].update_one({"_id": slot.id}, {"$set": {"holds": [f"wait:{wait.id}"]}})
    moved = await making.reschedule(counter.work, made, make_wish("p1", replaces=made.id), await counter.seen(slot.id), AID)
    assert (moved.state, moved.wait_id, (await counter.look(made.id)).moved_to) == (State.BOOKED, wait.id, moved.id)


async def test_an_offer_that_has_lapsed_is_no_way_in(counter: Counter) -> None:
    slot = await counter.slot()
    wait = await offered(counter, "p1", slot)
    await counter.mongo["appointment_waits"].update_one({"_id": wait.id}, {"$set": {"offer.until": now() - timedelta(seconds=1)}})
    with pytest.raises(Full):
        await counter.take("p1", slot)


async def test_a_place_the_window_took_meanwhile_sends_them_back_into_the_line(counter: Counter) -> None:
    slot = await counter.slot()
    wait = await offered(counter, "p1", slot)
    counter.core.no["book"] = (409, "slot_full")
    with pytest.raises(Full):
        await counter.take("p1", slot)
    assert (await counter.wait(wait)).state == "waiting"
    assert [(one.kind, one.problem) for one in counter.changes] == [("offered", ""), ("waiting_again", "slot_full")]


async def test_whom_the_core_does_not_know_is_offered_nothing_any_more(counter: Counter) -> None:
    slot = await counter.slot()
    wait, second = await offered(counter, "p1", slot), await counter.join("p2", slot)
    counter.core.no["book"] = (404, "unknown_person")
    with refused("slot_refused", "实名信息"):
        await counter.take("p1", slot)
    assert ((await counter.wait(wait)).state, (await counter.wait(second)).state) == ("over", "offered")
    assert "waiting_again" not in counter.told


async def test_of_what_somebody_has_elsewhere_nothing_is_told_to_who_acts_for_them(counter: Counter) -> None:
    """A colleague moves what A has for the firm, to when A is somewhere for themselves."""
    firm = make_who("a", subject_key="enterprise:91440300MA5DA1XK0B")
    of_firm = await making.make(counter.work, make_wish("a", who=firm), await counter.slot(), AID)
    at = in_days(4)
    private = make_wish("a", item_code="11440300-2", item_name="离婚登记")
    await making.make(counter.work, private, await counter.slot(at=at, left=9), AID)
    colleague = make_who("b", visitor_id="a", subject_key=firm.subject_key)
    late = await counter.slot(at=at + timedelta(minutes=30))
    with refused("appointment_overlaps", "来办事的人在这段时间已有其他预约", without="离婚登记"):
        await making.reschedule(counter.work, of_firm, make_wish("b", who=colleague, replaces=of_firm.id), late, AID)
    with refused("appointment_overlaps", "离婚登记"):
        await making.reschedule(counter.work, of_firm, make_wish("a", who=firm, replaces=of_firm.id), late, AID)
    with refused("appointment_overlaps", "居住证申领", "政务服务大厅"):
        await making.make(counter.work, make_wish("b", who=colleague, item_code="11440300-3"), await counter.slot(), AID)


async def test_an_agent_is_not_told_what_the_person_has_for_a_firm_nor_when_they_did_not_come(counter: Counter) -> None:
    firm = make_who("p", subject_key="enterprise:91440300MA5DA1XK0B")
    await making.make(counter.work, make_wish("p", who=firm), await counter.slot(left=9), AID)
    agent = make_who("agent", visitor_id="p", subject_key="person:p")
    slot = await counter.slot(at=in_days(4), left=9)
    with refused("appointment_exists", "来办事的人", without="年"):
        await making.make(counter.work, make_wish("agent", who=agent), slot, AID)
    missed = [{"_id": f"ap_{n}", "visitor_id": "p", "state": "no_show", "starts_at": in_days(-3 - n)} for n in range(2)]
    await counter.mongo["appointments"].insert_many(missed)
    with refused("appointment_suspended", "来办事的人", without="年"):
        await making.make(counter.work, make_wish("agent", who=agent, item_code="11440300-2"), slot, AID)
    with refused("appointment_suspended", "2 次预约没有前往", "年"):
        await making.make(counter.work, make_wish("p", item_code="11440300-2"), slot, AID)
