"""The seals of WeChat Pay v3: ours on calls and pay parameters, theirs on replies and notices, and the box around a notice.

Everything is judged on the raw bytes, by a key known beforehand: whoever forges causes no call, no download and no parsing.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from kit.clock import now
from kit.ids import new_nonce
from payments.gateways import Forged, Unreadable
from payments.wechat_pay_account import WeChatPayAccount

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"  # a small share of replies and notices carries a bad signature on purpose (pay/doc 4016241880)
WINDOW = timedelta(minutes=5)  # a redelivery is signed anew, so nothing genuine is older (pay/doc 4013059030)


class Seals:
    """Keys of one merchant, parsed once: a private key takes OpenSSL 43 ms. Raises ValueError for a key of the wrong kind."""

    def __init__(self, account: WeChatPayAccount, clock: Callable[[], datetime] = now) -> None:
        private = load_pem_private_key(account.merchant_private_key.encode(), None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("a merchant's key at WeChat Pay is an RSA key")
        self._private = private
        self._mchid, self._serial = account.mchid, account.merchant_serial
        self._known = {serial.upper(): _PlatformKey(serial, pem) for serial, pem in account.platform_keys.items()}
        self._box = AESGCM(_box_key(account.apiv3_key))
        self._clock = clock
        self.reply_serial = max((serial for serial in self._known if serial.startswith("PUB_KEY_ID_")), default="")
        """Names the key replies shall be signed with while both kinds are in use; "" where there are certificates alone."""

    def authorization(self, method: str, target: str, body: bytes = b"") -> str:
        """The Authorization header. `target`: path and query exactly as they are sent."""
        timestamp, nonce = self.timestamp(), new_nonce()
        signature = self.sign(f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n")
        named = {"mchid": self._mchid, "nonce_str": nonce, "signature": signature, "timestamp": timestamp, "serial_no": self._serial}
        return f"{SCHEME} " + ",".join(f'{name}="{value}"' for name, value in named.items())

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()

    def timestamp(self) -> str:
        return str(int(self._clock().timestamp()))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises Forged: unsigned, unknown_serial, unknown_signature_type, signature_probe, stale_timestamp, expired_certificate, bad_signature."""
        signature, timestamp = headers.get("wechatpay-signature", ""), headers.get("wechatpay-timestamp", "")
        if not signature or not timestamp:
            raise Forged("unsigned")
        key = self._known.get(headers.get("wechatpay-serial", "").upper())
        if key is None:
            raise Forged("unknown_serial")
        if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
            raise Forged("unknown_signature_type")
        if signature.startswith(PROBE):
            raise Forged("signature_probe")
        at = self._clock()
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12 and abs(at.timestamp() - int(timestamp)) <= WINDOW.seconds):
            raise Forged("stale_timestamp")
        if not key.is_valid_at(at):
            raise Forged("expired_certificate")
        nonce = headers.get("wechatpay-nonce", "").encode(errors="replace")  # a header may come with bytes that are no text
        if not key.signed(f"{timestamp}\n".encode() + nonce + b"\n" + body + b"\n", signature):
            raise Forged("bad_signature")

    def opened(self, resource: object) -> dict[str, object]:
        """The JSON object inside a notice's `resource`. Raises Unreadable."""
        match resource:
            case {"algorithm": "AEAD_AES_256_GCM", "ciphertext": str(sealed), "nonce": str(nonce), **more}:
                aad = more.get("associated_data") or ""
            case _:
                raise Unreadable("not_a_resource")
        try:
            found = orjson.loads(self._box.decrypt(nonce.encode(), base64.b64decode(sealed, validate=True), str(aad).encode()))
        except InvalidTag as exc:
            raise Unreadable("no_key_opens_it") from exc
        except (binascii.Error, ValueError) as exc:  # orjson's too; and a nonce of a length that GCM does not take
            raise Unreadable("not_a_resource") from exc
        if not isinstance(found, dict):
            raise Unreadable("not_a_resource")
        return found


class _PlatformKey:
    """WeChat's public key, bare or in a certificate whose serial number is the one it goes by."""

    def __init__(self, serial: str, pem: str) -> None:
        self._from, self._until = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        if "BEGIN CERTIFICATE" in pem:
            certificate = load_pem_x509_certificate(pem.encode())
            if int(serial, 16) != certificate.serial_number:
                raise ValueError("a platform certificate stands under another's serial number")
            self._from, self._until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            public = certificate.public_key()
        else:
            public = load_pem_public_key(pem.encode())  # type: ignore[assignment]  # one of cryptography's two unions of key types
        if not isinstance(public, rsa.RSAPublicKey):
            raise ValueError("WeChat Pay signs with RSA keys")
        self._public = public

    def is_valid_at(self, at: datetime) -> bool:
        return self._from <= at <= self._until

    def signed(self, message: bytes, signature: str) -> bool:
        try:
            self._public.verify(base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def _box_key(apiv3_key: str) -> bytes:
    if len(key := apiv3_key.encode()) != 32:
        raise ValueError("an APIv3 key has 32 bytes")
    return key
