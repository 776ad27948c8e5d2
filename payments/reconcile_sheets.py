"""What a reconciliation found, as files for accountants: CSV and XLSX of the totals and of every discrepancy of the day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any

from kit.clock import at_edge
from payments.discrepancies import ABOUT, KINDS, STATES, WHY
from payments.reconcile import Report
from payments.safe_cells import Cell, CsvTable, XlsxBook, Yuan

SIDES = {"gateway": "渠道", "ledger": "账上", "core": "核心平台"}
TOTALS = ("日期", "渠道", "内容", "来源", "笔数", "金额（元）", "手续费（元）")
ROWS = (
    "日期",
    "渠道",
    "差错",
    "内容",
    "订单号",
    "退款单号",
    "渠道金额（元）",
    "账上金额（元）",
    "核心平台金额（元）",
    "状态",
    "原因",
    "经办人",
    "备注",
    "结案理由",
    "发现时间",
    "出现次数",
    "渠道交易号",
    "依据",
)


def totals_of(report: Report) -> list[tuple[Cell, ...]]:
    """Six rows: paid and refunded, each at the gateway, in the ledger, at the core."""
    rows: list[tuple[Cell, ...]] = []
    for about, tallies in (("paid", report.totals.paid), ("refunded", report.totals.refunded)):
        for side, name in SIDES.items():
            fee = Yuan(tallies[side].fee_fen) if side == "gateway" else None
            rows.append((report.day.isoformat(), report.gateway, ABOUT[about], name, tallies[side].count, Yuan(tallies[side].fen), fee))
    return rows


def row_of(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    amounts, evidence = row["amounts"], row["evidence"]
    return (
        row["day"],
        row["gateway"],
        KINDS[row["kind"]],
        ABOUT[row["about"]],
        row["order_no"],
        row["refund_no"],
        *(Yuan(amounts[side]) if amounts[side] is not None else None for side in SIDES),
        STATES[row["state"]],
        WHY.get(row["why"], row["why"]),
        row["owner"],
        row["note"],
        row.get("reason"),
        at_edge(row["found_at"]),
        row["runs"],
        evidence.get("gateway_ref") or evidence.get("ledger_ref"),
        "；".join(f"{name}={value}" for name, value in sorted(evidence.items())),
    )


async def write(folder: Path, day: date, reports: Sequence[Report], rows: AsyncIterator[dict[str, Any]]) -> list[Path]:
    """Three files; nothing of a day is in memory at once. They appear under their names when they are whole."""
    done, parts = _paths(folder, day)
    with ExitStack() as open_files:
        book = open_files.enter_context(closing(XlsxBook(parts[2])))
        totals = open_files.enter_context(closing(CsvTable(parts[0], TOTALS)))
        sheet = book.sheet("汇总", TOTALS)
        for report in reports:
            for line in totals_of(report):
                totals.put(line)
                sheet.put(line)
        table = open_files.enter_context(closing(CsvTable(parts[1], ROWS)))
        sheet = book.sheet("差错", ROWS)
        async for row in rows:
            cells = row_of(row)
            table.put(cells)
            sheet.put(cells)
    for part, whole in zip(parts, done, strict=True):
        part.replace(whole)
    return done


def _paths(folder: Path, day: date) -> tuple[list[Path], list[Path]]:
    """Totals, discrepancies, both: the names at last, and those while writing."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"reconcile-{day}-totals.csv", f"reconcile-{day}-discrepancies.csv", f"reconcile-{day}.xlsx")
    return [folder / name for name in names], [folder / f".{name}.part" for name in names]
