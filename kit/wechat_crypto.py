"""WeChat's message push: URL signatures and the AES envelope, on wechatpy's cipher, padding and signer, with its gaps closed.

wechatpy compares signatures with `!=`, does not look at the padding, reads a garbled length as it comes, answers a wrong key with half a
dozen foreign exceptions, draws its random bytes from a seeded generator, and hands a document to xmltodict before its depth or
entities were looked at. Everything that is not right leaves here as ForgedPush or UnreadablePush. (docs/decisions/0008)
"""

import base64
import binascii
import hmac
import re
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import orjson
from wechatpy.crypto import PrpCrypto
from wechatpy.crypto.pkcs7 import PKCS7Encoder
from wechatpy.utils import WeChatSigner

MAX_BODY = 64 * 1024  # a text is at most 2,048 bytes; in compatible mode three times as much, and some envelope
_MAX_DEPTH = 6  # the deepest document there is, subscribe_msg_popup_event, has 4
_KEY = re.compile(r"[A-Za-z0-9]{43}")
_BLOCK = 32  # PKCS#7 as WeChat pads it


class ForgedPush(Exception):
    """Not signed or not encrypted by whoever holds this account's token and keys. `reason` is a word of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreadablePush(Exception):
    """Rightly signed, and yet not a message."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The inner text, and which of the keys opened it: the answer goes back under the same one."""

    text: str
    key: int


class WeChatCrypto:
    """Signatures and envelopes of one account. `keys`: EncodingAESKey now, then those before it. Raises ValueError for a key of the wrong form."""

    def __init__(self, token: str, keys: Sequence[str], appid: str) -> None:
        self._token = token
        self._appid = appid
        self._ciphers = [_Cipher(aes_key(key)) for key in keys]

    def is_signed(self, signature: str, *parts: str) -> bool:
        """SHA-1 over the sorted parts and the token; compared in constant time."""
        return hmac.compare_digest(self._signature(*parts).encode(), signature.encode())

    def open(self, encrypt: str, signature: str, timestamp: str, nonce: str) -> Envelope:
        """Raises ForgedPush: signature, base64, key, padding, length, text or appid is not right."""
        if not self.is_signed(signature, timestamp, nonce, encrypt):
            raise ForgedPush("bad_signature")
        try:
            sealed = base64.b64decode(encrypt, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise ForgedPush("not_base64") from exc
        for place, cipher in enumerate(self._ciphers):
            if (text := cipher.opened(sealed, self._appid)) is not None:
                return Envelope(text, place)
        raise ForgedPush("no_key_opens_it")

    def seal(self, text: str, key: int, timestamp: str) -> dict[str, str]:
        """Encrypt, MsgSignature, TimeStamp, Nonce."""
        encrypt = self._ciphers[key].encrypt(text, self._appid).decode()
        nonce = secrets.token_hex(8)
        return {"Encrypt": encrypt, "MsgSignature": self._signature(timestamp, nonce, encrypt), "TimeStamp": timestamp, "Nonce": nonce}

    def _signature(self, *parts: str) -> str:
        signer = WeChatSigner()
        signer.add_data(self._token, *parts)
        return str(signer.signature)


class _Cipher(PrpCrypto):  # type: ignore[misc]  # the library has no types
    """wechatpy's cipher and way of sealing; random bytes and opening are ours."""

    def get_random_string(self) -> bytes:
        return secrets.token_bytes(16)

    def opened(self, sealed: bytes, appid: str) -> str | None:
        """random(16) | length(4, big-endian) | text | appid | PKCS#7(32). None when a single byte of it is not as it must be."""
        if not sealed or len(sealed) % 16:
            return None
        plain = self.cipher.decrypt(sealed)
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            return None
        body = PKCS7Encoder.decode(plain)
        if len(body) < 20:
            return None
        (length,) = struct.unpack(">I", body[16:20])
        if not hmac.compare_digest(body[20 + length :], appid.encode()):
            return None
        try:
            return str(body[20 : 20 + length], "utf-8")
        except UnicodeDecodeError:
            return None


def aes_key(encoded: str) -> bytes:
    """32 bytes of an EncodingAESKey (43 letters and digits). Raises ValueError."""
    if not _KEY.fullmatch(encoded):
        raise ValueError("an EncodingAESKey has 43 letters and digits")
    return base64.b64decode(encoded + "=")


def fields(raw: bytes | str) -> dict[str, str]:
    """The plain values on the first level of an <xml> document or a JSON object; nested ones are left out. Raises UnreadablePush."""
    body = raw.encode() if isinstance(raw, str) else raw
    if len(body) > MAX_BODY:
        raise UnreadablePush("too large")
    return _json_fields(body) if body.lstrip()[:1] == b"{" else _xml_fields(body)


def entries(raw: bytes | str) -> list[dict[str, str]]:
    """The entries of an event's List, which stands on the first level or one below, and holds one entry or several. Raises UnreadablePush."""
    body = raw.encode() if isinstance(raw, str) else raw
    if body.lstrip()[:1] != b"{":
        return _read_xml(body).entries
    found = _json(body)
    nested = next((one for one in found.values() if isinstance(one, dict) and "List" in one), found).get("List", [])
    listed = nested if isinstance(nested, list) else [nested]
    return [_plain(one) for one in listed if isinstance(one, dict)]


def _json_fields(body: bytes) -> dict[str, str]:
    return _plain(_json(body))


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise UnreadablePush("not JSON") from exc
    return found if isinstance(found, dict) else {}


def _plain(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in found.items() if isinstance(value, str | int) and not isinstance(value, bool)}


def _xml_fields(body: bytes) -> dict[str, str]:
    return _read_xml(body).found


def _read_xml(body: bytes) -> "_Reading":
    """No document type (so no entities, no outside world), UTF-8 alone, a bounded depth, and no name twice."""
    reading = _Reading()
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reading.refuse
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError) as exc:
        raise UnreadablePush("not XML") from exc
    return reading


class _Reading:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.entries: list[dict[str, str]] = []
        self._path: list[str] = []
        self._leaf = True  # the first-level element being read has no element inside
        self._text: list[str] = []

    def refuse(self, *_: Any) -> None:
        raise UnreadablePush("a document type")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise UnreadablePush("too deep")
        if len(self._path) == 2:
            self._leaf = True
        elif len(self._path) > 2:
            self._leaf = False
        if name == "List":
            self.entries.append({})
        self._text = []

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        if len(self._path) == 2 and self._leaf:
            if name in self.found:
                raise UnreadablePush("a name twice")
            self.found[name] = "".join(self._text)
        elif self._path[-2:-1] == ["List"]:
            self.entries[-1][name] = "".join(self._text)
        self._path.pop()


def xml_of(values: Mapping[str, str]) -> str:
    """The passive reply's document. A value that would end its CDATA section is split over two."""
    return "<xml>" + "".join(f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>" for name, value in values.items()) + "</xml>"
