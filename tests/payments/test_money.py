"""The money machine: any order of paying, notices, questions, closing, refunds, lost replies, deaths and time keeps every fen where it belongs."""

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from core.bills import Bill
from kit.crypto import Keyring
from kit.errors import AppError, Outside
from kit.ids import new_id
from kit.mongo import Mongo, connect
from payments import asking, refunds
from payments.gateways import Payment
from payments.ledger import balances
from payments.settle import Mismatch
from payments.states import ALLOWED, OrderState
from tests.payments.pretend import Crash, PretendGateway
from tests.payments.till import Till, indexes, make_till

CHANNELS = st.sampled_from(["wechat", "alipay"])
ANY = st.integers(0, 1_000_000)
LOOP = asyncio.new_event_loop()


def reachable() -> dict[str, set[str]]:
    """Every state to which some number of allowed moves leads, itself among them."""
    found = {state: {state} for state in OrderState}
    for _ in OrderState:
        for state in OrderState:
            found[state] |= {later for onward in ALLOWED[state] for later in found[onward]}
    return {state.value: {one.value for one in later} for state, later in found.items()}


REACHABLE = reachable()


class Money(RuleBasedStateMachine):
    """Every step is one act of somebody; the invariants are looked at after each, and once more when all is quiet."""

    mongo: Mongo

    def __init__(self) -> None:
        super().__init__()
        self.till: Till
        self.seen: dict[str, str] = {}
        self.bills: list[Bill] = []

    def run(self, work: Any) -> Any:
        return LOOP.run_until_complete(work)

    def attempt(self, work: Any) -> Any:
        """An act that may be refused, lose its reply or die half-way: the machine goes on either way."""
        try:
            return self.run(work)
        except (AppError, Outside, Mismatch, Crash) as exc:
            return exc

    @initialize(idempotent=st.booleans(), hides=st.booleans())
    def begin(self, idempotent: bool, hides: bool) -> None:
        for name in ("orders", "refunds", "ledger_entries", "outbox", "bills_seen", "payment_refusals"):
            self.run(self.mongo[name].delete_many({}))
        self.till = make_till(self.mongo, Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32)), idempotent=idempotent, hides=hides)

    # the resident

    @rule(amount=st.sampled_from([1, 99, 2000]))
    def a_bill(self, amount: int) -> None:
        if len(self.bills) < 4:
            self.bills.append(self.till.core.issue(amount))

    @rule(which=ANY, channel=CHANNELS)
    def place(self, which: int, channel: Any) -> None:
        if self.bills:
            self.attempt(self.till.place(self.bills[which % len(self.bills)], channel))

    @rule(which=ANY, even_closed=st.booleans())
    def pay(self, which: int, even_closed: bool) -> None:
        """The thumb on the phone; a payment may land while the order closes."""
        if (found := self.an_order(which, "waiting", *(("closed",) if even_closed else ()))) is not None:
            found[0].pay(found[1], even_closed=even_closed)

    # the gateway

    @rule(which=ANY)
    def notice(self, which: int) -> None:
        """Again and again, however old."""
        if (found := self.an_order(which, "paid")) is not None:
            told = self.attempt(self.till.paying.seen.paid(found[0].payment(found[1]), "notice"))
            assert not isinstance(told, Mismatch), told

    @rule(which=ANY, wrong=st.sampled_from(["amount_fen", "currency", "payers", "order_no", "transaction_id"]))
    def notice_that_does_not_fit(self, which: int, wrong: str) -> None:
        if (found := self.an_order(which, "waiting", "paid")) is None:
            return
        order = found[0].orders[found[1]]
        before = self.run(self.till.paying.orders.order(found[1]))
        if wrong == "transaction_id" and (before is None or before["transaction_id"] is None):
            return  # the first number told for an order is its number
        own = Payment(
            found[0].name, found[1], order.transaction_id or "T-early", order.ask.amount_fen, "CNY", (order.ask.payer,), before["created_at"]
        )
        false: dict[str, Any] = {
            "amount_fen": 1_000_000,
            "currency": "USD",
            "payers": ("somebody-else",),
            "order_no": "Z-nobody-knows",
            "transaction_id": "T-other",
        }
        told = replace(own, **{wrong: false[wrong]})
        assert isinstance(self.attempt(self.till.paying.seen.paid(told, "notice")), Mismatch)
        assert self.run(self.till.paying.orders.order(found[1])) == before

    @rule(which=ANY)
    def refund_notice(self, which: int) -> None:
        done = [(gateway, no, refund) for gateway in self.gateways() for no, order in gateway.orders.items() for refund in order.refunds]
        if done:
            gateway, no, refund = done[which % len(done)]
            told = self.attempt(self.till.paying.seen.refunded(gateway.refunded(no, refund)))
            assert not isinstance(told, Mismatch), told

    # ourselves

    @rule(which=ANY)
    def query(self, which: int) -> None:
        if (order := self.ours(which)) is not None:
            self.attempt(asking.ask(self.till.paying, order))

    @rule(which=ANY)
    def close(self, which: int) -> None:
        if (order := self.ours(which)) is not None and order["state"] in ("created", "awaiting", "closing"):
            self.attempt(asking.close(self.till.paying, order))

    @rule(which=ANY, share=st.sampled_from([1, 2, 3]))
    def ask_for_refund(self, which: int, share: int) -> None:
        if (order := self.ours(which)) is not None:
            wish = refunds.Wish(max(1, order["amount_fen"] // share), "不办了", "clerk-1", by_staff=True)
            self.attempt(refunds.request(self.till.paying, order, wish))

    @rule(which=ANY, staff=st.sampled_from(["clerk-1", "clerk-2"]), yes=st.booleans())
    def decide(self, which: int, staff: str, yes: bool) -> None:
        waiting = self.run(self.till.paying.refunds.listed(["requested"], None, None, 20))
        if not waiting:
            return
        refund = waiting[which % len(waiting)]
        act = refunds.approve(self.till.paying, refund["_id"], staff) if yes else refunds.reject(self.till.paying, refund["_id"], staff, "不符合规定")
        told = self.attempt(act)
        assert isinstance(told, AppError) == (yes and staff == refund["requested_by"])

    @rule(steps=st.integers(1, 4))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            self.attempt(self.till.step())

    # the world

    @rule(who=st.sampled_from(["wechat", "alipay", "core"]), what=st.sampled_from(["lose", "die", "die_before"]))
    def trouble(self, who: str, what: str) -> None:
        setattr(getattr(self.till, who).trouble, what, True)

    @rule(who=st.sampled_from(["wechat", "alipay", "core"]))
    def away_or_back(self, who: str) -> None:
        trouble = getattr(self.till, who).trouble
        trouble.away = not trouble.away

    @rule(seconds=st.sampled_from([20, 60, 1900, 90_000]))
    def time_goes_by(self, seconds: int) -> None:
        self.run(self.till.pass_time(seconds))

    # what must hold

    @invariant()
    def money_is_where_it_belongs(self) -> None:
        self.run(self.look())

    def teardown(self) -> None:
        if hasattr(self, "till"):
            self.run(self.end())

    async def look(self) -> None:
        till = self.till
        entries = [row async for row in self.mongo["ledger_entries"].find()]
        known = [row async for row in self.mongo["orders"].find()]
        assert sum(balances(entries).values()) == 0
        live = [row["bill_id"] for row in known if row["live"]]
        assert len(live) == len(set(live)), "two live orders for one bill"
        for row in known:
            before = self.seen.get(row["_id"], "created")
            assert row["state"] in REACHABLE[before], f"{before} -> {row['state']}"
            self.seen[row["_id"]] = row["state"]
            assert 0 <= row["refunded_fen"] <= row["reserved_fen"] <= row["amount_fen"]
        for gateway in self.gateways():
            for order in gateway.orders.values():
                assert order.refunded <= order.ask.amount_fen
        booked = [one.id for one in (*till.core.settlements, *till.core.reversals)]
        assert len(booked) == len(set(booked)), "booked twice at the core"

    async def end(self) -> None:
        """Nobody acts any more, everybody is well: everything comes to its end by itself."""
        till = self.till
        await till.quiet()
        await self.statement()
        await till.quiet()
        await self.look()
        entries = [row async for row in self.mongo["ledger_entries"].find()]
        held = 0
        for gateway in self.gateways():
            for order_no, order in gateway.orders.items():
                ours = await till.order(order_no)
                if order.state == "paid":
                    held += order.ask.amount_fen - order.refunded
                    assert ours["state"] in ("settled", "refunded"), ours["state"]
                    assert ours["refunded_fen"] == order.refunded
                    assert (ours["state"] == "refunded") == (order.refunded == order.ask.amount_fen)
                else:
                    assert ours["state"] == "closed", ours["state"]
        totals = balances(entries)
        assert -totals["gateway"] == held == totals["core"] == till.core.balance() and totals["transit"] == 0

    async def statement(self) -> None:
        """Who pays for an order that was closed days ago, and nobody tells, is found in the day's statement; everybody else by asking."""
        for gateway in self.gateways():
            for order_no, order in gateway.orders.items():
                if order.state == "paid" and (await self.till.order(order_no))["state"] == "closed":
                    await self.till.paying.seen.paid(gateway.payment(order_no), "statement")

    # finding somebody to act on

    def gateways(self) -> list[PretendGateway]:
        return [self.till.wechat, self.till.alipay]

    def an_order(self, which: int, *states: str) -> tuple[PretendGateway, str] | None:
        found = [(gateway, no) for gateway in self.gateways() for no, order in gateway.orders.items() if order.state in states]
        return found[which % len(found)] if found else None

    def ours(self, which: int) -> dict[str, Any] | None:
        found = self.run(self.till.paying.orders.listed([], None, None, 50))
        return self.run(self.till.order(found[which % len(found)]["_id"])) if found else None


@pytest.mark.slow
def test_no_order_of_events_moves_a_fen_where_it_does_not_belong(mongo_url: str) -> None:
    asyncio.set_event_loop(LOOP)
    own = connect(mongo_url, new_id("test"))
    LOOP.run_until_complete(indexes(own))
    machine = type("MoneyOnMongo", (Money,), {"mongo": own})
    examples = int(os.environ.get("MONEY_EXAMPLES", "300"))
    try:
        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
        )
    finally:
        LOOP.run_until_complete(own.client.drop_database(own.database.name))
        LOOP.run_until_complete(own.close())
