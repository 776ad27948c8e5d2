"""What must be true of money at any moment, and what once everything is at rest: ours held against the pretend gateways' and core's own books."""

from collections import defaultdict
from typing import Any

from kit.mongo import Mongo
from payments.ledger import balances
from payments.refunds import SYSTEM
from payments.states import ALLOWED, HELD, LIVE, OrderState
from tests.payments.till import Till

SPOKEN_FOR = ("requested", "approved", "sending", "abnormal", "done")


def reachable() -> dict[str, set[str]]:
    """Every state to which some number of allowed moves leads, itself among them."""
    found = {state: {state} for state in OrderState}
    for _ in OrderState:
        for state in OrderState:
            found[state] |= {later for onward in ALLOWED[state] for later in found[onward]}
    return {state.value: {one.value for one in later} for state, later in found.items()}


REACHABLE = reachable()


class Books:
    """`states` and `refunds` are what the last look saw; `nobody_asks`: paid after the last question about a closed order; `handed_out`: somebody holds what it takes
    to pay it."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.mongo: Mongo = till.mongo
        self.states: dict[str, str] = {}
        self.refunds: dict[str, str] = {}
        self.nobody_asks: set[str] = set()
        self.handed_out: set[str] = set()

    def has(self, *states: str) -> bool:
        return any(state in states for state in self.states.values())

    async def look(self) -> None:
        """At any moment."""
        entries = [row async for row in self.mongo["ledger_entries"].find()]
        known = [row async for row in self.mongo["orders"].find()]
        returns = [row async for row in self.mongo["refunds"].find().sort("requested_at", 1)]
        assert sum(balances(entries).values()) == 0
        live = [row["bill_id"] for row in known if row["live"]]
        assert len(live) == len(set(live)), "two live orders for one bill"
        for row in known:
            self._order(row, [one for one in returns if one["order_no"] == row["_id"]], [one for one in entries if one["order_no"] == row["_id"]])
        for row in returns:
            assert row["state"] != "failed" or row["failed_because"] != "not_enough_funds", "tomorrow's payments may cover it"
            assert row["state"] != "failed" or row["requested_by"] != SYSTEM, "money that is not ours to keep"
            assert row["state"] in ("requested", "rejected") or row["approved_by"] != row["requested_by"] or row["requested_by"] == SYSTEM
        self._gateways({row["_id"]: row for row in known}, {row["_id"]: row for row in returns})
        booked = [one.id for one in (*self.till.core.settlements, *self.till.core.reversals)]
        assert len(booked) == len(set(booked)), "booked twice at the core"
        told = [(one["what"], one.get("refund_no") or one["order_no"]) for one in self.till.told]
        assert len(told) == len(set(told)), "told twice"
        self.refunds = {row["_id"]: row["state"] for row in returns}

    def _order(self, row: dict[str, Any], returns: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
        seen, state = self.states.get(row["_id"], "created"), row["state"]
        assert state in REACHABLE[seen], f"{seen} -> {state}"
        self.states[row["_id"]] = state
        assert row["live"] == (state in LIVE)
        assert 0 <= row["reversed_fen"] <= row["refunded_fen"] <= row["reserved_fen"] <= row["amount_fen"]
        assert row["reserved_fen"] == sum(one["amount_fen"] for one in returns if one["state"] in SPOKEN_FOR)
        assert row["refunded_fen"] == sum(one["amount_fen"] for one in returns if one["state"] == "done")
        fen: dict[str, int] = defaultdict(int)
        for one in entries:
            fen[one["kind"]] += one["amount_fen"]
        has_money = state in HELD or state == OrderState.REFUNDED
        assert fen["paid"] == (row["amount_fen"] if has_money else 0)
        assert (fen["refunded"], fen["reversed"]) == (row["refunded_fen"], row["reversed_fen"])
        assert fen["settled"] in ({row["amount_fen"]} if state == OrderState.SETTLED else {0, row["amount_fen"]} if has_money else {0})
        assert (state == OrderState.REFUNDED) == (has_money and row["refunded_fen"] == row["amount_fen"])

    def _gateways(self, known: dict[str, dict[str, Any]], returns: dict[str, dict[str, Any]]) -> None:
        for gateway in (self.till.wechat, self.till.alipay):
            for order_no, order in gateway.orders.items():
                assert order.refunded <= order.ask.amount_fen
                payable = order.state == "waiting" and order_no in self.handed_out
                assert known[order_no]["state"] != "closed" or not payable, "closed here, and can be paid there"
                assert all(returns[one]["state"] in ("sending", "abnormal", "done") for one in order.refunds), "went back without our saying so"

    async def statement(self) -> None:
        """Who pays for an order nobody asks about any more, and nobody tells, is found in the day's statement; everybody else by asking."""
        for gateway in (self.till.wechat, self.till.alipay):
            for order_no, order in gateway.orders.items():
                if order.state == "paid" and (await self.till.order(order_no))["state"] == "closed":
                    assert order_no in self.nobody_asks, "paid, and never asked about"
                    await self.till.paying.seen.paid(gateway.payment(order_no), "statement")

    async def at_rest(self) -> None:
        """Everybody has what is theirs, both sides agree on every order, and everybody was told."""
        held, told = 0, {(one["what"], one.get("refund_no") or one["order_no"]) for one in self.till.told}
        for gateway in (self.till.wechat, self.till.alipay):
            for order_no, order in gateway.orders.items():
                ours = await self.till.order(order_no)
                if order.state == "paid":
                    held += order.ask.amount_fen - order.refunded
                    assert ours["state"] in ("settled", "refunded"), ours["state"]
                    assert ours["refunded_fen"] == order.refunded
                    assert (ours["state"] == "refunded") == (order.refunded == order.ask.amount_fen)
                    assert ("paid", order_no) in told or ours.get("returning_because") == "paid_after_close"
                    assert all(("refunded", one) in told for one in order.refunds)
                else:
                    assert ours["state"] == "closed", ours["state"]
        totals = balances([row async for row in self.mongo["ledger_entries"].find()])
        assert -totals["gateway"] == held == totals["core"] == self.till.core.balance() and totals["transit"] == 0
        waiting = [row["_id"] async for row in self.mongo["refunds"].find({"state": {"$in": ["approved", "sending", "abnormal"]}})]
        assert waiting == []
