"""A merchant at WeChat Pay, of the tests' own: signs, verifies, decrypts and acknowledges by itself, with nothing of the sandbox or of ours."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from tests.sandbox.outside import Outside, private_key, until

Json = Any
ACK = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
SCHEME = "WECHATPAY2-SHA256-RSA2048"


@dataclass(frozen=True, slots=True)
class Got:
    """A notice or an answer, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def xml(self) -> dict[str, str]:
        return {child.tag: child.text or "" for child in ElementTree.fromstring(self.body)}


@dataclass(slots=True)
class Door:
    """Where notices arrive. `answers` to the next ones, (status, body), whoever they are for; taken when there are none left."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(Got(0, request.headers.copy(), await request.read()))
        status, body = self.answers.pop(0) if self.answers else (200, ACK)
        return web.Response(status=status, body=body)


class Shop:
    """One merchant with one payer."""

    def __init__(self, outside: Outside, door: Door) -> None:
        self.outside = outside
        self.door = door
        self.mine = outside.accounts["wechat"]["pay"]
        self.appid = outside.accounts["wechat"]["appid"]
        self.payer: Json = None
        self.openid = ""

    async def open(self) -> "Shop":
        self.payer = await self.outside.person()
        self.openid = await self.outside.openid(self.payer)
        return self

    # v3

    def authorization(self, method: str, path: str, body: bytes, **other: Json) -> str:
        """`other`: timestamp, nonce_str, mchid, serial_no, signature, scheme, to get one of them wrong."""
        given = {"timestamp": str(int(time.time())), "nonce_str": secrets.token_hex(16), **other}
        message = f"{method}\n{path}\n{given['timestamp']}\n{given['nonce_str']}\n".encode() + body + b"\n"
        signature = base64.b64encode(private_key(self.mine["merchant_private_key"]).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()
        fields = {"mchid": self.mine["mchid"], "signature": signature, "serial_no": self.mine["merchant_serial"], **given}
        scheme = fields.pop("scheme", SCHEME)
        return f"{scheme} " + ",".join(f'{name}="{value}"' for name, value in fields.items())

    async def v3(
        self, method: str, path: str, body: Json = None, *, ask_for: str = "", headers: Mapping[str, str] | None = None, **other: Json
    ) -> Got:
        raw = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        sent = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "tests"}
        sent |= {"Authorization": self.authorization(method, path, raw, **other)} | ({"Wechatpay-Serial": ask_for} if ask_for else {})
        sent |= headers or {}
        async with self.outside.http.request(method, self.outside.process.url + path, data=raw or None, headers=sent) as got:
            return Got(got.status, got.headers.copy(), await got.read())

    def genuine(self, got: Got) -> bool:
        """By the serial it names, over the raw body."""
        pem = self.mine["platform_keys"][got.headers["Wechatpay-Serial"]].encode()
        key = load_pem_public_key(pem) if b"PUBLIC KEY" in pem else load_pem_x509_certificate(pem).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert got.headers["Wechatpay-Signature-Type"] == SCHEME and abs(time.time() - int(got.headers["Wechatpay-Timestamp"])) < 10
        message = f"{got.headers['Wechatpay-Timestamp']}\n{got.headers['Wechatpay-Nonce']}\n".encode() + got.body + b"\n"
        try:
            key.verify(base64.b64decode(got.headers["Wechatpay-Signature"]), message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def opened(self, sealed: Json) -> bytes:
        assert sealed["algorithm"] == "AEAD_AES_256_GCM"
        key = AESGCM(self.mine["apiv3_key"].encode())
        return key.decrypt(sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode())

    def prepay_body(self, number: str, **other: Json) -> Json:
        made = {
            "appid": self.appid,
            "mchid": self.mine["mchid"],
            "description": "护照工本费",
            "out_trade_no": number,
            "notify_url": self.door.url + "/v3",
            "amount": {"total": 1234, "currency": "CNY"},
            "payer": {"openid": self.openid},
            **other,
        }
        return {name: value for name, value in made.items() if value is not None}

    async def ordered(self, **other: Json) -> str:
        """A fresh order of v3."""
        number = new_number()
        got = await self.v3("POST", "/v3/pay/transactions/jsapi", self.prepay_body(number, **other))
        assert got.status == 200, got
        return number

    async def order(self, number: str) -> Json:
        return (await self.v3("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={self.mine['mchid']}")).json

    async def close(self, number: str) -> Got:
        return await self.v3("POST", f"/v3/pay/transactions/out-trade-no/{number}/close", {"mchid": self.mine["mchid"]})

    async def refund(self, number: str, refund_no: str, fen: int, **other: Json) -> Got:
        body = {"out_trade_no": number, "out_refund_no": refund_no, "amount": {"refund": fen, "total": 1234, "currency": "CNY"}}
        return await self.v3("POST", "/v3/refund/domestic/refunds", body | {"notify_url": self.door.url + "/v3"} | other)

    # v2

    def sign(self, fields: Mapping[str, str], sign_type: str = "MD5") -> str:
        return v2_sign(fields, self.mine["api_key"], sign_type)

    def form(self, **fields: Json) -> dict[str, str]:
        """Signed; what is None is left out. `sign` may be given to get it wrong."""
        made = {"appid": self.appid, "mch_id": self.mine["mchid"], "nonce_str": secrets.token_hex(16), **fields}
        given = {name: str(value) for name, value in made.items() if value is not None}
        return {"sign": self.sign(given, given.get("sign_type", "MD5")), **given}

    async def v2(self, path: str, raw: bytes | None = None, **fields: Json) -> Got:
        sent = raw if raw is not None else to_xml(self.form(**fields))
        async with self.outside.http.post(self.outside.process.url + path, data=sent, headers={"Content-Type": "text/xml"}) as got:
            return Got(got.status, got.headers.copy(), await got.read())

    async def v2_said(self, path: str, **fields: Json) -> dict[str, str]:
        """What was answered; its signature is checked."""
        got = (await self.v2(path, **fields)).xml
        assert got["return_code"] == "SUCCESS" and got["sign"] == self.sign(got, fields.get("sign_type") or "MD5"), got
        return got

    def unified(self, number: str, **other: Json) -> dict[str, Json]:
        return {
            "body": "护照工本费",
            "out_trade_no": number,
            "total_fee": 1234,
            "spbill_create_ip": "127.0.0.1",
            "notify_url": self.door.url + "/v2",
            "trade_type": "JSAPI",
            "openid": self.openid,
            **other,
        }

    async def v2_ordered(self, **other: Json) -> str:
        number = new_number()
        got = await self.v2_said("/pay/unifiedorder", **self.unified(number, **other))
        assert got["result_code"] == "SUCCESS", got
        return number

    async def v2_refund(self, number: str, refund_no: str, fen: int, *, context: ssl.SSLContext, **other: Json) -> Got:
        fields = {"out_trade_no": number, "out_refund_no": refund_no, "total_fee": 1234, "refund_fee": fen}
        raw = to_xml(self.form(**fields, **{"notify_url": self.door.url + "/v2/refund", **other}))
        async with self.outside.http.post(self.mine["refund_url"], data=raw, ssl=context) as got:
            return Got(got.status, got.headers.copy(), await got.read())

    def opened_v2(self, got: Got) -> dict[str, str]:
        """What a refund notice holds."""
        key = hashlib.md5(self.mine["api_key"].encode()).hexdigest().encode()
        decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
        plain = decryptor.update(base64.b64decode(got.xml["req_info"])) + decryptor.finalize()
        root = ElementTree.fromstring(plain[: -plain[-1]])
        assert root.tag == "root"
        return {child.tag: child.text or "" for child in root}

    # the world

    async def pay(self, number: str, how: str = "once", **other: Json) -> Json:
        return await self.outside.world("POST", "/wallets/wechat/pay", {"order_no": number, "as": how, **other})

    async def paid(self, **other: Json) -> str:
        number = await self.ordered(**other)
        await self.pay(number, "never")
        return number

    async def lines(self, kind: str, number: str) -> list[Json]:
        return [one for one in await self.outside.ledger("wechat") if one["kind"] == kind and one.get("order_no") == number]

    async def tries(self, number: str, times: int) -> list[tuple[int, bool, str]]:
        """(attempt, forged, result) of the notices, once there are so many."""

        async def enough() -> list[Json]:
            found = await self.lines("pay.notice", number)
            return found if len(found) >= times else []

        return [(one["attempt"], one["forged"], one["result"]) for one in await until(enough, 15)]

    async def refund_state(self, refund_no: str, wanted: str = "SUCCESS") -> Json:
        async def shown() -> Json:
            got = (await self.v3("GET", f"/v3/refund/domestic/refunds/{refund_no}")).json
            return got if got.get("status") == wanted else None

        return await until(shown)


def new_number() -> str:
    return secrets.token_hex(12)


def v2_sign(fields: Mapping[str, str], key: str, sign_type: str = "MD5") -> str:
    message = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name] != "" and name != "sign") + f"&key={key}"
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest().upper()
    return hashlib.md5(message.encode()).hexdigest().upper()


def to_xml(fields: Mapping[str, str]) -> bytes:
    return ("<xml>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()) + "</xml>").encode()


def merchant_context(shop: Shop, folder: Any, *, certificate: bool = True) -> ssl.SSLContext:
    """What a merchant's HTTP client needs to refund by v2."""
    context = ssl.create_default_context(cadata=shop.mine["refund_ca"])
    if certificate:
        file = folder / "merchant.pem"
        file.write_text(shop.mine["merchant_private_key"] + shop.mine["merchant_cert"])
        context.load_cert_chain(file)
    return context


def rows(text: bytes) -> list[dict[str, str]]:
    """The lines of a statement by their headings, the totals last."""
    head, *details, total_head, totals = text.decode("utf-8-sig").split("\r\n")[:-1]
    assert all(re.match("`", line) for line in (*details, totals))
    told = [dict(zip(head.split(","), line[1:].split(",`"), strict=True)) for line in details]
    return [*told, dict(zip(total_head.split(","), totals[1:].split(",`"), strict=True))]


async def fetch(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> Got:
    async with http.get(url, headers=headers) as got:
        return Got(got.status, got.headers.copy(), await got.read())
