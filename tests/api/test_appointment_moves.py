"""Moves of an appointment that come more than once: under another event id, at the same moment, and after a newer one."""

import asyncio

from core.appointments import AppointmentMove, AppointmentMoved, AppointmentState
from kit.clock import now
from kit.ids import new_nonce
from miniapp_api import appointment_changed, core_events
from tests.api.booking import becomes, make_hall, taken, told
from tests.api.house import House, Json, Resident, make_resident
from tests.api.planted import inside


def make_event(own: str, move: AppointmentMove) -> AppointmentMoved:
    """Each under an event id of its own."""
    return AppointmentMoved(event_id=f"ev_{new_nonce()}", seq=20_000_000 + move.version, type="appointment.moved", appointment_id=own, move=move)


async def said(resident: Resident, words: str) -> list[Json]:
    return [one for one in await resident.inbox() if one["kind"] == "appointment_moved" and words in one["text"]]


async def test_a_step_that_comes_under_another_event_id_is_told_once(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    own = (await taken(resident, await hall.slot()))["id"]
    await told(resident, "预约成功")
    closed = AppointmentMove(version=2, state=AppointmentState.CLOSED, at=now(), text="大厅停电")
    async with inside(house.stack) as deps:
        many = await asyncio.gather(*(core_events.take(deps, [make_event(own, closed)]) for _ in range(4)))
        assert sorted(became for (became,) in many) == ["applied", "repeated", "repeated", "repeated"]
        assert await core_events.take(deps, [make_event(own, closed), make_event(own, closed)]) == ["repeated", "repeated"]
        of_this = {"kind": appointment_changed.TELL, "_id": {"$regex": f"^appointment:{own}:"}}
        assert sorted([row["_id"] async for row in deps.mongo["outbox"].find(of_this)]) == [f"appointment:{own}:2", f"appointment:{own}:booked"]
    assert (await becomes(resident, own, "closed"))["id"] == own
    await told(resident, "大厅停电")
    assert len(await said(resident, "被大厅取消")) == 1


async def test_an_older_step_after_a_newer_one_is_not_told(house: House) -> None:
    hall, resident = await make_hall(house), await make_resident(house)
    own = (await taken(resident, await hall.slot()))["id"]
    served = AppointmentMove(version=3, state=AppointmentState.SERVED, at=now())
    missed = AppointmentMove(version=2, state=AppointmentState.NO_SHOW, at=now())
    async with inside(house.stack) as deps:
        assert await core_events.take(deps, [make_event(own, served), make_event(own, missed)]) == ["applied", "repeated"]
        assert await deps.mongo["outbox"].find_one({"_id": f"appointment:{own}:2"}) is None
    assert (await becomes(resident, own, "served"))["id"] == own
    assert await said(resident, "记为未到") == []
