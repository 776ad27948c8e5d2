"""A day to reconcile: a gateway with a statement, a ledger in Mongo, a core with a book, all written by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from core.bills import BookEntry, BookPage, PayChannel
from kit.mongo import Mongo
from payments import discrepancy_store, reconcile_store
from payments.discrepancy_store import Discrepancies
from payments.gateways import Ack, GatewayName, Notice, PayAsk, Payment, Refund, RefundAsk, StatementLine
from payments.heal import Healing, Seen
from payments.ledger import line
from payments.reconcile import Desk, Report, reconcile
from payments.reconcile_store import Reconciliations

DAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
NEXT_NOON = NOON + timedelta(days=1)
BEFORE_NOON = NOON - timedelta(days=1)


@dataclass
class Till:
    """A gateway of which only the statements matter. `statements`: day -> lines; a day that is not there has none."""

    name: GatewayName = "wechat_v3"
    channel: PayChannel = "wechat"
    merchant: str = "9900000001"
    statements: dict[date, list[StatementLine]] = field(default_factory=dict)
    fails: Exception | None = None
    fetched: list[date] = field(default_factory=list)

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        self.fetched.append(day)
        if day not in self.statements:
            return None
        path = folder / f"{self.name}-{day}.csv"
        path.write_text(f"{day} {len(self.statements[day])}")
        return path

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        yield from self.statements[date.fromisoformat(path.read_text().split()[0])]
        if self.fails is not None:
            raise self.fails

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        raise NotImplementedError

    async def query(self, order_no: str) -> Payment:
        raise NotImplementedError

    async def close(self, order_no: str) -> Any:
        raise NotImplementedError

    async def refund(self, ask: RefundAsk) -> Refund:
        raise NotImplementedError

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        raise NotImplementedError

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        raise NotImplementedError

    def ack(self, taken: bool) -> Ack:
        raise NotImplementedError


@dataclass
class Book:
    """The core's book; three entries a page, so that paging is seen."""

    entries: list[BookEntry] = field(default_factory=list)

    async def book_page(self, day: date, cursor: str = "", limit: int = 500) -> BookPage:
        own = [one for one in self.entries if (one.at + timedelta(hours=8)).date() == day]
        start = int(cursor or 0)
        return BookPage(entries=tuple(own[start : start + 3]), next_cursor=str(start + 3), has_more=start + 3 < len(own))


@dataclass
class Helper:
    """Answers as told, by order or refund number, and remembers what it was asked. A value that is an error is raised."""

    answers: dict[str, Healing | Seen | Exception] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def _answer(self, what: str, number: str) -> Any:
        self.asked.append((what, number))
        answer = self.answers.get(number)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def payment_seen(self, gateway: GatewayName, order_no: str) -> Healing:
        return self._answer("payment_seen", order_no) or "not_certain"

    async def refund_seen(self, gateway: GatewayName, order_no: str, refund_no: str) -> Healing:
        return self._answer("refund_seen", refund_no) or "not_certain"

    async def settle_again(self, order_no: str) -> Healing:
        return self._answer("settle_again", order_no) or "not_certain"

    async def reverse_again(self, refund_no: str) -> Healing:
        return self._answer("reverse_again", refund_no) or "not_certain"

    async def look(self, gateway: GatewayName, order_no: str, refund_no: str | None) -> Seen | None:
        answer: Seen | None = self._answer("look", refund_no or order_no)
        return answer


@dataclass
class Office:
    """Everything of one day, and verbs to write it."""

    mongo: Mongo
    folder: Path
    till: Till = field(default_factory=Till)
    book: Book = field(default_factory=Book)
    helper: Helper = field(default_factory=Helper)
    at: datetime = datetime(2026, 11, 23, 3, tzinfo=UTC)  # 11:00 in Beijing, the day after

    async def ready(self) -> "Office":
        for module in (reconcile_store, discrepancy_store):
            await self.mongo.create_indexes(module.INDEXES)
        self.till.statements.setdefault(DAY, [])
        return self

    @property
    def desk(self) -> Desk:
        return Desk(Reconciliations(self.mongo), Discrepancies(self.mongo), self.book, self.helper, self.folder, lambda: self.at)

    async def run(self, till: Till | None = None, *, heal: bool = True) -> Report:
        return await reconcile(self.desk, till or self.till, DAY, heal=heal)

    async def enter(self, kind: Any, number: str, fen: int, at: datetime = NOON, *, order_no: str | None = None, till: Till | None = None) -> None:
        """A line of our ledger. `order_no` for refunds, whose number is `number`."""
        own = till or self.till
        order = {"_id": order_no or number, "channel": own.channel, "gateway": own.name, "merchant": own.merchant, "transaction_id": f"T{number}"}
        await self.mongo["ledger_entries"].insert_one(line(kind, order, fen, at, refund_no=number if order_no else None))

    def list(self, number: str, fen: int, at: datetime = NOON, *, order_no: str | None = None, till: Till | None = None, fee: int = 0) -> None:
        """A line of the statement of that day."""
        kind: Any = "refunded" if order_no else "paid"
        day = (at + timedelta(hours=8)).date()
        one = StatementLine(kind, order_no or number, number if order_no else None, f"T{number}", fen, fee, at)
        (till or self.till).statements.setdefault(day, []).append(one)

    def book_in(self, number: str, fen: int, at: datetime = NOON, *, order_no: str | None = None) -> None:
        order = order_no or number
        kind: Any = "reversed" if order_no else "settled"
        own = number if order_no else f"S-{number}"
        self.book.entries.append(BookEntry(kind=kind, id=own, settlement_id=f"S-{order}", order_no=order, amount_fen=fen, at=at))

    async def pay(self, number: str, fen: int, at: datetime = NOON, *, till: Till | None = None, fee: int = 0) -> None:
        """A payment that everybody has."""
        self.list(number, fen, at, till=till, fee=fee)
        await self.enter("paid", number, fen, at, till=till)
        await self.enter("settled", number, fen, at, till=till)
        self.book_in(number, fen, at)

    async def give_back(self, number: str, fen: int, order_no: str, at: datetime = NOON) -> None:
        """A refund that everybody has."""
        self.list(number, fen, at, order_no=order_no)
        await self.enter("refunded", number, fen, at, order_no=order_no)
        await self.enter("reversed", number, fen, at, order_no=order_no)
        self.book_in(number, fen, at, order_no=order_no)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """The queue, by `kind subject`."""
        return {f"{row['kind']} {row['subject']}": row async for row in self.mongo["discrepancies"].find()}
