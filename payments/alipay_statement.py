"""The statement of a day as Alipay makes it (bill_type trade): a zip of two GBK tables, 业务明细 and 业务明细(汇总). Read line by line.

Lines that begin with # are heads and sums; nothing is quoted; values are padded with tabs; amounts are yuan, those of refunds negative.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Literal, TextIO

from kit.money import fen
from payments.alipay_notice import when
from payments.gateways import StatementLine, Unreadable

MOST_MEMBERS = 10
MOST_BYTES = 1 << 30  # of the table of details, unpacked
MOST_SUMS = 4 << 20  # bytes of the other: one line a shop
_LONGEST = 16 * 1024  # characters in a line
_TRADE, _ORDER, _KIND, _TITLE, _MADE, _DONE = "支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间"
_AMOUNT, _RECEIVED, _FEE, _REQUEST = "订单金额（元）", "商家实收（元）", "服务费（元）", "退款批次号/请求号"
_COLUMNS = (_TRADE, _ORDER, _KIND, _TITLE, _MADE, _DONE, _AMOUNT, _RECEIVED, _FEE, _REQUEST)
_KINDS: dict[str, Literal["paid", "refunded"]] = {"交易": "paid", "退款": "refunded"}
_PAID_COUNT, _REFUNDED_COUNT = "交易订单总笔数", "退款订单总笔数"
# #交易合计：6笔，商家实收共0.06元，商家优惠共0.00元 / #退款合计：4笔，商家实收退款共-0.04元，商家优惠退款共0.00元
_SUM = re.compile(r"#(交易|退款)合计：(\d{1,9})笔，商家实收(?:退款)?共(-?[\d.]{1,16})元")


def read_statement(path: Path) -> Iterator[StatementLine]:
    """In the file's order. Raises Unreadable: at once for what is no such zip, at the latest after the last line."""
    try:
        with zipfile.ZipFile(path, metadata_encoding="gb18030") as packed:
            details, sums = _members(packed)
            seen = _Seen()
            with packed.open(details) as raw:
                yield from _details(_text(raw), seen)
            if sums is not None:
                with packed.open(sums) as raw:
                    _compare(_text(raw), seen)
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, EOFError, NotImplementedError, RuntimeError) as exc:
        raise Unreadable("damaged_zip") from exc  # RuntimeError: with a password


@dataclass(slots=True)
class _Seen:
    """Of the lines read so far, by 交易 and 退款: how many, and fen that the merchant received."""

    lines: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    received: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))


def _members(packed: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo | None]:
    """(details, sums). The sizes a zip declares are what Python unpacks at most."""
    members = [one for one in packed.infolist() if not one.is_dir()]
    if len(members) > MOST_MEMBERS:
        raise Unreadable("too_many_members")
    details = [one for one in members if "明细" in one.filename and "汇总" not in one.filename]
    sums = [one for one in members if "汇总" in one.filename]
    if len(details) != 1 or len(sums) > 1:
        raise Unreadable("not_one_table_of_details")
    if details[0].file_size > MOST_BYTES or any(one.file_size > MOST_SUMS for one in sums):
        raise Unreadable("too_large")
    if any(one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for one in (*details, *sums)):
        raise Unreadable("unknown_compression")
    return details[0], sums[0] if sums else None


def _text(raw: IO[bytes]) -> TextIO:
    """A title cut in the middle of a character must not make a day unreadable; figures are ASCII and are added up."""
    return TextIOWrapper(raw, encoding="gb18030", errors="replace", newline="\n")


def _details(table: TextIO, seen: _Seen) -> Iterator[StatementLine]:
    header: list[str] = []
    told: dict[str, tuple[int, int]] = {}
    while line := table.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise Unreadable("line_too_long")
        if line.startswith("#"):
            if found := _SUM.match(line):
                told[found[1]] = int(found[2]), _signed(found[3])
        elif not header:
            header = _header(line, _COLUMNS)
        elif line.strip():
            if told:
                raise Unreadable("lines_after_the_totals")
            yield _line(_row(line, header), seen)
    if not told or any(told.get(kind, (0, 0)) != (seen.lines[kind], seen.received[kind]) for kind in _KINDS):
        raise Unreadable("totals_do_not_add_up")  # a file that was cut off has no totals


def _compare(table: TextIO, seen: _Seen) -> None:
    """The other table counts the same: its line 合计, or all its lines where there is none."""
    rows = [line for line in iter(lambda: table.readline(_LONGEST), "") if line.strip() and not line.startswith("#")]
    if not rows:
        return
    header = _header(rows[0], (_PAID_COUNT, _REFUNDED_COUNT))
    shops = [dict(zip(header, _cells(row), strict=False)) for row in rows[1:]]
    totals = [one for one in shops if "合计" in list(one.values())[:2]] or shops
    try:
        counted = [sum(int(one[name]) for one in totals) for name in (_PAID_COUNT, _REFUNDED_COUNT)]
    except (KeyError, ValueError) as exc:
        raise Unreadable("sums_not_readable") from exc
    if counted != [seen.lines["交易"], seen.lines["退款"]]:
        raise Unreadable("tables_do_not_agree")


def _header(line: str, needed: tuple[str, ...]) -> list[str]:
    found = [one.replace("(", "（").replace(")", "）") for one in _cells(line)]
    found = [_REQUEST if one == "退款批次号" else one for one in found]
    if missing := [name for name in needed if name not in found]:
        raise Unreadable(f"no_column_{missing[0]}")
    return found


def _row(line: str, header: list[str]) -> dict[str, str]:
    """A comma of another app's title is not quoted: what is too much belongs to the title."""
    cells = _cells(line)
    more = len(cells) - len(header)
    if more > 0:
        at = header.index(_TITLE)
        cells[at : at + more + 1] = [",".join(cells[at : at + more + 1])]
    if len(cells) != len(header):
        raise Unreadable("not_the_columns_of_the_header")
    return dict(zip(header, cells, strict=True))


def _cells(line: str) -> list[str]:
    return [one.strip() for one in line.split(",")]


def _line(row: dict[str, str], seen: _Seen) -> StatementLine:
    kind, amount, received = _KINDS.get(row[_KIND]), _signed(row[_AMOUNT]), _signed(row[_RECEIVED])
    if kind is None:
        raise Unreadable("unknown_kind")
    if amount == 0 or (amount < 0) is not (kind == "refunded"):
        raise Unreadable("bad_amount")
    if not row[_ORDER] or not row[_TRADE]:
        raise Unreadable("no_number")
    seen.lines[row[_KIND]] += 1
    seen.received[row[_KIND]] += received
    return StatementLine(
        kind=kind,
        order_no=row[_ORDER],
        refund_no=None if kind == "paid" else row[_REQUEST] or row[_ORDER],  # asked for without a number, it has the order's
        transaction_id=row[_TRADE],
        amount_fen=abs(amount),
        fee_fen=-_signed(row[_FEE]),  # what Alipay keeps is negative there
        at=_moment(row[_DONE] or row[_MADE]),
    )


def _signed(text: str) -> int:
    try:
        return -fen(text[1:]) if text.startswith("-") else fen(text)
    except ValueError as exc:
        raise Unreadable("bad_amount") from exc


def _moment(text: str) -> datetime:
    try:
        return when(text)
    except ValueError as exc:
        raise Unreadable("bad_time") from exc
