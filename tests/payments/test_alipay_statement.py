"""Alipay's statement of a day: a zip of GBK tables, held to its own totals, and bounded."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from payments import alipay_statement
from payments.alipay_statement import read_statement
from payments.gateways import StatementLine, Unreadable

HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
SUMS_HEADER = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
STEM = "2088102119685838_20261121_业务明细"

Write = Callable[..., Path]


class GbkName(zipfile.ZipInfo):
    """Alipay writes names in GBK and does not say so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def row(no: str, amount: str, refund_no: str = "", **other: str) -> str:
    """One line as Alipay pads it. `other`: kind, title, fee, received, done."""
    kind = other.get("kind", "退款" if refund_no else "交易")
    times = ["2026-11-21 09:59:58", other.get("done", "2026-11-21 10:00:00")]
    money = [amount, other.get("received", amount), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00"]
    cells = [f"2026112122001{no}", no, kind, other.get("title", "居民身份证工本费"), *times, "", "", "", "", "csq***@sandbox.com", *money]
    return "\t,".join([*cells, refund_no, other.get("fee", "0.00"), "0.00", ""])


PAID, BACK, ANOTHER = row("Z1", "12.34", fee="-0.07"), row("Z1", "-2.34", "R1", fee="0.01"), row("Z2", "0.66")
FOOT = (
    "#-----业务明细列表结束-----",
    "#交易合计：2笔，商家实收共13.00元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-2.34元，商家优惠退款共0.00元",
)


def table(*rows: str, foot: tuple[str, ...] = FOOT, header: str = HEADER) -> bytes:
    head = ("#支付宝业务明细查询", "#账号：[20881021196858380156]", "#-----业务明细列表-----", header)
    return "".join(f"{line}\r\n" for line in (*head, *rows, *foot, "#导出时间：[2026年11月22日 09:30:00]")).encode("gbk")


def sums(paid: int = 2, refunded: int = 1) -> bytes:
    line = "\t,".join(["合计", "", str(paid), str(refunded), "10.66", "10.66", "0.00", "0.00", "0.00", "-0.06", "0.00", "10.60"])
    return f"#支付宝业务汇总查询\r\n{SUMS_HEADER}\r\n{line}\r\n#-----业务汇总列表结束-----\r\n".encode("gbk")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(details: bytes, summary: bytes | None = None, method: int = zipfile.ZIP_DEFLATED, **more: bytes) -> Path:
        path = tmp_path / "statement.zip"
        own = {f"{STEM}.csv": details, **({f"{STEM}(汇总).csv": summary} if summary is not None else {}), **more}
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in own.items():
                packed.writestr(GbkName(name), content, method)
        return path

    return made


def unreadable(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        list(read_statement(path))
    return caught.value.reason


def test_lines_are_read_in_our_words(write: Write) -> None:
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    assert list(read_statement(write(table(PAID, BACK, ANOTHER), sums()))) == [
        StatementLine("paid", "Z1", None, "2026112122001Z1", 1234, 7, at),
        StatementLine("refunded", "Z1", "R1", "2026112122001Z1", 234, -1, at),
        StatementLine("paid", "Z2", None, "2026112122001Z2", 66, 0, at),
    ]


def test_lines_come_one_by_one_and_the_totals_are_held_against_them_at_the_end(write: Write) -> None:
    lines = read_statement(write(table(PAID, BACK), sums()))
    assert [next(lines).kind, next(lines).kind] == ["paid", "refunded"]
    with pytest.raises(Unreadable, match="totals_do_not_add_up"):
        next(lines)


def test_columns_are_found_by_their_names(write: Write) -> None:
    order = [5, 0, 21, 11, 2, 1, 22, 3, 12, 4, *(at for at in range(25) if at not in (5, 0, 21, 11, 2, 1, 22, 3, 12, 4))]

    def shuffled(line: str) -> str:
        cells = line.split(",")
        return ",".join(cells[at] for at in order)

    mixed = table(*map(shuffled, (PAID, BACK, ANOTHER)), header=shuffled(HEADER).replace("（元）", "(元)"))
    assert list(read_statement(write(mixed))) == list(read_statement(write(table(PAID, BACK, ANOTHER))))


def test_a_refund_asked_for_without_a_number_has_the_orders(write: Write) -> None:
    foot = (FOOT[0], "#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元", "#退款合计：1笔，商家实收退款共-1.00元，商家优惠退款共0.00元")
    (line,) = read_statement(write(table(row("Z1", "-1.00", kind="退款"), foot=foot)))
    assert (line.kind, line.refund_no) == ("refunded", "Z1")


@pytest.mark.parametrize("title", ["甲,乙", '"甲', "甲\\", "", "甲#乙"])
def test_a_title_that_is_not_quoted_moves_no_figure(write: Write, title: str) -> None:
    lines = list(read_statement(write(table(row("Z1", "12.34", title=title), BACK, ANOTHER))))
    assert [line.amount_fen for line in lines] == [1234, 234, 66]


def test_a_title_cut_in_the_middle_of_a_character_moves_no_figure(write: Write) -> None:
    broken = table(row("Z1", "12.34", title="甲@"), BACK, ANOTHER).replace("甲@".encode("gbk"), "甲".encode("gbk")[:1])
    assert [line.amount_fen for line in read_statement(write(broken))] == [1234, 234, 66]


@pytest.mark.parametrize(
    ("foot", "reason"),
    [
        ((), "totals_do_not_add_up"),
        (FOOT[:2], "totals_do_not_add_up"),
        ((FOOT[1].replace("2笔", "3笔"), FOOT[2]), "totals_do_not_add_up"),
        ((FOOT[1].replace("13.00", "13.01"), FOOT[2]), "totals_do_not_add_up"),
        ((FOOT[1], FOOT[2].replace("-2.34", "-2.35")), "totals_do_not_add_up"),
        ((*FOOT, row("Z9", "1.00")), "lines_after_the_totals"),
    ],
)
def test_a_statement_that_does_not_add_up_is_not_believed(write: Write, foot: tuple[str, ...], reason: str) -> None:
    assert unreadable(write(table(PAID, BACK, ANOTHER, foot=foot))) == reason


@pytest.mark.parametrize("summary", [sums(3, 1), sums(2, 0), "门店编号,门店名称\r\n合计,\r\n".encode("gbk")])
def test_two_tables_that_do_not_agree_are_not_believed(write: Write, summary: bytes) -> None:
    assert unreadable(write(table(PAID, BACK, ANOTHER), summary)) in ("tables_do_not_agree", "no_column_交易订单总笔数")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row("Z1", "12.345"), "bad_amount"),
        (row("Z1", "-12.34"), "bad_amount"),
        (row("Z1", "12.34", "R1"), "bad_amount"),
        (row("Z1", "0.00"), "bad_amount"),
        (row("Z1", "12.34", fee="x"), "bad_amount"),
        (row("Z1", "12.34", kind="转账"), "unknown_kind"),
        (row("", "12.34"), "no_number"),
        (row("Z1", "12.34", done="昨天"), "bad_time"),
        ("Z1,12.34", "not_the_columns_of_the_header"),
        ("x" * 20_000, "line_too_long"),
    ],
)
def test_a_line_that_is_not_what_the_documents_say_stops_the_reading(write: Write, line: str, reason: str) -> None:
    assert unreadable(write(table(line))) == reason


def test_a_missing_column_is_named(write: Write) -> None:
    assert unreadable(write(table(PAID, header=HEADER.replace("商户订单号", "x")))) == "no_column_商户订单号"


def test_what_is_no_such_zip_is_unreadable(write: Write, tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_text("<html>")
    assert unreadable(tmp_path / "page.zip") == "damaged_zip"
    whole = write(table(PAID, BACK, ANOTHER)).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    assert unreadable(tmp_path / "cut.zip") == "damaged_zip"
    at = whole.index(b".csv") + 30
    (tmp_path / "bent.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    assert unreadable(tmp_path / "bent.zip") in ("damaged_zip", "no_column_支付宝交易号")


def test_a_zip_with_other_or_too_many_tables_is_refused_before_anything_is_unpacked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = table(PAID, BACK, ANOTHER)
    assert unreadable(write(fine, **{"other_业务明细.csv": fine})) == "not_one_table_of_details"
    assert unreadable(write(fine, **{f"x{one}": b"" for one in range(10)})) == "too_many_members"
    assert unreadable(write(fine, method=zipfile.ZIP_LZMA)) == "unknown_compression"
    monkeypatch.setattr(alipay_statement, "MOST_SUMS", 100)
    assert unreadable(write(fine, b"#" * 101)) == "too_large"


def test_a_bomb_is_refused_by_the_size_it_declares_and_unpacks_no_more_than_that(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alipay_statement, "MOST_BYTES", 1_000_000)
    zeros = b"0" * 1_000_001
    bomb = write(zeros)
    assert bomb.stat().st_size < 10_000 and unreadable(bomb) == "too_large"
    lying = bomb.read_bytes().replace((1_000_001).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    bomb.write_bytes(lying)
    assert unreadable(bomb) in ("damaged_zip", "no_column_支付宝交易号")


def test_a_day_of_nothing_but_totals_is_a_statement_without_lines(write: Write) -> None:
    foot = ("#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元", "#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元")
    found: list[Any] = list(read_statement(write(table(foot=foot), sums(0, 0))))
    assert found == []
