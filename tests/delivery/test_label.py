"""The label shows where a parcel goes and no more; any reader reads its barcode."""

import io
from datetime import UTC, datetime

import pytest
import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfReader

from delivery.couriers import Party
from delivery.label import Label, draw_aside, masked, place
from delivery.label_page import bars

RECEIVER = Party("欧阳明月", "13800001234", "广东省", "临江市", "江东区", "滨江大道一百零八号幸福花园三期五栋二单元一六零二室")
HALL = Party("临江市政务服务中心", "07550000000", "广东省", "临江市", "江东区", "市民路1号")


def make_label(waybill: str = "SF1391760200235", receiver: Party = RECEIVER) -> Label:
    return Label("d_a2b3c4d5", waybill, "顺丰速运", "寄付", "证照文件", receiver, HALL, datetime(2026, 11, 25, 2, tzinfo=UTC))


async def drawn(label: Label) -> str:
    pages = PdfReader(io.BytesIO(await draw_aside(label))).pages
    assert len(pages) == 1
    return pages[0].extract_text().replace("\n", "").replace("\x00", "")  # pypdf leaves zeros between characters


async def test_the_label_says_where_it_goes_and_hides_who_it_is() -> None:
    text = await drawn(make_label())
    for shown in ("SF1391760200235", "顺丰速运", "寄付", "证照文件", "广东省临江市江东区", "一六零二室", "138****1234", "欧**", "d_a2b3c4d5"):
        assert shown in text.replace("　", ""), shown
    assert "欧阳明月" not in text and "13800001234" not in text


async def test_the_same_label_is_the_same_bytes() -> None:
    assert await draw_aside(make_label()) == await draw_aside(make_label())


@pytest.mark.parametrize("waybill", ["SF1391760200235", "1234567890123", "EA123456789CN", "JDVB00000000001-1-1"])
def test_an_independent_reader_reads_the_barcode(waybill: str) -> None:
    runs = bars(waybill)
    wide = sum(runs[-1]) + 20
    picture = Image.new("L", (wide * 3, 90), 255)
    for start, modules in runs:
        ImageDraw.Draw(picture).rectangle(((10 + start) * 3, 10, (10 + start + modules) * 3 - 1, 80), 0)
    found = zxingcpp.read_barcodes(picture)
    assert [(one.text, one.format.name) for one in found] == [(waybill, "Code128")]


@pytest.mark.parametrize("waybill", ["", "快递一号", "SF\n1", "9" * 41])
def test_what_is_no_waybill_is_not_printed(waybill: str) -> None:
    with pytest.raises(ValueError, match="not a waybill"):
        bars(waybill)


async def test_an_address_that_is_too_long_ends_in_dots_and_stays_on_the_page() -> None:
    long = Party("王", "13800001234", "北京市", "北京市", "东城区", "很长的地址" * 60)
    text = await drawn(make_label(receiver=long))
    assert "…" in text and "寄递编号" in text


def test_a_municipality_stands_once_and_a_short_name_is_hidden_too() -> None:
    party = Party("王", "13800001234", "北京市", "北京市", "东城区", "某路1号")
    assert place(party) == "北京市东城区某路1号"
    assert masked(party) == ("王**", "138****1234")
