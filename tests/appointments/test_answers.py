"""What the core's answers end and what they do not; and what is heard while an answer is on its way."""

from datetime import timedelta

import pytest

from appointments import arriving, booking, calling_off, moves
from appointments.values import Appointment, State
from appointments.work import ARRIVE, book_key, call_off_key
from core.appointments import AppointmentMove, AppointmentState
from kit.clock import BEIJING, now
from tests.appointments.counter import Counter, in_days

ODD = [(422, "bad_request"), (409, "locked"), (404, None), (404, "unknown_route"), (403, "not_allowed"), (429, "busy"), (503, None)]


def arrive_key(one: Appointment) -> str:
    return f"{ARRIVE}:{one.id}"


async def called_off(counter: Counter) -> Appointment:
    made = await counter.take("p1", await counter.slot())
    assert await calling_off.cancel(counter.work, made.id) is not None
    return made


async def checked_in(counter: Counter) -> Appointment:
    at = now().astimezone(BEIJING).replace(hour=23, minute=59, second=59, microsecond=0)
    made = await counter.take("p1", await counter.slot(at=at))
    return (await arriving.check_in(counter.work, made, None)).appointment


async def hears(counter: Counter, one: Appointment, version: int, state: AppointmentState) -> str:
    move = AppointmentMove(version=version, state=state, at=now())
    return await counter.mongo.transaction(lambda tx: moves.apply(counter.work, tx, one.id, move))


@pytest.mark.parametrize(("status", "code"), ODD)
async def test_a_place_is_called_off_until_the_core_has_said_so(counter: Counter, status: int, code: str | None) -> None:
    made = await called_off(counter)
    counter.core.no["cancellation"] = (status, code)
    for _ in range(2):
        await calling_off.call_off(counter.work, await counter.row(call_off_key(made.id)))
        assert not await counter.is_done(call_off_key(made.id))
    assert (await counter.seen(made.slot_id)).left == 0
    counter.core.no.clear()
    await calling_off.call_off(counter.work, await counter.row(call_off_key(made.id)))
    assert await counter.is_done(call_off_key(made.id)) and counter.core.held[made.id]["state"] == "cancelled"
    assert (await counter.seen(made.slot_id)).left == 1


@pytest.mark.parametrize(("status", "code"), [(404, "unknown_appointment"), (409, "too_late"), (409, "appointment_over")])
async def test_where_there_is_nothing_to_call_off_no_place_comes_of_it(counter: Counter, status: int, code: str) -> None:
    made = await called_off(counter)
    counter.core.no["cancellation"] = (status, code)
    await calling_off.call_off(counter.work, await counter.row(call_off_key(made.id)))
    assert await counter.is_done(call_off_key(made.id)) and (await counter.seen(made.slot_id)).left == 0


@pytest.mark.parametrize(("status", "code"), ODD)
async def test_an_arrival_is_told_however_long_the_core_is_away_that_day(counter: Counter, status: int, code: str | None) -> None:
    here = await checked_in(counter)
    counter.core.no["arrival"] = (status, code)
    for _ in range(2):
        await arriving.arrive_at_core(counter.work, await counter.row(arrive_key(here)))
    row = await counter.mongo["outbox"].find_one({"_id": arrive_key(here)})
    assert row is not None and (row["state"], row["attempts"]) == ("waiting", 0), "no attempt is counted, so it is never parked"
    counter.core.no.clear()
    await arriving.arrive_at_core(counter.work, await counter.row(arrive_key(here)))
    assert await counter.is_done(arrive_key(here)) and counter.core.held[here.id]["state"] == "arrived"


@pytest.mark.parametrize("code", ["unknown_appointment", "not_today", "appointment_over"])
async def test_an_arrival_the_core_cannot_take_is_told_once(counter: Counter, code: str) -> None:
    here = await checked_in(counter)
    counter.core.no["arrival"] = (409, code)
    await arriving.arrive_at_core(counter.work, await counter.row(arrive_key(here)))
    assert await counter.is_done(arrive_key(here))


async def test_an_arrival_whose_teller_died_before_it_was_done_is_told_again_and_changes_nothing(counter: Counter) -> None:
    here = await checked_in(counter)
    await counter.work.core.arrive(here.id)  # and here the worker died
    await arriving.arrive_at_core(counter.work, await counter.row(arrive_key(here)))
    assert await counter.is_done(arrive_key(here)) and counter.core.held[here.id]["version"] == 2
    again = await arriving.check_in(counter.work, await counter.look(here.id), "hall-1")
    assert again.again and again.appointment.arrived_at == here.arrived_at


async def test_an_arrival_is_not_told_after_its_day(counter: Counter) -> None:
    here = await checked_in(counter)
    await counter.mongo["appointments"].update_one({"_id": here.id}, {"$set": {"starts_at": in_days(-1)}})
    counter.core.no["arrival"] = (503, None)
    await arriving.arrive_at_core(counter.work, await counter.row(arrive_key(here)))
    assert await counter.is_done(arrive_key(here))


async def test_who_checked_in_is_no_no_show_whatever_the_core_says_at_the_end_of_the_day(counter: Counter) -> None:
    here = await checked_in(counter)
    assert await hears(counter, here, 2, AppointmentState.NO_SHOW) == "applied"
    assert await hears(counter, here, 2, AppointmentState.NO_SHOW) == "repeated"
    kept = await counter.look(here.id)
    assert (kept.state, kept.version, kept.arrived_at) == (State.ARRIVED, 2, here.arrived_at) and kept.denied_at is not None
    assert "no_show" not in counter.told
    assert await counter.work.store.missed(None, "p1", now() - timedelta(days=30)) == []
    assert await hears(counter, here, 3, AppointmentState.SERVED) == "applied"
    assert (await counter.look(here.id)).state is State.SERVED


async def test_a_no_show_of_before_does_not_count_where_the_code_was_read(counter: Counter) -> None:
    here = await checked_in(counter)
    other = await counter.take("p1", await counter.slot(at=in_days(2)))
    assert await hears(counter, other, 2, AppointmentState.NO_SHOW) == "applied"
    await counter.mongo["appointments"].update_one({"_id": here.id}, {"$set": {"state": "no_show"}})
    assert await counter.work.store.missed(None, "p1", now() - timedelta(days=30)) == [in_days(2)]


@pytest.mark.parametrize("to", ["closed", "arrived"])
async def test_a_step_that_comes_before_the_answer_to_the_booking_is_not_lost(counter: Counter, to: str) -> None:
    async def moves_on(own: str) -> None:
        counter.core.moves(own, to)
        assert await hears(counter, await counter.look(own), 2, AppointmentState(to)) == "applied"

    counter.core.meanwhile = moves_on
    made = await counter.take("p1", await counter.slot())
    assert (made.state.value, made.version, counter.told) == (to, 2, [to])
    assert counter.core.asked == ["book", "look"] and await counter.is_done(book_key(made.id))
    assert await hears(counter, made, 2, AppointmentState(to)) == "repeated"


async def test_a_step_nobody_can_read_yet_leaves_the_booking_on_its_way(counter: Counter) -> None:
    """The core fell over after its event: what was booked there is neither given up nor written down as it was."""

    async def falls_over(own: str) -> None:
        await hears(counter, await counter.look(own), 2, AppointmentState.CLOSED)
        counter.core.no["look"] = (503, None)

    counter.core.meanwhile = falls_over
    one = await counter.asks_for("p1", await counter.slot())
    await counter.mongo["appointments"].update_one({"_id": one.id}, {"$set": {"created_at": now() - booking.GIVEN_UP * 2}})
    assert (await counter.books(one)).state is State.ASKING and not await counter.is_done(book_key(one.id))
    counter.core.no.clear()
    counter.core.moves(one.id, "closed")
    assert (await counter.books(one)).state is State.CLOSED and counter.told == ["closed"]


async def test_an_older_step_than_the_answer_asks_nobody_again(counter: Counter) -> None:
    one = await counter.asks_for("p1", await counter.slot())
    assert await hears(counter, one, 1, AppointmentState.BOOKED) == "applied"
    assert (await counter.books(one)).state is State.BOOKED
    assert counter.core.asked == ["book", "book"]
