"""What every act on appointments needs, and what is told when one changed."""

from dataclasses import dataclass
from typing import Literal, Protocol

from appointments.rules import Rules
from appointments.slot_store import Slots
from appointments.store import Appointments
from appointments.values import Appointment, Wait
from appointments.wait_store import Waits
from core.appointments import CoreAppointments
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox

BOOK, CALL_OFF, ARRIVE = "appointment.book", "appointment.call_off", "appointment.arrive"
ChangeKind = Literal[
    "booked", "moved", "refused", "cancelled", "closed", "no_show", "arrived", "served", "excused", "offered", "lapsed", "waiting_again", "line_over"
]


@dataclass(frozen=True, slots=True)
class Change:
    """`own`: once for each; of an appointment, or of a place in the line. `problem`: why a place in the line led to nothing, in the core's word."""

    own: str
    kind: ChangeKind
    appointment: Appointment | None = None
    wait: Wait | None = None
    problem: str = ""


class Told(Protocol):
    """Writes down what follows, in the transaction of the change."""

    async def __call__(self, tx: Tx, change: Change) -> None: ...


@dataclass(frozen=True, slots=True)
class Work:
    mongo: Mongo
    store: Appointments
    slots: Slots
    waits: Waits
    core: CoreAppointments
    outbox: Outbox
    told: Told
    rules: Rules


def book_key(appointment_id: str) -> str:
    return f"{BOOK}:{appointment_id}"


def call_off_key(appointment_id: str) -> str:
    return f"{CALL_OFF}:{appointment_id}"
