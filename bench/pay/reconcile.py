"""A day of 100,000 lines reconciled, as the command does it: `python -m bench.pay.reconcile`. About a minute, most of it making the day.

The statement is a WeChat v3 file (ALL) on disk, the ledger is in a Mongo of its own, the core's book comes in pages of JSON without a network
between. One line in a thousand differs. The run is a process of its own: its time counts from its start, its memory is the kernel's peak.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bench.figures import median, progress, report
from core.bills import BookPage
from kit.embedded import Mongod
from kit.money import yuan
from kit.mongo import connect
from miniapp_api.payments_reconcile import Asked, run
from payments import discrepancy_store, order_store, reconcile_store
from payments.discrepancy_store import Discrepancies
from payments.gateways import StatementLine
from payments.ledger import line
from payments.reconcile import Desk
from payments.reconcile_store import Reconciliations
from payments.wechat_statement import read

DAY = date(2026, 11, 22)
START = datetime(2026, 11, 21, 16, tzinfo=UTC)  # midnight in Beijing
MERCHANT = "9900000001"
HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
EVERY_REFUND, EVERY_WRONG = 20, 1000  # one line in so many


@dataclass(frozen=True, slots=True)
class Line:
    """The n-th of the day. Every twentieth is a refund of an order of days before."""

    n: int

    @property
    def refund(self) -> bool:
        return self.n % EVERY_REFUND == 7

    @property
    def order_no(self) -> str:
        return f"P20261122{self.n * 7919 % 1_000_003:07d}{self.n:08d}"

    @property
    def number(self) -> str:
        return f"R{self.order_no}" if self.refund else self.order_no

    @property
    def fen(self) -> int:
        return 1000 + self.n % 9000

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.n * 86_000 // 100_000 % 86_000)

    def is_wrong(self, how: int) -> bool:
        """0: not in the statement, 1: not in the ledger, 2: another amount in the statement, 3: not at the core."""
        return self.n % EVERY_WRONG == 500 and self.n // EVERY_WRONG % 4 == how


def statement(path: Path, size: int) -> None:
    settled = back = count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        out.write(HEADER + "\r\n")
        for one in map(Line, range(size)):
            if one.is_wrong(0):
                continue
            fen = one.fen + (1 if one.is_wrong(2) else 0)
            count += 1
            settled, back = (settled, back + fen) if one.refund else (settled + fen, back)
            out.write(_detail(one, fen) + "\r\n")
        out.write(SUMMARY + "\r\n")
        out.write(",".join(f"`{value}" for value in (count, yuan(settled), yuan(back), "0.00", "0.00000", yuan(settled), yuan(back))) + "\r\n")


def _detail(one: Line, fen: int) -> str:
    paid, back = ("0.00", yuan(fen)) if one.refund else (yuan(fen), "0.00")
    at = (one.at + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    who = [
        "wx0000000000000000",
        MERCHANT,
        "0",
        "",
        f"4200{one.n:024d}",
        one.order_no,
        f"o{one.n:027d}",
        "JSAPI",
        "REFUND" if one.refund else "SUCCESS",
    ]
    refund = [f"5030{one.n:024d}", one.number, back, "0.00", "ORIGINAL", "SUCCESS"] if one.refund else ["0", "0", "0.00", "0.00", "", ""]
    values = [at, *who, "OTHERS", "CNY", paid, "0.00", *refund, "居民身份证工本费,补领", "", "0.00000", "0.00%", paid, back, ""]
    return ",".join(f"`{value}" for value in values)


def entries(size: int) -> Iterator[dict[str, Any]]:
    for one in map(Line, range(size)):
        if one.is_wrong(1):
            continue
        order = {"_id": one.order_no, "channel": "wechat", "gateway": "wechat_v3", "merchant": MERCHANT, "transaction_id": f"4200{one.n:024d}"}
        for kind in ("refunded", "reversed") if one.refund else ("paid", "settled"):
            yield line(kind, order, one.fen, one.at, refund_no=one.number if one.refund else None)


async def fill(url: str, size: int) -> None:
    mongo = connect(url, "reconcile")
    for module in (order_store, reconcile_store, discrepancy_store):
        await mongo.create_indexes(module.INDEXES)
    batch: list[dict[str, Any]] = []
    for entry in entries(size):
        batch.append(entry)
        if len(batch) == 5000:
            await mongo["ledger_entries"].insert_many(batch, ordered=False)
            batch = []
    if batch:
        await mongo["ledger_entries"].insert_many(batch, ordered=False)
    await mongo.close()


class Pager:
    """The core's book in pages of JSON, parsed as the client parses them."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def book_page(self, day: date, cursor: str = "", limit: int = 500) -> BookPage:
        first = int(cursor or 0)
        own = (
            [one for one in map(Line, range(first, min(first + limit, self._size))) if not (one.is_wrong(1) or one.is_wrong(3))] if day == DAY else []
        )
        more = day == DAY and first + limit < self._size
        page = {"entries": [self._entry(one) for one in own], "next_cursor": str(first + limit), "has_more": more}
        return BookPage.model_validate_json(orjson.dumps(page))

    def _entry(self, one: Line) -> dict[str, object]:
        settlement = f"S-{one.order_no}"
        own = one.number if one.refund else settlement
        kind = "reversed" if one.refund else "settled"
        return {"kind": kind, "id": own, "settlement_id": settlement, "order_no": one.order_no, "amount_fen": one.fen, "at": one.at}


class Disk:
    """WeChat's statement from a file, read by the real reader."""

    name, channel, merchant = "wechat_v3", "wechat", MERCHANT

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        return self._path if day == DAY else None

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        return read(path)


class Nobody:
    """Answers at once that nothing is certain."""

    async def payment_seen(self, *_: object) -> str:
        return "not_certain"

    refund_seen = settle_again = reverse_again = payment_seen

    async def look(self, *_: object) -> None:
        return None


async def child(url: str, folder: Path, size: int) -> int:
    mongo = connect(url, "reconcile")
    at = datetime(2026, 11, 23, 3, tzinfo=UTC)
    pretend: Any = (Pager(size), Nobody(), Disk(folder / "statement.csv"))
    desk = Desk(Reconciliations(mongo), Discrepancies(mongo), pretend[0], pretend[1], folder / "reconcile", lambda: at)
    done = await run(desk, [pretend[2]], Asked(DAY, folder / "out"))
    rows = await mongo["discrepancies"].count_documents({})
    await mongo.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(orjson.dumps({"rc": done, "rows": rows, "peak_mb": peak}).decode(), file=sys.stderr)
    return 0


def measure(size: int, runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="zhangban-reconcile-") as name:
        folder = Path(name)
        with Mongod(folder / "mongo") as server:
            progress(f"造一天 {size:,} 笔…")
            statement(folder / "statement.csv", size)
            asyncio.run(fill(server.url, size))
            seconds, peaks = [], []
            for _ in range(runs):
                took, told = _once(server.url, folder, size)
                progress(f"  {took:.1f} 秒，峰值 {told['peak_mb']:.0f} MB，差错 {told['rows']} 条")
                seconds.append(took)
                peaks.append(told["peak_mb"])
    label = "100k" if size == 100_000 else str(size)
    told_so = "statement, ledger and core's book of a day, one in a thousand differing; from the start of the process to its files"
    report(f"reconcile_{label}_s", median(seconds), "s", "lower", 60 if size == 100_000 else None, told_so, runs)
    report(f"reconcile_{label}_rss_mb", max(peaks), "MB", "lower", 400 if size == 100_000 else None, "peak of the whole process", runs)


def _once(url: str, folder: Path, size: int) -> tuple[float, dict[str, Any]]:
    started = time.monotonic()
    command = [sys.executable, "-m", "bench.pay.reconcile", "--child", url, "--folder", str(folder), "--size", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    took = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"the run failed: {done.stderr[-2000:]}")
    told: dict[str, Any] = orjson.loads(done.stderr.strip().splitlines()[-1])
    expected = sum(1 for one in map(Line, range(size)) if one.n % EVERY_WRONG == 500)
    if told["rc"] != 1 or told["rows"] != expected:
        raise SystemExit(f"{told['rows']} discrepancies for {expected} that were made, exit code {told['rc']}")
    return took, told


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.pay.reconcile")
    parser.add_argument("--size", type=int, default=100_000, help="多少笔")
    parser.add_argument("--runs", type=int, default=3, help="测几次")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        sys.exit(asyncio.run(child(given.child, given.folder, given.size)))
    measure(given.size, given.runs)


if __name__ == "__main__":
    main()
