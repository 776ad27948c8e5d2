"""Money in the core's contract: bills, their settlement, its reversal and the core's own book of a day. Amounts are int fen."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.frozen import Frozen, Name, Text

Fen = Annotated[int, Field(ge=1, le=10_000_000_000, strict=True)]  # 100,000,000.00 yuan is the most a gateway takes
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:|*-]+$")]
PayChannel = Literal["wechat", "alipay"]


class BillState(StrEnum):
    UNPAID = "unpaid"
    PAID = "paid"
    CANCELLED = "cancelled"


class Bill(Frozen):
    """What a person owes. `version` grows with every change; the amount is read from here and from nowhere else."""

    bill_id: Id
    version: int = Field(ge=1)
    person_id: Annotated[str, Field(min_length=1, max_length=64)]
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    item_name: Name
    title: Name  # what is charged, e.g. 居民身份证工本费
    payee: Name  # 执收单位
    amount_fen: Fen
    currency: Literal["CNY"] = "CNY"
    state: BillState
    issued_at: AwareDatetime
    expires_at: AwareDatetime | None = None


class IssuedBill(Frozen):
    """A new bill as its event tells it: enough to tell of it. What is owed is read from `Bill`, and from nowhere else."""

    bill_id: Id
    person_id: Annotated[str, Field(min_length=1, max_length=64)]
    title: Name
    payee: Name
    amount_fen: Fen
    issued_at: AwareDatetime
    expires_at: AwareDatetime | None = None  # None: it may be paid at any time


class BillList(Frozen):
    bills: tuple[Bill, ...]


class EBill(Frozen):
    """The non-tax electronic bill (电子票据) the core issued for a settlement."""

    code: Annotated[str, Field(min_length=1, max_length=20)]  # 票据代码
    number: Annotated[str, Field(min_length=1, max_length=20)]  # 票据号码
    check_code: Annotated[str, Field(min_length=1, max_length=20)]  # 校验码
    issued_at: AwareDatetime


class Settlement(Frozen):
    """The core booked a payment against its bill."""

    settlement_id: Id
    bill_id: Id
    order_no: Id
    channel: PayChannel
    transaction_id: Annotated[str, Field(min_length=1, max_length=64)]
    amount_fen: Fen
    paid_at: AwareDatetime
    settled_at: AwareDatetime
    e_bill: EBill | None = None


class Reversal(Frozen):
    """The core took a settlement back, wholly or in part."""

    reversal_id: Id
    settlement_id: Id
    amount_fen: Fen
    reason: Text = ""
    refunded_at: AwareDatetime
    reversed_at: AwareDatetime


class BookEntry(Frozen):
    """One line of the core's book. `at` is when the money moved at the gateway: paid_at or refunded_at."""

    kind: Literal["settled", "reversed"]
    id: Id  # settlement_id or reversal_id
    settlement_id: Id
    order_no: Id
    amount_fen: Fen
    at: AwareDatetime


class BookPage(Frozen):
    entries: tuple[BookEntry, ...]
    next_cursor: str
    has_more: bool
