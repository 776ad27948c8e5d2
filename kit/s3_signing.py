"""AWS Signature Version 4 in the Authorization header, as S3 and its likes ask for it.

Source: "Authenticating Requests: Using the Authorization Header", Amazon S3 API reference. Paths are encoded once, bodies are signed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

NO_BODY = hashlib.sha256(b"").hexdigest()
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Access:
    """Whose requests they are. The secret key never leaves this process."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """`url` as it goes out: path and query encoded. `body_sha256` hexadecimal. `headers`: lower-case names, all of them signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body_sha256: str = NO_BODY


def signed(ask: Ask, access: Access, at: datetime) -> dict[str, str]:
    """`ask.headers` with Authorization and what it covers; Host is signed and left to the caller. `at` is UTC."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {**ask.headers, "x-amz-content-sha256": ask.body_sha256, "x-amz-date": stamp}
    covered = {**headers, "host": host_of(ask.url)}
    names = ";".join(sorted(covered))
    parts = urlsplit(ask.url)
    query = "&".join(sorted(one if "=" in one else f"{one}=" for one in parts.query.split("&") if one))
    lines = "".join(f"{name}:{' '.join(covered[name].split())}\n" for name in sorted(covered))
    canonical = "\n".join((ask.method, parts.path or "/", query, lines, names, ask.body_sha256))
    scope = f"{stamp[:8]}/{access.region}/s3/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{access.secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    given = f"AWS4-HMAC-SHA256 Credential={access.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": given}


def host_of(url: str) -> str:
    """As HTTP clients send it: without the port that the scheme implies."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return name if parts.port in (None, _PORTS.get(parts.scheme)) else f"{name}:{parts.port}"
