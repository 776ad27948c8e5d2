"""What a receipt tells, apart from how it is drawn: drawing needs a PDF library that few requests should pay for."""

from dataclasses import dataclass
from datetime import date, datetime

from core.bills import EBill, PayChannel


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """A paid order. `transaction_id_tail`: its last characters, enough to find it in the wallet. `payer_name_masked` comes masked."""

    order_no: str
    title: str
    item_name: str
    payee: str
    amount_fen: int
    refunded_fen: int
    channel: PayChannel
    transaction_id_tail: str
    paid_at: datetime
    settled_at: datetime | None  # None: the core has not booked it yet
    e_bill: EBill | None
    payer_name_masked: str
    case_no: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What the QR code leads to, and the last day on which that still answers."""

    url: str
    until: date
