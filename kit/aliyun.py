"""Signature V3 of Alibaba Cloud's open interfaces, ACS3-HMAC-SHA256, in the Authorization header. Pure: no clock, no network.

Source: "V3 request structure and signature" (help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "ACS3-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Access:
    """Whose calls they are. The secret never leaves this process."""

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """`url` as it goes out, its query from `query_of`. `headers`: lower-case names, all of them signed, e.g. content-type where there is a body."""

    method: str
    url: str
    action: str
    version: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def signed(ask: Ask, access: Access, at: datetime, nonce: str) -> dict[str, str]:
    """The headers to send, Authorization among them; Host is signed and left to the HTTP client. `at` within 15 minutes of Alibaba's clock."""
    headers = {
        **ask.headers,
        "x-acs-action": ask.action,
        "x-acs-content-sha256": hashlib.sha256(ask.body).hexdigest(),
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": ask.version,
    }
    covered = {**headers, "host": _host(ask.url)}
    names = ";".join(sorted(covered))
    parts = urlsplit(ask.url)
    lines = "".join(f"{name}:{covered[name].strip()}\n" for name in sorted(covered))
    canonical = "\n".join((ask.method, parts.path or "/", parts.query, lines, names, headers["x-acs-content-sha256"]))
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(access.access_key_secret.encode(), to_sign.encode(), "sha256").hex()
    return {**headers, "authorization": f"{ALGORITHM} Credential={access.access_key_id},SignedHeaders={names},Signature={signature}"}


def query_of(params: Mapping[str, str]) -> str:
    """Canonical, so that it may be sent as it is signed: sorted by name, RFC 3986 encoding."""
    return "&".join(f"{_encoded(name)}={_encoded(params[name])}" for name in sorted(params))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _host(url: str) -> str:
    """As HTTP clients send it: without the port that the scheme implies."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return name if parts.port in (None, _PORTS.get(parts.scheme)) else f"{name}:{parts.port}"
