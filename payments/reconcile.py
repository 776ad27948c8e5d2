"""T+1: one merchant account's statement of a Beijing day against our ledger and the core's book.

Only what differs is looked into: on other days, then by asking. Every write is the same when it is made again, so a run that died is
simply run again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from kit.clock import BEIJING, at_edge, now
from kit.errors import Outside
from kit.ids import new_id
from kit.mongo import PyMongoError
from payments.discrepancy_store import Discrepancies
from payments.gateways import Forged, Gateway, StatementLine
from payments.heal import Finding, Healer, Patient
from payments.match import Difference, Totals
from payments.other_days import Book, OtherDays, only_these, subject
from payments.reconcile_store import LEASE, Reconciliations
from payments.three_books import Progress, ThreeBooks

log = logging.getLogger(__name__)

READY_AT = time(10)  # Beijing, the next day: WeChat and Alipay both promise their day's statement by then
MAY_BE_LATE = timedelta(days=1)  # so long after READY_AT "there is none" is not yet believed where our ledger has money
NOBODYS = "core"  # in the place of a gateway: what only the core has, nobody knows through whom it was paid


class CannotRun(Exception):
    """`told`: one Chinese sentence for the operator. `reason`: a short word of ours."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told


@dataclass(frozen=True, slots=True)
class Desk:
    """What reconciling needs. `folder` keeps the statements as evidence and holds the spools while a run lasts."""

    runs: Reconciliations
    queue: Discrepancies
    book: Book
    healer: Healer
    folder: Path
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Report:
    """`counts`: kind -> state -> how many rows the queue has for this day and account now, whatever run found them."""

    day: date
    gateway: str
    totals: Totals
    counts: dict[str, dict[str, int]]
    sha256: str  # of the statement as it came; "" where the gateway has none

    @property
    def open(self) -> int:
        return sum(states.get("open", 0) for states in self.counts.values())


def accounts(gateways: Collection[Gateway]) -> list[Gateway]:
    """One gateway per merchant account: a statement lists everything of the account, whichever interface took the order."""
    found: dict[tuple[str, str], Gateway] = {}
    for one in gateways:
        found.setdefault((one.channel, one.merchant), one)
    return list(found.values())


def ready_from(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), READY_AT, BEIJING)


def must_be_ready(desk: Desk, day: date) -> None:
    """Raises CannotRun before the statements of that day can be there."""
    if desk.clock() < ready_from(day):
        raise CannotRun("not_yet", f"{day} 的对账单要到 {at_edge(ready_from(day))[:16].replace('T', ' ')}（次日 10:00）后才有，请到时再对账")


async def reconcile(desk: Desk, gateway: Gateway, day: date, *, heal: bool = True, progress: Progress = lambda stage, done, total: None) -> Report:
    """Raises CannotRun; whatever it had already written stands and is found again. May be run as often as wanted."""
    must_be_ready(desk, day)
    own, run = f"{day.isoformat()}/{gateway.name}", new_id("run")
    until = await desk.runs.begin(own, run, {"day": day.isoformat(), "gateway": gateway.name, "merchant": gateway.merchant})
    if until is not None:
        told = f"{day} {gateway.name} 正在由另一个进程对账，请等它结束；它若已中断，{at_edge(until)[11:19]} 之后可以重来"
        raise CannotRun("running", told)
    try:
        async with _held(desk.runs, own, run):
            return await _Run(desk, gateway, day, run, progress).whole(own, heal=heal)
    except BaseException as exc:
        refusal = _refusal(exc, gateway)
        with suppress(PyMongoError):  # then the lease runs out by itself
            await desk.runs.finish(own, run, "refused" if refusal else "failed", {"reason": refusal.reason if refusal else type(exc).__name__})
        if refusal is not None and refusal is not exc:
            raise refusal from exc
        raise


def _refusal(exc: BaseException, gateway: Gateway) -> CannotRun | None:
    """What an operator can understand; None: a bug or an interruption."""
    if isinstance(exc, CannotRun):
        return exc
    if isinstance(exc, Forged):  # Unreadable is one
        return CannotRun("statement_unreadable", f"{gateway.name} 的对账单读不通或合计对不上（{exc.reason}），没有对账；请重新下载，仍不对就联系渠道")
    if isinstance(exc, Outside):
        return CannotRun("no_answer", f"{exc.party} 没有给出可用的回答（{exc.reason}），没有对完；请稍后再执行一次")
    return None


@asynccontextmanager
async def _held(runs: Reconciliations, own: str, run: str) -> AsyncIterator[None]:
    """Keeps the lease while the body works. A beat that fails is made up by the next one."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            with suppress(PyMongoError):
                await runs.hold(own, run)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


class _Run:
    def __init__(self, desk: Desk, gateway: Gateway, day: date, run: str, progress: Progress) -> None:
        self._desk = desk
        self._gateway = gateway
        self._day = day
        self._run = run
        self._progress = progress
        self._statements = desk.folder / "statements"
        self._spools = desk.folder / "spools" / f"{day.isoformat()}-{gateway.name}"
        self._expected = 0

    async def whole(self, own: str, *, heal: bool) -> Report:
        started, day = now(), self._day.isoformat()
        self._statements.mkdir(parents=True, exist_ok=True)
        self._expected = await self._desk.runs.entry_count(day, self._gateway.merchant)
        statement, sha256 = await self._statement(), ""
        with ThreeBooks(self._gateway, self._day, self._spools, self._progress) as books:
            if statement is not None:
                sha256 = await books.read_statement(statement, self._expected)
            await books.read_ledger(self._desk.runs)
            await books.read_book(self._desk.book)
            totals, differences = await books.matched()
        findings = await self._treated(await self._judged(differences), heal=heal)
        if not await self._desk.runs.hold(own, self._run):
            raise CannotRun("lease_lost", f"{day} {self._gateway.name} 的对账停顿太久，已由另一个进程接手")
        await self._desk.queue.found([self._row(finding) for finding in findings], self._run)
        await self._desk.queue.vanished(day, (self._gateway.name, NOBODYS), started, self._run)
        counts = await self._desk.queue.counts(day, (self._gateway.name, NOBODYS))
        await self._desk.runs.finish(own, self._run, "done", {"totals": asdict(totals), "counts": counts, "statement_sha256": sha256})
        return Report(self._day, self._gateway.name, totals, counts, sha256)

    async def _statement(self) -> Path | None:
        """None: the gateway has none, and that is believed."""
        self._progress("取对账单", 0, 1)
        path = await self._gateway.fetch_statement(self._day, self._statements)
        self._progress("取对账单", 1, 1)
        if path is None and self._expected and self._desk.clock() < ready_from(self._day) + MAY_BE_LATE:
            told = f"{self._gateway.name} 说没有 {self._day} 的对账单，而账上有 {self._expected} 笔；对账单可能晚到，请过一会儿再对账"
            raise CannotRun("no_statement", told)
        return path

    async def _judged(self, differences: list[Difference]) -> list[Finding]:
        runs, queue, book = self._desk.runs, self._desk.queue, self._desk.book
        findings = await OtherDays(self._gateway, self._day, runs, queue, book, self._neighbours).judged(differences)
        nobodys = {subject(one.difference.joined) for one in findings if one.difference.detail == "extra" and one.state == "open"}
        elsewhere = await queue.told_subjects(self._day.isoformat(), nobodys, NOBODYS)
        return [one for one in findings if not (one.difference.detail == "extra" and subject(one.difference.joined) in elsewhere)]

    async def _neighbours(self, day: date, wanted: Collection[tuple[str, str]]) -> AsyncIterator[StatementLine]:
        """A neighbouring statement that cannot be had explains nothing; it does not stop the run."""
        if self._desk.clock() < ready_from(day):
            return
        try:
            path = await self._gateway.fetch_statement(day, self._statements)
            lines = await asyncio.to_thread(only_these, self._gateway.read_statement(path), wanted) if path else []
        except (Outside, Forged) as exc:
            log.warning("neighbouring statement not read", extra={"day": day.isoformat(), "gateway": self._gateway.name, "reason": exc.reason})
            return
        for line in lines:
            yield line

    async def _treated(self, findings: list[Finding], *, heal: bool) -> list[Finding]:
        patient = Patient(self._desk.healer, self._gateway.name, self._day.isoformat(), may_change=heal)
        treated = []
        for done, finding in enumerate(findings, 1):
            treated.append(await patient.treat(finding))
            self._progress("处理差错", done, len(findings))
        return treated

    def _row(self, finding: Finding) -> dict[str, Any]:
        one, joined = finding.difference, finding.difference.joined
        gateway = NOBODYS if one.kind == "core_differs" and one.detail == "extra" else self._gateway.name
        sides = {"gateway": joined.gateway, "ledger": joined.ledger, "booked": joined.booked, "core": joined.core}
        return {
            "_id": f"{one.kind}/{self._day.isoformat()}/{gateway}/{subject(joined)}",
            "kind": one.kind,
            "day": self._day.isoformat(),
            "gateway": gateway,
            "subject": subject(joined),
            "about": joined.about,
            "order_no": joined.order_no,
            "refund_no": joined.key if joined.about == "refunded" else None,
            "amounts": {name: side.amount_fen if side else None for name, side in sides.items()},
            "evidence": {
                **{f"{name}_lines": side.lines for name, side in sides.items() if side},
                **{f"{name}_ref": side.ref for name, side in sides.items() if side and side.ref},
                **finding.evidence,
            },
            "why": finding.why,
            "state": finding.state,
        }
