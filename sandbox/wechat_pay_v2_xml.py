"""The XML and the signatures of WeChat Pay v2. Nothing here decides anything."""

import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping
from xml.etree import ElementTree

SIGN_TYPES = ("MD5", "HMAC-SHA256")


class BadXml(Exception):
    """Not one flat XML element."""


def read(raw: bytes) -> dict[str, str]:
    """Raises BadXml. A document type is refused before anything is parsed, which leaves no entity to expand."""
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or len(raw) > 65536:
        raise BadXml
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - see above
    except ElementTree.ParseError as exc:
        raise BadXml from exc
    return {child.tag: child.text or "" for child in root}


def write(fields: Mapping[str, object], root: str = "xml") -> str:
    lines = "".join(f"<{name}><![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]></{name}>\n" for name, value in fields.items())
    return f"<{root}>{lines}</{root}>"


def sign(fields: Mapping[str, object], key: str, sign_type: str) -> str:
    """Upper-case hex over all that is not empty, by name, and the key at the end."""
    given = sorted((name, str(value)) for name, value in fields.items() if name != "sign" and value not in ("", None))
    message = ("&".join(f"{name}={value}" for name, value in given) + f"&key={key}").encode()
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), message, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(message, usedforsecurity=False).hexdigest().upper()


def nonce() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
