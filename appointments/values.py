"""What appointments are about: one place of a slot, taken by a person; a slot as we last saw it; a place in the waiting line.

asking ──> booked ──> arrived ──> served
   │          ├─────> no_show, cancelled, closed
   ├──> refused (the core said no)
   └──> cancelled (before the core had it)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from core.appointments import AppointmentState


class State(StrEnum):
    ASKING = "asking"
    BOOKED = "booked"
    ARRIVED = "arrived"
    SERVED = "served"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    REFUSED = "refused"
    OTHER = "other"


LIVE = frozenset({State.ASKING, State.BOOKED})
OF_CORE: Mapping[AppointmentState, State] = {one: State(one.value) for one in AppointmentState}


@dataclass(frozen=True, slots=True)
class Hall:
    hall_id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Slot:
    """`left`: as the core counted at `seen_at`. `holds`: ours that it has not counted yet: appointments' ids, and offers as `wait:<id>`."""

    id: str
    item_code: str
    hall: Hall
    starts_at: datetime
    ends_at: datetime
    left: int
    holds: tuple[str, ...] = ()
    seen_at: datetime | None = None

    @property
    def free(self) -> int:
        return max(0, self.left - len(self.holds))


@dataclass(frozen=True, slots=True)
class Who:
    """`person_id` acts; `visitor_id` is whom the core expects: the same one, or whom they act for. `subject_key`: whose it is."""

    person_id: str
    visitor_id: str
    resident_id: str
    subject_key: str


@dataclass(frozen=True, slots=True)
class Place:
    """Whose matter it is at the hall: the item's department and region, as staff's scopes have them. None: it has none."""

    department: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """`id`: the same for the same request. `replaces`: the appointment that is given back once this one is booked. `wait_id`: whose offer it takes."""

    id: str
    who: Who
    item_code: str
    item_name: str
    case_no: str | None = None
    replaces: str | None = None
    wait_id: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Appointment:
    """`number`: the one called in the hall, once the core has it. `version`: the core's, 0 before. `problem`: its no, in its word.

    `place` None: a row from before it was kept. `denied_at`: when the core said that nobody came, though their code was read at the hall.
    """

    id: str
    who: Who
    item_code: str
    item_name: str
    case_no: str | None
    slot_id: str
    hall: Hall
    starts_at: datetime
    ends_at: datetime
    state: State
    created_at: datetime
    number: str | None = None
    version: int = 0
    problem: str | None = None
    note: str = ""  # the hall's own words
    is_cancelling: bool = False
    replaces: str | None = None
    moved_to: str | None = None
    wait_id: str | None = None
    tried_at: datetime | None = None
    arrived_at: datetime | None = None
    denied_at: datetime | None = None
    excused_at: datetime | None = None
    ended_at: datetime | None = None
    place: Place | None = None
    is_nobodys: bool = False  # whoever it was for deleted their account


@dataclass(frozen=True, slots=True)
class Offer:
    slot_id: str
    hall: Hall
    starts_at: datetime
    ends_at: datetime
    until: datetime


WaitState = Literal["waiting", "offered", "booked", "lapsed", "left", "over"]


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody waits for. `first`, `last`: Beijing days, YYYY-MM-DD."""

    item_code: str
    item_name: str
    hall_id: str | None
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Wait:
    id: str
    who: Who
    line: Line
    state: WaitState
    created_at: datetime
    offer: Offer | None = None
    offers: int = field(default=0)  # how many it had
