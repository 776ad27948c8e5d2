"""The money machine: any order of paying, notices, questions, closing, refunds, lost replies, deaths and time keeps every fen where it belongs."""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core.bills import Bill, BillState, PayChannel
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import AppError, Outside
from kit.ids import new_id
from kit.mongo import Mongo, connect
from payments import asking, refunds, settlement
from payments.gateways import Payment
from payments.settle import Mismatch
from payments.states import UNPAID
from tests.payments.money_books import Books
from tests.payments.pretend import Crash, Order, PretendGateway
from tests.payments.till import Till, indexes, make_till

CHANNELS = st.sampled_from(["wechat", "alipay"])
PARTIES = st.sampled_from(["wechat", "alipay", "core"])
ANY = st.integers(0, 1_000_000)
# how far a bill has come when the machine begins, so that what happens late in a payment's life happens in every run
OPENINGS = ["bill", "placed", "paid", "known", "tried", "unheard", "at_the_window", "settled", "asked_back", "approved", "sent", "refused_to_say"]
OPENINGS += ["reversing", "partly_back", "closing", "closed", "paid_late", "paid_later"]
CORES = ["good", "hides", "books_twice", "books_twice_and_hides", "books_twice_and_hides"]
# somebody does the second while the first is waiting for an answer
MEANWHILE = [
    ("works", "works"),
    ("works", "is_told"),
    ("works", "asks_back"),
    ("works", "pays"),
    ("works", "is_told_of_a_refund"),
    ("works", "closes"),
]
MEANWHILE += [("places_wechat", "closes"), ("places_alipay", "closes"), ("places_wechat", "places_alipay"), ("places_alipay", "places_wechat")]
MEANWHILE += [("places_wechat", "closes"), ("places_alipay", "pays"), ("asks", "is_told"), ("asks", "closes")]
MEANWHILE += [("closes", "pays"), ("closes", "is_told"), ("closes", "closes"), ("closes", "places_alipay"), ("closes", "pays_what_is_closed")]
RULES = ["place", "pay", "pay_although_it_is_closed", "notice", "notice_that_does_not_fit", "refund_notice", "refund_notice_that_does_not_fit"]
RULES += ["query", "close", "ask_for_refund", "decide", "work", "race", "trouble", "meanwhile", "goes_away", "is_back", "refunds_go", "bill_changes"]
ACTED: Counter[str] = Counter()  # rule -> how often it did something: a machine whose rules find nothing to do proves nothing
MOST_BILLS = 8
A_DAY = timedelta(days=1)  # after its closing an order is asked about, twice
LOOP = asyncio.new_event_loop()


class Money(RuleBasedStateMachine):
    """Every step is one act of somebody; the invariants are looked at after each, and once more when all is quiet.

    Acts are coroutines, so that one may happen in the middle of another: while a call to a gateway or to the core is on its way.
    """

    mongo: Mongo

    def __init__(self) -> None:
        super().__init__()
        self.till: Till
        self.books: Books
        self.bills: list[Bill] = []

    def run(self, work: Awaitable[Any]) -> Any:
        return LOOP.run_until_complete(work)

    async def attempt(self, work: Awaitable[Any]) -> Any:
        """An act that may be refused, lose its reply or die half-way: the machine goes on either way."""
        try:
            return await work
        except (AppError, Outside, Mismatch, Crash) as exc:
            return exc

    def act(self, name: str, work: Coroutine[Any, Any, Any], possible: object = True, instead: str = "placed") -> None:
        """Where there is nothing to do it to, that is made, or the worker works: no step is idle. Rules have no preconditions, because one that
        looks at a real database is not the same twice."""
        if possible:
            ACTED[name] += 1
            self.run(self.attempt(work))
            return
        work.close()
        if len(self.bills) < MOST_BILLS:
            self.run(self.attempt(self.opening(instead, "alipay" if len(self.bills) % 2 else "wechat", 2000)))
        else:
            self.run(self.some_work(20, 2))

    async def some_work(self, after: int, steps: int) -> None:
        await self.till.pass_time(after)
        for _ in range(steps):
            if await self.attempt(self.till.step()) is False:
                return
            ACTED["work"] += 1

    @initialize(
        core=st.sampled_from(CORES),
        refuse=st.sampled_from(["", "", "not_permitted", "not_enough_funds"]),
        slow=st.booleans(),
        openings=st.lists(st.tuples(st.sampled_from(OPENINGS), CHANNELS, st.sampled_from([2, 99, 2000])), min_size=1, max_size=3),
    )
    def begin(self, core: str, openings: list[tuple[str, PayChannel, int]], refuse: str = "", slow: bool = False) -> None:
        for name in ("orders", "refunds", "ledger_entries", "outbox", "bills_seen", "payment_refusals"):
            self.run(self.mongo[name].delete_many({}))
        self.till = make_till(self.mongo, Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32)))
        self.books = Books(self.till)
        self.till.core.idempotent, self.till.core.hides, self.till.core.hides_for = "twice" not in core, "hides" in core, 40.0
        for how, channel, amount in openings:
            self.run(self.opening(how, channel, amount))
        for gateway in self.gateways():
            gateway.refund_refuse, gateway.refund_state = refuse, "processing" if slow else "done"

    async def opening(self, how: str, channel: PayChannel, amount: int) -> None:
        bill = self.till.core.issue(amount)
        self.bills.append(bill)
        if how == "bill":
            return
        order_no = (await self.till.place(bill, channel))["_id"]
        self.books.handed_out.add(order_no)
        if how in ("closing", "closed", "paid_late", "paid_later"):
            await self.opening_closed(how, order_no)
        elif how != "placed":
            self.gateway(channel).pay(order_no)
            if how != "paid":
                await self.opening_paid(how, order_no)

    async def opening_closed(self, how: str, order_no: str) -> None:
        order = await self.till.order(order_no)
        gateway = self.gateway(order["channel"])
        gateway.trouble.away = how == "closing"
        await self.attempt(asking.close(self.till.paying, order))
        gateway.trouble.away = False
        if how == "paid_later":
            await self.some_work(700, 9)
        if how in ("paid_late", "paid_later"):
            gateway.pay(order_no, even_closed=True)

    async def opening_paid(self, how: str, order_no: str) -> None:
        till, core, order = self.till, self.till.core, await self.till.order(order_no)
        gateway = self.gateway(order["channel"])
        await till.paying.seen.paid(gateway.payment(order_no), "notice")
        if how in ("known", "tried", "unheard", "at_the_window"):
            core.trouble.die_before, core.trouble.lose, core.trouble.away = how == "tried", how == "unheard", how == "at_the_window"
            await self.attempt(self.some_work(0, 0 if how == "known" else 2))
            core.trouble.lose = core.trouble.away = False
            if how == "at_the_window":
                core.change(order["bill_id"], state=BillState.PAID)
            return
        await till.work()
        if how == "settled":
            return
        wish = refunds.Wish(max(1, order["amount_fen"] // 2), "不办了", "clerk-1", by_staff=True)
        refund_no = (await refunds.request(till.paying, await till.order(order_no), wish))["_id"]
        if how == "asked_back":
            return
        await refunds.approve(till.paying, refund_no, "clerk-2")
        if how == "approved":
            return
        gateway.trouble.lose, core.trouble.die_before = how in ("sent", "refused_to_say"), how == "reversing"
        await self.attempt(till.work())
        if how == "refused_to_say":
            gateway.trouble.refuse = "not_today"
            await self.some_work(60, 9)
            gateway.trouble.refuse = ""

    # acts, each on one of those it may be done to

    async def pays(self, which: int, *, even_closed: bool = False) -> None:
        """The thumb on the phone; a payment may land while the order closes, or after."""
        if (found := self.an_order(which, "closed" if even_closed else "waiting")) is not None:
            ours = await self.till.paying.orders.order(found[1])
            if ours is not None and ours["state"] == "closed" and now() - ours["closed_at"] > A_DAY:
                self.books.nobody_asks.add(found[1])
            found[0].pay(found[1], even_closed=even_closed)

    async def pays_what_is_closed(self, which: int) -> None:
        await self.pays(which, even_closed=True)

    async def is_told(self, which: int, times: int = 1) -> None:
        """Again and again, however old, and at the same time."""
        if (found := self.an_order(which, "paid")) is not None:
            payment = found[0].payment(found[1])
            told = await asyncio.gather(*(self.attempt(self.till.paying.seen.paid(payment, "notice")) for _ in range(times)))
            assert not any(isinstance(one, Mismatch) for one in told), told

    async def is_told_of_a_refund(self, which: int, times: int = 1) -> None:
        if done := self.refunds_there():
            gateway, no, refund = done[which % len(done)]
            about = gateway.refunded(no, refund)
            told = await asyncio.gather(*(self.attempt(self.till.paying.seen.refunded(about)) for _ in range(times)))
            assert not any(isinstance(one, Mismatch) for one in told), told

    async def places(self, which: int, channel: PayChannel) -> None:
        bill = self.bills[which % len(self.bills)]
        placed = await self.till.place(bill, channel)
        assert placed["amount_fen"] == self.till.core.bills_by_id[bill.bill_id].amount_fen, "an old amount is asked for"
        self.books.handed_out.add(placed["_id"])

    async def places_wechat(self, which: int) -> None:
        await self.places(which, "wechat")

    async def places_alipay(self, which: int) -> None:
        await self.places(which, "alipay")

    async def asks(self, which: int) -> None:
        if (order := await self.ours(which)) is not None:
            await asking.ask(self.till.paying, order)

    async def closes(self, which: int) -> None:
        if (order := await self.ours(which, *UNPAID)) is not None:
            await asking.close(self.till.paying, order)

    async def asks_back(self, which: int, share: int = 1, times: int = 1) -> None:
        """The same page of the order open in several windows."""
        if (order := await self.ours(which, "settled")) is not None:
            wish = refunds.Wish(max(1, order["amount_fen"] // share), "不办了", "clerk-1", by_staff=True)
            for _ in range(times):
                await self.attempt(refunds.request(self.till.paying, order, wish))

    async def works(self, which: int) -> None:
        await self.till.another_worker()

    # the resident

    @rule(which=ANY, channel=CHANNELS, fresh=st.booleans())
    def place(self, which: int, channel: PayChannel, fresh: bool) -> None:
        if fresh and len(self.bills) < MOST_BILLS:
            self.bills.append(self.till.core.issue(2000))
            which = len(self.bills) - 1
        self.act("place", self.places(which, channel))

    @rule(which=ANY)
    def pay(self, which: int) -> None:
        self.act("pay", self.pays(which), self.an_order(0, "waiting"))

    @rule(which=ANY)
    def pay_although_it_is_closed(self, which: int) -> None:
        self.act("pay_although_it_is_closed", self.pays_what_is_closed(which), self.an_order(0, "closed"), "closed")

    # the gateway

    @rule(which=ANY, times=st.integers(1, 2))
    def notice(self, which: int, times: int) -> None:
        self.act("notice", self.is_told(which, times), self.an_order(0, "paid"), "paid")

    @rule(which=ANY, wrong=st.sampled_from(["amount_fen", "currency", "payers", "gateway", "order_no", "transaction_id"]))
    def notice_that_does_not_fit(self, which: int, wrong: str) -> None:
        self.act("notice_that_does_not_fit", self.is_told_wrongly(which, wrong), self.an_order(0, "waiting", "paid"))

    async def is_told_wrongly(self, which: int, wrong: str) -> None:
        gateway, order_no = self.an_order(which, "waiting", "paid") or (self.till.wechat, "")
        order, before = gateway.orders[order_no], await self.till.paying.orders.order(order_no)
        if before is None or (wrong == "transaction_id" and before["transaction_id"] is None):
            return  # the first number told for an order is its number
        own = Payment(gateway.name, order_no, order.transaction_id or "T-early", order.ask.amount_fen, "CNY", (order.ask.payer,), now())
        false: dict[str, Any] = {"amount_fen": order.ask.amount_fen + 1, "currency": "USD", "payers": ("somebody-else",)}
        false |= {"gateway": "wechat_v2", "order_no": "Z-nobody-knows", "transaction_id": "T-other"}
        told = await self.attempt(self.till.paying.seen.paid(replace(own, **{wrong: false[wrong]}), "notice"))
        assert isinstance(told, Mismatch), (wrong, told)
        assert await self.till.paying.orders.order(order_no) == before

    @rule(which=ANY, times=st.integers(1, 2))
    def refund_notice(self, which: int, times: int) -> None:
        self.act("refund_notice", self.is_told_of_a_refund(which, times), self.refunds_there(), "sent")

    @rule(which=ANY)
    def refund_notice_that_does_not_fit(self, which: int) -> None:
        self.act("refund_notice_that_does_not_fit", self.is_told_of_another_refund(which), self.refunds_there(), "sent")

    async def is_told_of_another_refund(self, which: int) -> None:
        gateway, no, refund = self.refunds_there()[which % len(self.refunds_there())]
        about = gateway.refunded(no, refund)
        told = await self.attempt(self.till.paying.seen.refunded(replace(about, amount_fen=about.amount_fen + 1)))
        assert isinstance(told, Mismatch), told

    # ourselves

    @rule(which=ANY)
    def query(self, which: int) -> None:
        self.act("query", self.asks(which), self.books.states)

    @rule(which=ANY)
    def close(self, which: int) -> None:
        self.act("close", self.closes(which), self.books.has(*UNPAID))

    @rule(which=ANY, share=st.integers(1, 3), times=st.integers(1, 2))
    def ask_for_refund(self, which: int, share: int, times: int) -> None:
        self.act("ask_for_refund", self.asks_back(which, share, times), self.books.has("settled"), "settled")

    @rule(which=ANY, staff=st.sampled_from(["clerk-1", "clerk-2", "clerk-2"]), yes=st.sampled_from([True, True, False]))
    def decide(self, which: int, staff: str, yes: bool) -> None:
        self.act("decide", self.decides(which, staff, yes), self.books.refunds, "asked_back")

    async def decides(self, which: int, staff: str, yes: bool) -> None:
        """On what is already decided too: their page is old."""
        refund_no, state = list(self.books.refunds.items())[which % len(self.books.refunds)]
        act = refunds.approve(self.till.paying, refund_no, staff) if yes else refunds.reject(self.till.paying, refund_no, staff, "不符合规定")
        told = await self.attempt(act)
        assert isinstance(told, AppError) == (state != "requested" or (yes and staff == "clerk-1")), (state, told)

    @rule(after=st.sampled_from([0, 0, 2, 20, 60, 60, 1900, 90_000]), steps=st.integers(1, 5), overlap=st.sampled_from(["", "", "first", "then"]))
    def work(self, after: int, steps: int, overlap: str) -> None:
        """With `overlap`, each first call to a party takes so long that another worker comes to do the same."""
        self.work_overlapped(after, steps, overlap)

    @rule(how=st.sampled_from(["known", "tried", "unheard", "approved", "sent", "reversing"]), overlap=st.sampled_from(["first", "then"]))
    def race(self, how: str, overlap: str) -> None:
        """Two workers over one row from a moment on at which it matters."""
        if len(self.bills) < MOST_BILLS:
            self.run(self.attempt(self.opening(how, "wechat", 2000)))
        self.work_overlapped(60, 9, overlap)
        ACTED["race"] += 1

    def work_overlapped(self, after: int, steps: int, overlap: str) -> None:
        self.arm(overlap, self.till.another_worker)
        self.run(self.some_work(after, steps))
        self.arm("first", None)
        self.arm("then", None)

    def arm(self, when: str, what: Callable[[], Awaitable[None]] | None) -> None:
        parties: list[Any] = [*self.gateways(), self.till.core]
        for party in parties:
            if when:
                setattr(party.trouble, when, what)

    # the world

    @rule(who=PARTIES, what=st.sampled_from(["lose", "die", "die_before"]))
    def trouble(self, who: str, what: str) -> None:
        ACTED["trouble"] += 1
        setattr(getattr(self.till, who).trouble, what, True)

    @rule(acts=st.sampled_from(MEANWHILE), when=st.sampled_from(["first", "then"]), which=st.integers(-2, 3))
    def meanwhile(self, acts: tuple[str, str], when: str, which: int) -> None:
        """During each first call to a party that somebody makes, somebody else does something: most often to the newest."""
        outer, inner = acts
        if outer.startswith("places") and len(self.bills) < MOST_BILLS:
            self.bills.append(self.till.core.issue(2000))
            which = -1

        async def somebody() -> None:
            ACTED["meanwhile"] += 1
            told = await self.attempt(getattr(self, inner)(which))
            assert not isinstance(told, Mismatch), told

        self.arm(when, somebody)
        self.run(self.till.pass_time(60))
        self.run(self.attempt(getattr(self, outer)(which)))
        self.arm(when, None)

    @rule(who=PARTIES, refuses=st.booleans())
    def goes_away(self, who: str, refuses: bool) -> None:
        """Until somebody else does, or it is back; or it answers, and refuses to say anything."""
        ACTED["goes_away"] += 1
        for name in ("wechat", "alipay", "core"):
            trouble = getattr(self.till, name).trouble
            trouble.away, trouble.refuse = name == who and not refuses, "not_today" if name == who and refuses else ""

    @rule()
    def is_back(self) -> None:
        ACTED["is_back"] += 1
        for party in (self.till.wechat, self.till.alipay, self.till.core):
            party.trouble.away, party.trouble.refuse = False, ""
        self.run(self.some_work(2, 1))

    @rule(who=CHANNELS, refuse=st.sampled_from(["", "not_enough_funds", "not_permitted"]), state=st.sampled_from(["done", "processing"]))
    def refunds_go(self, who: str, refuse: str, state: Any) -> None:
        ACTED["refunds_go"] += 1
        gateway: PretendGateway = getattr(self.till, who)
        gateway.refund_refuse, gateway.refund_state = refuse, state

    @rule(which=ANY, what=st.sampled_from(["amount", "cancelled", "paid"]), channel=CHANNELS)
    def bill_changes(self, which: int, what: str, channel: PayChannel) -> None:
        """At the window, or by whoever charges it; of another amount the resident hears and opens it again."""
        self.act(
            "bill_changes",
            self.changes_a_bill(which, what, channel),
            [bill for bill in self.till.core.bills_by_id.values() if bill.state is BillState.UNPAID],
        )

    async def changes_a_bill(self, which: int, what: str, channel: PayChannel) -> None:
        unpaid = [bill for bill in self.till.core.bills_by_id.values() if bill.state is BillState.UNPAID]
        bill = unpaid[which % len(unpaid)]
        news: dict[str, dict[str, Any]] = {"amount": {"amount_fen": bill.amount_fen + 1}, "cancelled": {"state": BillState.CANCELLED}}
        self.till.core.change(bill.bill_id, **news.get(what, {"state": BillState.PAID}))
        if what == "amount":
            order = await self.till.paying.orders.live(bill.bill_id)
            channel = order["channel"] if order is not None else channel
            await self.attempt(self.places(next(number for number, one in enumerate(self.bills) if one.bill_id == bill.bill_id), channel))

    # what must hold

    @invariant()
    def money_is_where_it_belongs(self) -> None:
        self.run(self.books.look())

    def teardown(self) -> None:
        if hasattr(self, "till"):
            self.run(self.end())

    async def end(self) -> None:
        """Nobody acts any more, everybody is well: everything comes to its end by itself."""
        for gateway in self.gateways():
            gateway.refund_refuse, gateway.refund_state = "", "done"
        await self.a_human_decides()
        await self.till.quiet()
        await self.books.statement()
        await self.till.quiet()
        await self.books.look()
        await self.books.at_rest()
        for bill in self.till.core.bills_by_id.values():
            told = await self.attempt(self.till.place(bill))
            code = {BillState.UNPAID: "", BillState.PAID: "bill_paid", BillState.CANCELLED: "bill_closed"}[bill.state]
            assert getattr(told, "code", "") == code, (bill.state, told)

    async def a_human_decides(self) -> None:
        """A bill that the window took while our own booking may stand there is left to a human: here, the window gives back."""
        async for order in self.mongo["orders"].find({"state": "paid", "settle_tried_at": {"$type": "date"}}):
            bill, own = self.till.core.bills_by_id[order["bill_id"]], settlement.settlement_id(order["_id"])
            if bill.state is BillState.PAID and not any(one.of == bill.bill_id for one in self.till.core.settlements):
                assert own in self.till.core.died_asking, "a human is asked about what is certain"
                self.till.core.change(bill.bill_id, state=BillState.UNPAID)
                await self.till.paying.outbox.retry_parked(settlement.row_key(order["_id"]))

    # finding somebody to act on

    def gateways(self) -> list[PretendGateway]:
        return [self.till.wechat, self.till.alipay]

    def gateway(self, channel: PayChannel) -> PretendGateway:
        return self.till.wechat if channel == "wechat" else self.till.alipay

    def an_order(self, which: int, *states: str) -> tuple[PretendGateway, str] | None:
        found = [(gateway, no) for gateway in self.gateways() for no, order in gateway.orders.items() if order.state in states]
        return found[which % len(found)] if found else None

    def refunds_there(self) -> list[tuple[PretendGateway, str, str]]:
        every: list[tuple[PretendGateway, str, Order]] = [(gateway, no, one) for gateway in self.gateways() for no, one in gateway.orders.items()]
        return [(gateway, no, refund) for gateway, no, order in every for refund in order.refunds]

    async def ours(self, which: int, *states: str) -> dict[str, Any] | None:
        wanted = {"state": {"$in": list(states)}} if states else {}
        found = [row async for row in self.mongo["orders"].find(wanted).sort("created_at", 1)]
        return found[which % len(found)] if found else None


@pytest.fixture(scope="module")
def machine(mongo_url: str) -> Iterator[type[Money]]:
    asyncio.set_event_loop(LOOP)
    own = connect(mongo_url, new_id("test"))
    LOOP.run_until_complete(indexes(own))
    yield type("MoneyOnMongo", (Money,), {"mongo": own})
    LOOP.run_until_complete(own.client.drop_database(own.database.name))
    LOOP.run_until_complete(own.close())


@pytest.mark.slow
@pytest.mark.parametrize("core", sorted(set(CORES)))
@pytest.mark.parametrize("how", OPENINGS)
def test_from_every_point_of_a_payments_life_two_workers_bring_it_to_its_end(machine: type[Money], how: str, core: str) -> None:
    for overlap in ("first", "then"):
        one = machine()
        one.begin(core, [(how, "wechat", 2000)])
        one.money_is_where_it_belongs()
        one.work_overlapped(60, 9, overlap)
        one.money_is_where_it_belongs()
        one.teardown()


@pytest.mark.slow
def test_no_order_of_events_moves_a_fen_where_it_does_not_belong(machine: type[Money]) -> None:
    examples = int(os.environ.get("MONEY_EXAMPLES", "300"))
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
    )
    idle = {name: ACTED[name] for name in RULES if ACTED[name] < examples / 2}
    assert not idle or examples < 200, f"rules that hardly ever did anything: {idle} of {dict(ACTED)}"
