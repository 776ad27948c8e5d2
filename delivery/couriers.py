"""What a courier is to us: five verbs, in our words. One adapter per supplier: delivery/sf.py, ems.py, kuaidi100.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

CourierName = Literal["sf", "ems", "kuaidi100"]
Payer = Literal["sender", "receiver", "third"]  # 寄付 | 到付 | 第三方


class ScanKind(StrEnum):
    """What a scan says, in the order a parcel usually goes through them. Nothing is promised about the order they come in."""

    BOOKED = "booked"  # the courier knows of it, nobody has it yet
    COLLECTED = "collected"  # 揽收
    IN_TRANSIT = "in_transit"
    DELIVERING = "delivering"  # 派送
    AT_PICKUP_POINT = "at_pickup_point"  # a locker or a shop, not yet with the receiver
    EXCEPTION = "exception"  # 疑难: it stands still until somebody does something
    REJECTED = "rejected"  # 拒收
    RETURNING = "returning"  # on its way back
    RETURNED = "returned"  # back with the sender
    LOST = "lost"
    CANCELLED = "cancelled"
    SIGNED = "signed"  # 签收


# With these the courier is done; only a pull makes them true (a notice may be forged).
TERMINAL = frozenset({ScanKind.SIGNED, ScanKind.RETURNED, ScanKind.LOST, ScanKind.CANCELLED})


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or receives. Never logged; given to a courier with the person's separate consent."""

    name: str
    phone: str
    province: str
    city: str
    county: str
    address: str


@dataclass(frozen=True, slots=True)
class Booking:
    """`shipment_id` is ours and unique for ever: a cancelled one is never used again. `goods`: what the label says lies in it, nothing personal."""

    shipment_id: str
    sender: Party
    receiver: Party
    payer: Payer
    goods: str


@dataclass(frozen=True, slots=True)
class Booked:
    """`is_cancelled`: the courier knows the order and that it is off."""

    shipment_id: str
    waybill: str
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    amount_fen: int
    days: int | None = None  # the courier's own promise, in days


@dataclass(frozen=True, slots=True)
class Scan:
    """One line of a parcel's way. `scan_id` tells it from every other of its waybill, however often and by whichever way it comes;
    `shipment_id` where the courier says it. `code` is the courier's own word."""

    waybill: str
    scan_id: str
    kind: ScanKind
    at: datetime
    text: str
    place: str = ""
    code: str = ""
    shipment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A courier's call as it came: verified on these bytes before anything is parsed."""

    body: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]  # lower-case names


class ForgedNotice(Exception):
    """Its signature, secret or sender is wrong. One word for the log, nothing of its content."""


class UnreadableNotice(Exception):
    """Genuine, but not what the courier documents."""


class Courier(Protocol):
    """Raises NotReached (nothing happened there), Unknown (it may have; `find` before anything again) and Refused with our word:
    not_offered, address_refused, not_reachable (该地不派送), already_collected, shipment_unknown, refused."""

    name: CourierName
    books: bool  # False: it only tracks what others carry

    async def quote(self, sender: Party, receiver: Party) -> Quote: ...

    async def book(self, booking: Booking) -> Booked:
        """One attempt. After Unknown call `find` before booking again, with the same shipment id."""

    async def find(self, shipment_id: str) -> Booked | None:
        """What became of a booking whose reply was lost. None is the courier's clear word that it has none."""

    async def cancel(self, shipment_id: str, waybill: str) -> None:
        """Harmless to repeat. Raises Refused("already_collected") when the courier has it."""

    async def track(self, waybill: str, phone: str) -> Sequence[Scan]:
        """Everything known now, in any order. `phone`: of a party; couriers ask for its last four digits."""

    async def subscribe(self, waybill: str, phone: str) -> None:
        """Have scans of this waybill told from now on; nothing to do where the courier tells of its own orders anyway."""

    def read_notice(self, notice: Notice) -> Sequence[Scan]:
        """Raises ForgedNotice, UnreadableNotice."""

    def answer(self, *, taken: bool) -> tuple[bytes, str]:
        """(body, content type) in the courier's exact form."""
