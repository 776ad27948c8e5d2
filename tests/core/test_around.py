"""Our side of appointments, ratings, complaints and tallies, at a core that answers what the sandbox never does."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.appointments import AppointmentMoved, AppointmentState, CoreAppointments
from core.client import Core
from core.complaints import ComplaintMoved, ComplaintState, CoreComplaints, FollowUp, Satisfaction
from core.events import read_event
from core.ratings import CoreRatings, RectificationOutcome
from core.tallies import CoreTallies
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from tests.core.door import Answers
from tests.sandbox.core_door import complaint, rating
from tests.sandbox.outside import Json

AT = "2026-11-30T10:00:00+08:00"
HALL = {"hall_id": "hall-1", "name": "政务服务中心", "address": ""}
SLOT = {"slot_id": "s1", "item_code": "I1", "hall": HALL, "starts_at": AT, "ends_at": AT, "capacity": 3, "left": 1}
APPOINTMENT: Json = {"appointment_id": "ap1", "slot_id": "s1", "item_code": "I1", "person_id": "P1", "case_no": None, "number": "A001", "hall": HALL}
APPOINTMENT |= {"starts_at": AT, "ends_at": AT, "state": "booked", "version": 1}
COMPLAINT: Json = {"complaint_id": "co1", "number": "LJ1", "state": "received", "version": 1, "timeline": []}


def giving(answers: Answers, body: Json, status: int = 200) -> None:
    answers.status, answers.body = status, json.dumps(body).encode()


def a_rating() -> Any:
    return rating({"case_no": "C1"}, {"person": "P1"}, rating_id="ra1")


async def test_slots_of_another_item_are_none_of_ours(odd_core: Core, answers: Answers) -> None:
    halls = CoreAppointments(odd_core)
    giving(answers, {"slots": [SLOT]})
    assert [one.left for one in await halls.slots("I1", "2026-11-30", "2026-11-30")] == [1]
    giving(answers, {"slots": [SLOT, SLOT | {"item_code": "I2"}]})
    with pytest.raises(NotReached):
        await halls.slots("I1", "2026-11-30", "2026-11-30")
    giving(answers, {"slots": [SLOT | {"left": -1}]})
    with pytest.raises(NotReached):
        await halls.slots("I1", "2026-11-30", "2026-11-30")


ACTS: dict[str, tuple[Json, Callable[[Core], Awaitable[Any]]]] = {
    "call_off": (APPOINTMENT | {"appointment_id": "ap2"}, lambda core: CoreAppointments(core).call_off("ap1")),
    "arrive": (APPOINTMENT | {"appointment_id": "ap2"}, lambda core: CoreAppointments(core).arrive("ap1")),
    "rate": (
        a_rating().model_dump(mode="json") | {"grade": 5, "outcome": None},
        lambda core: CoreRatings(core).rate(a_rating()),
    ),
    "tell_outcome": (  # it took our word and does not say so
        a_rating().model_dump(mode="json") | {"outcome": None},
        lambda core: CoreRatings(core).tell_outcome("ra1", RectificationOutcome(state="rectified", text="", at=now())),
    ),
    "file": (COMPLAINT, lambda core: CoreComplaints(core).file(complaint({"person": "P1"}, complaint_id="co2"))),
    "follow_up": (COMPLAINT, lambda core: CoreComplaints(core).follow_up("co2", FollowUp(follow_up_id="fu1", text="", asked_at=now()))),
    "judge": (COMPLAINT, lambda core: CoreComplaints(core).rate("co2", Satisfaction(satisfaction_id="sa1", grade=5, at=now()))),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_answer_about_something_else_proves_nothing(odd_core: Core, answers: Answers, act: str) -> None:
    body, asked = ACTS[act]
    giving(answers, body)
    with pytest.raises(Unknown):
        await asked(odd_core)
    assert len(answers.calls) == 1  # an act is asked once
    giving(answers, {"code": "too_late"}, 409)
    with pytest.raises(Refused, match="too_late"):
        await asked(odd_core)
    giving(answers, {}, 503)
    with pytest.raises(Unknown):
        await asked(odd_core)


FOUND: dict[str, tuple[Json, str, Callable[[Core], Awaitable[Any]]]] = {
    "appointment": (APPOINTMENT, "unknown_appointment", lambda core: CoreAppointments(core).find_appointment("ap2")),
    "rating": (
        a_rating().model_dump(mode="json"),
        "unknown_rating",
        lambda core: CoreRatings(core).find_rating("ra2"),
    ),
    "complaint": (COMPLAINT, "unknown_complaint", lambda core: CoreComplaints(core).find_complaint("co2")),
    "month": ({"month": "2026-10", "as_of": AT, "whole": True, "departments": []}, "unknown_month", lambda core: CoreTallies(core).month("2026-11")),
}


@pytest.mark.parametrize("kind", FOUND)
async def test_only_the_cores_own_word_says_there_is_none(odd_core: Core, answers: Answers, kind: str) -> None:
    other, code, find = FOUND[kind]
    giving(answers, other)
    with pytest.raises(NotReached):
        await find(odd_core)
    giving(answers, {}, 404)  # of somebody in between
    with pytest.raises(NotReached):
        await find(odd_core)
    giving(answers, {"code": code}, 404)
    assert await find(odd_core) is None


async def test_what_was_not_counted_is_unknown_and_never_zero(odd_core: Core, answers: Answers) -> None:
    giving(answers, {"month": "2026-11", "as_of": AT, "whole": False, "departments": [{"department": "公安局", "received": 3}]})
    found = await CoreTallies(odd_core).month("2026-11")
    assert found is not None and [(one.received, one.finished) for one in found.departments] == [(3, None)]


def test_a_word_of_a_newer_core_is_kept_as_other() -> None:
    about = {"event_id": "e1", "seq": 1, "case_no": None}
    move = {"version": 2, "state": "handed_on", "at": AT, "text": ""}
    booked = read_event(about | {"type": "appointment.moved", "appointment_id": "ap1", "move": move})
    said = read_event(about | {"type": "complaint.moved", "complaint_id": "co1", "number": "LJ1", "move": move})
    assert isinstance(booked, AppointmentMoved) and booked.move.state is AppointmentState.OTHER
    assert isinstance(said, ComplaintMoved) and said.move.state is ComplaintState.OTHER
