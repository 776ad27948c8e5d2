"""Who sends things by a courier: signs and seals by hand, as the couriers' papers say, and takes their pushes."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.sandbox.outside import Json, Outside

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
HALL = {"name": "政务大厅", "phone": "02088886666", "province": "广东省", "city": "深圳市", "county": "南山区", "address": "科技路1号"}
HOME = {"name": "李四", "phone": "13900000002", "province": "湖南省", "city": "长沙市", "county": "岳麓区", "address": "麓山路2号"}
NOWHERE = {**HOME, "address": "不派送村3号"}
TAKEN: dict[str, Json] = {
    "sf": {"return_code": "0000", "return_msg": "成功"},
    "ems": {"serialNo": "1", "code": "00000", "codeMessage": "成功", "senderNo": "1"},
    "kuaidi100": {"result": True, "returnCode": "200", "message": "成功"},
}


def java_encoded(text: str) -> str:
    """java.net.URLEncoder: letters, digits and .-*_ stay, a space is +, everything else is in percent signs."""
    return quote(text, safe="*-._ ").replace("~", "%7E").replace(" ", "+")


def sf_digest(msg_data: str, timestamp: str, check_word: str) -> str:
    return base64.b64encode(hashlib.md5(java_encoded(msg_data + timestamp + check_word).encode()).digest()).decode()


def sm4(text: bytes, key: str, *, decrypt: bool = False) -> bytes:
    cipher = Cipher(algorithms.SM4(base64.b64decode(key)), modes.ECB())
    turned = cipher.decryptor() if decrypt else cipher.encryptor()
    padded = text if decrypt else text + bytes([16 - len(text) % 16]) * (16 - len(text) % 16)
    made = turned.update(padded) + turned.finalize()
    return made[: -made[-1]] if decrypt else made


def ems_sealed(text: str, key: str) -> str:
    return "|$4|" + base64.b64encode(sm4((text + key).encode(), key)).decode()


def ems_opened(sealed: str, key: str) -> Json:
    assert sealed.startswith("|$4|")
    return json.loads(sm4(base64.b64decode(sealed[4:]), key, decrypt=True))


def kuaidi100_sign(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode()).hexdigest().upper()


def own_no() -> str:
    return f"P{secrets.token_hex(6)}-1"


# SF


def sf_form(world: Outside, service: str, data: str, **other: str | None) -> bytes:
    """`other`: a field to get wrong, or None to leave it out."""
    mine, timestamp = world.accounts["sf"], str(int(time.time() * 1000))
    form: dict[str, str | None] = {"partnerID": mine["partner_id"], "requestID": secrets.token_hex(16), "serviceCode": service}
    form |= {"timestamp": timestamp, "msgDigest": sf_digest(data, timestamp, mine["check_word"]), "msgData": data, **other}
    return urlencode({name: value for name, value in form.items() if value is not None}).encode()


async def sf_platform(world: Outside, service: str, data: str, **other: str | None) -> Json:
    reply = await world.call("POST", "/std/service", raw=sf_form(world, service, data, **other), headers=FORM)
    assert reply.status == 200, reply
    return reply.json


async def sf(world: Outside, service: str, **data: Json) -> Json:
    """(errorCode, msgData) from within the string."""
    answer = await sf_platform(world, service, json.dumps(data, ensure_ascii=False))
    assert answer["apiResultCode"] == "A1000" and isinstance(answer["apiResultData"], str), answer
    result = json.loads(answer["apiResultData"])
    assert result["success"] is (result["errorCode"] == "S0000"), result
    return result["errorCode"], result["msgData"]


def sf_order(order_no: str, receiver: Json = HOME, **other: Json) -> Json:
    contacts = [
        {"contactType": kind, "contact": one["name"], "mobile": one["phone"], "country": "CN"}
        | {name: one[name] for name in ("province", "city", "county", "address")}
        for kind, one in ((1, HALL), (2, receiver))
    ]
    goods = [{"name": "证照", "count": 1}]
    return {"language": "zh-CN", "orderId": order_no, "cargoDetails": goods, "contactInfoList": contacts, "payMethod": 1, "expressTypeId": 2, **other}


async def sf_book(world: Outside, order_no: str) -> str:
    code, told = await sf(world, "EXP_RECE_CREATE_ORDER", **sf_order(order_no))
    assert code == "S0000", code
    waybill: str = told["waybillNoInfoList"][0]["waybillNo"]
    return waybill


async def sf_cancel(world: Outside, order_no: str) -> str:
    code: str = (await sf(world, "EXP_RECE_UPDATE_ORDER", orderId=order_no, dealType=2, waybillNoInfoList=[]))[0]
    return code


async def sf_routes(world: Outside, number: str, **other: Json) -> list[Json]:
    code, told = await sf(world, "EXP_RECE_SEARCH_ROUTES", language="zh-CN", trackingType=1, trackingNumber=[number], methodType=1, **other)
    assert code == "S0000", code
    routes: list[Json] = told["routeResps"][0]["routes"]
    return routes


# EMS


async def ems(world: Outside, api: str, body: Json, **other: str) -> Json:
    """(retCode, retBody) opened. `other`: a field of the form to get wrong."""
    mine = world.accounts["ems"]
    form = {"apiCode": api, "senderNo": mine["sender_no"], "authorization": mine["authorization"], "timeStamp": "2026-11-29 10:00:00", "msgType": "0"}
    form |= {"version": "V1.0.0", "logitcsInterface": ems_sealed(json.dumps(body, ensure_ascii=False), mine["sign_key"]), **other}
    reply = await world.call("POST", "/amp-prod-api/f/amp/api/open", raw=urlencode(form).encode(), headers=FORM)
    assert reply.status == 200 and set(reply.json) == {"retCode", "retMsg", "retBody", "retDate", "serialNo"}, reply
    return reply.json["retCode"], json.loads(reply.json["retBody"]) if reply.json["retBody"] else None


def ems_order(order_no: str, receiver: Json = HOME, **other: Json) -> list[Json]:
    sender, to = (
        {
            "name": one["name"],
            "mobile": one["phone"],
            "prov": one["province"],
            "city": one["city"],
            "county": one["county"],
            "address": one["address"],
        }
        for one in (HALL, receiver)
    )
    about = {
        "ecommerceUserId": "1",
        "logisticsOrderNo": order_no,
        "createdTime": "2026-11-29 10:00:00",
        "contentsAttribute": "1",
        "bizProductNo": "1",
    }
    return [{**about, "paymentMode": "1", "sender": sender, "receiver": to, "cargos": [{"cargoName": "材料"}], **other}]


async def ems_book(world: Outside, order_no: str) -> str:
    code, told = await ems(world, "020003", ems_order(order_no))
    assert code == "00000", code
    waybill: str = told["waybillNo"]
    return waybill


# kuaidi100


async def subscribe(world: Outside, number: str, url: str, **other: Json) -> str:
    company = other.pop("company", "yuantong")
    parameters = {"callbackurl": url, "salt": world.accounts["kuaidi100"]["salt"], "resultv2": "4", "phone": "13900000002", **other}
    param = {"company": company, "number": number, "key": world.accounts["kuaidi100"]["key"], "parameters": parameters}
    form = urlencode({"schema": "json", "param": json.dumps(param, ensure_ascii=False)})
    answer = (await world.call("POST", "/poll", raw=form.encode(), headers=FORM)).json
    assert answer["result"] is (answer["returnCode"] == "200")
    code: str = answer["returnCode"]
    return code


async def query(world: Outside, number: str, *, signed: str | None = None, **other: Json) -> Json:
    mine = world.accounts["kuaidi100"]
    param = json.dumps({"com": "yuantong", "num": number, **other}, ensure_ascii=False)
    form = {"customer": mine["customer"], "sign": signed or kuaidi100_sign(param, mine["key"], mine["customer"]), "param": param}
    return (await world.call("POST", "/poll/query.do", raw=urlencode(form).encode(), headers=FORM)).json


# pushes


@dataclass
class Inbox:
    """Where pushes arrive: (courier, path, body) of each. `answers`: what to say next, or a status; taken when there is nothing left."""

    url: str = ""
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    answers: list[Json] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        courier = request.match_info["courier"]
        self.got.append((courier, request.path, await request.read()))
        answer = self.answers.pop(0) if self.answers else TAKEN[courier]
        return web.Response(status=answer) if isinstance(answer, int) else web.json_response(answer)

    async def wait(self, number: int, within: float = 5.0) -> None:
        end = time.monotonic() + within
        while len(self.got) < number:
            assert time.monotonic() < end, f"{len(self.got)} of {number} pushes came"
            await asyncio.sleep(0.02)

    def sf(self) -> list[Json]:
        return [route for _, _, body in self.got for route in json.loads(body)["Body"]["WaybillRoute"]]

    def forms(self) -> list[dict[str, Any]]:
        """kuaidi100's: sign and param, the latter as it was signed."""
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for _, _, body in self.got]


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    own, app = Inbox(), web.Application()
    app.router.add_post("/callbacks/{courier}", own.take)
    app.router.add_post("/callbacks/{courier}/{secret}", own.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    own.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks"
    try:
        yield own
    finally:
        await runner.cleanup()


async def scan(world: Outside, courier: str, no: str, kind: Json, **other: Json) -> Json:
    return await world.world("POST", f"/couriers/{courier}/parcels/{no}/scans", {"kind": kind, **other})
