"""One printed page: a title, a table of fields, a QR code, notes. Knows nothing of payments. A5: read on a phone, printed twice on an A4 sheet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import segno
from fpdf import FPDF
from fpdf.enums import TextMode

from kit import print_font
from kit.print_font import Case

WIDTH, HEIGHT, MARGIN = 148.0, 210.0, 12.0  # millimetres, as everything below; font sizes are points
FULL = WIDTH - 2 * MARGIN
LABEL = 25.0  # width of the column of labels
SIZE, TINY = 9.5, 6.0
LINE, PAD = 4.7, 2.2  # PAD: above and below a row's text, less where rows are many
TABLE, CODE, QR = 34.0, 160.0, 32.0  # where table and QR code begin, and the width of the code
INK, GREY, RULE, SHADE, RED = (25, 28, 33), (100, 105, 113), (186, 191, 199), (245, 246, 248), (176, 32, 36)


@dataclass(frozen=True, slots=True)
class Letters:
    """How a line is set. The font has one weight: `bold` draws its outline too. `spacing` in points."""

    size: float = SIZE
    colour: tuple[int, int, int] = INK
    align: Literal["L", "C"] = "L"
    bold: bool = False
    spacing: float = 0


HEADLINE, NUMBER, STAMP = Letters(21, align="C", bold=True, spacing=5), Letters(7.5, GREY, "C"), Letters(11, RED, "C", bold=True)
NAME, CAPTION, HINT, NOTE = Letters(SIZE, GREY), Letters(SIZE, align="C", bold=True), Letters(TINY, GREY, "C"), Letters(7.5, GREY)


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value. A long value takes up to `lines` lines and ends in … when it is longer still."""

    label: str
    value: str
    lines: int = 1
    alarm: bool = False


Row = tuple[Field, ...]  # one field, or two side by side


@dataclass(frozen=True, slots=True)
class Sheet:
    """All texts are printable already (Case.shown). `stamp` is "" for none; `made_at` is the document's creation date."""

    title: str
    number: str
    stamp: str
    rows: tuple[Row, ...]
    url: str
    captions: tuple[str, str]
    notes: tuple[str, ...]
    made_at: datetime


def printed(sheet: Sheet, case: Case) -> bytes:
    """The PDF; equal sheets give equal bytes. CPU work: tens of milliseconds."""
    texts = [sheet.title, sheet.number, sheet.stamp, *sheet.captions, *sheet.notes, " …"]
    texts += [text for row in sheet.rows for field in row for text in (field.label, field.value)]
    pdf = _blank(sheet)
    print_font.add_to(pdf, case.font("".join(texts)))
    pdf.add_page()
    _head(pdf, sheet)
    _table(pdf, sheet.rows)
    _code(pdf, sheet)
    _notes(pdf, sheet.notes)
    return bytes(pdf.output())


def dark_runs(url: str) -> tuple[int, list[tuple[int, int, int]]]:
    """The QR code of `url`, level M: its width in modules without the quiet zone, and each row's dark runs as (x, y, length)."""
    matrix = segno.make_qr(url, error="m", boost_error=False).matrix
    runs = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append((start, y, x - start))
            x += 1
    return len(matrix), runs


def _blank(sheet: Sheet) -> FPDF:
    pdf = FPDF(unit="mm", format=(WIDTH, HEIGHT))
    pdf.set_auto_page_break(False)
    pdf.set_margins(MARGIN, MARGIN)
    pdf.c_margin = 0
    pdf.alias_nb_pages("")  # a title holding {nb} is printed as it is
    pdf.set_creation_date(sheet.made_at)
    pdf.set_title(f"{sheet.title} {sheet.number}")
    pdf.set_lang("zh-CN")
    return pdf


def _head(pdf: FPDF, sheet: Sheet) -> None:
    pdf.set_draw_color(RED)
    pdf.set_line_width(0.9)
    pdf.line(MARGIN, 10, WIDTH - MARGIN, 10)
    _write(pdf, sheet.title, (MARGIN, 14), FULL, HEADLINE)
    _write(pdf, sheet.number, (MARGIN, 27.5), FULL, NUMBER)
    if sheet.stamp:
        pdf.set_draw_color(RED)
        pdf.set_line_width(0.5)
        with pdf.rotation(8, WIDTH - MARGIN - 14, 20):
            pdf.rect(WIDTH - MARGIN - 27, 15.5, 26, 8.6, round_corners=True, corner_radius=1.5)
            _write(pdf, sheet.stamp, (WIDTH - MARGIN - 27, 17.4), 26, STAMP)


def _table(pdf: FPDF, rows: tuple[Row, ...]) -> None:
    ready = [[_fit(pdf, field, FULL / len(row) - LABEL - 4) for field in row] for row in rows]
    heights = [max(len(lines) for lines, _ in cells) * LINE for cells in ready]
    pad = min(PAD, (CODE - 4 - TABLE - sum(heights)) / (2 * len(rows)))
    y = TABLE
    pdf.set_line_width(0.2)
    pdf.set_draw_color(RULE)
    for row, cells, height in zip(rows, ready, heights, strict=True):
        height += 2 * pad
        for n, (field, cell) in enumerate(zip(row, cells, strict=True)):
            _cell(pdf, field, cell, (MARGIN + n * FULL / len(row), y, height))
        pdf.line(MARGIN, y, WIDTH - MARGIN, y)
        y += height
    pdf.rect(MARGIN, TABLE, FULL, y - TABLE)


def _cell(pdf: FPDF, field: Field, cell: tuple[list[str], float], box: tuple[float, float, float]) -> None:
    """`cell`: lines and size; `box`: left, top, height."""
    (lines, size), (x, y, height) = cell, box
    pdf.set_fill_color(SHADE)
    pdf.rect(x, y, LABEL, height, style="F")
    _write(pdf, field.label, (x + 2, y + (height - LINE) / 2), LABEL - 4, NAME)
    first = y + (height - len(lines) * LINE) / 2
    for at, line in enumerate(lines):
        _write(pdf, line, (x + LABEL + 2, first + at * LINE), FULL, Letters(size, RED if field.alarm else INK))
    if x > MARGIN:
        pdf.line(x, y, x, y + height)
    pdf.line(x + LABEL, y, x + LABEL, y + height)


def _code(pdf: FPDF, sheet: Sheet) -> None:
    """Bottom right, drawn as areas: sharp at any size. Whoever reads it on the phone itself can press it."""
    x, y = WIDTH - MARGIN - QR, CODE
    wide, runs = dark_runs(sheet.url)
    module = QR / wide
    pdf.set_fill_color(0, 0, 0)
    for column, row, length in runs:
        pdf.rect(x + column * module, y + row * module, length * module, module, style="F")
    pdf.link(x, y, QR, QR, sheet.url)
    _write(pdf, sheet.captions[0], (x - 4, y + QR + 1.5), QR + 8, CAPTION)
    _write(pdf, sheet.captions[1], (x - 4, y + QR + 6), QR + 8, HINT)


def _notes(pdf: FPDF, notes: tuple[str, ...]) -> None:
    room = FULL - QR - 12
    lines = [line for note in notes for line in _wrap(pdf, note, room, NOTE.size)]
    y = CODE + QR + 10.7 - len(lines) * 4.2
    for at, line in enumerate(lines):
        _write(pdf, line, (MARGIN, y + at * 4.2), room, NOTE)


def _fit(pdf: FPDF, field: Field, room: float) -> tuple[list[str], float]:
    """A value's lines and its size: smaller letters before a second line where only one is allowed, … at the end of what is too long."""
    if field.lines == 1:
        pdf.set_font(print_font.NAME, size=SIZE)
        size = max(TINY, min(SIZE, SIZE * room / max(room, pdf.get_string_width(field.value))))
    else:
        size = SIZE
    lines = _wrap(pdf, field.value, room, size)
    if len(lines) <= field.lines:
        return lines, size
    last = lines[field.lines - 1]
    while last and pdf.get_string_width(last + "…") > room:
        last = last[:-1]
    return [*lines[: field.lines - 1], last + "…"], size


def _wrap(pdf: FPDF, text: str, room: float, size: float) -> list[str]:
    """Broken between any two characters, as Chinese is, but no line begins with a stop or a closing bracket."""
    pdf.set_font(print_font.NAME, size=size)
    lines, line = list[str](), ""
    for char in text:
        if line and pdf.get_string_width(line + char) > room + 0.01:
            carry = line[-1] if char in "，。、；：？！）》」』”’…" and len(line) > 1 else ""
            lines.append(line[: len(line) - len(carry)])
            line = carry
        line += char
    return [*lines, line]


def _write(pdf: FPDF, text: str, at: tuple[float, float], room: float, letters: Letters) -> None:
    """One line, `at` its upper left corner."""
    pdf.set_font(print_font.NAME, size=letters.size)
    pdf.set_text_color(letters.colour)
    pdf.set_char_spacing(letters.spacing)
    mode = TextMode.FILL_STROKE if letters.bold else TextMode.FILL
    with pdf.local_context(text_mode=mode, draw_color=letters.colour, line_width=letters.size * 0.008):
        pdf.set_xy(*at)
        pdf.cell(room, LINE if letters.size < 15 else letters.size * 0.45, text, align=letters.align)
    pdf.set_char_spacing(0)
