"""Signatures of the core's contract, both directions: HMAC-SHA256 or HMAC-SM3 over timestamp, nonce and the raw body."""

import hashlib
import hmac
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

Algorithm = Literal["sha256", "sm3"]
WINDOW = 300  # seconds either way (contract: ±5 min)


class Forged(Exception):
    """`reason`: no_signature | bad_signature | stale_timestamp | nonce_replayed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sign_call(secret: bytes, algorithm: Algorithm, timestamp: str, nonce: str, method: str, path_and_query: str, body: bytes) -> str:
    """Of our calls to the core: method and path are covered too."""
    return _sign(secret, algorithm, f"{timestamp}\n{nonce}\n{method}\n{path_and_query}\n".encode() + body)


def sign_event(secret: bytes, algorithm: Algorithm, timestamp: str, nonce: str, body: bytes) -> str:
    """Of the core's calls to us; here so that tests sign what the true check reads."""
    return _sign(secret, algorithm, f"{timestamp}\n{nonce}\n".encode() + body)


def check_event(secret: bytes, timestamp: str, nonce: str, signature: str, body: bytes, at: float) -> None:
    """Raises Forged. `at` is unix seconds. Works on the raw bytes; the nonce must still be remembered by the caller."""
    algorithm, _, _digest = signature.partition("=")
    if not (16 <= len(nonce) <= 64) or algorithm not in ("sha256", "sm3"):
        raise Forged("no_signature")
    expected = sign_event(secret, "sm3" if algorithm == "sm3" else "sha256", timestamp, nonce, body)
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
        raise Forged("bad_signature")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or abs(at - int(timestamp)) > WINDOW:
        raise Forged("stale_timestamp")


def _sign(secret: bytes, algorithm: Algorithm, message: bytes) -> str:
    if algorithm == "sm3":
        mac = HMAC(secret, hashes.SM3())
        mac.update(message)
        return f"sm3={mac.finalize().hex()}"
    return f"sha256={hmac.new(secret, message, hashlib.sha256).hexdigest()}"
