"""What the acts on a parcel need, and how others hear of them. Where the acts are:

asking.py         ask, change_address, cancel, paid, book_again
booking.py        book (worker, BOOK), cancel_at_courier (worker, CANCEL)
tracking.py       take_scans; polling.py: poll (worker, POLL); standstill.py: look_for_stuck (job)
at_the_window.py  packed, handed_over, picked_up, arrived_at_hall
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from delivery.couriers import Courier, CourierName
from delivery.parcel_store import Parcels
from kit.errors import NotReached
from kit.gather import Gathered
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox

BOOK, CANCEL, POLL = "delivery.book", "delivery.cancel", "delivery.poll"  # kinds of outbox rows

ChangeKind = Literal[
    "booked",
    "collected",
    "delivering",
    "at_pickup_point",
    "delivered",
    "rejected",
    "returned",
    "lost",
    "stuck",
    "handed_over",  # the window gave it to the courier
    "arrived_at_hall",
    "ready_at_hall",
    "picked_up",
    "cancelled",  # the resident's wish came true, or the courier called it off (the parcel is `asked` then)
    "not_cancelled",  # the courier had it already
    "refused",  # the courier does not take it; Parcel.problem says why
]


@dataclass(frozen=True, slots=True)
class Change:
    """Something residents or the core are told of, once. `own` is unique for ever: what an outbox row may be named after."""

    own: str
    kind: ChangeKind
    parcel_id: str
    at: datetime


class Told(Protocol):
    """Called in the transaction that makes the change true; it only writes down that it is to be told."""

    async def __call__(self, tx: Tx, change: Change) -> None: ...


@dataclass(slots=True)
class Together:
    """Scans that come at the same time are written together (tracking.take_scans)."""

    scans: Gathered[Any, int] | None = None


@dataclass(frozen=True, slots=True)
class Shipping:
    """`stuck_days`: working days without a scan after which somebody looks. `tracker`: who follows what residents give to couriers themselves."""

    mongo: Mongo
    store: Parcels
    outbox: Outbox
    couriers: Mapping[CourierName, Courier]
    told: Told
    stuck_days: int = 3
    tracker: CourierName = "kuaidi100"
    together: Together = field(default_factory=Together)

    def courier(self, name: CourierName | None) -> Courier:
        """Raises NotReached when it is not configured (any more)."""
        found = None if name is None else self.couriers.get(name)
        if found is None:
            raise NotReached(name or "courier", "not_configured")
        return found


def book_key(parcel_id: str, n: int) -> str:
    return f"book:{parcel_id}:{n}"


def cancel_key(shipment: str) -> str:
    return f"cancel:{shipment}"


def poll_key(parcel_id: str, n: int) -> str:
    return f"poll:{parcel_id}:{n}"
