"""A record of a feed that cannot be read: where it is parked and why, in words for the operator."""

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from core import reading


def as_bytes(raw: dict[str, Any]) -> bytes:
    """The record as received; whatever JSON can hold, also numbers too large for a database."""
    return json.dumps(raw, sort_keys=True).encode()


def place_of(raw: dict[str, Any]) -> str:
    """Where a bad record is kept: the same one twice is kept once."""
    return hashlib.sha256(as_bytes(raw)).hexdigest()


def why(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        return "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {reading.why(error['type'])}（{error['msg']}）" for error in exc.errors())[
            :2000
        ]
    return str(exc)
