"""Alipay's open gateway: requests built by python-alipay-sdk, signed and verified with `cryptography`, sent by our own transport.

The SDK's known defects are closed here: POST bodies instead of query strings, no empty values, Beijing time, a reply cut out with
respect to strings, a bad signature that is False and not an exception. It installs a console log handler on import; that is removed.
Certificate mode: both serial numbers go with every call, and a reply is taken only when a certificate held here verifies it.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import alipay.loggers
import orjson
from alipay import AliPay
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from kit.alipay_certs import public_keys, root_serial_number, serial_number
from kit.clock import BEIJING, now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http, Reply

alipay.loggers.logger.handlers.clear()

PARTY = "alipay"
MOST_FILE = 256 * 1024 * 1024  # bytes of a zipped statement
# "AQC" is Alipay's own misprint, documented for trade.cancel
_TRY_LATER = {"isp.unknow-error", "aop.unknow-error", "isp.service-unavailable", "ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "ACQ.UNKNOW_ERROR"}
# Refusals of the gateway itself, which it may send unsigned. 40004 is not among them: how a trade stands, nobody says without signing it
_NEVER_ENTERED = {"20000", "20001", "40001", "40002", "40003", "40005", "40006"}
# Alipay says gbk and means its own superset; GB 18030 reads all of it and writes the same bytes back
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}


@dataclass(frozen=True, slots=True)
class AlipayAccount:
    """`gateway` is the full address, e.g. https://openapi.alipay.com/gateway.do; keys and certificates are PEM.

    With the three certificates (appCertPublicKey, alipayCertPublicKey_RSA2, alipayRootCert) it works in certificate mode and
    `alipay_public_key` is not used. `alipay_cert` may hold the old and the new one while Alipay changes over.
    """

    gateway: str
    app_id: str
    app_private_key: str = field(repr=False)
    alipay_public_key: str = field(default="", repr=False)
    app_cert: str = field(default="", repr=False)
    alipay_cert: str = field(default="", repr=False)
    alipay_root_cert: str = field(default="", repr=False)

    @property
    def has_certificates(self) -> bool:
        """Raises ValueError when only some of the three are there."""
        given = [bool(one) for one in (self.app_cert, self.alipay_cert, self.alipay_root_cert)]
        if any(given) and not all(given):
            raise ValueError("Alipay's certificate mode takes all three certificates")
        return all(given)


def charset_of(name: str) -> str | None:
    """Python's codec for a charset parameter of Alipay's; None for one it does not document."""
    return _CHARSETS.get(name.lower())


class Signer(AliPay):  # type: ignore[misc]  # the SDK ships no types
    """The SDK's request rules with keys parsed once and RSA by OpenSSL (measured: 2.7 times faster to sign, 14 to verify a notice of 25 fields)."""

    def __init__(self, account: AlipayAccount) -> None:
        self._account = account
        super().__init__(account.app_id, None, account.app_private_key, account.alipay_public_key)

    def _load_key(self) -> None:
        """By serial number; in key mode the only key has none. Raises ValueError for keys that cannot belong together."""
        private = load_pem_private_key(self._account.app_private_key.encode(), None)
        self._serials: dict[str, str] = {}
        if self._account.has_certificates:
            self._held = public_keys(self._account.alipay_cert)
            self._serials = {
                "app_cert_sn": serial_number(self._account.app_cert),
                "alipay_root_cert_sn": root_serial_number(self._account.alipay_root_cert),
            }
        else:
            public = load_pem_public_key(self._account.alipay_public_key.encode())
            if not isinstance(public, rsa.RSAPublicKey):
                raise ValueError("Alipay keys are RSA keys in PEM")
            self._held = {"": public}
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("Alipay keys are RSA keys in PEM")
        if self._serials and private.public_key() not in public_keys(self._account.app_cert).values():
            raise ValueError("the app's certificate is of another key")
        self._private = private

    def _sign(self, unsigned_string: str) -> str:
        return base64.b64encode(self._private.sign(unsigned_string.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    def _verify(self, raw_content: str, signature: str) -> bool:
        return self.signed(raw_content.encode(), signature)

    def signed(self, content: bytes, signature: str, serial: str | None = None) -> bool:
        """Whether Alipay signed exactly this; by the certificate of that serial number, or by any held. False, never an exception."""
        try:
            given = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        for key in self._held.values() if serial is None else [self._held[serial]]:
            try:
                key.verify(given, content, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return True
        return False

    def form(self, method: str, biz_content: dict[str, Any] | None, top: dict[str, str]) -> bytes:
        """The signed POST form of one call."""
        data = self.build_body(method, biz_content, timestamp=beijing(now()), format="JSON", **top, **self._serials)
        return str(self.sign_data({key: value for key, value in data.items() if value not in (None, "", {})})).encode()

    def inner(self, method: str, text: str) -> dict[str, Any]:
        """The verified inner object of a reply. Raises Unknown for an unsigned success or a bad signature: it proves nothing."""
        try:
            reply = orjson.loads(text)
        except orjson.JSONDecodeError as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        name = method.replace(".", "_") + "_response"
        if isinstance(reply, dict) and isinstance(error := reply.get("error_response"), dict):
            if str(error.get("code")) not in _NEVER_ENTERED and self._proved(reply, text, "error_response") is None:
                raise Unknown(PARTY, "bad_signature")
            return error
        if not isinstance(reply, dict) or not isinstance(reply.get(name), dict):
            raise Unknown(PARTY, "garbled_reply")
        if (proved := self._proved(reply, text, name)) is None:
            raise Unknown(PARTY, "bad_signature")
        return proved

    def _proved(self, reply: dict[str, Any], text: str, name: str) -> dict[str, Any] | None:
        """The object that was signed, read from the signed text itself: a second one of the same name is never what the first one proves."""
        serial = str(reply["alipay_cert_sn"]) if self._serials and "alipay_cert_sn" in reply else None
        if serial is not None and serial not in self._held:
            raise Unknown(PARTY, "unknown_certificate")
        signed = _substring(text, name)
        if not self.signed(signed.encode(), str(reply.get("sign", "")), serial):
            return None
        found: dict[str, Any] = orjson.loads(signed)
        return found


class Alipay:
    """Calls methods of the open gateway. One instance per process."""

    def __init__(self, http: Http, account: AlipayAccount) -> None:
        self._http = http
        self._account = account
        self._signer = Signer(account)

    @property
    def app_id(self) -> str:
        return self._account.app_id

    @property
    def gateway(self) -> str:
        return self._account.gateway

    async def call(self, method: str, biz_content: dict[str, Any] | None = None, **top: str) -> dict[str, Any]:
        """One attempt. Raises NotReached, Unknown, or Refused with Alipay's sub_code."""
        body = self._signer.form(method, biz_content, top)
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        reply = await self._http.send(PARTY, "POST", self._account.gateway, headers=headers, body=body)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        try:
            text = reply.body.decode()
        except UnicodeDecodeError as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        inner = self._signer.inner(method, text)
        code, sub_code = str(inner.get("code", "10000")), str(inner.get("sub_code", ""))
        if code == "10000":
            return inner
        if code == "20000" or sub_code in _TRY_LATER:
            raise Unknown(PARTY, sub_code or "unknown_error")
        if code in ("40005",):
            raise NotReached(PARTY, "too_many_calls")
        raise Refused(PARTY, sub_code[:60] or f"code_{code[:10]}")

    def verify_notice(self, params: Mapping[str, str]) -> bool:
        """Whether Alipay signed this notice. `params`: once decoded, with `sign` and `sign_type`; left as they are.

        What is signed is every other parameter, the empty ones that were sent too, in the charset the notice names (default UTF-8).
        """
        charset = charset_of(params.get("charset") or "utf-8")
        if charset is None or params.get("sign_type", "RSA2") != "RSA2":
            return False
        message = "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in ("sign", "sign_type"))
        try:
            return self._signer.signed(message.encode(charset), params.get("sign", ""))
        except UnicodeEncodeError:
            return False

    def vouches_for(self, content: str, signature: str) -> bool:
        """Whether Alipay signed exactly this text; for what comes by way of its client (kit/alipay_sealed.py). False, never an exception."""
        return self._signer.signed(content.encode(), signature)

    async def download(self, url: str, to: Path, *, seconds: float = 25.0) -> Reply:
        """A file Alipay gave the address of; it lives for 30 s. The origin must be on the egress list. Raises NotReached, Unknown."""
        return await self._http.download(PARTY, url, to, seconds=seconds, most=MOST_FILE)


def beijing(moment: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss`, the only form of a time Alipay takes."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _substring(text: str, name: str) -> str:
    """The inner object exactly as received, found with a JSON scanner so that a brace inside a string does not end it."""
    start = text.index("{", text.index(f'"{name}"') + len(name) + 2)
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end]
