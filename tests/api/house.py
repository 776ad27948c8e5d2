"""Driving a whole stack over HTTP: verbs for the world outside and for one resident."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from miniapp_api.demo_forms import answers
from miniapp_api.stack import Stack

Json = Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    json: Json


class House:
    """A running stack and a client for it."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.http = http

    async def call(self, method: str, url: str, body: Json = None, headers: dict[str, str] | None = None, raw: bytes | None = None) -> Answer:
        sent = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        async with self.http.request(method, url, headers=headers, timeout=aiohttp.ClientTimeout(total=30), **sent) as reply:
            received = await reply.read()
            parsed = await reply.json(content_type=None) if received and reply.content_type.endswith(("/json", "+json")) else None
            return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, received, parsed)

    async def api(self, method: str, path: str, body: Json = None, **more: Any) -> Answer:
        return await self.call(method, self.stack.api + path, body, **more)

    async def world(self, method: str, path: str, body: Json = None) -> Json:
        answer = await self.call(method, self.stack.sandbox + path, body)
        assert answer.status < 300, (method, path, answer.status, answer.body[:300])
        return answer.json

    async def faults(self, **parties: Json) -> None:
        await self.world("PUT", "/world/faults", parties)

    async def ledger(self, party: str) -> list[Json]:
        entries: list[Json] = (await self.world("GET", f"/world/ledger/{party}"))["entries"]
        return entries

    async def filed(self, request_id: str) -> list[Json]:
        return [one for one in await self.ledger("core") if one["kind"] == "case.submitted" and one["request_id"] == request_id]

    async def move(self, case_no: str, to: str, **more: Json) -> None:
        await self.world("POST", f"/world/core/cases/{case_no}/moves", {"to": to, **more})


@dataclass(slots=True)
class Resident:
    """One person with a phone in hand."""

    house: House
    person: Json
    channel: str = "wechat"
    token: str = ""
    tried: list[str] = field(default_factory=list)

    async def api(self, method: str, path: str, body: Json = None, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return await self.house.api(method, path, body, headers=headers, **more)

    async def log_in(self) -> None:
        if self.channel == "wechat":
            code = (await self.house.world("POST", "/world/wechat/codes", {"person": self.person["person"], "kind": "login"}))["code"]
            answer = await self.house.api("POST", "/v1/login/wechat", {"code": code})
        else:
            code = (await self.house.world("POST", "/world/alipay/auth-codes", {"person": self.person["person"]}))["auth_code"]
            answer = await self.house.api("POST", "/v1/login/alipay", {"auth_code": code})
        assert answer.status == 200, answer.body
        self.token = answer.json["token"]

    async def bind(self) -> None:
        who = {"name": self.person["name"], "id_number": self.person["id_number"]}
        started = (await self.api("POST", "/v1/me/real-name", who)).json
        await self.house.world("POST", f"/world/people/{self.person['person']}/approve-real-name", {})
        answer = await self.api("POST", f"/v1/me/real-name/{started['challenge']}", {})
        assert answer.status == 200 and answer.json["state"] == "bound", answer.body

    async def consent(self, times: int = 1, kinds: tuple[str, ...] = ()) -> None:
        """Accept in the client (the platform counts it) and tell the API; every kind, or only `kinds`."""
        asked = (await self.api("GET", "/v1/messages/consents")).json["items"]
        wanted = [one for one in asked if not kinds or one["template_key"] in kinds]
        for _ in range(times):
            for one in wanted:
                given = {"person": self.person["person"], "template_id": one["template_id"], "result": "accept"}
                await self.house.world("POST", f"/world/{self.channel}/consents", given)
            await self.api("POST", "/v1/messages/consents", [{"template_key": one["template_key"], "result": "accept"} for one in wanted])

    async def draft(self, item_code: str | None = None) -> Json:
        """Ready to submit: every required answer is there."""
        started = await self.api("POST", "/v1/drafts", {"item_code": item_code or await an_item(self.house)})
        assert started.status == 201, started.body
        missing = answers(started.json["form"], started.json["answers"])
        if not missing:
            return started.json
        return (await self.api("PATCH", f"/v1/drafts/{started.json['id']}", {"answers": missing})).json

    async def submit(self, draft_id: str, key: str | None = None) -> Answer:
        return await self.api("POST", f"/v1/drafts/{draft_id}/submit", {}, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    async def case(self) -> str:
        answer = await self.submit((await self.draft())["id"])
        assert answer.status == 201, answer.body
        return str(answer.json["case_no"])

    async def inbox(self) -> list[Json]:
        items: list[Json] = (await self.api("GET", "/v1/messages?limit=50")).json["items"]
        return items


async def make_resident(house: House, channel: str = "wechat", *, bound: bool = True) -> Resident:
    resident = Resident(house, await house.world("POST", "/world/people", {}), channel)
    await resident.log_in()
    if bound:
        await resident.bind()
    return resident


async def an_item(house: House) -> str:
    """An item that can be applied for online."""
    for found in (await house.api("GET", "/v1/items?limit=50")).json["items"]:
        item = (await house.api("GET", f"/v1/items/{found['code']}")).json
        if item["online"]:
            return str(found["code"])
    raise AssertionError("the catalogue has no item to try with")


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """Ask again until it gives something true."""
    end = time.monotonic() + seconds
    while True:
        if found := await look():
            return found
        assert time.monotonic() < end, f"nothing in {seconds} s"
        await asyncio.sleep(0.05)
