"""WeChat's message push on the wire: signatures, the AES envelope in three modes, XML and JSON, and reading the answer.

Reference: developers.weixin.qq.com, message push (消息推送), the section on encryption.
"""

import base64
import hashlib
import json
import secrets
import struct
from typing import Any
from urllib.parse import urlencode
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MODES = ("plain", "compatible", "safe")
FORMATS = ("xml", "json")
BLOCK = 32  # PKCS#7


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's own


def encrypted(key: str, appid: str, text: str, random: bytes | None = None) -> str:
    """Encrypt: base64 of AES-256-CBC over random(16), length, text and appid."""
    raw, message = base64.b64decode(key + "="), text.encode()
    plain = (random or secrets.token_bytes(16)) + struct.pack(">I", len(message)) + message + appid.encode()
    padding = BLOCK - len(plain) % BLOCK
    sealing = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(sealing.update(plain + bytes([padding]) * padding) + sealing.finalize()).decode()


def decrypted(key: str, appid: str, encrypt: str) -> str:
    """Raises ValueError for anything that was not sealed with this key for this account."""
    raw = base64.b64decode(key + "=")
    opening = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    plain = opening.update(base64.b64decode(encrypt, validate=True)) + opening.finalize()
    body = plain[: -plain[-1]]
    length = struct.unpack(">I", body[16:20])[0]
    if body[20 + length :] != appid.encode():
        raise ValueError("another appid")
    return body[20 : 20 + length].decode()


def push(account: dict[str, Any], message: dict[str, Any], mode: str, form: str, at: int) -> tuple[str, bytes]:
    """(query, body) of one delivery. A repeat sends the same bytes again."""
    timestamp, nonce, plain = str(at), str(secrets.randbelow(10**10)), written(message, form)
    query = {"signature": signature(account["token"], timestamp, nonce), "timestamp": timestamp, "nonce": nonce, "openid": message["FromUserName"]}
    if mode == "plain":
        return urlencode(query), plain.encode()
    encrypt = encrypted(account["aes_keys"][0], account["appid"], plain)
    query |= {"encrypt_type": "aes", "msg_signature": signature(account["token"], timestamp, nonce, encrypt)}
    sealed: dict[str, Any] = {"ToUserName": message["ToUserName"], "Encrypt": encrypt}
    return urlencode(query), written(sealed if mode == "safe" else {**message, "Encrypt": encrypt}, form).encode()


def listed(event: str, entries: list[dict[str, Any]], form: str) -> dict[str, Any]:
    """What an event about subscribe messages holds. In JSON the list stands at the top, in texts, and a list of one is no list: developers reported
    both (developers.weixin.qq.com/community, 000a08f88180a0081400916f966400) and the documented samples are otherwise."""
    if form == "json":
        texts = [{name: str(value) for name, value in one.items()} for one in entries]
        return {"List": texts[0] if len(texts) == 1 else texts}
    return {"".join(word.title() for word in event.split("_")): {"List": entries}}


def written(message: dict[str, Any], form: str) -> str:
    if form == "json":
        return json.dumps(message, ensure_ascii=False)
    return f"<xml>{_elements(message)}</xml>"


def _elements(message: dict[str, Any]) -> str:
    made = []
    for name, value in message.items():
        for one in value if isinstance(value, list) else [value]:
            inside = _elements(one) if isinstance(one, dict) else str(one) if isinstance(one, int) else f"<![CDATA[{one}]]>"
            made.append(f"<{name}>{inside}</{name}>")
    return "".join(made)


def answered(account: dict[str, Any], body: bytes) -> dict[str, Any] | None:
    """What the account answered in the same breath: {} for nothing or `success`, its message, or None when WeChat could not read it."""
    text = body.decode(errors="replace").strip()
    if text in ("", "success"):
        return {}
    found = _read(text)
    if found is None or "Encrypt" not in found:
        return found
    sealed = (str(found.get(name, "")) for name in ("TimeStamp", "Nonce", "Encrypt"))
    if found.get("MsgSignature") != signature(account["token"], *sealed):
        return None
    for key in account["aes_keys"]:
        try:
            return _read(decrypted(key, account["appid"], found["Encrypt"]))
        except (ValueError, struct.error, IndexError):
            continue
    return None


def _read(text: str) -> dict[str, Any] | None:
    if text.startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError:
            return None
    found: dict[str, Any] = {}
    path: list[str] = []
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, _: path.append(name)
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = lambda data: found.update({path[1]: found.get(path[1], "") + data}) if len(path) == 2 else None
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        return None
    return found
