"""The short signed token in a receipt's QR code, and what its online check says. No personal data in either.

Without our key nobody can make one, so that a receipt painted for the hall window fails the check (abuse case: forged QR).
"""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from core.bills import EBill
from kit.clock import BEIJING
from kit.crypto import Keyring
from payments.receipt_facts import ReceiptFacts

VALID = timedelta(days=365)
_KIND = "receipt"
_EPOCH = date(2020, 1, 1)
_SHAPE = re.compile(r"([0-9A-Za-z_-]{1,64})\.([0-9a-f]{1,4})\.([a-z2-7]{24})")
_MAC = 15  # bytes: 120 bits, 24 characters of base32 without padding

Reason = Literal["forged", "expired", "unknown", "refunded"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`order_no` is None unless the token is ours and in time. `reason`: forged (not ours, or not whole) or expired."""

    order_no: str | None
    reason: Literal["forged", "expired"] | None


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """What anyone holding the receipt may see. The facts stand there for a genuine token, also when all the money went back (`refunded`)."""

    valid: bool
    reason: Reason | None = None
    title: str | None = None
    payee: str | None = None
    amount_fen: int | None = None
    refunded_fen: int | None = None
    paid_at: datetime | None = None
    e_bill: EBill | None = None  # None also while it is being issued


def sign(keys: Keyring, order_no: str, issued_at: datetime) -> str:
    """`<order number>.<Beijing day, hexadecimal since 2020>.<mac>`, about 50 characters, safe in a URL's path.

    Only the day counts: whoever asks twice on one day gets the same token, so the same PDF. Raises ValueError for an order number that a URL would bend.
    """
    day = issued_at.astimezone(BEIJING).date()
    body = f"{order_no}.{(day - _EPOCH).days:x}"
    token = f"{body}.{_mac(keys, body)}"
    if not _SHAPE.fullmatch(token):
        raise ValueError("not an order number a receipt can carry")
    return token


def valid_until(issued_at: datetime, valid: timedelta = VALID) -> date:
    """The last Beijing day on which a token signed then passes."""
    return issued_at.astimezone(BEIJING).date() + valid


def read(keys: Keyring, token: str, now: datetime, valid: timedelta = VALID) -> Verdict:
    """Never raises for whatever stands in a scanned code. The signature comes first, in constant time: a forged token learns nothing of dates."""
    parts = _SHAPE.fullmatch(token)
    if parts is None:
        return Verdict(None, "forged")
    body = f"{parts[1]}.{parts[2]}"
    if not hmac.compare_digest(_mac(keys, body), parts[3]):
        return Verdict(None, "forged")
    day = _EPOCH + timedelta(days=int(parts[2], 16))
    if now.astimezone(BEIJING).date() > day + valid:
        return Verdict(None, "expired")
    return Verdict(parts[1], None)


def checked(verdict: Verdict, facts: ReceiptFacts | None) -> CheckedReceipt:
    """`facts` of the order the verdict names; None when no such order is paid."""
    if verdict.reason is not None:
        return CheckedReceipt(valid=False, reason=verdict.reason)
    if facts is None or facts.order_no != verdict.order_no:
        return CheckedReceipt(valid=False, reason="unknown")
    gone = facts.refunded_fen >= facts.amount_fen
    return CheckedReceipt(
        valid=not gone,
        reason="refunded" if gone else None,
        title=facts.title,
        payee=facts.payee,
        amount_fen=facts.amount_fen,
        refunded_fen=facts.refunded_fen,
        paid_at=facts.paid_at,
        e_bill=facts.e_bill,
    )


def _mac(keys: Keyring, body: str) -> str:
    return base64.b32encode(keys.mac(_KIND, body)[:_MAC]).decode().lower()
