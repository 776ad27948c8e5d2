"""A courier in memory with a ledger of its own, replies that get lost and a search that shows late: for the rules of parcels, not for protocols."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from delivery.couriers import TERMINAL, Booked, Booking, CourierName, Notice, Party, Quote, Scan, ScanKind
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Mongo, Tx

T = TypeVar("T")
_NUMBERS = itertools.count(1)


class Crash(BaseException):
    """The process died here; nothing after this line happened."""


@dataclass
class Trouble:
    """What goes wrong with the next call, once each: `lose` and `die` after it acted, `die_before` before; `away` and `refuse` hold until taken
    back. `first` and `then`: what somebody else does while the call, or its reply, is on its way."""

    away: bool = False
    refuse: str = ""
    lose: bool = False
    die: bool = False
    die_before: bool = False
    first: Callable[[], Awaitable[None]] | None = None
    then: Callable[[], Awaitable[None]] | None = None

    async def before(self, party: str) -> None:
        if (meanwhile := self.first) is not None:
            self.first = None
            await meanwhile()
        if self.away:
            raise NotReached(party, "no_connection")
        if self.die_before:
            self.die_before = False
            raise Crash

    async def after(self, party: str) -> None:
        if (meanwhile := self.then) is not None:
            self.then = None
            await meanwhile()
        if self.die:
            self.die = False
            raise Crash
        if self.lose:
            self.lose = False
            raise Unknown(party, "timeout")


@dataclass
class Order:
    """One courier order as the courier has it. `age`: seconds since it was made; `hidden`: its newest scans that its search does not show yet."""

    booking: Booking
    waybill: str
    cancelled: bool = False
    scans: list[Scan] = field(default_factory=list)
    age: float = 0.0
    hidden: int = 0

    @property
    def kinds(self) -> list[ScanKind]:
        return [scan.kind for scan in self.scans]

    @property
    def is_live(self) -> bool:
        return not self.cancelled and not (set(self.kinds) & TERMINAL)

    @property
    def is_collected(self) -> bool:
        return ScanKind.COLLECTED in self.kinds


class PretendCourier:
    """`dedupes` False: asked twice under one number, it makes two orders. `hides_for`: seconds until `find` shows an order; `knows_after`: until it
    can be called off."""

    def __init__(self, name: CourierName = "sf", *, dedupes: bool = True, books: bool = True) -> None:
        self.name: CourierName = name
        self.books = books
        self.dedupes = dedupes
        self.hides_for = 0.0  # more than booking.QUIET is more than we promise to bear
        self.knows_after = 0.0
        self.orders: list[Order] = []
        self.foreign: dict[str, list[Scan]] = {}  # waybills others made
        self.subscribed: list[str] = []
        self.asked = 0
        self.trouble = Trouble()

    # the world's side

    def of(self, shipment_id: str) -> list[Order]:
        return [one for one in self.orders if one.booking.shipment_id == shipment_id]

    def of_parcel(self, parcel_id: str) -> list[Order]:
        return [one for one in self.orders if one.booking.shipment_id.rpartition("-")[0] == parcel_id]

    def scan(self, order: Order, kind: ScanKind, *, at: datetime | None = None) -> Scan:
        """Something happens to a parcel; what is told of it is `order.scans`."""
        own = next(_NUMBERS)
        moment = at or max([now(), *(one.at + timedelta(milliseconds=1) for one in order.scans[-1:])])
        made = Scan(order.waybill, f"s{own}", kind, moment, f"轨迹 {own}", "临江市", kind.value, order.booking.shipment_id)
        order.scans.append(made)
        if kind is ScanKind.CANCELLED:
            order.cancelled = True
        return made

    def pass_time(self, seconds: float) -> None:
        back = timedelta(seconds=seconds)
        for order in self.orders:
            order.age += seconds
            order.hidden = 0
            order.scans = [replace(one, at=one.at - back) for one in order.scans]

    # the protocol's side

    async def quote(self, sender: Party, receiver: Party) -> Quote:
        return Quote(1200, 2)

    async def book(self, booking: Booking) -> Booked:
        await self.trouble.before(self.name)
        if self.trouble.refuse:
            raise Refused(self.name, self.trouble.refuse)
        known = self.of(booking.shipment_id)
        if known and self.dedupes:
            raise Unknown(self.name, "known_already")
        order = Order(booking, f"SF{next(_NUMBERS):010d}")
        self.orders.append(order)
        await self.trouble.after(self.name)
        return Booked(booking.shipment_id, order.waybill)

    async def find(self, shipment_id: str) -> Booked | None:
        await self.trouble.before(self.name)
        found = next((one for one in self.of(shipment_id) if one.age >= self.hides_for), None)
        return None if found is None else Booked(shipment_id, found.waybill, found.cancelled)

    async def cancel(self, shipment_id: str, waybill: str) -> None:
        await self.trouble.before(self.name)
        found = [one for one in self.of(shipment_id) if one.age >= self.knows_after]
        if not found:
            raise Refused(self.name, "shipment_unknown")
        if any(one.is_collected for one in found):
            raise Refused(self.name, "already_collected")
        for one in found:
            if not one.cancelled:
                self.scan(one, ScanKind.CANCELLED)
        await self.trouble.after(self.name)

    async def track(self, waybill: str, phone: str) -> Sequence[Scan]:
        self.asked += 1
        await self.trouble.before(self.name)
        found = next((one for one in self.orders if one.waybill == waybill), None)
        told = self.foreign.get(waybill, []) if found is None else found.scans[: len(found.scans) - found.hidden]
        await self.trouble.after(self.name)
        return told[::-1]

    async def subscribe(self, waybill: str, phone: str) -> None:
        await self.trouble.before(self.name)
        self.subscribed.append(waybill)

    def read_notice(self, notice: Notice) -> Sequence[Scan]:
        raise NotImplementedError

    def answer(self, *, taken: bool) -> tuple[bytes, str]:
        return b"", "text/plain"


class Fragile(Mongo):
    """A database whose caller dies: while its transaction is open, or when it is done and nobody heard of it."""

    __slots__ = ()
    dies: str = ""  # "" | "inside" | "after"; of the class: a Mongo is frozen

    async def transaction(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        how, Fragile.dies = Fragile.dies, ""

        async def run(tx: Tx) -> T:
            done = await work(tx)
            if how == "inside":
                raise Crash
            return done

        done = await super().transaction(run)
        if how == "after":
            raise Crash
        return done
