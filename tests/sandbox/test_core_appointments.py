"""The halls of the sandbox's core as our own client sees them: slots, one place each, and what the hall does about it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.appointments import Appointment, AppointmentAsk, AppointmentMoved, AppointmentState, CoreAppointments, Slot
from core.client import Core
from core.events import read_event
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.ids import new_id
from tests.sandbox.core_door import a_slot, an_item, booked, core_of, lines_of, place_in, told_of
from tests.sandbox.outside import Outside

BEIJING = ZoneInfo("Asia/Shanghai")
MONDAY, SUNDAY, NATIONAL_DAY = "2030-03-04", "2030-03-10", "2030-10-01"


@pytest.fixture
async def core(outside: Outside) -> AsyncIterator[Core]:
    async with core_of(outside) as own:
        yield own


@pytest.fixture
def halls(core: Core) -> CoreAppointments:
    return CoreAppointments(core)


async def desk(world: Outside, appointment: Appointment | AppointmentAsk, to: str, **more: Any) -> Any:
    return await world.call("POST", f"/world/core/appointments/{appointment.appointment_id}/moves", {"to": to, **more})


async def left_of(world: Outside, slot: Slot) -> int:
    day = slot.starts_at.astimezone(BEIJING).date().isoformat()
    found = (await world.world("GET", f"/core/slots?item_code={slot.item_code}&from={day}&to={day}"))["slots"]
    return int(next(one["left"] for one in found if one["slot_id"] == slot.slot_id))


# slots


async def test_slots_are_hours_of_working_days_in_two_halls_soonest_first(outside: Outside, halls: CoreAppointments) -> None:
    code = (await an_item(outside))["code"]
    week = await halls.slots(code, MONDAY, SUNDAY)
    assert len(week) == 5 * 2 * 6 and {one.hall.hall_id for one in week} == {"hall-1", "hall-2"}
    hours = [one.starts_at.astimezone(BEIJING) for one in week if one.hall.hall_id == "hall-1"]
    assert [one.hour for one in hours[:6]] == [9, 10, 11, 14, 15, 16] and hours == sorted(hours)
    assert max(one.weekday() for one in hours) == 4 and {(one.ends_at - one.starts_at) for one in week} == {timedelta(hours=1)}
    assert {(one.capacity, one.left) for one in week} == {(3, 3)}
    assert await halls.slots(code, MONDAY, SUNDAY) == week  # the same however often
    assert await halls.slots(code, NATIONAL_DAY, "2030-10-03") == ()


async def test_slots_of_two_items_are_not_the_same_places(outside: Outside, halls: CoreAppointments) -> None:
    first, second = [one["item"]["code"] for one in (await outside.core("GET", "/items?limit=2")).json["records"]]
    slots = [{one.slot_id for one in await halls.slots(code, MONDAY, MONDAY)} for code in (first, second)]
    assert len(slots[0]) == len(slots[1]) == 12 and not slots[0] & slots[1]


async def test_what_has_begun_is_not_offered(outside: Outside, halls: CoreAppointments) -> None:
    begun, coming = await a_slot(outside, minutes=-5), await a_slot(outside, minutes=5)
    days = [(now().astimezone(BEIJING) + timedelta(days=ahead)).date().isoformat() for ahead in (-1, 1)]
    offered = {one.slot_id for one in await halls.slots(begun.item_code, *days)}
    assert coming.slot_id in offered and begun.slot_id not in offered


@pytest.mark.parametrize(
    ("days", "reason"), [((MONDAY, "2030-04-04"), "bad_request"), ((SUNDAY, MONDAY), "bad_request"), (("2030-3-4", SUNDAY), "bad_request")]
)
async def test_only_a_span_of_a_month_can_be_asked_for(outside: Outside, halls: CoreAppointments, days: tuple[str, str], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        await halls.slots((await an_item(outside))["code"], *days)
    with pytest.raises(Refused, match="unknown_item"):
        await halls.slots("none", MONDAY, SUNDAY)


# a place


async def test_a_place_is_booked_once_under_its_own_id(outside: Outside, halls: CoreAppointments) -> None:
    code = (await an_item(outside))["code"]
    slot = next(one for one in await halls.slots(code, MONDAY, MONDAY) if one.left == 3)
    case = await outside.case()
    ask = place_in(slot, await outside.person(), case_no=case["case_no"])
    assert await halls.find_appointment(ask.appointment_id) is None
    made, again = await halls.book(ask), await halls.book(ask)
    assert made == again == await halls.find_appointment(ask.appointment_id)
    assert AppointmentAsk(**{name: getattr(made, name) for name in AppointmentAsk.model_fields}) == ask
    assert (made.state, made.version, made.hall, made.starts_at, made.ends_at) == (
        AppointmentState.BOOKED,
        1,
        slot.hall,
        slot.starts_at,
        slot.ends_at,
    )
    assert await left_of(outside, slot) == 2
    assert len(await lines_of(outside, "appointment.booked", appointment_id=ask.appointment_id)) == 1
    assert await told_of(outside, "appointment.moved", appointment_id=ask.appointment_id) == []
    with pytest.raises(Refused, match="appointment_id_reused"):
        await halls.book(ask.model_copy(update={"case_no": None}))


async def test_a_hall_counts_its_numbers_by_the_day(outside: Outside, halls: CoreAppointments) -> None:
    slots = [
        await a_slot(outside, hall_id=hall, starts_at=f"{day}T10:00:00+08:00") for hall, day in (("hall-1", "2031-05-06"), ("hall-2", "2031-05-06"))
    ]
    slots += [await a_slot(outside, starts_at="2031-05-06T11:00:00+08:00"), await a_slot(outside, starts_at="2031-05-07T10:00:00+08:00")]
    numbers = [(await halls.book(place_in(slot, await outside.person()))).number for slot in slots]
    assert numbers == ["A001", "A001", "A002", "A001"]


async def test_one_place_asked_for_by_fifty_at_once_goes_to_one(outside: Outside, halls: CoreAppointments) -> None:
    slot, person = await a_slot(outside, capacity=1), await outside.person()
    answers = await asyncio.gather(*(halls.book(place_in(slot, person)) for _ in range(50)), return_exceptions=True)
    got = [one for one in answers if isinstance(one, Appointment)]
    refused = [one.reason for one in answers if isinstance(one, Refused)]
    assert len(got) == 1 and refused == ["slot_full"] * 49
    assert len(await lines_of(outside, "appointment.booked", slot_id=slot.slot_id)) == 1 and await left_of(outside, slot) == 0


async def test_fifty_repeats_of_one_booking_take_one_place(outside: Outside, halls: CoreAppointments) -> None:
    slot = await a_slot(outside, capacity=2)
    ask = place_in(slot, await outside.person())
    answers = await asyncio.gather(*(halls.book(ask) for _ in range(50)))
    assert len(set(answers)) == 1 and await left_of(outside, slot) == 1


async def test_a_refusal_says_which(outside: Outside, halls: CoreAppointments) -> None:
    slot, person = await a_slot(outside), await outside.person()
    own = (await halls.slots(slot.item_code, MONDAY, MONDAY))[0].slot_id
    second = (await outside.core("GET", "/items?limit=2")).json["records"][1]["item"]["code"]
    wrong: list[tuple[str, Callable[[], AppointmentAsk]]] = [
        ("unknown_slot", lambda: place_in(slot, person, slot_id="x-none")),
        ("unknown_slot", lambda: place_in(slot, person, slot_id=own.replace("20300304", "20300310"))),  # a Sunday
        ("unknown_slot", lambda: place_in(slot, person, slot_id=own, item_code=second)),
        ("unknown_person", lambda: place_in(slot, person, person_id="P-nobody")),
    ]
    for reason, ask in wrong:
        with pytest.raises(Refused, match=reason):
            await halls.book(ask())
    with pytest.raises(Refused, match="slot_over"):
        await halls.book(place_in(await a_slot(outside, minutes=-1), person))
    assert await left_of(outside, slot) == 1
    for act in (halls.call_off, halls.arrive):
        with pytest.raises(Refused, match="unknown_appointment"):
            await act(new_id("ap"))


async def test_a_place_called_off_is_free_again_and_told_once(outside: Outside, core: Core, halls: CoreAppointments) -> None:
    made = await booked(outside, core)
    gone, again = await halls.call_off(made.appointment_id), await halls.call_off(made.appointment_id)
    assert gone == again and (gone.state, gone.version) == (AppointmentState.CANCELLED, 2)
    (event,) = await told_of(outside, "appointment.moved", appointment_id=made.appointment_id)
    told = read_event(event)
    assert isinstance(told, AppointmentMoved) and (told.move.version, told.move.state) == (2, AppointmentState.CANCELLED)
    other = await outside.person()
    slot = Slot(**(made.model_dump() | {"capacity": 1, "left": 1}))
    assert (await halls.book(place_in(slot, other))).number == "A" + f"{int(made.number[1:]) + 1:03d}"


# the hall


async def test_who_comes_arrives_on_the_day_and_is_served(outside: Outside, core: Core, halls: CoreAppointments) -> None:
    noon = now().astimezone(BEIJING).replace(hour=23, minute=59, second=30)  # today, whatever the time
    made = await booked(outside, core, starts_at=noon.isoformat())
    here, again = await halls.arrive(made.appointment_id), await halls.arrive(made.appointment_id)
    assert here == again and (here.state, here.version) == (AppointmentState.ARRIVED, 2)
    with pytest.raises(Refused, match="too_late"):
        await halls.call_off(made.appointment_id)
    assert (await desk(outside, made, "served", text="已受理")).json["version"] == 3
    with pytest.raises(Refused, match="appointment_over"):
        await halls.arrive(made.appointment_id)
    moves = [
        (one["move"]["version"], one["move"]["state"], one["move"]["text"])
        for one in await told_of(outside, "appointment.moved", appointment_id=made.appointment_id)
    ]
    assert moves == [(2, "arrived", ""), (3, "served", "已受理")]


async def test_nobody_arrives_on_another_day(outside: Outside, core: Core, halls: CoreAppointments) -> None:
    made = await booked(outside, core, minutes=60 * 24 * 3)
    with pytest.raises(Refused, match="not_today"):
        await halls.arrive(made.appointment_id)
    found = await halls.find_appointment(made.appointment_id)
    assert found == made


async def test_who_did_not_come_keeps_the_place_taken_and_can_do_no_more(outside: Outside, core: Core, halls: CoreAppointments) -> None:
    made = await booked(outside, core)
    assert (await desk(outside, made, "no_show")).status == 200
    for act, reason in ((halls.call_off, "too_late"), (halls.arrive, "appointment_over")):
        with pytest.raises(Refused, match=reason):
            await act(made.appointment_id)
    with pytest.raises(Refused, match="slot_full"):
        await halls.book(place_in(Slot(**(made.model_dump() | {"capacity": 1, "left": 0})), await outside.person()))
    refused = await desk(outside, made, "served")
    assert (refused.status, refused.json["code"]) == (409, "move_not_allowed")
    assert (await desk(outside, made, "eaten")).status == 422
    assert (await desk(outside, place_in(Slot(**(made.model_dump() | {"capacity": 1, "left": 0})), {"person": "P1"}), "served")).status == 404


async def test_a_closed_slot_is_lost_to_whoever_had_it_and_offers_nothing(outside: Outside, core: Core, halls: CoreAppointments) -> None:
    slot = await a_slot(outside, capacity=3)
    kept, gone = [await halls.book(place_in(slot, await outside.person())) for _ in range(2)]
    await halls.call_off(gone.appointment_id)
    closed = await outside.world("PUT", f"/core/slots/{slot.slot_id}", {"closed": True, "text": "设备检修"})
    assert closed["left"] == 0
    found = await halls.find_appointment(kept.appointment_id)
    assert found is not None and found.state is AppointmentState.CLOSED
    assert [one["move"]["text"] for one in await told_of(outside, "appointment.moved", appointment_id=kept.appointment_id)] == ["设备检修"]
    with pytest.raises(Refused, match="slot_closed"):
        await halls.book(place_in(slot, await outside.person()))
    assert (await outside.world("PUT", f"/core/slots/{slot.slot_id}", {"closed": False}))["left"] == 3
    assert (await outside.call("PUT", "/world/core/slots/none", {"closed": True})).status == 404
    assert (await outside.call("PUT", f"/world/core/slots/{slot.slot_id}", {"capacity": -1})).status == 422


async def test_a_worked_out_slot_can_be_made_smaller(outside: Outside, halls: CoreAppointments) -> None:
    code = (await an_item(outside))["code"]
    slot = (await halls.slots(code, "2030-03-06", "2030-03-06"))[0]
    changed = Slot.model_validate(await outside.world("PUT", f"/core/slots/{slot.slot_id}", {"capacity": 1}))
    assert changed == (await halls.slots(code, "2030-03-06", "2030-03-06"))[0] == slot.model_copy(update={"capacity": 1, "left": 1})
    await halls.book(place_in(slot, await outside.person()))
    with pytest.raises(Refused, match="slot_full"):
        await halls.book(place_in(slot, await outside.person()))
    assert (await outside.world("PUT", f"/core/slots/{slot.slot_id}", {"capacity": 0}))["left"] == 0


async def test_a_wrong_slot_is_not_made(outside: Outside) -> None:
    reply = await outside.call("POST", "/world/core/slots", {"item_code": "none", "hall_id": "moon", "starts_at": "tomorrow", "capacity": -1})
    assert reply.status == 422 and len(reply.json["errors"]) == 4


async def test_the_desk_reads_who_comes_and_for_what(outside: Outside, core: Core) -> None:
    person = await outside.person(name="赵小满")
    made = await CoreAppointments(core).book(place_in(await a_slot(outside), person))
    listed = (await outside.world("GET", "/core/appointments"))["appointments"]
    (shown,) = [one for one in listed if one["appointment_id"] == made.appointment_id]
    assert (shown["person"], shown["item_name"]) == ("赵小满", (await an_item(outside))["name"])
    assert shown["allowed"] == ["arrived", "served", "no_show", "closed"]


# what goes wrong


async def test_a_lost_answer_is_found_again(outside: Outside, halls: CoreAppointments) -> None:
    slot, person = await a_slot(outside), await outside.person()
    ask = place_in(slot, person)
    async with outside.faults(core={"lose_replies": True}):
        with pytest.raises((Unknown, NotReached)):
            await halls.book(ask)
    found = await halls.find_appointment(ask.appointment_id)
    assert found is not None and found == await halls.book(ask)


async def test_a_core_that_is_not_idempotent_writes_it_twice(outside: Outside, halls: CoreAppointments) -> None:
    ask = place_in(await a_slot(outside, capacity=3), await outside.person())
    async with outside.faults(core={"not_idempotent": True}):
        assert await halls.book(ask) == await halls.book(ask)
    assert [one["effective"] for one in await lines_of(outside, "appointment.booked", appointment_id=ask.appointment_id)] == [True, False]


async def test_a_killed_core_knows_its_places_and_numbers(private: Callable[..., Outside]) -> None:
    world = private()
    async with core_of(world) as core:
        made = await booked(world, core, starts_at="2031-05-06T10:00:00+08:00", capacity=2)
        await world.world("PUT", f"/core/slots/{made.slot_id}", {"capacity": 1})
    world.process.kill()
    world.process.start()
    async with core_of(world) as core:
        halls, slot = CoreAppointments(core), Slot(**(made.model_dump() | {"capacity": 1, "left": 0}))
        assert await halls.find_appointment(made.appointment_id) == made
        with pytest.raises(Refused, match="slot_full"):
            await halls.book(place_in(slot, await world.person()))
        await halls.call_off(made.appointment_id)
        assert (await halls.book(place_in(slot, await world.person()))).number == "A002"


async def test_after_a_reset_there_is_no_appointment_and_every_place_is_free(private: Callable[..., Outside]) -> None:
    world = private()
    async with core_of(world) as core:
        halls = CoreAppointments(core)
        slot = (await halls.slots((await an_item(world))["code"], MONDAY, MONDAY))[0]
        made = await halls.book(place_in(slot, await world.person()))
        await world.world("POST", "/reset", {})
        assert await halls.find_appointment(made.appointment_id) is None
        assert (await halls.slots(slot.item_code, MONDAY, MONDAY))[0].left == 3
        assert datetime.fromisoformat(slot.starts_at.isoformat()).tzinfo is not None
