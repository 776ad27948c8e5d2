"""A merchant at the sandbox's Alipay: python-alipay-sdk with only its gateway changed, and a door where notices arrive."""

import asyncio
import base64
import io
import json
import secrets
import zipfile
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from alipay import AliPay, DCAliPay
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.outside import Json, Outside, until

CREATE = "alipay.trade.create"
BILL = "alipay.data.dataservice.bill.downloadurl.query"


@dataclass(slots=True)
class Door:
    """`answers`: bodies for the next notices, whoever they are for; `success` when there are none left. An int is a status."""

    url: str = ""
    got: list[dict[str, str]] = field(default_factory=list)
    answers: list[bytes | int] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode()
        charset = dict(parse_qsl(body))["charset"]
        self.got.append(dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True, encoding=charset, errors="strict")))
        answer = self.answers.pop(0) if self.answers else b"success"
        return web.Response(status=answer, body=b"success") if isinstance(answer, int) else web.Response(body=answer)

    def of(self, order_no: str) -> list[dict[str, str]]:
        return [one for one in self.got if one["out_trade_no"] == order_no]

    async def heard(self, order_no: str, times: int = 1) -> list[dict[str, str]]:
        async def enough() -> list[dict[str, str]]:
            return self.of(order_no) if len(self.of(order_no)) >= times else []

        found: list[dict[str, str]] = await until(enough)
        return found


class Shop:
    """One merchant. `kind`: AliPay signs with a bare key, DCAliPay with certificates."""

    def __init__(self, outside: Outside, door: Door, kind: type[Any] = AliPay) -> None:
        self.outside = outside
        self.door = door
        mine = self.mine = outside.accounts["alipay"]
        if kind is DCAliPay:
            certificates = (mine["app_cert"], mine["alipay_cert"], mine["alipay_root_cert"])
            self.sdk = DCAliPay(mine["app_id"], mine["app_private_key"], *certificates)
        else:
            keys = {"app_private_key_string": mine["app_private_key"], "alipay_public_key_string": mine["alipay_public_key"]}
            self.sdk = AliPay(appid=mine["app_id"], sign_type="RSA2", **keys)
        self.sdk._gateway = outside.process.url + "/gateway.do"

    async def call(self, method: str, biz: Json, **top: str) -> Json:
        """The reply, after the SDK has verified it."""
        return await asyncio.to_thread(lambda: self.sdk.server_api(method, biz, **top))

    async def order(self, person: Json, **other: Json) -> Json:
        """biz_content of a right order; None leaves a field out."""
        code = await self.outside.auth_code(person)
        who = await asyncio.to_thread(lambda: self.sdk.server_api("alipay.system.oauth.token", grant_type="authorization_code", code=code))
        made = {
            "out_trade_no": f"O{secrets.token_hex(10)}",
            "total_amount": "12.34",
            "subject": "补领居民身份证工本费",
            "product_code": "JSAPI_PAY",
            "op_app_id": self.mine["app_id"],
            "buyer_open_id": who["open_id"],
            **other,
        }
        return {name: value for name, value in made.items() if value is not None}

    async def create(self, order: Json, notify: str | None = None) -> Json:
        return await self.call(CREATE, order, notify_url=self.door.url if notify is None else notify)

    async def ordered(self, **other: Json) -> str:
        """The number of a trade that waits for its buyer."""
        order = await self.order(await self.outside.person(), **other)
        made = await self.create(order)
        assert made["code"] == "10000", made
        return str(order["out_trade_no"])

    async def paid(self, **other: Json) -> str:
        """The number of a trade that is paid, nobody having been told."""
        number = await self.ordered(**other)
        await self.pay(number, **{"as": "never"})
        return number

    async def pay(self, order_no: str, **how: Json) -> Json:
        return await self.outside.world("POST", "/wallets/alipay/pay", {"order_no": order_no, **how})

    async def status(self, order_no: str) -> str:
        return str((await self.call("alipay.trade.query", {"out_trade_no": order_no}))["trade_status"])

    async def refund(self, order_no: str, amount: str, number: str | None = None, **more: Json) -> Json:
        asked = {"out_trade_no": order_no, "refund_amount": amount, **({"out_request_no": number} if number else {}), **more}
        return await self.call("alipay.trade.refund", asked)

    async def refunded(self, order_no: str, number: str, **more: Json) -> Json:
        return await self.call("alipay.trade.fastpay.refund.query", {"out_trade_no": order_no, "out_request_no": number, **more})

    async def lines(self, kind: str, order_no: str) -> list[Json]:
        return [one for one in await self.outside.ledger("alipay") if one["kind"] == kind and one["order_no"] == order_no]

    async def tries(self, order_no: str, times: int) -> list[Json]:
        """(attempt, forged, result) of an order's notices, once there are so many."""

        async def enough() -> list[Json]:
            found = [(one["attempt"], one["forged"], one["result"]) for one in await self.lines("pay.notice", order_no)]
            return found if len(found) >= times else []

        found: list[Json] = await until(enough)
        return found

    def genuine(self, notice: dict[str, str]) -> bool:
        """By the SDK itself. It takes utf-8 only."""
        given = dict(notice)
        return bool(self.sdk.verify(given, given.pop("sign")))

    def signed(self, text: bytes, sign: str) -> bool:
        """Whether Alipay's key signed exactly these bytes."""
        key = load_pem_public_key(self.mine["alipay_public_key"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(base64.b64decode(sign), text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    async def statement(self, date: str) -> dict[str, list[str]]:
        """{file name: its lines} of a day's or month's statement."""
        told = await self.call(BILL, {"bill_type": "trade", "bill_date": date})
        assert told["code"] == "10000", told
        got = await self.outside.call("GET", told["bill_download_url"].removeprefix(self.outside.process.url))
        with zipfile.ZipFile(io.BytesIO(got.body)) as packed:
            return {one.filename.encode("cp437").decode("gbk"): packed.read(one).decode("gbk").splitlines() for one in packed.infolist()}


def refusal(told: Json) -> tuple[str, str]:
    return told["code"], told["sub_code"]


def bills(notice: dict[str, str]) -> Json:
    return json.loads(notice["fund_bill_list"])
