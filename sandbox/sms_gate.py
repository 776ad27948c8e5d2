"""The SMS gateway's door: Alibaba Cloud's V3 signature, ACS3-HMAC-SHA256, checked on the raw request before anything is done.

Reference: help.aliyun.com, "Request syntax and signature method V3" (V3版本请求体&签名机制), and the common error codes of its RPC interfaces. The codes
for what is missing are assumed; all others are documented.
"""

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from sanic import HTTPResponse, Request

from sandbox.answers import json
from sandbox.book import Book

ALGORITHM = "ACS3-HMAC-SHA256"
WINDOW = 900  # seconds a request may be old, or early
NEEDED = ("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
_AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})")

Handler = Callable[[Request], Coroutine[Any, Any, HTTPResponse]]


def canonical_query(query: str) -> str:
    """Sorted by name, encoded as RFC 3986 says."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)


def signature(secret: str, request: tuple[str, str, str], headers: dict[str, str], body_hash: str) -> str:
    """`request`: method, path, query string as sent. `headers`: those that are signed, names in lower case."""
    method, path, query = request
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = f"{method}\n{path or '/'}\n{canonical_query(query)}\n{lines}\n{';'.join(sorted(headers))}\n{body_hash}"
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def refusal(status: int, code: str, message: str) -> HTTPResponse:
    """What is refused before the SMS service has seen it is no 200."""
    own = str(uuid.uuid4()).upper()
    return json({"RequestId": own, "HostId": "dysmsapi.aliyuncs.com", "Code": code, "Message": message}, status)


class SmsGate:
    """One access key."""

    def __init__(self, book: Book, account: dict[str, Any]) -> None:
        self._book = book
        self._key_id, self._secret = account["access_key_id"], account["access_key_secret"]

    def guarded(self, handler: Handler) -> Handler:
        async def entry(request: Request) -> HTTPResponse:
            return self._refused(request) or await handler(request)

        return entry

    def _refused(self, request: Request) -> HTTPResponse | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if missing := next((name for name in NEEDED if not headers.get(name)), None):
            return refusal(400, f"Missing{missing.removeprefix('x-acs-').title().replace('-', '')}", f"{missing} is mandatory for this action.")
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            return refusal(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
        key_id, names, given = found.groups()
        if key_id != self._key_id:
            return refusal(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        at = _moment(headers["x-acs-date"])
        if at is None:
            return refusal(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
        if abs(time.time() - at) > WINDOW:
            return refusal(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        if not self._is_signed(request, headers, names.split(";"), given):
            return refusal(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
        if not self._book.add("sms_nonce", headers["x-acs-signature-nonce"], {"at": at}):
            return refusal(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        return None

    def _is_signed(self, request: Request, headers: dict[str, str], names: list[str], given: str) -> bool:
        """Every x-acs- header and the host must be among what is signed, and the body be the one whose hash is."""
        needed = {"host", *(name for name in headers if name.startswith("x-acs-"))}
        if not needed <= set(names) <= headers.keys() or names != sorted(set(names)):
            return False
        body_hash = hashlib.sha256(request.body).hexdigest()
        if headers["x-acs-content-sha256"] != body_hash:
            return False
        signed = {name: headers[name] for name in names}
        made = signature(self._secret, (request.method, request.path, request.query_string), signed, body_hash)
        return hmac.compare_digest(made, given)


def _moment(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
