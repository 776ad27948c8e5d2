"""What only looks like a difference: the other side dates it on another day, or the core was never to have it.

WeChat lists a refund on the day it begins, ours is dated when it is done; what happens at midnight may be dated on either side of it.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Protocol

from core.bills import BookEntry, BookPage
from kit.errors import Unknown
from payments.discrepancy_store import Discrepancies
from payments.gateways import Gateway, StatementLine
from payments.heal import Finding
from payments.match import Detail, Difference, Joined, Side
from payments.reconcile_store import Reconciliations

BOOKED = {"paid": "settled", "refunded": "reversed"}  # what the core calls it


class Book(Protocol):
    """The core's own book, as core.money reads it."""

    async def book_page(self, day: date, cursor: str = "", limit: int = 500) -> BookPage: ...


async def book_of(book: Book, day: date) -> AsyncIterator[tuple[BookEntry, ...]]:
    """The whole book of a day, page by page. Raises Unknown when a page says that there is more and does not move on."""
    cursor, more = "", True
    while more:
        page = await book.book_page(day, cursor)
        yield page.entries
        more = page.has_more
        if more and page.next_cursor in ("", cursor):
            raise Unknown("core", "book_stands_still")
        cursor = page.next_cursor


# The lines of a neighbouring day's statement that are of these keys: (about, key) -> line. Empty where there is no such statement.
Neighbours = Callable[[date, Collection[tuple[str, str]]], AsyncIterator[StatementLine]]


@dataclass(frozen=True, slots=True)
class OtherDays:
    """Looks into the days before and after one day of one merchant account."""

    gateway: Gateway
    day: date
    runs: Reconciliations
    queue: Discrepancies
    book: Book
    neighbours: Neighbours

    async def judged(self, differences: Iterable[Difference]) -> list[Finding]:
        """Each difference as a finding, explained where another day explains it. What the core was never to have is left out."""
        groups: dict[str, list[Difference]] = {}
        for one in differences:
            groups.setdefault(_group(one), []).append(one)
        due = await self._due(groups.get("core_missing", []))
        return [
            *await self._at_gateway(groups.get("only_at_gateway", [])),
            *await self._in_ledger(groups.get("only_in_ledger", [])),
            *await self._not_at_core(due),
            *await self._only_at_core(groups.get("core_extra", [])),
            *(Finding(one, one.detail) for one in groups.get("rest", [])),
        ]

    async def _due(self, missing: list[Difference]) -> list[Difference]:
        """Without a booked line: a payment that went back in full before the core took it, and its refund, never come to the core."""
        unbooked = [one.joined for one in missing if one.joined.booked is None]
        back = await self.runs.refunded({one.key for one in unbooked if one.about == "paid"})
        settled = await self.runs.entries_by_id({f"settled:{one.order_no}" for one in unbooked if one.about == "refunded"})

        def is_due(joined: Joined) -> bool:
            if joined.booked is not None or joined.ledger is None:
                return True
            if joined.about == "paid":
                return back.get(joined.key, 0) < joined.ledger.amount_fen
            return f"settled:{joined.order_no}" in settled

        return [one for one in missing if is_due(one.joined)]

    async def _at_gateway(self, differences: list[Difference]) -> list[Finding]:
        known = await self.runs.entries_by_id({f"{one.joined.about}:{one.joined.key}" for one in differences})
        return [self._beside_ledger(one, known.get(f"{one.joined.about}:{one.joined.key}")) for one in differences]

    def _beside_ledger(self, one: Difference, entry: dict[str, Any] | None) -> Finding:
        gateway = one.joined.gateway
        if entry is None or gateway is None:
            return Finding(one, one.detail)
        evidence: dict[str, str | int] = {"ledger_day": entry["day"]}
        joined = replace(one.joined, ledger=Side(entry["amount_fen"], 0, 1, entry["transaction_id"]))
        if (entry["channel"], entry["merchant"]) != (self.gateway.channel, self.gateway.merchant):
            return Finding(replace(one, joined=joined), "other_account", evidence=evidence)
        if entry["amount_fen"] != gateway.amount_fen or gateway.lines > 1:
            detail: Detail = "twice" if gateway.lines > 1 else "amount"
            return Finding(Difference("amount_differs", detail, joined), detail, evidence=evidence)
        if entry["day"] == self.day.isoformat():  # written while this run was reading
            return Finding(replace(one, joined=joined), "vanished", "healed", evidence)
        return Finding(replace(one, joined=joined), "other_day", "explained", evidence)

    async def _in_ledger(self, differences: list[Difference]) -> list[Finding]:
        left = {(one.joined.about, one.joined.key): one for one in differences}
        found: list[Finding] = []
        for other in (self.day - timedelta(days=1), self.day + timedelta(days=1)):
            if not left:
                break
            async for line in self.neighbours(other, set(left)):
                one = left.pop((line.kind, line.refund_no or line.order_no), None)
                if one is not None:
                    found.append(_beside_statement(one, line, other))
        listed = await self.queue.listed_before(self.day.isoformat(), self.gateway.name, [subject(one.joined) for one in left.values()])
        return found + [_beside_earlier(one, listed.get(subject(one.joined))) for one in left.values()]

    async def _not_at_core(self, differences: list[Difference]) -> list[Finding]:
        left = {(BOOKED[one.joined.about], one.joined.key): one for one in differences}
        found: list[Finding] = []
        for other in (self.day - timedelta(days=1), self.day + timedelta(days=1)):
            if not left:
                break
            async for entries in book_of(self.book, other):
                for entry in entries:
                    one = left.pop((entry.kind, core_key(entry)), None)
                    if one is not None:
                        found.append(_beside_core(one, entry, other))
        return found + [Finding(one, one.detail) for one in left.values()]

    async def _only_at_core(self, differences: list[Difference]) -> list[Finding]:
        known = await self.runs.entries_by_id({f"{BOOKED[one.joined.about]}:{one.joined.key}" for one in differences})
        found = []
        for one in differences:
            entry, core = known.get(f"{BOOKED[one.joined.about]}:{one.joined.key}"), one.joined.core
            if entry is None or core is None:
                found.append(Finding(one, one.detail))
                continue
            joined = replace(one.joined, booked=Side(entry["amount_fen"], 0, 1, ""))
            even = entry["amount_fen"] == core.amount_fen and core.lines == 1
            detail: Detail = "amount" if core.lines == 1 else "twice"
            why = "other_day" if even else detail
            shown = replace(one, joined=joined) if even else replace(one, detail=detail, joined=joined)
            found.append(Finding(shown, why, "explained" if even else "open", {"ledger_day": entry["day"]}))
        return found


def core_key(entry: BookEntry) -> str:
    """A settlement is known by its order, so that a second booking under another id stands out; a reversal by the refund it is of."""
    return entry.order_no if entry.kind == "settled" else entry.id


def only_these(lines: Iterator[StatementLine], wanted: Collection[tuple[str, str]]) -> list[StatementLine]:
    return [line for line in lines if (line.kind, line.refund_no or line.order_no) in wanted]


def subject(joined: Joined) -> str:
    """What a discrepancy is about, as its id says it: paid:<order_no> or refunded:<refund_no>."""
    return f"{joined.about}:{joined.key}"


def _group(one: Difference) -> str:
    if one.kind == "core_differs":
        return f"core_{one.detail}" if one.detail in ("missing", "extra") else "rest"
    return one.kind if one.kind in ("only_at_gateway", "only_in_ledger") else "rest"


def _beside_statement(one: Difference, line: StatementLine, other: date) -> Finding:
    joined = replace(one.joined, gateway=Side(line.amount_fen, line.fee_fen, 1, line.transaction_id))
    evidence: dict[str, str | int] = {"gateway_day": other.isoformat()}
    if one.joined.ledger is not None and one.joined.ledger.amount_fen != line.amount_fen:
        return Finding(Difference("amount_differs", "amount", joined), "amount", evidence=evidence)
    return Finding(replace(one, joined=joined), "other_day", "explained", evidence)


def _beside_earlier(one: Difference, row: Mapping[str, Any] | None) -> Finding:
    """A refund that took days: the statement of the day it began has it, and that day's run wrote down that we had not."""
    amount = row["amounts"]["gateway"] if row is not None else None
    if row is None or one.joined.ledger is None or one.joined.ledger.amount_fen != amount:
        return Finding(one, one.detail)
    joined = replace(one.joined, gateway=Side(amount, 0, 1, ""))
    return Finding(replace(one, joined=joined), "other_day", "explained", {"gateway_day": row["day"]})


def _beside_core(one: Difference, entry: BookEntry, other: date) -> Finding:
    joined = replace(one.joined, core=Side(entry.amount_fen, 0, 1, entry.settlement_id))
    evidence: dict[str, str | int] = {"core_day": other.isoformat()}
    expected = joined.ledger or joined.booked
    if expected is not None and expected.amount_fen != entry.amount_fen:
        return Finding(replace(one, detail="amount", joined=joined), "amount", evidence=evidence)
    if joined.booked is None:
        return Finding(replace(one, detail="unbooked", joined=joined), "unbooked", evidence=evidence)
    return Finding(replace(one, joined=joined), "other_day", "explained", evidence)
