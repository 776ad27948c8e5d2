"""A merchant at WeChat Pay with keys made for this run, and WeChat's side of the table: it signs for real, on its own code."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from payments.wechat_pay_account import WeChatPayAccount

APPID, MCHID = "wxd678efh567hg6787", "1900007291"
API_KEY, APIV3_KEY = "192006250b4c09247ec02edce69f6a2d", "0123456789abcdef0123456789abcdef"
PUBLIC_ID = "PUB_KEY_ID_0119000072912026112100000000000001"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    """merchant, platform (public key mode), certificate (of the platform), stranger, …"""
    return rsa.generate_private_key(65537, 2048)


def private_pem(whose: str) -> str:
    return key(whose).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(whose: str) -> str:
    return key(whose).public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def certificate(whose: str, days: int = 365, name: str = "localhost") -> x509.Certificate:
    """Self-signed, good from yesterday for `days`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key(whose).public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + timedelta(days=days))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key(whose), hashes.SHA256())


def cert_pem(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


def cert_serial(made: x509.Certificate) -> str:
    return f"{made.serial_number:X}"


def make_account(url: str = "http://127.0.0.1:1", **other: Any) -> WeChatPayAccount:
    platform = certificate("certificate")
    values: dict[str, Any] = {
        "url": url,
        "mchid": MCHID,
        "appid": APPID,
        "api_key": API_KEY,
        "sign_type": "HMAC-SHA256",
        "apiv3_key": APIV3_KEY,
        "merchant_serial": cert_serial(certificate("merchant")),
        "merchant_private_key": private_pem("merchant"),
        "merchant_cert": cert_pem(certificate("merchant")),
        "platform_keys": {PUBLIC_ID: public_pem("platform"), cert_serial(platform): cert_pem(platform)},
        "refund_url": f"{url}/secapi/pay/refund",
    }
    return WeChatPayAccount(**values | other)


# v3


def rsa_signature(whose: str, message: bytes) -> str:
    return base64.b64encode(key(whose).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def seal(body: bytes, *, whose: str = "platform", at: float | None = None, **wrong: str) -> dict[str, str]:
    """WeChat's headers on a reply or a notice, lower-case names. `wrong`: serial, signature, type, nonce, to get one of them wrong."""
    timestamp = str(int(datetime.now(UTC).timestamp() if at is None else at))
    nonce = wrong.get("nonce", secrets.token_hex(16))
    serial = {"platform": PUBLIC_ID, "certificate": cert_serial(certificate("certificate"))}.get(whose, PUBLIC_ID)
    return {
        "wechatpay-serial": wrong.get("serial", serial),
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-signature": wrong.get("signature", rsa_signature(whose, f"{timestamp}\n{nonce}\n".encode() + body + b"\n")),
        "wechatpay-signature-type": wrong.get("type", "WECHATPAY2-SHA256-RSA2048"),
    }


def boxed(content: Any, event: str = "TRANSACTION.SUCCESS", *, notice_id: str = "EV-1", apiv3_key: str = APIV3_KEY) -> bytes:
    """The body of a v3 notice."""
    plain = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    nonce, kind = secrets.token_hex(6), "transaction" if event.startswith("TRANSACTION") else "refund"
    sealed = base64.b64encode(AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())).decode()
    resource = {"original_type": kind, "algorithm": "AEAD_AES_256_GCM", "ciphertext": sealed, "associated_data": kind, "nonce": nonce}
    envelope = {"id": notice_id, "create_time": "2026-11-21T10:34:56+08:00", "resource_type": "encrypt-resource", "event_type": event}
    return json.dumps(envelope | {"summary": "支付成功", "resource": resource}, ensure_ascii=False).encode()


def a_transaction(**other: Any) -> dict[str, Any]:
    return {
        "mchid": MCHID,
        "appid": APPID,
        "out_trade_no": "ORDER_1",
        "transaction_id": "4200000000202611210000000001",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "bank_type": "OTHERS",
        "success_time": "2026-11-21T10:34:56+08:00",
        "payer": {"openid": OPENID},
        "amount": {"total": 100, "payer_total": 90, "currency": "CNY", "payer_currency": "CNY"},
    } | other


def a_refund(**other: Any) -> dict[str, Any]:
    """As inside a notice; a reply has `status` in the place of `refund_status`."""
    return {
        "mchid": MCHID,
        "out_trade_no": "ORDER_1",
        "transaction_id": "4200000000202611210000000001",
        "out_refund_no": "REFUND_1",
        "refund_id": "50000000382019052709732678859",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-22T10:34:56+08:00",
        "user_received_account": "零钱",
        "amount": {"total": 100, "refund": 40, "payer_total": 90, "payer_refund": 36},
    } | other


# v2


def v2_signature(values: Mapping[str, str], sign_type: str = "HMAC-SHA256", api_key: str = API_KEY) -> str:
    message = "&".join(f"{name}={values[name]}" for name in sorted(values) if values[name] != "" and name != "sign") + f"&key={api_key}"
    if sign_type == "MD5":
        return hashlib.md5(message.encode()).hexdigest().upper()
    return hmac.new(api_key.encode(), message.encode(), hashlib.sha256).hexdigest().upper()


def v2_xml(values: Mapping[str, str], root: str = "xml") -> bytes:
    return (f"<{root}>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in values.items()) + f"</{root}>").encode()


def v2_signed(values: Mapping[str, str], sign_type: str = "HMAC-SHA256", api_key: str = API_KEY) -> bytes:
    return v2_xml({**values, "sign": v2_signature(values, sign_type, api_key)})


def v2_box(plain: bytes, api_key: str = API_KEY, pad: bytes | None = None) -> str:
    """req_info of a refund notice."""
    rest = 16 - len(plain) % 16
    cipher = Cipher(algorithms.AES(hashlib.md5(api_key.encode()).hexdigest().encode()), modes.ECB()).encryptor()
    return base64.b64encode(cipher.update(plain + (bytes([rest]) * rest if pad is None else pad)) + cipher.finalize()).decode()


@dataclass(slots=True)
class PretendGateway:
    """Answers by "METHOD path" with (status, body, headers) or a function of the request; keeps what came."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    came: list[tuple[web.Request, bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.came.append((request, body))
        answer = self.answers[f"{request.method} {request.path}"]
        status, content, headers = answer(request, body) if callable(answer) else answer
        return web.Response(status=status, body=content, headers=headers)

    def says(self, where: str, content: Any, status: int = 200, **how: Any) -> None:
        """A signed v3 reply."""
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        self.answers[where] = lambda *_: (status, body, seal(body, **how) | {"Content-Type": "application/json; charset=utf-8"})
