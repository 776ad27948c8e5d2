"""Money is an int of fen. These are the only two places where a decimal point appears."""

import re

_YUAN = re.compile(r"^(0|[1-9]\d{0,12})(?:\.(\d{1,2}))?$")


def yuan(fen: int) -> str:
    """12345 -> "123.45". Raises ValueError below zero."""
    if fen < 0:
        raise ValueError("money is never negative here")
    return f"{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int:
    """ "123.45" -> 12345; at most two decimals, no sign, no exponent, no spaces. Raises ValueError."""
    match = _YUAN.match(text)
    if match is None or not text.isascii():
        raise ValueError(f"not an amount in yuan: {text[:20]!r}")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
