"""A gateway and a core in memory, with ledgers of their own and replies that get lost: for the rules of money, not for their protocols."""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from core.bills import Bill, BillState, BookPage, EBill, PayChannel, Reversal, Settlement
from core.money import ReversalAsk, SettlementAsk
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from payments.gateways import Ack, GatewayName, Notice, NotPaid, PayAsk, Payment, Refund, RefundAsk, RefundState, StatementLine

_NUMBERS = itertools.count(1)


class Crash(BaseException):
    """The process died here; nothing after this line happened."""


@dataclass
class Trouble:
    """What goes wrong with the next call: `away` before it acts; `lose` and `die` after it acted; `die_before` before. Once each.

    `away`, and `refuse` with a reason, hold until they are taken back. `first` and `then` are what somebody else does meanwhile, once: while
    the call is on its way, and while its reply is.
    """

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
        if self.refuse:
            raise Refused(party, self.refuse)
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
    ask: PayAsk
    state: Literal["waiting", "paid", "closed"] = "waiting"
    transaction_id: str = ""
    paid_at: datetime | None = None
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())


class PretendGateway:
    """Refuses what real ones refuse: another amount under a known number, closing what is paid, more back than was paid."""

    def __init__(self, name: GatewayName = "wechat_v3", channel: PayChannel = "wechat") -> None:
        self.name: GatewayName = name
        self.channel: PayChannel = channel
        self.merchant = "1900000001"
        self.orders: dict[str, Order] = {}
        self.refund_state: RefundState = "done"  # what it says of every refund
        self.prepay_refuse = ""  # its word for why it wants no order
        self.refund_refuse = ""  # its word for why it refunds nothing; what it did already it still tells
        self.trouble = Trouble()

    def pay(self, order_no: str, *, even_closed: bool = False) -> Payment:
        """The resident's thumb; returns what the gateway would tell."""
        order = self.orders[order_no]
        if order.state == "waiting" or even_closed:
            order.state, order.paid_at = "paid", order.paid_at or now()
            order.transaction_id = order.transaction_id or f"T{next(_NUMBERS)}"
        return self.payment(order_no)

    def payment(self, order_no: str) -> Payment:
        order = self.orders[order_no]
        assert order.state == "paid" and order.paid_at is not None
        return Payment(self.name, order_no, order.transaction_id, order.ask.amount_fen, "CNY", (order.ask.payer,), order.paid_at)

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        await self.trouble.before(self.name)
        if self.prepay_refuse:
            raise Refused(self.name, self.prepay_refuse)
        known = self.orders.setdefault(ask.order_no, Order(ask))
        if known.ask != ask or known.state != "waiting":
            raise Refused(self.name, "order_paid" if known.state == "paid" else "order_closed" if known.state == "closed" else "order_no_used")
        await self.trouble.after(self.name)
        return {"package": f"prepay_id={ask.order_no}"}

    async def query(self, order_no: str) -> Payment | NotPaid:
        await self.trouble.before(self.name)
        order = self.orders.get(order_no)
        if order is None:
            return "absent"
        return self.payment(order_no) if order.state == "paid" else order.state

    async def close(self, order_no: str) -> Literal["closed", "paid"]:
        await self.trouble.before(self.name)
        order = self.orders.get(order_no)
        if order is not None and order.state == "paid":
            return "paid"
        if order is not None:
            order.state = "closed"
        await self.trouble.after(self.name)
        return "closed"

    async def refund(self, ask: RefundAsk) -> Refund:
        await self.trouble.before(self.name)
        order = self.orders[ask.order_no]
        if self.refund_refuse:
            raise Refused(self.name, self.refund_refuse)
        if ask.refund_no not in order.refunds:
            if order.refunded + ask.amount_fen > order.ask.amount_fen:
                raise Refused(self.name, "more_than_paid")
            order.refunds[ask.refund_no] = ask.amount_fen
        await self.trouble.after(self.name)
        return self.refunded(ask.order_no, ask.refund_no)

    def refunded(self, order_no: str, refund_no: str) -> Refund:
        done_at = now() if self.refund_state == "done" else None
        return Refund(self.name, order_no, refund_no, f"G{refund_no}", self.orders[order_no].refunds[refund_no], self.refund_state, done_at)

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        await self.trouble.before(self.name)
        return self.refunded(ask.order_no, ask.refund_no) if ask.refund_no in self.orders[ask.order_no].refunds else None

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        raise NotImplementedError

    def ack(self, taken: bool) -> Ack:
        return Ack(204 if taken else 500, b"", "text/plain")

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        return None

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        return iter(())


@dataclass
class Booked:
    """A booking at the core; `visible` False while an eventually consistent core does not show it yet."""

    id: str
    of: str  # bill id or settlement id
    amount_fen: int
    visible: bool = True
    age: float = 0.0  # seconds


class PretendCore:
    """`idempotent` False: asked twice, it books twice. `hides`: what it booked is not found until `settled_down()`."""

    def __init__(self, *, idempotent: bool = True, hides: bool = False) -> None:
        self.bills_by_id: dict[str, Bill] = {}
        self.settlements: list[Booked] = []
        self.reversals: list[Booked] = []
        self.idempotent, self.hides = idempotent, hides
        self.hides_for = 0.0  # seconds; more than 45 is more than we promise to bear
        self.died_asking = set[str]()  # settlements that somebody died asking for: whether they were booked, nobody knows
        self.refuse_bookings = ""  # its word for why it books nothing; it is still asked and answers
        self.trouble = Trouble()

    def issue(self, amount_fen: int, person_id: str = "p1", **more: Any) -> Bill:
        bill = Bill(
            bill_id=f"B{next(_NUMBERS)}",
            version=1,
            person_id=person_id,
            case_no=None,
            item_name="居民身份证补领",
            title="居民身份证工本费",
            payee="临江市公安局",
            amount_fen=amount_fen,
            state=BillState.UNPAID,
            issued_at=now(),
            **more,
        )
        self.bills_by_id[bill.bill_id] = bill
        return bill

    def change(self, bill_id: str, **facts: Any) -> None:
        bill = self.bills_by_id[bill_id]
        self.bills_by_id[bill_id] = bill.model_copy(update={"version": bill.version + 1, **facts})

    def settled_down(self, seconds: float = float("inf")) -> None:
        """So much time went by."""
        for one in (*self.settlements, *self.reversals):
            one.age += seconds
            one.visible = one.visible or one.age >= self.hides_for

    def balance(self) -> int:
        return sum(one.amount_fen for one in self.settlements) - sum(one.amount_fen for one in self.reversals)

    async def bills(self, person_id: str, state: str = "unpaid") -> tuple[Bill, ...]:
        await self.trouble.before("core")
        return tuple(bill for bill in self.bills_by_id.values() if bill.person_id == person_id and (state == "all" or bill.state == state))

    async def bill(self, bill_id: str) -> Bill | None:
        await self.trouble.before("core")
        return self.bills_by_id.get(bill_id)

    async def settle(self, ask: SettlementAsk) -> Settlement:
        try:
            await self.trouble.before("core")
        except Crash:
            self.died_asking.add(ask.settlement_id)
            raise
        if self.refuse_bookings:
            raise Refused("core", self.refuse_bookings)
        known = next((one for one in self.settlements if one.id == ask.settlement_id), None)
        bill = self.bills_by_id[ask.bill_id]
        if known is None or not self.idempotent:
            if known is None and bill.state is not BillState.UNPAID:
                raise Refused("core", "bill_already_paid" if bill.state is BillState.PAID else "bill_cancelled")
            if bill.amount_fen != ask.amount_fen:
                raise Refused("core", "amount_mismatch")
            self.settlements.append(Booked(ask.settlement_id, ask.bill_id, ask.amount_fen, visible=not self.hides))
            self.change(ask.bill_id, state=BillState.PAID)
        await self.trouble.after("core")
        e_bill = EBill(code="36010126", number=f"{next(_NUMBERS):010d}", check_code="a1b2c3", issued_at=now())
        return Settlement(**ask.model_dump(exclude={"bill_version"}), settled_at=now(), e_bill=e_bill)

    async def find_settlement(self, settlement_id: str) -> Settlement | None:
        await self.trouble.before("core")
        found = next((one for one in self.settlements if one.id == settlement_id and one.visible), None)
        if found is None:
            return None
        order_no = settlement_id.removeprefix("S-")
        same = {"bill_id": found.of, "order_no": order_no, "amount_fen": found.amount_fen, "paid_at": now(), "settled_at": now()}
        return Settlement.model_validate({"settlement_id": settlement_id, "channel": "wechat", "transaction_id": "T", **same})

    async def reverse(self, ask: ReversalAsk) -> Reversal:
        await self.trouble.before("core")
        if self.refuse_bookings:
            raise Refused("core", self.refuse_bookings)
        known = next((one for one in self.reversals if one.id == ask.reversal_id), None)
        if known is None or not self.idempotent:
            settled = sum(one.amount_fen for one in self.settlements if one.id == ask.settlement_id)
            taken_back = sum(one.amount_fen for one in self.reversals if one.of == ask.settlement_id)
            if taken_back + ask.amount_fen > settled:
                raise Refused("core", "more_than_settled")
            self.reversals.append(Booked(ask.reversal_id, ask.settlement_id, ask.amount_fen, visible=not self.hides))
            if taken_back + ask.amount_fen == settled:
                bill_id = next(one.of for one in self.settlements if one.id == ask.settlement_id)
                self.change(bill_id, state=BillState.UNPAID)
        await self.trouble.after("core")
        return Reversal(**ask.model_dump(), reversed_at=now())

    async def find_reversal(self, reversal_id: str) -> Reversal | None:
        await self.trouble.before("core")
        found = next((one for one in self.reversals if one.id == reversal_id and one.visible), None)
        if found is None:
            return None
        same = {"settlement_id": found.of, "amount_fen": found.amount_fen, "refunded_at": now(), "reversed_at": now()}
        return Reversal.model_validate({"reversal_id": reversal_id, **same})

    async def book_page(self, day: date, cursor: str = "", limit: int = 500) -> BookPage:
        return BookPage(entries=(), next_cursor="", has_more=False)


def long_ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)
