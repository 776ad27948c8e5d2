"""How Alipay writes money and time: yuan with two decimals, Beijing time without a zone."""

import re
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
_YUAN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")


def yuan(fen: int) -> str:
    """1234 -> 12.34"""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fen(text: object) -> int | None:
    """12.34, 12.3, 12 as text or number; None for anything else."""
    found = _YUAN.fullmatch(str(text)) if isinstance(text, str | int | float) and not isinstance(text, bool) else None
    return None if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def beijing(seconds: float) -> str:
    """Unix seconds -> yyyy-MM-dd HH:mm:ss"""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def from_beijing(text: object) -> float | None:
    """yyyy-MM-dd HH:mm[:ss] -> Unix seconds; None for anything else."""
    for pattern in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(str(text), pattern).replace(tzinfo=BEIJING).timestamp()
        except ValueError:
            continue
    return None
