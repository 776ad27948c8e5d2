"""What the QR code of an appointment says: its id and a signature only we can make. Nothing of a person; a forged one opens nothing."""

import base64
import hmac
import io
import re

import segno

from kit.crypto import Keyring

_KIND = "appointments/code"
_FORM = re.compile(r"YY1\.(ap_[a-z2-7]{26})\.([A-Za-z0-9_-]{22})")


def code_of(keys: Keyring, appointment_id: str) -> str:
    return f"YY1.{appointment_id}.{_signature(keys, appointment_id)}"


def read(keys: Keyring, code: str) -> str | None:
    """The appointment's id; None: we did not make this code."""
    found = _FORM.fullmatch(code.strip())
    if found is None or not hmac.compare_digest(found[2], _signature(keys, found[1])):
        return None
    return found[1]


def png(code: str) -> bytes:
    """Level M, with the quiet zone scanners need; some 300 points wide."""
    drawn = io.BytesIO()
    segno.make_qr(code, error="m", boost_error=False).save(drawn, kind="png", scale=8, border=4)
    return drawn.getvalue()


def svg(code: str) -> bytes:
    """The same one, sharp at any size."""
    drawn = io.BytesIO()
    segno.make_qr(code, error="m", boost_error=False).save(drawn, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return drawn.getvalue()


def _signature(keys: Keyring, appointment_id: str) -> str:
    """128 bits of it: enough against guessing, and the code stays coarse."""
    return base64.urlsafe_b64encode(keys.mac(_KIND, appointment_id)[:16]).decode().rstrip("=")
