"""The second factor: time-based codes (RFC 6238; SHA-1, 6 digits, 30 s, which is what authenticator apps read). The secret is sealed at rest."""

import base64
import os
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP, DIGITS, DRIFT = 30, 6, 1  # seconds; digits; steps a phone's clock may be off
ISSUER = "掌办"


def new_secret() -> str:
    """Base32 of 160 random bits, as it is typed into an app."""
    return base64.b32encode(os.urandom(20)).decode()


def step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP


def code_of(secret: str, step: int) -> str:
    return _totp(secret).generate(step * STEP).decode()


def code_at(secret: str, moment: datetime) -> str:
    """What the app shows at that time. For tests and the demo, who hold the secret."""
    return code_of(secret, step_at(moment))


def step_of(secret: str, code: str, moment: datetime) -> int | None:
    """The step this code belongs to, one before to one after now; None: it is wrong. The caller uses each step once."""
    now, found = step_at(moment), None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if bytes_eq(code_of(secret, step).encode(), code.encode()):
            found = step
    return found


def uri(secret: str, username: str) -> str:
    """otpauth:// for a QR code."""
    issuer = quote(ISSUER)
    return f"otpauth://totp/{issuer}:{quote(username)}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}"


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP)  # noqa: S303 - RFC 6238 and every authenticator app; HMAC-SHA1 is not broken
