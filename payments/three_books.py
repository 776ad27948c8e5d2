"""The three sources of a day read into sorted spools on disk, and one pass over them. Memory grows with what differs, not with the day."""

import asyncio
import hashlib
import itertools
import shutil
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from payments.gateways import Gateway
from payments.match import About, Difference, Row, Source, Totals, join, judge
from payments.other_days import Book, book_of, core_key
from payments.reconcile_store import Reconciliations
from payments.spool import Spool

_PART = 2000  # lines between two signs of life
_LEDGER: tuple[tuple[About, Source, str], ...] = (
    ("paid", "ledger", "paid"),
    ("paid", "booked", "settled"),
    ("refunded", "ledger", "refunded"),
    ("refunded", "booked", "reversed"),
)
_ABOUT: tuple[About, ...] = ("paid", "refunded")


class Progress(Protocol):
    """`total` 0: not known."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


class ThreeBooks:
    """Of one merchant account and one Beijing day. `folder` is emptied at both ends; what a dead run left there is in nobody's way."""

    def __init__(self, gateway: Gateway, day: date, folder: Path, progress: Progress) -> None:
        self._gateway = gateway
        self._day = day
        self._folder = folder
        self._progress = progress
        self._spools: dict[tuple[About, Source], Spool] = {}

    def __enter__(self) -> "ThreeBooks":
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    async def read_statement(self, path: Path, expected: int) -> str:
        """Its SHA-256. `expected` lines, about. Raises Unreadable when it does not add up: then nothing of it has been used."""
        return await asyncio.to_thread(self._spool_statement, path, expected)

    def _spool_statement(self, path: Path, expected: int) -> str:
        lines, done = self._gateway.read_statement(path), 0
        while some := list(itertools.islice(lines, _PART)):
            for line in some:
                key = line.refund_no or line.order_no
                self._spool(line.kind, "gateway").put([Row(key, line.order_no, line.amount_fen, line.fee_fen, line.transaction_id)])
            done += len(some)
            self._progress("读对账单", done, max(expected, done))
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    async def read_ledger(self, runs: Reconciliations) -> None:
        """Lines of other merchant accounts too: what the core has of them must find its match."""
        done = 0
        for about, source, kind in _LEDGER:
            async for some in runs.entries(self._day.isoformat(), kind):
                self._spool(about, source).put(self._ledger_row(entry) for entry in some)
                done += len(some)
                self._progress("读账", done, 0)

    def _ledger_row(self, entry: dict[str, Any]) -> Row:
        ours = entry["channel"] == self._gateway.channel and entry["merchant"] == self._gateway.merchant
        key = entry["refund_no"] or entry["order_no"]
        return Row(key, entry["order_no"], entry["amount_fen"], 0, entry["transaction_id"] or "", ours)

    async def read_book(self, book: Book) -> None:
        done = 0
        async for entries in book_of(book, self._day):
            for entry in entries:
                about: About = "paid" if entry.kind == "settled" else "refunded"
                self._spool(about, "core").put([Row(core_key(entry), entry.order_no, entry.amount_fen, 0, entry.settlement_id)])
            done += len(entries)
            self._progress("读核心平台的账", done, 0)

    async def matched(self) -> tuple[Totals, list[Difference]]:
        return await asyncio.to_thread(self._match)

    def _match(self) -> tuple[Totals, list[Difference]]:
        totals, differences, done = Totals(), list[Difference](), 0
        size = max((spool.count for spool in self._spools.values()), default=0)
        for about in _ABOUT:
            for joined in join(about, {source: spool.rows() for (one, source), spool in self._spools.items() if one == about}):
                totals.add(joined)
                differences += judge(joined)
                done += 1
                if done % _PART == 0:
                    self._progress("比对", done, max(size, done))
        self._progress("比对", max(done, 1), max(done, 1))
        return totals, differences

    def _spool(self, about: About, source: Source) -> Spool:
        return self._spools.setdefault((about, source), Spool(self._folder, f"{about}-{source}"))
