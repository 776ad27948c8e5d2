"""Cells that no spreadsheet takes for a formula, a link or a number, in CSV and XLSX.

A name such as =HYPERLINK("http://…") must arrive as the text it is. Whatever is a str here is text; numbers are int, money is Yuan.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from kit.money import yuan

# OWASP "CSV Injection": = + - @ tab CR (LF), and the full-width forms that East Asian versions of Excel take for the same.
_STARTS = re.compile(r"^[\s\ufeff\u200b]*[=+\-@＝＋－＠]|^[\t\r\n]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # not allowed in XML, of no use in CSV
LONGEST = 32_767  # characters in a cell of Excel
MOST_ROWS = 1_000_000  # a sheet holds 1,048,576


@dataclass(frozen=True, slots=True)
class Yuan:
    """An amount in fen that is shown in yuan; may be negative, as a sum of fees can."""

    fen: int

    def __str__(self) -> str:
        return f"{'-' if self.fen < 0 else ''}{yuan(abs(self.fen))}"


Cell = str | int | Yuan | None


def is_risky(text: str) -> bool:
    """Could a spreadsheet take this text for something that acts?"""
    return bool(_STARTS.match(text))


def csv_cell(value: Cell) -> str:
    """Risky text gets an apostrophe in front, which every spreadsheet reads as "this is text"."""
    if value is None:
        return ""
    if isinstance(value, Yuan | int):
        return str(value)
    text = _UNSEEN.sub("", value)
    return f"'{text}" if is_risky(text) else text


class CsvTable:
    """UTF-8 with a mark, which Excel needs. Every field is quoted: where `;` separates, a `;` inside a text must not begin a cell."""

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, quoting=csv.QUOTE_ALL)
        self._writer.writerow(headings)

    def put(self, row: Iterable[Cell]) -> None:
        self._writer.writerow([csv_cell(value) for value in row])

    def close(self) -> None:
        self._file.close()


class XlsxBook:
    """Row by row, nothing kept. Text is written as text; risky text is also marked as such, so that editing the cell wakes nothing."""

    def __init__(self, path: Path) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._heading = self._book.add_format({"bold": True})
        self.money = self._book.add_format({"num_format": "0.00"})
        self.quoted = self._book.add_format({"quote_prefix": True})

    def sheet(self, name: str, headings: Sequence[str]) -> "XlsxTable":
        """One sheet after the other: a sheet is finished before the next is begun."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, heading in enumerate(headings):
            sheet.set_column(column, column, max(10, 2 * len(heading) + 2))
            sheet.write_string(0, column, heading, self._heading)
        return XlsxTable(self, sheet)

    def close(self) -> None:
        self._book.close()


class XlsxTable:
    def __init__(self, book: XlsxBook, sheet: Any) -> None:
        self._book = book
        self._sheet = sheet
        self._row = 0

    def put(self, row: Iterable[Cell]) -> None:
        """Rows beyond what a sheet holds are left out, and the last row says so."""
        self._row += 1
        if self._row <= MOST_ROWS:
            for column, value in enumerate(row):
                self._write(column, value)
        elif self._row == MOST_ROWS + 1:
            self._sheet.write_string(self._row, 0, "此表放不下，其余见 CSV")

    def _write(self, column: int, value: Cell) -> None:
        if isinstance(value, Yuan):
            self._sheet.write_number(self._row, column, value.fen / 100, self._book.money)
        elif isinstance(value, int):
            self._sheet.write_number(self._row, column, value)
        elif value is not None:
            text = _UNSEEN.sub("", value)[:LONGEST]
            self._sheet.write_string(self._row, column, text, self._book.quoted if is_risky(text) else None)
