"""Residents whose every trace can be told from everybody else's: words planted wherever a resident can leave one."""

import base64
import json
import re
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from PIL import Image

from kit.clock import BEIJING, now
from kit.mongo import Mongo
from miniapp_api import settings, wiring
from miniapp_api.stack import Stack
from miniapp_api.wiring import Deps
from tests.api.applying import make_item
from tests.api.desk import make_desk
from tests.api.house import House, Json, Resident, until
from tests.api.purse import Payer

RESIDENCE = "11990100MB990001313000790100700"  # 居住证申领: asks for an address
_HAN = "琰玥玮珂珺琬瑾瑜璇璟瓒甯皓睿硕祺禛秣稷穗竑笙筠箫篪簌缃缙羿翊翎翡翥耘聿芃芊芮"
_SEALED = re.compile(r"^k1:[A-Za-z0-9+/]{38,}={0,2}$")  # the stack has one key


def word() -> str:
    """Twelve letters nobody else has; letters, so that nothing takes it for a number and hides it."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(12))


@dataclass(slots=True)
class Planted:
    """`canaries`: what it is -> the word. `ids`: name of a path parameter -> this resident's own."""

    resident: Resident
    canaries: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def house(self) -> House:
        return self.resident.house

    async def step_up(self) -> None:
        started = (await self.resident.api("POST", "/v1/me/step-up", {})).json
        await self.house.world("POST", f"/world/people/{self.resident.person['person']}/approve-real-name", {})
        answer = await self.resident.api("POST", f"/v1/me/step-up/{started['challenge']}", {})
        assert answer.status == 200 and answer.json["state"] == "confirmed", answer.body

    async def exported(self, query: str = "") -> tuple[str, bytes]:
        """(id, what was downloaded)."""
        asked = await self.resident.api("GET", f"/v1/me/export{query}")
        assert asked.status == 202, asked.body
        path = f"/v1/me/export/{asked.json['export']}"

        async def ready() -> Any:
            answer = await self.resident.api("GET", path)
            assert answer.status in (200, 202), answer.body
            return answer if answer.status == 200 else None

        return str(asked.json["export"]), (await until(ready, 40)).body

    async def delete(self) -> Any:
        return await self.resident.api("DELETE", "/v1/me", {"confirm": "注销账号"})


async def plant(house: House, channel: str = "wechat") -> Planted:
    """A bound resident who has done whatever a resident can do; their case is still open."""
    name = "独孤" + "".join(secrets.choice(_HAN) for _ in range(3))
    person = await house.world("POST", "/world/people", {"name": name})
    resident = Resident(house, person, channel)
    await resident.log_in()
    await resident.bind()
    own = {"name": name, "id_number": person["id_number"], "phone": person["phone"]}
    planted = Planted(
        resident,
        own | {what: word() for what in ("address", "corrected", "file", "question", "chat", "reason", "purpose", "door", "thought", "complaint")},
    )
    await _apply(planted)
    await _say(planted)
    await _pay(planted)
    await _show_a_licence(planted)
    await _allow(planted)
    await _correct(planted)
    await _book(planted)
    await planted.house.move(planted.ids["case_no"], "accepted")

    async def told() -> Any:
        return [one for one in await resident.inbox() if one["case_no"] == planted.ids["case_no"]]

    await until(told)
    await _rate(planted)
    await _complain(planted)
    await _mail(planted)
    return planted


async def _rate(planted: Planted) -> None:
    """Bad, so that it is put right."""

    async def may() -> bool:
        seen = await planted.resident.api("GET", f"/v1/cases/{planted.ids['case_no']}/ratings")
        return bool(seen.json["stages"][0]["may_rate"])

    await until(may)
    thought = {"stage": "acceptance", "grade": 1, "indicators": ["slow"], "text": f"等了很久{planted.canaries['thought']}"}
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    rated = await planted.resident.api("POST", f"/v1/cases/{planted.ids['case_no']}/rating", thought, headers=headers)
    assert rated.status == 201, rated.body
    planted.ids["rating_id"] = rated.json["id"]
    assert (await planted.resident.api("POST", f"/v1/cases/{planted.ids['case_no']}/rating/decline", {"stage": "result"})).status == 200


async def _complain(planted: Planted) -> None:
    """With a text of their own, about their own case."""
    words = {
        "kind": "complaint",
        "title": "等候太久",
        "text": f"等了一上午没有叫到号，{planted.canaries['complaint']}",
        "case_no": planted.ids["case_no"],
    }
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    filed = await planted.resident.api("POST", "/v1/complaints", words, headers=headers)
    assert filed.status == 201, filed.body
    planted.ids["complaint_id"] = filed.json["id"]


async def _mail(planted: Planted) -> None:
    """Papers of their case, fetched at their door."""
    resident, house = planted.resident, planted.house
    door = {"province": "广东省", "city": "深圳市", "county": "南山区", "detail": f"望江路{planted.canaries['door']}巷7号"}
    address = {**door, "phone": planted.canaries["phone"]}
    paper = (await house.api("GET", f"/v1/items/{RESIDENCE}")).json["materials"][0]["name"]
    (text,) = [one for one in (await house.api("GET", "/v1/policies")).json["items"] if one["purpose"] == "courier"]
    agreed = {name: text[name] for name in ("version", "text_hash")}
    wish = {"direction": "to_hall", "courier": "ems", "address": address, "materials": [paper], "consent": agreed}
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    asked = await resident.api("POST", f"/v1/cases/{planted.ids['case_no']}/parcels", wish, headers=headers)
    assert asked.status == 201, asked.body
    planted.ids["parcel_id"] = asked.json["id"]
    await until(lambda: _parcel_is(planted, "booked"), 40)


async def _parcel_is(planted: Planted, state: str) -> bool:
    return bool((await planted.resident.api("GET", f"/v1/parcels/{planted.ids['parcel_id']}")).json["state"] == state)


async def _apply(planted: Planted) -> None:
    resident, address = planted.resident, planted.canaries["address"]
    if resident.channel == "wechat":
        code = (await planted.house.world("POST", "/world/wechat/codes", {"person": resident.person["person"], "kind": "phone"}))["code"]
        assert (await resident.api("POST", "/v1/me/phone", {"channel": "wechat", "code": code})).status == 200
    await resident.consent()
    for key in ("open", "submitted"):
        draft = await resident.draft(RESIDENCE)
        changed = await resident.api("PATCH", f"/v1/drafts/{draft['id']}", {"answers": {"address": f"望江路{address}巷7号"}})
        assert changed.status == 200, changed.body
        if key == "submitted":
            filed = await resident.submit(draft["id"])
            assert filed.status == 201, filed.body
            planted.ids["case_no"] = filed.json["case_no"]
        else:
            planted.ids["draft_id"] = draft["id"]
    planted.ids["file_id"] = await upload(resident, f"{planted.canaries['file']}.png")


async def _show_a_licence(planted: Planted) -> None:
    made = {"type": "居民身份证", "name": "居民身份证"}
    held = await planted.house.world("POST", f"/world/people/{planted.resident.person['person']}/licences", made)
    planted.ids["licence_id"] = held["licence_id"]
    wish = {"purpose": f"窗口办理{planted.canaries['purpose']}", "item_code": RESIDENCE}
    path = f"/v1/licences/{held['licence_id']}/authorizations"
    shown = await planted.resident.api("POST", path, wish, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert shown.status == 201, shown.body


async def _correct(planted: Planted) -> None:
    resident, case_no = planted.resident, planted.ids["case_no"]
    await planted.house.move(case_no, "corrections", findings=[{"target": "field", "name": "address", "problem": "不全", "fix": "写到门牌号"}])

    async def asked() -> Any:
        return (await resident.api("GET", f"/v1/cases/{case_no}")).json["open_notice"]

    await until(asked)
    right = {"answers": {"address": f"望江路{planted.canaries['corrected']}巷8号"}}
    done = await resident.api("POST", f"/v1/cases/{case_no}/corrections", right, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert done.status == 200, done.body


async def _book(planted: Planted) -> None:
    """An appointment, of which they are to be reminded, and a place in a line."""
    resident, house = planted.resident, planted.house
    begins = (now() + timedelta(days=10)).astimezone(BEIJING).isoformat(timespec="seconds")
    slot = await house.world("POST", "/world/core/slots", {"item_code": RESIDENCE, "starts_at": begins})
    wish = {"slot_id": slot["slot_id"], "item_code": RESIDENCE, "case_no": planted.ids["case_no"]}
    booked = await resident.api("POST", "/v1/appointments", wish, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert booked.status == 201, booked.body
    planted.ids["appointment_id"] = booked.json["id"]
    today = now().astimezone(BEIJING).date()
    sunday = (today + timedelta(days=7 + 6 - today.weekday())).isoformat()
    other = await make_item(house, materials=[])  # nobody waits for what they have
    line = {"item_code": other["code"], "hall_id": "hall-2", "from": sunday, "to": sunday}
    waits = await resident.api("POST", "/v1/appointments/waiting", line, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert waits.status == 201, waits.body


async def upload(resident: Resident, name: str) -> str:
    picture = BytesIO()
    Image.frombytes("RGB", (40, 40), secrets.token_bytes(4800)).save(picture, "PNG")
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    body = head.encode() + picture.getvalue() + f"\r\n--{mark}--\r\n".encode()
    answer = await resident.api("POST", "/v1/files", raw=body, headers={"Content-Type": f"multipart/form-data; boundary={mark}"})
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def _say(planted: Planted) -> None:
    resident, canaries = planted.resident, planted.canaries
    said = await resident.api("POST", "/v1/assistant/messages", {"text": f"居住证 {canaries['question']} 要带什么"})
    assert said.status == 200, said.body
    again = {"text": "转人工", "conversation_id": said.json["conversation_id"]}
    assert (await resident.api("POST", "/v1/assistant/messages", again)).status == 200
    if resident.channel == "wechat":
        for said_there in ({"kind": "user_enter_tempsession"}, {"text": f"居住证 {canaries['chat']}"}):
            await planted.house.world("POST", "/world/wechat/messages", {"person": resident.person["person"], **said_there})


async def _pay(planted: Planted) -> None:
    """Paid and booked, and a refund asked for, which is turned down."""
    payer = Payer(planted.resident, planted.ids["case_no"])
    planted.ids["bill_id"] = await payer.bill()
    assert len((await planted.resident.api("GET", "/v1/bills")).json["items"]) == 1
    answer = await payer.order(planted.ids["bill_id"])
    assert answer.status == 201, answer.body
    planted.ids["order_no"] = answer.json["order_no"]
    await payer.thumb(planted.ids["order_no"])
    await payer.until(planted.ids["order_no"], "settled", 40)
    asked = await payer.ask_back(planted.ids["order_no"], reason=f"重复缴费{planted.canaries['reason']}", amount_fen=100)
    assert asked.status == 201, asked.body
    planted.ids["refund_no"] = asked.json["refund_no"]


async def _allow(planted: Planted) -> None:
    """The agent is nobody we know; their name is theirs, not the giver's."""
    await planted.step_up()
    agent = await planted.house.world("POST", "/world/people", {})
    planted.canaries["agent"] = agent["id_number"]
    until_day = (now().astimezone(BEIJING) + timedelta(days=30)).date().isoformat()
    wish = {"name": agent["name"], "id_number": agent["id_number"], "purposes": ["apply"], "until": until_day}
    given = await planted.resident.api("POST", "/v1/me/grants", wish)
    assert given.status == 201, given.body
    (text,) = [one for one in (await planted.house.api("GET", "/v1/policies")).json["items"] if one["purpose"] == "privacy"]
    agreed = {name: text[name] for name in ("purpose", "version", "text_hash")}
    assert (await planted.resident.api("POST", "/v1/me/consents", agreed)).status == 200
    assert (await planted.resident.api("POST", "/v1/me/links", {})).status == 201
    preferred = await planted.resident.api("PUT", "/v1/me/preferences", {"channels": [planted.resident.channel]})
    assert preferred.status == 200, preferred.body


async def end_everything(planted: Planted) -> None:
    """Nothing stands in the way of a deletion any more."""
    given_back = await planted.resident.api("DELETE", f"/v1/appointments/{planted.ids['appointment_id']}")
    assert (given_back.status, given_back.json["state"]) == (200, "cancelled"), given_back.body
    desk = await make_desk(planted.house, "approver")
    turned_down = await desk.api("POST", f"/staff/v1/refunds/{planted.ids['refund_no']}/reject", {"reason": "不符合退款条件"})
    assert turned_down.status == 200, turned_down.body
    called_off = await planted.resident.api("DELETE", f"/v1/parcels/{planted.ids['parcel_id']}")
    assert called_off.status == 200, called_off.body
    await until(lambda: _parcel_is(planted, "cancelled"), 40)
    for to in ("approved", "issued"):
        await planted.house.move(planted.ids["case_no"], to)

    async def issued() -> bool:
        return bool((await planted.resident.api("GET", f"/v1/cases/{planted.ids['case_no']}")).json["state"] == "issued")

    await until(issued)


@asynccontextmanager
async def inside(stack: Stack) -> AsyncIterator[Deps]:
    """What the stack's own processes are made of, from the same environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.env.items():
            patch.setenv(name, value)
        given = settings.load()
    deps = wiring.build(given)
    try:
        yield deps
    finally:
        await deps.close()


async def everything_stored(mongo: Mongo, stack: Stack) -> dict[str, str]:
    """Collection -> all it holds as text, sealed values opened with the key, wherever they stand and whatever they are bound to.

    AES-GCM encrypts like AES-CTR whose counter begins with 2 (NIST SP 800-38D): the tag and what it binds are not needed to read.
    """
    key = base64.b64decode(json.loads(stack.env["ZHANGBAN_FIELD_KEYS"])["k1"])
    return {
        name: "\n".join([_text(row, key) async for row in mongo[name].find({})])
        for name in await mongo.database.list_collection_names()
        if name != "blobs.chunks"
    }


def _text(value: Any, key: bytes) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_text(one, key)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(_text(one, key) for one in value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return _opened(value, key) if isinstance(value, str) and _SEALED.match(value) else str(value)


def _opened(value: str, key: bytes) -> str:
    raw = base64.b64decode(value.partition(":")[2])
    plain = Cipher(algorithms.AES(key), modes.CTR(raw[:12] + b"\0\0\0\2")).decryptor()
    return plain.update(raw[12:-16]).decode(errors="replace")


def found_in(text: str, canaries: Json) -> list[str]:
    """What of these stands in it."""
    return [what for what, one in canaries.items() if one in text]
