"""The parcel machine: any order of asking, booking, lost replies, deaths, scans twice, late and forged, calling off and time leaves one courier
order of a parcel at most, no end its courier does not have, and an address that stands still while an order may exist."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from delivery import asking, at_the_window, standstill
from delivery.booking import QUIET
from delivery.couriers import TERMINAL, Scan, ScanKind
from delivery.parcels import CHANGEABLE, UNDER_WAY, Parcel, State
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import AppError, Outside
from kit.ids import new_id
from kit.mongo import Mongo, connect
from kit.outbox import COLLECTION
from kit.workdays import built_in
from tests.delivery.depot import ELSEWHERE, HANDLERS, HOME, Depot, indexes, make_depot, make_wish
from tests.delivery.pretend import Crash, Fragile, Order

ANY = st.integers(0, 1_000_000)
K = ScanKind
# how far a parcel has come when the machine begins, so that what happens late in its life happens in every run
OPENINGS: dict[str, tuple[ScanKind, ...] | None] = {
    "asked": None,
    "unheard": None,
    "booked": (),
    "collected": (K.COLLECTED,),
    "delivering": (K.COLLECTED, K.IN_TRANSIT, K.DELIVERING),
    "returning": (K.COLLECTED, K.REJECTED, K.RETURNING),
    "lost": (K.COLLECTED, K.LOST),
    "called_off": (K.CANCELLED,),
    "refused": None,
}
NEXT = st.sampled_from([K.COLLECTED, K.COLLECTED, K.IN_TRANSIT, K.DELIVERING, K.REJECTED, K.RETURNING, K.SIGNED, K.RETURNED, K.LOST, K.CANCELLED])
RULES = ["ask", "work", "race", "trouble", "database_dies", "goes_away", "refuses", "hides", "lags", "happens", "push", "push_again_and_shuffled"]
RULES += ["forge", "cancel", "cancel_and_lose_the_reply", "change_address", "book_again", "window", "meanwhile", "look_for_stuck"]
MEANWHILE = ["cancels", "changes", "is_collected", "is_pushed", "is_forged", "another_worker"]
ACTED: Counter[str] = Counter()  # rule -> how often it did something: a machine whose rules find nothing to do proves nothing
ENDS: Counter[str] = Counter()  # state a parcel ended in -> how often
MOST_PARCELS = 5
LOOP = asyncio.new_event_loop()


class ParcelMachine(RuleBasedStateMachine):
    """Every step is one act of somebody; the invariants are looked at after each, and once more when all is quiet."""

    mongo: Mongo

    def __init__(self) -> None:
        super().__init__()
        self.depot: Depot
        self.ids: list[str] = []
        self.forged: set[str] = set()

    def run(self, work: Awaitable[Any]) -> Any:
        return LOOP.run_until_complete(work)

    async def attempt(self, work: Awaitable[Any]) -> Any:
        """An act that may be refused, lose its reply or die half-way: the machine goes on either way."""
        try:
            return await work
        except (AppError, Outside, Crash, asyncio.CancelledError) as exc:  # as a gathered call ends whose trip died
            return exc

    def act(self, name: str, found: Callable[[], Any], work: Callable[[Any], Awaitable[Any]], instead: str = "booked") -> None:
        """Where there is nothing to do it to, that is made; where there is no room for more, the worker works: no step is idle."""
        if not (whom := found()) and len(self.ids) < MOST_PARCELS:
            self.depot.sf.trouble.away, self.depot.sf.trouble.refuse = False, ""
            self.run(self.opening(instead))
            whom = found()
        if whom:
            ACTED[name] += 1
            self.run(self.attempt(work(whom)))
        else:
            self.run(self.some_work(60, 3))

    @initialize(
        dedupes=st.booleans(), hides=st.sampled_from([0.0, 20.0, QUIET - 1]), how=st.lists(st.sampled_from(list(OPENINGS)), min_size=1, max_size=2)
    )
    def begin(self, dedupes: bool, hides: float, how: list[str]) -> None:
        self.run(self.empty())
        keys = Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32))
        self.depot = make_depot(self.mongo, keys, dedupes=dedupes)
        self.depot.sf.hides_for = hides
        for one in how:
            self.run(self.opening(one))

    async def empty(self) -> None:
        for name in await self.mongo.database.list_collection_names():
            await self.mongo[name].delete_many({})

    async def opening(self, how: str) -> None:
        """As calm as possible; troubles that wait for their call happen here, too."""
        wish = make_wish()
        if isinstance(await self.attempt(asking.ask(self.depot.shipping, wish)), Crash):
            await asking.ask(self.depot.shipping, wish)  # who heard nothing asks again
        self.ids.append(wish.id)
        kinds = OPENINGS[how]
        if how == "unheard":
            self.depot.sf.trouble.lose = True
        if how == "refused":
            self.depot.sf.trouble.refuse = "not_reachable"
        if how != "asked":
            await self.some_work(0, 2)
        for kind in kinds or ():
            if (order := self.order_of(wish.id)) is not None:
                await self.attempt(self.depot.push(self.depot.sf.scan(order, kind)))
        await self.some_work(0, 1)
        if how == "refused":
            self.depot.sf.trouble.refuse = ""

    # whom it is about

    def an_id(self, which: int) -> str:
        return self.ids[which % len(self.ids)]

    def order_of(self, own: str) -> Order | None:
        """The newest the courier has of it."""
        found = self.depot.sf.of_parcel(own)
        return found[-1] if found else None

    def orders(self, *, open_only: bool = False) -> list[Order]:
        return [one for one in self.depot.sf.orders if one.is_live or not open_only]

    def spoken_of(self) -> list[Order]:
        return [one for one in self.orders() if one.scans]

    async def one_in(self, which: int, *states: State) -> Parcel | None:
        found = [parcel for own in self.ids if (parcel := await self.depot.parcel(own)).state in states]
        return found[which % len(found)] if found else None

    # acts, which may also happen while a call is on its way

    async def cancels(self, which: int) -> None:
        await asking.cancel(self.depot.shipping, self.an_id(which))

    async def changes(self, which: int) -> None:
        parcel = await self.depot.parcel(self.an_id(which))
        await asking.change_address(self.depot.shipping, parcel.id, HOME if parcel.receiver == ELSEWHERE else ELSEWHERE, parcel.revision)

    async def is_collected(self, which: int) -> None:
        if (order := self.order_of(self.an_id(which))) is not None and order.is_live and not order.is_collected:
            self.depot.sf.scan(order, K.COLLECTED)

    async def is_pushed(self, which: int) -> None:
        if (order := self.order_of(self.an_id(which))) is not None and order.scans:
            await self.depot.push(*order.scans)

    async def is_forged(self, which: int, kind: ScanKind = K.SIGNED, hours: int = 0) -> None:
        """By somebody who knows the waybill and our number, and can push."""
        parcel = await self.depot.parcel(self.an_id(which))
        order = self.order_of(parcel.id)
        if order is None:
            return
        self.forged.add(parcel.id)
        own = f"forged-{new_id('x')}"
        await self.depot.push(Scan(order.waybill, own, kind, now() + timedelta(hours=hours), "", "", "", order.booking.shipment_id))

    async def another_worker(self, which: int) -> None:
        await self.depot.another_worker()

    async def some_work(self, after: float, steps: int) -> None:
        if after:
            await self.depot.pass_time(after)
        for _ in range(steps):
            await self.attempt(self.depot.step())

    def arm(self, when: str, what: Callable[[], Awaitable[None]] | None) -> None:
        if when:
            setattr(self.depot.sf.trouble, when, what)

    # residents and staff

    @rule()
    def ask(self) -> None:
        if len(self.ids) < MOST_PARCELS:
            ACTED["ask"] += 1
            self.run(self.opening("asked"))
        else:
            self.run(self.some_work(60, 3))

    @rule(which=ANY)
    def cancel(self, which: int) -> None:
        ACTED["cancel"] += 1
        self.run(self.attempt(self.cancels(which)))

    @rule(which=ANY, collected=st.booleans())
    def cancel_and_lose_the_reply(self, which: int, collected: bool) -> None:
        """With `collected`, the courier fetches it before it hears of that."""

        async def both(parcel: Parcel) -> None:
            self.depot.sf.trouble.away = False
            await asking.cancel(self.depot.shipping, parcel.id)
            order = self.order_of(parcel.id)
            if collected and order is not None and order.is_live and not order.is_collected:
                self.depot.sf.scan(order, K.COLLECTED)
            self.depot.sf.trouble.lose = True
            await self.some_work(0, 1)

        self.act("cancel_and_lose_the_reply", lambda: self.run(self.one_in(which, State.BOOKED, State.BOOKING)), both)

    @rule(which=ANY)
    def change_address(self, which: int) -> None:
        self.run(self.changes_or_is_told_why(which))
        ACTED["change_address"] += 1

    async def changes_or_is_told_why(self, which: int) -> None:
        Fragile.dies = ""
        parcel = await self.depot.parcel(self.an_id(which))
        told = await self.attempt(self.changes(which))
        assert isinstance(told, AppError) == (parcel.state not in CHANGEABLE), (parcel.state, told)

    @rule(which=ANY)
    def book_again(self, which: int) -> None:
        def found() -> Parcel | None:
            return self.run(self.one_in(which, State.ASKED, State.RETURNED))  # type: ignore[no-any-return]  # whatever the loop gives back

        self.act("book_again", found, lambda one: asking.book_again(self.depot.shipping, one.id), "refused")

    @rule(which=ANY, act=st.sampled_from([at_the_window.packed, at_the_window.handed_over]))
    def window(self, which: int, act: Callable[..., Awaitable[Parcel]]) -> None:
        states = (*UNDER_WAY, State.READY, State.BOOKING)
        self.act("window", lambda: self.run(self.one_in(which, *states)), lambda parcel: act(self.depot.shipping, parcel.id))

    # the courier and its world

    @rule(which=ANY, kind=NEXT)
    def happens(self, which: int, kind: ScanKind) -> None:
        self.act("happens", lambda: self.orders(open_only=True), lambda there: self.something_happens(there[which % len(there)], kind))

    async def something_happens(self, order: Order, kind: ScanKind) -> None:
        if not order.is_collected and kind is not K.CANCELLED:
            kind = K.COLLECTED
        if kind is K.CANCELLED and order.is_collected:
            kind = K.DELIVERING
        self.depot.sf.scan(order, kind)

    @rule(which=ANY, found=st.sampled_from([K.SIGNED, K.RETURNED]))
    def is_found(self, which: int, found: ScanKind) -> None:
        """What was lost turns up."""
        lost = [one for one in self.orders() if one.kinds[-1:] == [K.LOST]]
        for one in lost[which % len(lost) :][:1] if lost else []:
            self.depot.sf.scan(one, found)
            self.run(self.attempt(self.depot.push(*one.scans)))

    @rule(which=ANY, last=st.integers(1, 3))
    def push(self, which: int, last: int) -> None:
        self.act("push", self.spoken_of, lambda told: self.pushed(told[which % len(told)].scans[-last:]), "collected")

    @rule(which=ANY, seed=ANY)
    def push_again_and_shuffled(self, which: int, seed: int) -> None:
        """In several calls at once, some late, each more than once."""

        async def again(told: list[Order]) -> None:
            scans = told[which % len(told)].scans * 2
            random.Random(seed).shuffle(scans)
            await self.pushed(scans[: 1 + seed % 9])

        self.act("push_again_and_shuffled", self.spoken_of, again, "delivering")

    async def pushed(self, scans: list[Scan]) -> None:
        told = await asyncio.gather(*(self.depot.push(scan) for scan in scans), return_exceptions=True)
        assert all(isinstance(one, int | asyncio.CancelledError) for one in told), told

    @rule(which=ANY, kind=st.sampled_from(sorted(ScanKind)), hours=st.sampled_from([-1, 0, 0, 1000]))
    def forge(self, which: int, kind: ScanKind, hours: int) -> None:
        self.act("forge", self.orders, lambda _: self.is_forged(which, kind, hours))

    @rule(what=st.sampled_from(["lose", "lose", "die", "die_before"]))
    def trouble(self, what: str) -> None:
        ACTED["trouble"] += 1
        setattr(self.depot.sf.trouble, what, True)

    @rule(how=st.sampled_from(["inside", "after"]))
    def database_dies(self, how: str) -> None:
        """Whoever writes next dies over it."""
        ACTED["database_dies"] += 1
        Fragile.dies = how

    @rule(away=st.booleans())
    def goes_away(self, away: bool) -> None:
        ACTED["goes_away"] += 1
        self.depot.sf.trouble.away = away

    @rule(refuses=st.booleans())
    def refuses(self, refuses: bool) -> None:
        ACTED["refuses"] += 1
        self.depot.sf.trouble.refuse = "not_reachable" if refuses else ""
        self.run(self.some_work(0, 1))

    @rule(seconds=st.sampled_from([0.0, 20.0, QUIET - 1]))
    def hides(self, seconds: float) -> None:
        ACTED["hides"] += 1
        self.depot.sf.hides_for = seconds

    @rule(which=ANY, some=st.integers(1, 2))
    def lags(self, which: int, some: int) -> None:
        """Its search does not show its newest scans yet, though they are pushed."""

        async def hidden(told: list[Order]) -> None:
            order = told[which % len(told)]
            order.hidden = min(some, len(order.scans))
            await self.depot.push(order.scans[-1])

        self.act("lags", self.spoken_of, hidden, "collected")

    # ourselves

    @rule(after=st.sampled_from([0, 2, 20, 60, 60, 400, 50_000, 50_000]), steps=st.integers(1, 5), overlap=st.sampled_from(["", "first", "then"]))
    def work(self, after: int, steps: int, overlap: str) -> None:
        """With `overlap`, the first call to the courier takes so long that another worker comes to do the same."""
        ACTED["work"] += 1
        self.overlapped(after, steps, overlap)

    @rule(how=st.sampled_from(["asked", "unheard"]), overlap=st.sampled_from(["first", "then", "at_once", "at_once"]))
    def race(self, how: str, overlap: str) -> None:
        """Several workers over one row from a moment on at which it matters."""
        if len(self.ids) < MOST_PARCELS:
            self.run(self.opening(how))
        ACTED["race"] += 1
        if overlap == "at_once":
            self.run(self.at_once(60, 3))
        else:
            self.overlapped(60, 5, overlap)

    async def at_once(self, after: float, workers: int) -> None:
        """They hold it together, and none is ahead."""
        await self.depot.pass_time(after)
        row = await self.depot.shipping.outbox.take(list(HANDLERS))
        if row is not None:
            await asyncio.gather(*(self.attempt(self.depot.handle(row)) for _ in range(workers)))

    def overlapped(self, after: int, steps: int, overlap: str) -> None:
        self.arm(overlap, self.depot.another_worker)
        self.run(self.some_work(after, steps))
        self.arm("first", None)
        self.arm("then", None)

    @rule(which=ANY, inner=st.sampled_from(MEANWHILE), when=st.sampled_from(["first", "then"]))
    def meanwhile(self, which: int, inner: str, when: str) -> None:
        """While the worker's call is on its way, somebody else does something: most often to the newest."""
        if len(self.ids) < MOST_PARCELS:
            self.run(self.opening("asked"))
            which = len(self.ids) - 1

        async def somebody() -> None:
            ACTED["meanwhile"] += 1
            await self.attempt(getattr(self, inner)(which))

        self.arm(when, somebody)
        self.run(self.some_work(60, 3))
        self.arm(when, None)

    @rule(days=st.integers(0, 6))
    def look_for_stuck(self, days: int) -> None:
        ACTED["look_for_stuck"] += 1
        self.run(self.depot.pass_time(days * 86_400))
        self.run(self.attempt(standstill.look_for_stuck(self.depot.shipping, built_in())))

    # what must hold

    @invariant()
    def everything_is_where_it_belongs(self) -> None:
        if hasattr(self, "depot"):
            self.run(self.look())

    async def look(self) -> None:
        for own in self.ids:
            await self.one_order_at_most(own)
            await self.no_end_the_courier_does_not_have(own)
            await self.told_what_is_so(own)

    async def one_order_at_most(self, own: str) -> None:
        orders, parcel = self.depot.sf.of_parcel(own), await self.depot.parcel(own)
        numbers = [one.booking.shipment_id for one in orders]
        assert len(set(numbers)) == len(numbers), f"booked twice under one number: {numbers}"
        live = [one for one in orders if one.is_live]
        assert len(live) <= 1 and await self.depot.store.live_shipments(own) <= 1, numbers
        for one in live:
            assert one.booking.shipment_id == parcel.shipment_id and parcel.state in UNDER_WAY | {State.BOOKING}, (parcel.state, numbers)
            assert one.booking.receiver == parcel.receiver and parcel.is_frozen, "the address moved under a courier order"

    async def no_end_the_courier_does_not_have(self, own: str) -> None:
        parcel = await self.depot.parcel(own)
        kinds = [one.kinds for one in self.depot.sf.of_parcel(own) if one.booking.shipment_id == parcel.shipment_id]
        has = set(kinds[0]) if kinds else set()
        needs = {State.LOST: {K.LOST}, State.REJECTED: {K.REJECTED}, State.RETURNED: {K.RETURNED, K.SIGNED}, State.DELIVERED: {K.SIGNED}}
        assert parcel.state not in needs or needs[parcel.state] & has, (parcel.state, kinds)
        if parcel.state is State.RETURNED and K.RETURNED not in has:
            assert K.RETURNING in has, kinds
        shown = [one.scan_id for one in parcel.scans]
        assert len(set(shown)) == len(shown) and not [one for one in parcel.scans if one.kind in TERMINAL and one.kind not in has]
        row = await self.mongo["parcels"].find_one({"_id": own})
        assert row is not None and len({(one["n"], one["id"]) for one in row["scans"]}) == len(row["scans"])

    async def told_what_is_so(self, own: str) -> None:
        told = Counter(await self.depot.ears.of(own))
        orders = self.depot.sf.of_parcel(own)
        for kind, scan in (("delivered", K.SIGNED), ("lost", K.LOST), ("rejected", K.REJECTED)):
            assert told[kind] <= sum(one.kinds.count(scan) for one in orders), (kind, told)
        assert told["booked"] <= len(orders) and told["cancelled"] <= sum(one.cancelled for one in orders) + 1, told

    def teardown(self) -> None:
        if hasattr(self, "depot"):
            self.run(self.end())

    async def end(self) -> None:
        """Nobody acts any more, everybody is well: everything comes to its end by itself."""
        self.depot.well()
        self.depot.sf.hides_for = 0.0
        for _ in range(8):
            await self.depot.pass_time(25 * 3600)
            await self.depot.work()
        await self.look()
        for own in self.ids:
            await self.at_rest(await self.depot.parcel(own))
        parked = [row["_id"] async for row in self.mongo[COLLECTION].find({"state": "parked"})]
        assert parked == []

    async def at_rest(self, parcel: Parcel) -> None:
        ENDS[parcel.state] += 1
        assert parcel.state not in {State.READY, State.BOOKING, State.AWAITING_PAYMENT} and not parcel.is_cancelling, parcel.state
        orders = [one for one in self.depot.sf.of_parcel(parcel.id) if one.booking.shipment_id == parcel.shipment_id]
        if not orders or orders[0].cancelled:
            assert parcel.state in {State.ASKED, State.CANCELLED, State.WAITING_AT_HALL}, (parcel.state, orders)
            return
        (order,) = orders
        truth = said(order)
        if truth not in UNDER_WAY or parcel.id not in self.forged:  # a forged step is a line more; a forged end is nothing
            assert parcel.state in {truth, State.WAITING_AT_HALL} and parcel.waybill == order.waybill, (parcel.state, order.kinds)
        else:
            assert parcel.state in UNDER_WAY
        if parcel.id not in self.forged:
            assert [replace(one, text="") for one in parcel.scans if one.kind is not K.BOOKED] == [
                replace(one, text="", shipment_id=None) for one in order.scans
            ]


def said(order: Order) -> State:
    """What the courier would say of it at its counter."""
    last = order.kinds[-1] if order.kinds else K.BOOKED
    if last is K.SIGNED:
        return State.RETURNED if K.RETURNING in order.kinds else State.DELIVERED
    return State(last.value)


@pytest.fixture(scope="module")
def machine(mongo_url: str) -> Iterator[type[ParcelMachine]]:
    asyncio.set_event_loop(LOOP)
    LOOP.set_exception_handler(lambda loop, context: None)  # a trip that died is nobody's news here
    own = connect(mongo_url, new_id("test"))
    LOOP.run_until_complete(indexes(own))
    yield type("ParcelsOnMongo", (ParcelMachine,), {"mongo": own})
    LOOP.run_until_complete(own.client.drop_database(own.database.name))
    LOOP.run_until_complete(own.close())


@pytest.mark.slow
@pytest.mark.parametrize("dedupes", [True, False])
@pytest.mark.parametrize("how", OPENINGS)
def test_from_every_point_of_a_parcels_life_two_workers_bring_it_to_its_end(machine: type[ParcelMachine], how: str, dedupes: bool) -> None:
    for overlap in ("first", "then"):
        one = machine()
        one.begin(dedupes, QUIET - 1, [how])
        one.everything_is_where_it_belongs()
        one.overlapped(60, 6, overlap)
        one.everything_is_where_it_belongs()
        one.teardown()


@pytest.mark.slow
def test_no_order_of_events_makes_two_courier_orders_or_an_end_that_is_not_true(machine: type[ParcelMachine]) -> None:
    examples = int(os.environ.get("PARCEL_EXAMPLES", "100"))
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    )
    idle = {name: ACTED[name] for name in RULES if ACTED[name] < examples / 10}  # 23 to 400 in a hundred runs
    assert not idle or examples < 50, f"rules that hardly ever did anything: {idle} of {dict(ACTED)}"
    rare = {State.DELIVERED, State.RETURNED, State.LOST, State.CANCELLED, State.ASKED} - set(ENDS)
    assert not rare or examples < 50, f"no parcel ever ended so: {rare} of {dict(ENDS)}"
