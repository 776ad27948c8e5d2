"""The receipt of a payment (缴费凭证) as a PDF: what the channel can prove, and the number of the official e-bill that the core issued.

No personal data beyond a masked name. The same facts give the same bytes.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kit import print_font
from kit.clock import BEIJING
from kit.money import yuan
from payments import receipt_texts
from payments.capitals import in_capitals
from payments.receipt_facts import Check, ReceiptFacts
from payments.receipt_page import Field, Row, Sheet, printed

_POINTS = 12  # code points named in the note; more in one receipt is an attack, not a name


def draw(facts: ReceiptFacts, check: Check) -> bytes:
    """The PDF. About 80 ms of CPU, 220 when a character is used for the first time: never on the loop, see payments/receipt_aside.py."""
    case, missing = print_font.case(), dict[str, None]()

    def clean(field: Field) -> Field:
        value, gone = case.shown(field.value)
        missing.update(dict.fromkeys(gone))
        return replace(field, value=value or "—")

    rows = tuple(tuple(clean(field) for field in row) for row in rows_of(facts))
    number, _ = case.shown(facts.order_no)
    sheet = Sheet(
        title=receipt_texts.TITLE,
        number=f"{receipt_texts.NUMBER}　{number}",
        stamp=_stamp(facts),
        rows=rows,
        url=check.url,
        captions=(receipt_texts.SCAN, receipt_texts.SCAN_UNTIL.format(day=check.until.isoformat())),
        notes=_notes(list(missing)),
        made_at=facts.settled_at or facts.paid_at,
    )
    return printed(sheet, case)


def rows_of(facts: ReceiptFacts) -> Iterator[Row]:
    """What the table says, in order."""
    label = receipt_texts.LABELS
    yield (Field(label["title"], facts.title, lines=3),)
    yield (Field(label["item"], facts.item_name, lines=2),)
    if facts.case_no:
        yield (Field(label["case"], facts.case_no),)
    yield (Field(label["payee"], facts.payee, lines=2),)
    yield (Field(label["payer"], facts.payer_name_masked),)
    yield (Field(label["capitals"], receipt_texts.CURRENCY + in_capitals(facts.amount_fen)),)
    yield (Field(label["figures"], f"¥{yuan(facts.amount_fen)}"),)
    if facts.refunded_fen:
        yield (Field(label["refunded"], _both(facts.refunded_fen), alarm=True),)
        yield (Field(label["kept"], _both(max(0, facts.amount_fen - facts.refunded_fen))),)
    tail = receipt_texts.TAIL.format(tail=facts.transaction_id_tail)
    yield Field(label["channel"], receipt_texts.CHANNELS[facts.channel]), Field(label["transaction"], tail)
    settled = _moment(facts.settled_at) if facts.settled_at else receipt_texts.NOT_SETTLED
    yield Field(label["paid_at"], _moment(facts.paid_at)), Field(label["settled_at"], settled)
    if facts.e_bill is None:
        yield (Field(label["e_bill"], receipt_texts.NO_E_BILL),)
        return
    yield Field(label["e_bill_code"], facts.e_bill.code, lines=2), Field(label["e_bill_number"], facts.e_bill.number, lines=2)
    day = facts.e_bill.issued_at.astimezone(BEIJING).date().isoformat()
    yield Field(label["e_bill_check"], facts.e_bill.check_code, lines=2), Field(label["e_bill_day"], day)


def _notes(missing: list[str]) -> tuple[str, ...]:
    if not missing:
        return receipt_texts.FOOT
    points = "、".join(f"U+{ord(char):04X}" for char in missing[:_POINTS]) + ("…" if len(missing) > _POINTS else "")
    return (receipt_texts.MISSING.format(points=points), *receipt_texts.FOOT)


def _stamp(facts: ReceiptFacts) -> str:
    if not facts.refunded_fen:
        return ""
    return receipt_texts.STAMP_ALL if facts.refunded_fen >= facts.amount_fen else receipt_texts.STAMP_PART


def _both(fen: int) -> str:
    return receipt_texts.REFUNDED.format(figures=f"¥{yuan(fen)}", capitals=receipt_texts.CURRENCY + in_capitals(fen))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
