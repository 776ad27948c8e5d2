"""The statement of a day as WeChat Pay makes it (v2 and v3 alike, bill_type ALL): read line by line, held to its own totals.

Format (pay/doc format-trade): a header, detail lines, a summary header, one summary line. Every value begins with a backquote and is
in yuan; a comma in a product's name is not quoted, so lines are split on a comma and a backquote together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from kit.clock import BEIJING
from kit.money import fen
from payments.gateways import StatementLine, Unreadable

_AT, _TRANSACTION, _ORDER, _STATE, _SETTLED = "交易时间", "微信订单号", "商户订单号", "交易状态", "应结订单金额"
_REFUND_NO, _REFUNDED, _VOUCHER_BACK, _FEE, _AMOUNT, _ASKED = "商户退款单号", "退款金额", "充值券退款金额", "手续费", "订单金额", "申请退款金额"
_COLUMNS = (_AT, _TRANSACTION, _ORDER, _STATE, _SETTLED, _REFUND_NO, _REFUNDED, _VOUCHER_BACK, _FEE, _AMOUNT, _ASKED)
_LINES, _FEES = "总交易单数", "手续费总金额"
# column of the summary -> column it adds up
_TOTALS = {"应结订单总金额": _SETTLED, "退款总金额": _REFUNDED, "充值券退款总金额": _VOUCHER_BACK, "订单总金额": _AMOUNT, "申请退款总金额": _ASKED}
_LONGEST = 16 * 1024  # characters in a line
_FINE = re.compile(r"(-?)(\d{1,10})(?:\.(\d{1,5}))?")  # fees have up to five decimals, and a refund's are below zero


def statement_path(folder: Path, gateway: str, merchant: str, day: date) -> Path:
    return folder / f"{gateway}-{merchant}-{day.isoformat()}.csv"


def read(path: Path) -> Iterator[StatementLine]:
    """In the file's order. Raises Unreadable, at the latest after the last line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _details(file)
    except UnicodeDecodeError as exc:
        raise Unreadable("not_utf8") from exc


@dataclass(slots=True)
class _Sums:
    """Of the lines read so far: fen by column, and fees in thousandths of a fen."""

    lines: int = 0
    fees: int = 0
    fen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOTALS.values(), 0))


def _details(file: TextIO) -> Iterator[StatementLine]:
    header = _next(file).split(",")
    if missing := [name for name in _COLUMNS if name not in header]:
        raise Unreadable(f"no_column_{missing[0]}")
    sums = _Sums()
    while (line := _next(file)).startswith("`"):
        yield _line(_values(line, header), sums)
    _check(_values(_next(file), line.split(",")), sums)
    if file.readline(_LONGEST).strip():
        raise Unreadable("more_after_the_totals")


def _next(file: TextIO) -> str:
    line = file.readline(_LONGEST)
    if not line.endswith("\n") and (not line or len(line) == _LONGEST):
        raise Unreadable("cut_off" if not line else "line_too_long")
    return line.rstrip("\r\n")


def _values(line: str, header: list[str]) -> dict[str, str]:
    values = line[1:].split(",`")
    if line[:1] != "`" or len(values) != len(header):
        raise Unreadable("not_the_columns_of_the_header")
    return dict(zip(header, values, strict=True))


def _line(row: dict[str, str], sums: _Sums) -> StatementLine:
    fee = _fine(row[_FEE])
    sums.lines += 1
    sums.fees += fee
    for column in sums.fen:
        sums.fen[column] += _fen(row[column])
    is_refund = row[_STATE] in ("REFUND", "REVOKED")
    if not is_refund and row[_STATE] != "SUCCESS":
        raise Unreadable("unknown_state")
    if not row[_ORDER] or (is_refund and not row[_REFUND_NO]):
        raise Unreadable("no_number")
    return StatementLine(
        kind="refunded" if is_refund else "paid",
        order_no=row[_ORDER],
        refund_no=row[_REFUND_NO] if is_refund else None,
        transaction_id=row[_TRANSACTION],
        amount_fen=_fen(row[_ASKED if is_refund else _AMOUNT]),
        fee_fen=(abs(fee) + 500) // 1000 * (-1 if fee < 0 else 1),
        at=_moment(row[_AT]),
    )


def _check(totals: dict[str, str], sums: _Sums) -> None:
    """Fees may differ by less than a fen: lines have more decimals than their sum."""
    if totals.get(_LINES) != str(sums.lines):
        raise Unreadable("lines_do_not_add_up")
    for name, column in _TOTALS.items():
        if name not in totals or _fen(totals[name]) != sums.fen[column]:
            raise Unreadable(f"totals_do_not_add_up_{name}")
    if abs(_fine(totals.get(_FEES, "")) - sums.fees) >= 1000:
        raise Unreadable(f"totals_do_not_add_up_{_FEES}")


def _fen(text: str) -> int:
    try:
        return fen(text)
    except ValueError as exc:
        raise Unreadable("bad_amount") from exc


def _fine(text: str) -> int:
    match = _FINE.fullmatch(text)
    if match is None or not text.isascii():
        raise Unreadable("bad_amount")
    amount = int(match[2]) * 100_000 + int((match[3] or "").ljust(5, "0"))
    return -amount if match[1] else amount


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except ValueError as exc:
        raise Unreadable("bad_time") from exc
