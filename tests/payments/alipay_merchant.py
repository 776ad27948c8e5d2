"""A seller at Alipay with keys made for this run, and Alipay's side of the table. Notices are signed by python-alipay-sdk's own code."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from alipay import AliPay
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from kit.alipay import Alipay, AlipayAccount
from kit.http import Http
from payments.alipay_trade import AlipayTrade
from tests.listener import listening

APP_ID, SELLER, BUYER, OPEN_ID = "2015102700040153", "2088102119685838", "2088102116773037", "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
NOTIFY_URL = "https://example.test/callbacks/alipay"
ISSUER = {"C": "CN", "O": "Sandbox Root", "OU": "Sandbox", "CN": "Sandbox Root CA"}


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    """app, platform, next (the platform's coming one), authority, stranger"""
    return rsa.generate_private_key(65537, 2048)


def private_pem(whose: str) -> str:
    return key(whose).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(whose: str) -> str:
    return key(whose).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def sign(whose: str, message: bytes) -> str:
    return base64.b64encode(key(whose).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def certificate(public: Any, serial: int, *, by: Any = None, authority: bool = False, issuer: dict[str, str] | None = None) -> str:
    """PEM, in the order of names that Alipay's certificates have."""
    ids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
    name = x509.Name([x509.NameAttribute(ids[part], value) for part, value in (issuer or ISSUER).items()])
    start = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(serial)
    made = made.not_valid_before(start).not_valid_after(start + timedelta(days=30))
    made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return made.sign(by or key("authority"), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@cache
def certificates() -> dict[str, str]:
    """app, platform, next, authority (as in Alipay's own file), root (RSA, SM2's place taken by an ECDSA one, RSA)"""
    curve = ec.generate_private_key(ec.SECP256R1())
    roots = [
        certificate(key("authority").public_key(), 195936478, authority=True),
        certificate(curve.public_key(), 77, by=curve, authority=True),
        certificate(key("stranger").public_key(), 12, by=key("stranger"), authority=True),
    ]
    leaves = {
        name: certificate(key(name).public_key(), serial) for name, serial in (("app", 1234567890123456789), ("platform", 9876543210), ("next", 5))
    }
    return {**leaves, "authority": roots[0], "root": "\n".join(roots)}


def make_account(gateway: str, *, certified: bool = False, alipay_cert: str = "") -> AlipayAccount:
    if not certified:
        return AlipayAccount(gateway, APP_ID, private_pem("app"), public_pem("platform"))
    own = certificates()
    return AlipayAccount(gateway, APP_ID, private_pem("app"), "", own["app"], alipay_cert or own["platform"], own["root"])


@dataclass
class PretendGateway:
    """Answers by method: a dict is signed, a str goes out as it is, a list is used up one by one. Keeps what was asked."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # what an access log would hold
    serial: str = ""  # alipay_cert_sn of every reply
    signer: str = "platform"
    files: dict[str, Callable[[], web.Response]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.files:
            return self.files[request.path]()
        given = dict(parse_qsl(request.query_string, keep_blank_values=True) + parse_qsl(await request.text(), keep_blank_values=True))
        self.asked.append(given)
        self.lines.append(f"{request.method} {request.path_qs}")
        answer = self.answers[given["method"]]
        if isinstance(answer, list):
            answer = answer.pop(0)
        return web.Response(text=answer if isinstance(answer, str) else self.reply(given["method"], answer), content_type="text/html")

    def reply(self, method: str, inner: dict[str, Any]) -> str:
        text = json.dumps({"code": "10000", "msg": "Success", **inner}, ensure_ascii=False)
        serial = f',"alipay_cert_sn":"{self.serial}"' if self.serial else ""
        return f'{{"{method.replace(".", "_")}_response":{text}{serial},"sign":"{sign(self.signer, text.encode())}"}}'

    def biz(self, at: int = -1) -> Any:
        return json.loads(self.asked[at]["biz_content"])


@asynccontextmanager
async def pretending() -> AsyncIterator[tuple[PretendGateway, Http]]:
    gateway = PretendGateway()
    async with listening(gateway.handle) as gateway.url:
        http = Http([gateway.url])
        try:
            yield gateway, http
        finally:
            await http.close()


def make_trade(http: Http, gateway: str, *, certified: bool = False) -> AlipayTrade:
    return AlipayTrade(Alipay(http, make_account(f"{gateway}/gateway.do", certified=certified)), SELLER, NOTIFY_URL)


def no(code: str, sub_code: str) -> dict[str, str]:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "…"}


@cache
def sdk(whose: str = "platform", sign_type: str = "RSA2") -> Any:
    """python-alipay-sdk with that private key, and the platform's public one."""
    return AliPay("", app_private_key_string=private_pem(whose), alipay_public_key_string=public_pem("platform"), sign_type=sign_type)


# The sample of Alipay's documents, with amounts and times as they stand there.
PAID = {
    "app_id": APP_ID,
    "body": "大乐透2.1",
    "buyer_id": BUYER,
    "charset": "utf-8",
    "gmt_close": "2016-07-19 14:10:46",
    "gmt_create": "2016-07-19 14:10:44",
    "gmt_payment": "2016-07-19 14:10:47",
    "notify_id": "4a91b7a78a503640467525113fb7d8bg8e",
    "notify_time": "2016-07-19 14:10:49",
    "notify_type": "trade_status_sync",
    "out_trade_no": "0719141034-6418",
    "refund_fee": "0.00",
    "seller_id": SELLER,
    "subject": "大乐透2.1",
    "total_amount": "2.00",
    "trade_no": "2016071921001003030200089909",
    "trade_status": "TRADE_SUCCESS",
    "version": "1.0",
}


def signed(fields: dict[str, str], *, by: str = "platform") -> dict[str, str]:
    """Signed by the SDK's own code, the way Alipay signs a notice in UTF-8."""
    made = sdk(by)
    text = "&".join(f"{name}={value}" for name, value in made._ordered_data(dict(fields)))
    return {**fields, "sign_type": "RSA2", "sign": made._sign(text)}


def form(params: dict[str, str], charset: str = "utf-8") -> bytes:
    return urlencode(params, encoding=charset).encode()


def notice(by: str = "platform", /, **changes: str | None) -> bytes:
    """A notice of a payment with changes; None leaves a field out."""
    return form(signed({name: value for name, value in {**PAID, **changes}.items() if value is not None}, by=by))
