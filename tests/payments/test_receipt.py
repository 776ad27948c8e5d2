"""The receipt as a reader gets it: the PDF is taken apart again with what the PDF format says, no library."""

import asyncio
import re
import shutil
import subprocess
import threading
import time
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from core.bills import EBill
from kit.print_font import MARK, Case, case
from payments import receipt_texts
from payments.receipt import draw
from payments.receipt_aside import draw_aside
from payments.receipt_facts import Check, ReceiptFacts
from payments.receipt_page import CODE, HEIGHT, MARGIN, QR, WIDTH, dark_runs

PAID = datetime(2026, 11, 28, 16, 30, 5, tzinfo=UTC)  # the 29th in Beijing
E_BILL = EBill(code="44010126", number="0012345678", check_code="a1b2c3", issued_at=PAID)
CHECK = Check("https://city.example/v1/receipts/P20261128K7Q2M4.9db.fpptpswqggfwh3dpnyznwj4z", date(2027, 11, 29))
_ESCAPED = re.compile(rb"\\([nrtbf()\\])")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def make_facts(**other: Any) -> ReceiptFacts:
    facts = ReceiptFacts(
        order_no="P20261128K7Q2M4",
        title="居民身份证工本费（换领）",
        item_name="居民身份证换领",
        payee="天河区公安分局",
        amount_fen=12345,
        refunded_fen=0,
        channel="wechat",
        transaction_id_tail="480021",
        paid_at=PAID,
        settled_at=PAID,
        e_bill=E_BILL,
        payer_name_masked="王*明",
        case_no="44010620261128",
    )
    return replace(facts, **other)


def streams(pdf: bytes) -> list[bytes]:
    return [zlib.decompress(one) for one in re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", pdf, re.DOTALL)]


def text_of(pdf: bytes) -> str:
    """What copying the page's text gives: the codes on the page through the font's ToUnicode map, one line per string."""
    named = re.search(rb"/ToUnicode (\d+) 0 R", pdf)
    assert named is not None, "nobody could search or copy this text"
    table = re.search(rb"\n" + named[1] + rb" 0 obj.*?endstream", pdf, re.DOTALL)
    assert table is not None
    meaning = {int(code, 16): bytes.fromhex(to.decode()).decode("utf-16-be") for code, to in re.findall(rb"<(\w{4})> <(\w+)>\n", table[0])}
    lines = []
    for raw in re.findall(rb"\(((?:[^\\()]|\\.)*)\) Tj", streams(pdf)[0], re.DOTALL):
        codes = _ESCAPED.sub(lambda found: _PLAIN.get(found[1], found[1]), raw)
        lines.append("".join(meaning[int.from_bytes(codes[at : at + 2])] for at in range(0, len(codes), 2)))
    return "\n".join(lines)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def boxes(pdf: bytes) -> list[tuple[float, float, float, float]]:
    """Every rectangle on the page in millimetres: left, top, right, bottom."""
    found = []
    for raw in re.findall(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re", streams(pdf)[0]):
        x, y, width, height = (float(one) / 72 * 25.4 for one in raw)
        found.append((x, HEIGHT - y, x + width, HEIGHT - y - height))
    return found


def test_the_receipt_says_what_was_paid_in_figures_and_in_capitals_and_where_the_official_bill_is() -> None:
    text = text_of(draw(make_facts(), CHECK))
    for part in (
        "缴费凭证",
        "¥123.45",
        "人民币壹佰贰拾叁元肆角伍分",
        "居民身份证工本费（换领）",
        "天河区公安分局",
        "王*明",
        "微信支付",
        "尾号 480021",
    ):
        assert part in text
    assert "2026-11-29 00:30:05" in text  # Beijing time
    for part in (
        "票据代码\n44010126",
        "票据号码\n0012345678",
        "校验码\na1b2c3",
        "扫码核验真伪",
        "有效期至 2027-11-29",
        "不是财政票据",
        "pjcy.mof.gov.cn",
    ):
        assert part in text
    assert "退款" not in text
    assert "已退" not in text


def test_a_bill_that_is_still_being_issued_is_said_plainly() -> None:
    text = text_of(draw(make_facts(e_bill=None, settled_at=None, case_no=None), CHECK))
    assert "电子票据开具中" in text
    assert "入账处理中" in text
    assert "\n票据号码\n" not in text
    assert "办件编号" not in text


@pytest.mark.parametrize(
    ("refunded", "stamp", "kept"), [(2345, "部分退款", "¥100.00（人民币壹佰元整）"), (12345, "已全额退款", "¥0.00（人民币零元整）")]
)
def test_money_that_went_back_is_shown(refunded: int, stamp: str, kept: str) -> None:
    text = text_of(draw(make_facts(refunded_fen=refunded), CHECK))
    assert stamp in text.splitlines()
    assert kept in text


def test_only_the_characters_used_are_in_the_file() -> None:
    pdf = draw(make_facts(), CHECK)
    assert b"/FontFile3" in pdf
    assert b"/CIDFontType0C" in pdf
    assert len(re.findall(rb"/Type /Font\b(?!D)", pdf)) == 2  # one composite font and its descendant: none that a reader would replace
    assert len(pdf) < 60_000  # the font has 8 MB


def test_rare_characters_are_printed_and_missing_ones_are_marked_and_named() -> None:
    text = text_of(draw(make_facts(payer_name_masked="𬭚*䶮", payee="𠮷田\U000e0100镇\U0003ffff"), CHECK))
    assert "𬭚*䶮" in text
    assert f"{MARK}田镇{MARK}" in text
    assert "U+20BB7、U+3FFFF" in text


def test_nothing_in_a_title_can_act_on_the_page() -> None:
    hostile = "<script>alert(1)</script>\r\n\x00\x1b\u202e反 {nb} **粗** (a\\) Tj ET endstream \ud800"
    pdf = draw(make_facts(title=hostile), CHECK)
    text = text_of(pdf).replace("\n", "")
    assert f"<script>alert(1)</script> 反 {{nb}} **粗** (a\\) Tj ET endstream {MARK}" in text
    assert pages(pdf) == 1
    assert b"/JavaScript" not in pdf
    assert b"<script" not in pdf


@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.generate))  # each takes a quarter of a second: no shrinking
@given(st.text(min_size=1, max_size=500), st.text(min_size=1, max_size=500), st.text(max_size=60))
def test_whatever_the_core_calls_things_there_is_one_page(title: str, payee: str, payer: str) -> None:
    pdf = draw(make_facts(title=title, payee=payee, payer_name_masked=payer), CHECK)
    assert pages(pdf) == 1
    assert receipt_texts.SCAN in text_of(pdf)


def test_the_longest_of_everything_stays_inside_its_table_and_above_the_code() -> None:
    longest = EBill(code="W" * 20, number="9" * 20, check_code="W" * 20, issued_at=PAID)
    worst = make_facts(
        order_no="W" * 64,
        title="超长标题，" * 100,
        item_name="W" * 500,
        payee="国" * 500,
        amount_fen=9_999_999_999,
        refunded_fen=8_888_888_888,
        case_no="W" * 50,
        e_bill=longest,
        payer_name_masked="王" * 500,
    )
    pdf = draw(worst, CHECK)
    text = text_of(pdf)
    assert text.count("…") >= 4
    assert "W" * 20 in text.replace("\n", "")  # but the e-bill's number stands in full
    table = [one for one in boxes(pdf) if abs(one[0] - MARGIN) < 0.1 and abs(one[2] - WIDTH + MARGIN) < 0.1]
    assert [one[3] < CODE - 2 for one in table] == [True]
    assert all(right <= WIDTH - MARGIN + 0.1 and bottom <= CODE + QR + 0.1 for _, _, right, bottom in boxes(pdf))


def test_the_same_facts_give_the_same_bytes_whatever_was_printed_before() -> None:
    first = draw(make_facts(), CHECK)
    draw(make_facts(title="从未用过的字：曦骧矗瀛"), CHECK)
    assert draw(make_facts(), CHECK) == first
    assert b"/CreationDate (D:20261128163005Z)" in first
    assert draw(make_facts(refunded_fen=1), CHECK) != first


def test_the_case_gives_the_same_font_to_many_threads_and_forgets_when_it_is_full() -> None:
    alone = case().font("缴费凭证")
    ours, got = Case(pylopdf_fonts_zh_cn.sans_path(), most=20), list[bytes]()
    ours.font("".join(map(chr, range(0x4E00, 0x4E00 + 30))))
    threads = [threading.Thread(target=lambda: got.append(ours.font("缴费凭证"))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert got == [alone] * 8
    assert ours.kept < 10


async def test_a_crowd_waits_its_turn_while_the_loop_goes_on() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    beside = asyncio.create_task(others())
    drawn = await asyncio.gather(*(draw_aside(make_facts(amount_fen=amount), CHECK) for amount in (100, 200, 100)))
    beside.cancel()
    assert drawn[0] == drawn[2] == draw(make_facts(amount_fen=100), CHECK) != drawn[1]
    assert turns > 5


def test_a_receipt_takes_little_time_once_the_font_was_read() -> None:
    draw(make_facts(), CHECK)
    took = []
    for title in ("居民身份证工本费", "不动产登记费", "机动车号牌工本费"):
        started = time.process_time()
        draw(make_facts(title=title), CHECK)
        took.append(time.process_time() - started)
    assert min(took) < 0.3


def test_the_code_is_where_the_caption_says_and_holds_the_address(tmp_path: Path) -> None:
    pdf = draw(make_facts(), CHECK)
    assert f"/URI ({CHECK.url})".encode() in pdf  # pressed, where the phone cannot photograph itself
    wide, runs = dark_runs(CHECK.url)
    drawn = [box for box in boxes(pdf) if box[0] > WIDTH - MARGIN - QR - 0.1 and box[1] > CODE - 0.1]
    assert len(drawn) == len(runs)
    assert (runs[0], wide) == ((0, 0, 7), 37)  # the finder pattern's upper edge; version 5
    if not (shutil.which("zbarimg") and shutil.which("pdftoppm")):
        pytest.skip("reading it with a scanner needs zbar-tools and poppler-utils")
    (tmp_path / "receipt.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "100", "-png", "receipt.pdf", "page"], cwd=tmp_path, check=True)
    read = subprocess.run(["zbarimg", "-q", "--raw", "page-1.png"], cwd=tmp_path, check=True, capture_output=True)
    assert read.stdout.decode().strip() == CHECK.url
