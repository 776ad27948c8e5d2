"""How a label is drawn: a barcode, two addresses, a foot. Code 128 (ISO/IEC 15417), which every courier's gun reads."""

from fpdf import FPDF
from pystrich.code128 import Code128Encoder

from delivery.label import Label, place
from kit import print_font
from kit.clock import in_words

WIDTH, HEIGHT, MARGIN = 100.0, 150.0, 5.0  # millimetres, as everything below; font sizes are points
FULL = WIDTH - 2 * MARGIN
BARS, QUIET = 18.0, 10  # height of the bars; modules of white on either side, as the standard asks
RECEIVER, SENDER, FOOT = 52.0, 98.0, 126.0  # where the blocks begin
HEAD, SMALL = 15.0, 8.5
LINES = 4  # of an address; what is longer ends in …


def printed(label: Label, receiver: tuple[str, str], sender: tuple[str, str]) -> bytes:
    """`receiver`, `sender`: name and phone as they are shown. CPU work: tens of milliseconds."""
    case = print_font.case()
    head, foot = f"{label.courier}　{label.payer}", (f"内件：{label.goods}", f"寄递编号 {label.parcel_id}", f"打印时间 {in_words(label.made_at)}")
    blocks = (
        ("收", *receiver, place(label.receiver)),
        ("寄", *sender, place(label.sender)),
    )
    shown = [[case.shown(text)[0] for text in block] for block in blocks]
    texts = [head, label.waybill, *foot, "…", *(text for block in shown for text in block)]
    head, waybill, *rest = (case.shown(text)[0] for text in texts[: 2 + len(foot)])
    pdf = _blank(label)
    print_font.add_to(pdf, case.font("".join(texts) + "　 "))
    pdf.add_page()
    _line(pdf, head, (MARGIN, 6), HEAD)
    _barcode(pdf, label.waybill)
    _line(pdf, waybill, (MARGIN, 43), 11, centre=True)
    _block(pdf, shown[0], RECEIVER, 13.0)
    _block(pdf, shown[1], SENDER, 9.0)
    pdf.line(MARGIN, FOOT, WIDTH - MARGIN, FOOT)
    for n, text in enumerate(rest):
        _line(pdf, text, (MARGIN, FOOT + 3 + n * 5.5), SMALL)
    return bytes(pdf.output())


def bars(waybill: str) -> list[tuple[int, int]]:
    """Dark runs as (first module, modules), without the quiet zone. Raises ValueError for what is no waybill."""
    if not waybill.isascii() or not waybill.isprintable() or not 1 <= len(waybill) <= 40:
        raise ValueError("not a waybill")
    modules, runs, x = Code128Encoder(waybill).bars, list[tuple[int, int]](), 0
    while x < len(modules):
        start = x
        while x < len(modules) and modules[x] == "1":
            x += 1
        if x > start:
            runs.append((start, x - start))
        x += 1
    return runs


def _blank(label: Label) -> FPDF:
    pdf = FPDF(unit="mm", format=(WIDTH, HEIGHT))
    pdf.set_auto_page_break(False)
    pdf.set_margins(MARGIN, MARGIN)
    pdf.c_margin = 0
    pdf.alias_nb_pages("")
    pdf.set_creation_date(label.made_at)
    pdf.set_title(label.waybill)
    pdf.set_lang("zh-CN")
    pdf.set_line_width(0.3)
    return pdf


def _barcode(pdf: FPDF, waybill: str) -> None:
    """As wide as the paper lets it be, and drawn as areas: sharp at any resolution."""
    runs = bars(waybill)
    module = FULL / (sum(runs[-1]) + 2 * QUIET)
    pdf.set_fill_color(0, 0, 0)
    for start, wide in runs:
        pdf.rect(MARGIN + (QUIET + start) * module, 22, wide * module, BARS, style="F")


def _block(pdf: FPDF, block: list[str], y: float, size: float) -> None:
    """`block`: the mark, name, phone, address."""
    mark, name, phone, address = block
    step = size * 0.5
    pdf.line(MARGIN, y, WIDTH - MARGIN, y)
    _line(pdf, mark, (MARGIN, y + 3), size + 3)
    _line(pdf, f"{name}　{phone}", (MARGIN + 10, y + 3), size)
    for n, line in enumerate(_wrapped(pdf, address, FULL - 10, size)):
        _line(pdf, line, (MARGIN + 10, y + 3 + (n + 1.3) * step), size)


def _wrapped(pdf: FPDF, text: str, room: float, size: float) -> list[str]:
    """Broken between any two characters, as Chinese is."""
    pdf.set_font(print_font.NAME, size=size)
    lines, line = list[str](), ""
    for char in text:
        if line and pdf.get_string_width(line + char) > room:
            lines.append(line)
            line = ""
        line += char
    lines.append(line)
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], lines[LINES - 1][:-1] + "…"]


def _line(pdf: FPDF, text: str, at: tuple[float, float], size: float, *, centre: bool = False) -> None:
    pdf.set_font(print_font.NAME, size=size)
    pdf.set_text_color(0, 0, 0)
    pdf.set_xy(*at)
    pdf.cell(FULL, size * 0.45, text, align="C" if centre else "L")
