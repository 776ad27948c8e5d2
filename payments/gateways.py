"""What every payment gateway does for us, in our words: one adapter file each fulfils `Gateway`. Amounts are int fen, times aware UTC.

Adapters raise kit.errors.NotReached (it did nothing), Unknown (it may have acted: query before repeating) and Refused (it said no; our word).
Reading a notice raises Forged (not signed by the gateway), Foreign (signed, but meant for another merchant or app) or Unreadable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol

from core.bills import PayChannel

GatewayName = Literal["wechat_v2", "wechat_v3", "alipay"]


class Forged(Exception):
    """`reason`: a short word of ours, e.g. bad_signature, stale_timestamp, unknown_serial, signature_probe."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Foreign(Forged):
    """Genuine, but not ours: another mchid, appid, app_id or seller_id."""


class Unreadable(Forged):
    """Genuine and ours, but not what the gateway's documents describe."""


@dataclass(frozen=True, slots=True)
class PayAsk:
    """An order for a gateway. The same values every time it is asked: a gateway refuses another amount under a known number."""

    order_no: str
    amount_fen: int
    title: str
    payer: str  # openid, or Alipay's user id or open id
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A gateway says that an order is paid. `payers` holds every id it gives for the one who paid; () where it gives none."""

    gateway: GatewayName
    order_no: str
    transaction_id: str
    amount_fen: int
    currency: str
    payers: tuple[str, ...]
    paid_at: datetime


NotPaid = Literal["waiting", "closed", "absent"]  # absent: the gateway knows no such order


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """Part of a paid order back to where it came from. `refund_no` is ours and makes repetition harmless."""

    order_no: str
    refund_no: str
    transaction_id: str
    amount_fen: int
    total_fen: int
    reason: str


RefundState = Literal["done", "processing", "failed", "abnormal"]  # failed: nothing moved; abnormal: a human must look at the gateway


@dataclass(frozen=True, slots=True)
class Refund:
    gateway: GatewayName
    order_no: str
    refund_no: str
    refund_id: str  # the gateway's own number; "" where it gives none
    amount_fen: int
    state: RefundState
    refunded_at: datetime | None  # set when done


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified notice. `id` is the gateway's own and stays the same over repeats. Both None: nothing for us to do, acknowledge it."""

    gateway: GatewayName
    id: str
    payment: Payment | None = None
    refund: Refund | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a gateway's statement of a day. `refund_no` is None for a payment. `fee_fen` may be negative: fees given back."""

    kind: Literal["paid", "refunded"]
    order_no: str
    refund_no: str | None
    transaction_id: str
    amount_fen: int
    fee_fen: int
    at: datetime


class Gateway(Protocol):
    """One merchant account at one gateway."""

    name: GatewayName
    channel: PayChannel
    merchant: str  # mchid or seller id, for statements

    async def prepay(self, ask: PayAsk) -> dict[str, str]:
        """What the client hands to wx.requestPayment or my.tradePay. May be asked again for the same order."""

    async def query(self, order_no: str) -> Payment | NotPaid: ...

    async def close(self, order_no: str) -> Literal["closed", "paid"]:
        """After "closed" nobody can pay it. An order the gateway does not know is closed."""

    async def refund(self, ask: RefundAsk) -> Refund: ...

    async def query_refund(self, ask: RefundAsk) -> Refund | None:
        """None: the gateway knows no such refund."""

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify on the raw bytes, then read. `headers` has lower-case names. No I/O."""

    def ack(self, taken: bool) -> Ack:
        """The provider's exact form of yes, and of "come again"."""

    async def fetch_statement(self, day: date, folder: Path) -> Path | None:
        """The statement of a Beijing day as the gateway made it, its hash checked where it gives one. None: it says there is none."""

    def read_statement(self, path: Path) -> Iterator[StatementLine]:
        """Line by line, never the whole file in memory. Raises Unreadable when the lines do not add up to the statement's own totals."""
