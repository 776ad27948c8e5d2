"""Appointments at the core: the slots of its halls, and one place in a slot, booked by our own id.

The core counts: window, kiosk and hotline take from the same slots. Reads are repeated a few times; an act never is: after Unknown ask
`find_appointment` before acting again. `book` and `call_off` are the same act however often they are asked, by appointment_id.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.answers import agreeing, find, made_as_asked, read
from core.bills import Id
from core.client import Core, parsed, segment
from core.frozen import Code, Frozen, Name, Text
from core.subjects import PersonId

_WORD = re.compile(r"[a-z][a-z_]{1,39}")


class Hall(Frozen):
    hall_id: Id
    name: Name
    address: Text = ""


class Slot(Frozen):
    """A stretch of time at one hall for one item. `left`: places nobody has, as the core counted when it was asked; 0 where it is closed."""

    slot_id: Id
    item_code: Code
    hall: Hall
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    capacity: int = Field(ge=0, le=10_000)
    left: int = Field(ge=0, le=10_000)


class SlotList(Frozen):
    slots: Annotated[tuple[Slot, ...], Field(max_length=2_000)]


class AppointmentState(StrEnum):
    """`cancelled`: by whoever booked it; `closed`: by the hall. A word of a newer core is read as `other`."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    SERVED = "served"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "AppointmentState | None":
        return cls.OTHER if isinstance(value, str) and _WORD.fullmatch(value) else None


class AppointmentAsk(Frozen):
    """A place in this slot for this person. `case_no`: the case they come for, if there is one."""

    appointment_id: Id
    slot_id: Id
    item_code: Code
    person_id: PersonId
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None


class AppointmentMove(Frozen):
    """One step. `version` grows by one per appointment with every move."""

    version: int = Field(ge=1)
    state: AppointmentState
    at: AwareDatetime
    text: Text = ""


class Appointment(AppointmentAsk):
    """As the core holds it. `number`: the one called in the hall, e.g. A017."""

    number: Annotated[str, Field(min_length=1, max_length=20)]
    hall: Hall
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    state: AppointmentState
    version: int = Field(ge=1)


class AppointmentMoved(Frozen):
    """Somebody arrived, was served, did not come, or the hall closed the slot. Comes as a case's move does."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    seq: int = Field(ge=1)
    type: Literal["appointment.moved"]
    appointment_id: Id
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    move: AppointmentMove


class CoreAppointments:
    """The appointment part of contract v1. Raises NotReached, Unknown and Refused as `Core` does."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def slots(self, item_code: str, first: str, last: str) -> tuple[Slot, ...]:
        """Of an item, on the days `first` to `last` (YYYY-MM-DD, Beijing, both included, at most 31), soonest first. Refused: unknown_item."""
        found = await read(self._core, "/slots", SlotList, {"item_code": item_code, "from": first, "to": last})
        return agreeing(found.slots, all(one.item_code == item_code for one in found.slots))

    async def book(self, ask: AppointmentAsk) -> Appointment:
        """One attempt, 6 s. Refused: unknown_slot, slot_full, slot_closed, slot_over, unknown_person, appointment_id_reused."""
        made = parsed(await self._core.post("/appointments", ask.model_dump_json().encode(), ask.appointment_id, seconds=6), Appointment)
        return made_as_asked(made, (made.appointment_id, made.slot_id, made.person_id) == (ask.appointment_id, ask.slot_id, ask.person_id))

    async def find_appointment(self, appointment_id: str) -> Appointment | None:
        """None is the core's clear word that it holds no such appointment."""
        found = await find(self._core, f"/appointments/{segment(appointment_id)}", Appointment, "unknown_appointment")
        return agreeing(found, found is None or found.appointment_id == appointment_id)

    async def call_off(self, appointment_id: str) -> Appointment:
        """The place is free again. One attempt, 6 s. Refused: unknown_appointment, too_late (arrived, served, not come, or closed)."""
        return await self._act(appointment_id, "cancellation")

    async def arrive(self, appointment_id: str) -> Appointment:
        """Somebody showed their code at the hall. One attempt, 6 s. Refused: unknown_appointment, not_today, appointment_over."""
        return await self._act(appointment_id, "arrival")

    async def _act(self, appointment_id: str, act: str) -> Appointment:
        path = f"/appointments/{segment(appointment_id)}/{act}"
        made = parsed(await self._core.post(path, b"{}", appointment_id, seconds=6), Appointment)
        return made_as_asked(made, made.appointment_id == appointment_id)
