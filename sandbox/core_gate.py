"""The core's door: every call is signed, recent and new."""

import hashlib
import hmac
import time
from collections.abc import Callable, Coroutine
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from sanic import HTTPResponse, Request

from sandbox.answers import refused
from sandbox.book import Book

WINDOW = 300  # seconds

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


def signature(secret: str, algorithm: str, message: bytes) -> str:
    """`sha256=…` or `sm3=…`."""
    if algorithm == "sm3":
        mac = HMAC(secret.encode(), hashes.SM3())
        mac.update(message)
        return f"sm3={mac.finalize().hex()}"
    return f"sha256={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}"


def guarded(handler: Handler, account: dict[str, Any], book: Book) -> Handler:
    """The handler behind the signature check."""

    async def entry(request: Request, **path: str) -> HTTPResponse:
        code = _refusal(request, account, book)
        if code is not None:
            return refused(401, code, "签名、时间或随机串不对，调用被拒绝")
        return await handler(request, **path)

    return entry


def _refusal(request: Request, account: dict[str, Any], book: Book) -> str | None:
    headers = request.headers
    timestamp, nonce, given = (headers.get(f"x-core-{name}", "") for name in ("timestamp", "nonce", "signature"))
    message = f"{timestamp}\n{nonce}\n{request.method}\n{request.raw_url.decode()}\n".encode() + request.body
    expected = signature(account["secret"], given.partition("=")[0], message)
    if headers.get("x-core-client") != account["client_id"] or not hmac.compare_digest(expected.encode(), given.encode()):
        return "bad_signature"
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > WINDOW:
        return "stale_timestamp"
    if len(nonce) < 16 or not book.add("nonce", nonce, {"at": int(timestamp)}):
        return "nonce_replayed"
    return None
