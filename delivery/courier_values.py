"""Values that every courier writes in its own way: times of Beijing, numbers, amounts; and what tells one scan from another."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from delivery.couriers import ScanKind
from kit.clock import BEIJING

_WAYBILL = re.compile(r"[A-Za-z0-9-]{4,40}", re.ASCII)
_MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,20}", re.ASCII)
_LONGEST_TEXT, _LONGEST_PLACE = 500, 100  # characters; couriers document 150 to 300


class Unreadable(Exception):
    """A value is not of the documented form."""


def is_waybill(value: object) -> bool:
    return isinstance(value, str) and _WAYBILL.fullmatch(value) is not None


def waybill(value: object) -> str:
    """Raises Unreadable."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not is_waybill(text):
        raise Unreadable("waybill")
    return text


def beijing(value: object) -> datetime:
    """ "2026-11-29 08:30:00", a Beijing time -> aware UTC. Raises Unreadable."""
    try:
        return datetime.strptime(str(value)[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except (ValueError, OverflowError) as exc:  # the first hours of the year 1 are not to be had in UTC
        raise Unreadable("time") from exc


def in_beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def fen_of(value: object) -> int:
    """An amount in yuan, a JSON number or a text -> fen, part of a fen rounded up. Raises Unreadable."""
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation as exc:
        raise Unreadable("amount") from exc
    if not amount.is_finite() or not 0 <= amount < 1_000_000:
        raise Unreadable("amount")
    return int((amount * 100).to_integral_value(ROUND_CEILING))


def scan_id(number: str, at: datetime, code: str, more: str = "") -> str:
    """The same whether it was pushed or asked for: couriers number their lines in the one and not in the other."""
    return hashlib.sha256("\n".join((number, at.astimezone(UTC).strftime("%Y%m%d%H%M%S"), code, more)).encode()).hexdigest()[:32]


def code_of(value: object) -> str:
    """The courier's own code, "" where it is none."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) else ""


def words(*values: object) -> str:
    """The first that says something, its white space made single."""
    return next((" ".join(value.split())[:_LONGEST_TEXT] for value in values if isinstance(value, str) and value.strip()), "")


def place(*values: object) -> str:
    return words(*values)[:_LONGEST_PLACE]


def phone_fields(phone: str, mobile: str, landline: str) -> dict[str, str]:
    """Couriers have one field for mobile numbers and one for the others."""
    return {mobile if _MOBILE.fullmatch(phone) else landline: phone}


def last_four(phone: str) -> str:
    return re.sub(r"[^0-9]", "", phone)[-4:]


def kind_of(code: str, told: str, kinds: Mapping[str, ScanKind], with_words: Sequence[tuple[frozenset[str], tuple[str, ...], ScanKind]]) -> ScanKind:
    """What a courier's code is to us, or its code together with words of `told`. A code that is not known is in_transit: never an end."""
    for codes, marks, kind in with_words:
        if code in codes and any(mark in told for mark in marks):
            return kind
    return kinds.get(code, ScanKind.IN_TRANSIT)


def rows(value: object) -> list[dict[str, Any]]:
    """A list of objects; nothing at all is an empty one. Raises Unreadable."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unreadable("list")
    return value


def first(values: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(iter(values), {})
