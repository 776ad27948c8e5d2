"""What Alipay's client hands to a mini-program for its server: signed by Alipay, sealed with the app's AES key (my.getPhoneNumber)."""

import base64
from typing import Any

import orjson
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kit.alipay import Alipay


def opened(alipay: Alipay, aes_key: bytes, response: str) -> dict[str, Any] | None:
    """The object inside, a refusal of Alipay's included ({code, subCode, …}, which comes unsealed). None for anything Alipay did not make.

    `response` is the JSON text {"response", "sign"}. Signed is the content between its quotation marks, the quotes included
    (opendocs.alipay.com, content encryption); AES-128-CBC, PKCS#5, an IV of zeros.
    """
    try:
        given = orjson.loads(response)
    except orjson.JSONDecodeError:
        return None
    content, sign = (given.get("response"), given.get("sign")) if isinstance(given, dict) else (None, None)
    if not isinstance(content, str) or not isinstance(sign, str):
        return None
    if content.startswith("{"):
        return _object(content.encode()) if alipay.vouches_for(content, sign) else None
    return _object(_decrypted(aes_key, content)) if alipay.vouches_for(f'"{content}"', sign) else None


def _decrypted(aes_key: bytes, content: str) -> bytes:
    """Empty where it cannot be opened: sealed with another key."""
    try:
        cipher = Cipher(algorithms.AES(aes_key), modes.CBC(bytes(16))).decryptor()
        padded = cipher.update(base64.b64decode(content, validate=True)) + cipher.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return b""


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
