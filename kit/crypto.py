"""Field encryption for personal data: AES-256-GCM with key ids, and a keyed blind index for look-ups.

A stored value is `<key id>:<base64 nonce|ciphertext|tag>`, bound by its associated data to one field of one record, so that
a value copied into another record does not open there.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class CannotDecrypt(Exception):
    """The value was not written with these keys for this place."""


class Keyring:
    """All keys that may still be needed to read; `current` writes. Keys are 32 bytes, parsed once."""

    def __init__(self, keys: Mapping[str, bytes], current: str, index_key: bytes) -> None:
        if current not in keys:
            raise ValueError(f"the current key {current!r} is not among the keys")
        if any(len(key) != 32 for key in keys.values()) or len(index_key) < 32:
            raise ValueError("field keys have 32 bytes, the index key at least 32")
        if any(":" in key_id or not key_id for key_id in keys):
            raise ValueError("a key id is not empty and holds no colon")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current
        self._index_key = index_key

    def seal(self, plain: str, place: str) -> str:
        """Encrypt for `place`, e.g. "persons/name/p_123" (collection/field/_id)."""
        nonce = secrets.token_bytes(12)
        sealed = self._ciphers[self._current].encrypt(nonce, plain.encode(), place.encode())
        return f"{self._current}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, stored: str, place: str) -> str:
        """Decrypt. Raises CannotDecrypt for another place, an unknown key or a damaged value."""
        key_id, _, body = stored.partition(":")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotDecrypt(f"key {key_id[:20]!r} is not in the ring")
        try:
            raw = base64.b64decode(body, validate=True)
            return cipher.decrypt(raw[:12], raw[12:], place.encode()).decode()
        except (InvalidTag, ValueError) as exc:
            raise CannotDecrypt("the value was not written for this place") from exc

    def is_current(self, stored: str) -> bool:
        """False when the value should be written anew (key rotation)."""
        return stored.partition(":")[0] == self._current

    def index(self, kind: str, value: str) -> str:
        """Blind index: equal values of one kind give equal, unguessable strings (HMAC-SHA256, 43 characters)."""
        digest = hmac.new(self._index_key, f"{kind}\n{value}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def mac(self, kind: str, text: str) -> bytes:
        """32 bytes only we can make for `text`, to sign what leaves the house. Each kind has a key of its own: a blind index is never a signature."""
        key = hmac.new(self._index_key, b"\0mac\0" + kind.encode(), hashlib.sha256).digest()  # no kind of index() begins with NUL
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
