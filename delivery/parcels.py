"""What a parcel is, the states it can be in, and which state may follow which. Pure; nothing here asks anybody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from delivery.couriers import CourierName, Party, Scan

Direction = Literal["to_resident", "to_hall"]
Method = Literal["courier", "pickup", "own_courier"]  # own_courier: the resident brings it to one and tells us the waybill
WhoPays = Literal["free", "receiver", "city", "prepaid"]


class State(StrEnum):
    ASKED = "asked"  # not to be booked as it is: `problem` says what the courier minded; or the window has still to pack what is fetched
    AWAITING_PAYMENT = "awaiting_payment"
    READY = "ready"  # may be booked
    BOOKING = "booking"  # a courier order may exist: from here on the address is frozen
    BOOKED = "booked"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    DELIVERING = "delivering"
    AT_PICKUP_POINT = "at_pickup_point"
    EXCEPTION = "exception"
    REJECTED = "rejected"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    WAITING_AT_HALL = "waiting_at_hall"  # packed, to be fetched
    PICKED_UP = "picked_up"
    ARRIVED = "arrived"  # papers are in the hall's hands: its own word, which ends every other state


CHANGEABLE = frozenset({State.ASKED, State.AWAITING_PAYMENT, State.READY})  # nothing is known of it outside this house
UNDER_WAY = frozenset(
    {
        State.BOOKED,
        State.COLLECTED,
        State.IN_TRANSIT,
        State.DELIVERING,
        State.AT_PICKUP_POINT,
        State.EXCEPTION,
        State.REJECTED,
        State.RETURNING,
    }
)
OVER = frozenset({State.RETURNED, State.LOST, State.DELIVERED, State.CANCELLED, State.PICKED_UP, State.ARRIVED})
COLLECTED_BY_COURIER = UNDER_WAY - {State.BOOKED}
_BY_SCANS = UNDER_WAY | {State.RETURNED, State.LOST, State.DELIVERED}

# ASKED again: the courier did not take it, or called it off. READY after RETURNED: staff send it once more.
MOVES: Mapping[State, frozenset[State]] = {
    State.ASKED: frozenset({State.READY, State.WAITING_AT_HALL, State.CANCELLED, State.ARRIVED}),
    State.AWAITING_PAYMENT: frozenset({State.READY, State.CANCELLED, State.ARRIVED}),
    State.READY: frozenset({State.BOOKING, State.CANCELLED, State.ARRIVED}),
    State.BOOKING: frozenset({State.BOOKED, State.ASKED, State.CANCELLED}),
    **{one: (_BY_SCANS - {one}) | {State.ASKED, State.CANCELLED, State.ARRIVED} for one in UNDER_WAY},
    State.RETURNED: frozenset({State.READY, State.WAITING_AT_HALL}),
    State.LOST: frozenset({State.DELIVERED, State.RETURNED, State.ARRIVED}),  # found again
    State.DELIVERED: frozenset({State.RETURNED, State.ARRIVED}),
    State.CANCELLED: frozenset(),
    State.WAITING_AT_HALL: frozenset({State.PICKED_UP, State.CANCELLED}),
    State.PICKED_UP: frozenset(),
    State.ARRIVED: frozenset(),
}


def before(to: State) -> frozenset[State]:
    """The states from which `to` may be reached."""
    return frozenset(one for one, following in MOVES.items() if to in following)


def may(one: State, to: State) -> bool:
    return to in MOVES[one]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose window it is: who of the staff may see the parcel and its tasks."""

    department: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a resident asks for. `id` is the parcel's, given by the caller so that asking twice is asking once.

    `receiver` and `sender`: the resident's side from the form, the hall's side from the settings; neither for `pickup`. `items`: the licences or
    materials in it. `goods`: what the label says lies in it, nothing personal. `grant_id`: the recipient is this registered agent. `checks_id`:
    the courier or the window looks at an ID document before it hands over. `bill_id` with "prepaid", `waybill` with "own_courier".
    """

    id: str
    case_no: str
    request_id: str
    subject_key: str
    person_id: str
    resident_id: str
    direction: Direction
    method: Method
    payer: WhoPays
    items: tuple[str, ...]
    goods: str = "文件"
    courier: CourierName | None = None
    receiver: Party | None = None
    sender: Party | None = None
    grant_id: str | None = None
    checks_id: bool = True
    bill_id: str | None = None
    waybill: str | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as it stands, opened. `scans`: what may be shown, the oldest first. `revision` counts what a resident changed (If-Match)."""

    id: str
    case_no: str
    request_id: str
    subject_key: str
    person_id: str
    resident_id: str
    direction: Direction
    method: Method
    payer: WhoPays
    state: State
    items: tuple[str, ...]
    goods: str
    courier: CourierName | None
    receiver: Party | None
    sender: Party | None
    grant_id: str | None
    checks_id: bool
    bill_id: str | None
    waybill: str | None
    place: Place
    scans: tuple[Scan, ...]
    revision: int
    shipment_id: str | None  # the live courier order of ours, or the last there was
    shipments: int  # how many there were so far
    problem: str | None  # why the courier did not take it, in our words (couriers.Courier)
    is_cancelling: bool  # the resident called it off and the courier has still to say yes
    created_at: datetime
    booked_at: datetime | None
    packed_at: datetime | None
    handed_over_at: datetime | None
    finished_at: datetime | None

    @property
    def is_frozen(self) -> bool:
        """Its address cannot be changed any more."""
        return self.state not in CHANGEABLE

    @property
    def resident_side(self) -> Party | None:
        return self.receiver if self.direction == "to_resident" else self.sender


def shipment_id(parcel_id: str, n: int) -> str:
    """Our number of a parcel's n-th courier order; a cancelled one is never used again."""
    return f"{parcel_id}-{n}"


def parcel_of(shipment: str) -> tuple[str, int] | None:
    """(parcel id, n) of a number of ours; None: it is none of ours."""
    parcel, _, n = shipment.rpartition("-")
    return (parcel, int(n)) if parcel and n.isascii() and n.isdecimal() and len(n) < 6 else None


TaskKind = Literal["rejected", "returned", "lost", "stuck", "booking_refused", "cancelled_by_courier"]
TASK_KINDS: Collection[TaskKind] = ("rejected", "returned", "lost", "stuck", "booking_refused", "cancelled_by_courier")


@dataclass(frozen=True, slots=True)
class Task:
    """Something a person at the window has to see to. `note`: what they did, without names."""

    id: str
    kind: TaskKind
    parcel_id: str
    case_no: str
    place: Place
    state: Literal["open", "taken", "closed"]
    opened_at: datetime
    taken_by: str | None = None
    closed_at: datetime | None = None
    note: str = ""
