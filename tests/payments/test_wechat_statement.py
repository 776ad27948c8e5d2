"""The statement of a day: read as it comes, one line at a time, and believed only when its own totals agree."""

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from payments.gateways import StatementLine, Unreadable
from payments.wechat_statement import read

COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def paid(order_no: str = "ORDER_1", amount: str = "1.00", fee: str = "0.00600", title: str = "工本费", **other: str) -> dict[str, str]:
    values = dict.fromkeys(COLUMNS.split(","), "") | {
        "交易时间": "2026-11-20 10:34:56",
        "公众账号ID": "wx1",
        "商户号": "1900007291",
        "特约商户号": "0",
        "微信订单号": f"42{order_no}",
        "商户订单号": order_no,
        "交易类型": "JSAPI",
        "交易状态": "SUCCESS",
        "货币种类": "CNY",
        "应结订单金额": amount,
        "代金券金额": "0.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "充值券退款金额": "0.00",
        "商品名称": title,
        "手续费": fee,
        "费率": "0.60%",
        "订单金额": amount,
        "申请退款金额": "0.00",
    }
    return values | other


def refunded(order_no: str = "ORDER_1", refund_no: str = "REFUND_1", amount: str = "0.40", fee: str = "-0.00240", **other: str) -> dict[str, str]:
    values = {
        "交易状态": "REFUND",
        "微信退款单号": "5000",
        "商户退款单号": refund_no,
        "退款金额": amount,
        "退款类型": "ORIGINAL",
        "退款状态": "PROCESSING",
    }
    return paid(order_no, "0.00", fee) | values | {"申请退款金额": amount} | other


def statement(
    folder: Path, rows: Iterable[dict[str, str]], totals: str, *, header: str = COLUMNS, head: str = "\ufeff", end: str = "\r\n", more: str = ""
) -> Path:
    path = folder / "statement.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(head + header + end)
        for row in rows:
            file.write(",".join(f"`{row.get(name, '')}" for name in header.split(",")) + end)
        file.write(TOTALS + end + totals + more)
    return path


def sums(*values: str) -> str:
    return ",".join(f"`{value}" for value in values)


BOTH = sums("2", "1.00", "0.40", "0.00", "0.00360", "1.00", "0.40")


@pytest.mark.parametrize(("head", "end"), [("\ufeff", "\r\n"), ("", "\n")])
def test_payments_and_refunds_are_told_apart(tmp_path: Path, head: str, end: str) -> None:
    lines = list(read(statement(tmp_path, [paid(), refunded()], BOTH, head=head, end=end, more=end)))
    at = datetime(2026, 11, 20, 2, 34, 56, tzinfo=UTC)
    assert lines == [
        StatementLine("paid", "ORDER_1", None, "42ORDER_1", 100, 1, at),
        StatementLine("refunded", "ORDER_1", "REFUND_1", "42ORDER_1", 40, 0, at),
    ]


def test_a_comma_in_a_title_is_no_new_column_and_columns_are_found_by_name(tmp_path: Path) -> None:
    one = sums("1", "12.30", "0", "0.0", "0.08", "12.30", "0")
    for header in (COLUMNS, ",".join(reversed(COLUMNS.split(","))), COLUMNS + ",新的一列"):
        path = statement(tmp_path, [paid(amount="12.30", fee="0.07500", title="工本费,制证费，“引号”\"'")], one, header=header)
        assert [(line.amount_fen, line.fee_fen) for line in read(path)] == [(1230, 8)]


def test_a_voucher_does_not_change_what_the_order_was_worth(tmp_path: Path) -> None:
    rows = [paid(amount="10.00", 应结订单金额="8.00", 代金券金额="2.00"), refunded(退款金额="4.00", 充值券退款金额="1.00", 申请退款金额="5.00")]
    lines = list(read(statement(tmp_path, rows, sums("2", "8.00", "4.00", "1.00", "0.00", "10.00", "5.00"))))
    assert [line.amount_fen for line in lines] == [1000, 500]


def test_a_day_on_which_nothing_happened_is_a_statement_too(tmp_path: Path) -> None:
    assert list(read(statement(tmp_path, [], sums("0", "0.00", "0", "0.0", "0", "0.00", "0.00")))) == []


@pytest.mark.parametrize(
    ("rows", "totals", "reason"),
    [
        ([paid()], BOTH, "lines_do_not_add_up"),
        ([paid(), refunded(), refunded()], BOTH, "lines_do_not_add_up"),
        ([paid(), paid()], BOTH, "totals"),
        ([paid(amount="1.01"), refunded()], BOTH, "totals"),
        ([paid(), refunded(amount="0.41")], BOTH, "totals"),
        ([paid(), refunded(充值券退款金额="0.01")], BOTH, "totals"),
        ([paid(fee="0.02"), refunded()], BOTH, "totals_do_not_add_up_手续费总金额"),
        ([paid(), refunded()], sums("2", "1.00"), "columns"),
        ([paid(), refunded()], BOTH.replace("`", ""), "columns"),
        ([paid(), refunded()], "", "cut_off"),
        ([paid(交易状态="NEW")], BOTH, "unknown_state"),
        ([refunded(商户退款单号="")], BOTH, "no_number"),
        ([paid(order_no="")], BOTH, "no_number"),
        ([paid(amount="1.001")], BOTH, "bad_amount"),
        ([paid(amount="-1.00")], BOTH, "bad_amount"),
        ([paid(amount="")], BOTH, "bad_amount"),
        ([paid(fee="")], BOTH, "bad_amount"),
        ([paid(fee="1e3")], BOTH, "bad_amount"),
        ([paid(交易时间="2026-11-20")], BOTH, "bad_time"),
        ([paid(title="a,`b")], BOTH, "columns"),
        ([paid(title="长" * 20_000)], BOTH, "line_too_long"),
    ],
)
def test_what_does_not_add_up_is_no_statement(tmp_path: Path, rows: list[dict[str, str]], totals: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        list(read(statement(tmp_path, rows, totals)))


def test_a_file_that_is_cut_or_has_more_or_is_none_is_no_statement(tmp_path: Path) -> None:
    path = statement(tmp_path, [paid(), refunded()], BOTH)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(Unreadable):
            list(read(path))
    for other in (whole + b"\r\n`more", b"\xff\xfe" + whole, whole.replace("订单金额".encode(), "别的".encode()), b"<xml/>", b"\n\n"):
        path.write_bytes(other)
        with pytest.raises(Unreadable):
            list(read(path))


def test_a_hundred_thousand_lines_are_read_in_the_memory_of_a_few(tmp_path: Path) -> None:
    count = 100_000
    totals = sums(str(count), f"{count}.00", "0.00", "0.00", f"{count * 6 / 1000:.5f}", f"{count}.00", "0.00")
    path = statement(tmp_path, (paid(f"ORDER_{n}") for n in range(count)), totals)
    assert sum(line.amount_fen for line in read(path)) == count * 100
    tracemalloc.start()
    try:
        assert sum(line.amount_fen for line in islice(read(path), 10_000)) == 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 < path.stat().st_size / 10
    finally:
        tracemalloc.stop()
