"""Three books of one day laid side by side: the gateway's statement, our ledger, the core's book. Pure, and one key at a time.

A sort-merge join: every source comes in the order of its keys (payments/spool.py sees to that), so memory does not grow with the day.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple

About = Literal["paid", "refunded"]
Kind = Literal["only_at_gateway", "only_in_ledger", "amount_differs", "core_differs"]
Detail = Literal["missing", "extra", "amount", "twice", "unbooked"]  # unbooked: the core has it, our ledger does not say so yet
Source = Literal["gateway", "ledger", "booked", "core"]
SOURCES: tuple[Source, ...] = ("gateway", "ledger", "booked", "core")


class Row(NamedTuple):
    """One line of any source. `key` is the order's number, for a refund the refund's."""

    key: str
    order_no: str
    amount_fen: int
    fee_fen: int = 0
    ref: str = ""  # the other side's number of it: transaction_id or settlement_id
    ours: bool = True  # false: a ledger line of another merchant account than the one being reconciled


@dataclass(frozen=True, slots=True)
class Side:
    """What one source says of one key, all its lines together."""

    amount_fen: int
    fee_fen: int
    lines: int
    ref: str


@dataclass(frozen=True, slots=True)
class Joined:
    """`ledger`: the line of the money (paid, refunded); `booked`: the line that says the core has it (settled, reversed)."""

    about: About
    key: str
    order_no: str
    gateway: Side | None = None
    ledger: Side | None = None
    booked: Side | None = None
    core: Side | None = None
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    detail: Detail
    joined: Joined


@dataclass(slots=True)
class Tally:
    count: int = 0
    fen: int = 0
    fee_fen: int = 0

    def add(self, side: Side | None) -> None:
        if side is not None:
            self.count += side.lines
            self.fen += side.amount_fen
            self.fee_fen += side.fee_fen


@dataclass(slots=True)
class Totals:
    """Count and fen at the gateway, in the ledger and at the core. Only the gateway knows fees."""

    paid: dict[str, Tally] = field(default_factory=lambda: {one: Tally() for one in ("gateway", "ledger", "core")})
    refunded: dict[str, Tally] = field(default_factory=lambda: {one: Tally() for one in ("gateway", "ledger", "core")})

    def add(self, joined: Joined) -> None:
        """What the core booked for another account's order, or for nobody's, is not part of this account's totals."""
        tallies = self.paid if joined.about == "paid" else self.refunded
        tallies["gateway"].add(joined.gateway)
        if joined.ours:
            tallies["ledger"].add(joined.ledger)
            if joined.gateway or joined.ledger or joined.booked:
                tallies["core"].add(joined.core)


def join(about: About, sources: Mapping[Source, Iterable[Row]]) -> Iterator[Joined]:
    """Every key once. Each source must come in the order of its keys; several lines of one key are added up and counted."""
    tagged = [_tagged(name, sources.get(name, ())) for name in SOURCES]
    merged = heapq.merge(*tagged, key=itemgetter(0))
    for key, group in groupby(merged, key=itemgetter(0)):
        sides: dict[Source, list[Row]] = {}
        for _, name, row in group:
            sides.setdefault(name, []).append(row)
        own = [row.ours for name in ("ledger", "booked") for row in sides.get(name, ())]
        order_no = next(row.order_no for rows in sides.values() for row in rows)
        yield Joined(about, key, order_no, **{name: _side(rows) for name, rows in sides.items()}, ours=all(own))


def _tagged(name: Source, rows: Iterable[Row]) -> Iterator[tuple[str, Source, Row]]:
    return ((row.key, name, row) for row in rows)


def _side(rows: list[Row]) -> Side:
    if len(rows) == 1:
        return Side(rows[0].amount_fen, rows[0].fee_fen, 1, rows[0].ref)
    return Side(sum(row.amount_fen for row in rows), sum(row.fee_fen for row in rows), len(rows), rows[0].ref)


def judge(joined: Joined) -> list[Difference]:
    """None, one, or two differences: the gateway against our ledger, and our ledger against the core."""
    return [Difference(kind, detail, joined) for kind, detail in (_at_gateway(joined), _at_core(joined)) if kind and detail]


_EVEN: tuple[Kind | None, Detail | None] = (None, None)


def _at_gateway(joined: Joined) -> tuple[Kind | None, Detail | None]:
    gateway, ledger = joined.gateway, joined.ledger if joined.ours else None
    if gateway is None:
        return ("only_in_ledger", "missing") if ledger is not None else _EVEN
    if ledger is None:
        return "only_at_gateway", "missing"
    if gateway.lines > 1:
        return "amount_differs", "twice"
    return ("amount_differs", "amount") if gateway.amount_fen != ledger.amount_fen else _EVEN


def _at_core(joined: Joined) -> tuple[Kind | None, Detail | None]:
    """What should stand there is the money of our ledger; what we believe stands there is its booked line."""
    core, booked = joined.core, joined.booked
    if not joined.ours:
        return _EVEN  # that account's own run looks at it
    expected = joined.ledger or booked
    if expected is None:
        return ("core_differs", "extra") if core is not None and joined.gateway is None else _EVEN
    if core is None:
        return "core_differs", "missing"
    if core.lines > 1:
        return "core_differs", "twice"
    if booked is None:
        return "core_differs", "unbooked" if core.amount_fen == expected.amount_fen else "amount"
    return ("core_differs", "amount") if not core.amount_fen == booked.amount_fen == expected.amount_fen else _EVEN
