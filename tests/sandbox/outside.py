"""One sandbox process, and verbs to drive it. Signs by itself: nothing of the sandbox or of our own is used here."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ROOT = Path(__file__).parents[2]
Json = Any


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass(slots=True)
class Process:
    """`python -m sandbox` on a free port; the same folder may be opened again after a kill."""

    folder: Path
    more: tuple[str, ...] = ()
    url: str = ""
    running: subprocess.Popen[str] | None = None

    def start(self) -> "Process":
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(self.folder), *self.more]
        with (self.folder.parent / f"{self.folder.name}.err").open("ab") as errors:
            self.running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.running.stdout is not None
        self.url = json.loads(self.running.stdout.readline())["sandbox"]
        return self

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.running is not None and self.running.stdout is not None
        self.running.send_signal(how)
        code = self.running.wait(10)
        self.running.stdout.close()
        self.running = None
        return code


class Outside:
    """A running world and a client for it."""

    def __init__(self, process: Process, http: aiohttp.ClientSession) -> None:
        self.process = process
        self.http = http
        self.accounts: Json = json.loads((process.folder / "accounts.json").read_text())

    async def call(self, method: str, path: str, body: Json = None, *, raw: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        sent = raw if raw is not None or body is None else json.dumps(body).encode()
        async with self.http.request(method, self.process.url + path, data=sent, headers=headers, timeout=aiohttp.ClientTimeout(total=10)) as got:
            return Reply(got.status, got.headers.get("Content-Type", ""), await got.read())

    async def world(self, method: str, path: str, body: Json = None) -> Json:
        reply = await self.call(method, f"/world{path}", body)
        assert reply.status == 200, (method, path, reply)
        return reply.json

    async def ledger(self, party: str) -> list[Json]:
        entries: list[Json] = (await self.world("GET", f"/ledger/{party}"))["entries"]
        return entries

    async def person(self, **wanted: Json) -> Json:
        return await self.world("POST", "/people", wanted)

    async def pass_time(self, seconds: float) -> None:
        """On the world's clock; nobody waits here."""
        await self.world("POST", "/clock", {"forward": seconds})

    @asynccontextmanager
    async def faults(self, **parties: Json) -> AsyncIterator[None]:
        await self.world("PUT", "/faults", parties)
        try:
            yield
        finally:
            await self.world("PUT", "/faults", {party: {} for party in parties})

    # WeChat

    async def wechat_code(self, person: Json, kind: str = "login") -> str:
        made: str = (await self.world("POST", "/wechat/codes", {"person": person["person"], "kind": kind}))["code"]
        return made

    async def log_in(self, code: str, **other: str | None) -> Json:
        mine = self.accounts["wechat"]
        asked = {"appid": mine["appid"], "secret": mine["secret"], "js_code": code, "grant_type": "authorization_code", **other}
        return (await self.call("GET", "/sns/jscode2session?" + urlencode({key: value for key, value in asked.items() if value is not None}))).json

    async def openid(self, person: Json) -> str:
        found: str = (await self.log_in(await self.wechat_code(person)))["openid"]
        return found

    async def stable_token(self, **other: Json) -> Json:
        mine = self.accounts["wechat"]
        asked = {"grant_type": "client_credential", "appid": mine["appid"], "secret": mine["secret"], **other}
        return (await self.call("POST", "/cgi-bin/stable_token", asked)).json

    async def plain_token(self) -> str:
        mine = self.accounts["wechat"]
        asked = {"grant_type": "client_credential", "appid": mine["appid"], "secret": mine["secret"]}
        token: str = (await self.call("GET", "/cgi-bin/token?" + urlencode(asked))).json["access_token"]
        return token

    async def phone_of(self, code: str, token: str) -> Json:
        return (await self.call("POST", "/wxa/business/getuserphonenumber?" + urlencode({"access_token": token}), {"code": code})).json

    async def subscribe_send(self, token: str | None = None, **message: Json) -> Json:
        query = urlencode({"access_token": (await self.stable_token())["access_token"] if token is None else token})
        return (await self.call("POST", f"/cgi-bin/message/subscribe/send?{query}", message)).json

    # Alipay

    def alipay_signed(self, method: str, **other: str | None) -> dict[str, str]:
        """The parameters of a call, signed with the app's private key; one that is None is left out."""
        made: dict[str, str | None] = {
            "app_id": self.accounts["alipay"]["app_id"],
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": "2026-01-02 03:04:05",
            "version": "1.0",
            **other,
        }
        given = {key: value for key, value in made.items() if value is not None}
        message = "&".join(f"{name}={given[name]}" for name in sorted(given) if given[name] != "")
        return given | {
            "sign": base64.b64encode(
                private_key(self.accounts["alipay"]["app_private_key"]).sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
            ).decode()
        }

    async def alipay(self, method: str, **other: str | None) -> Reply:
        return await self.call("GET", "/gateway.do?" + urlencode(self.alipay_signed(method, **other)))

    async def auth_code(self, person: Json) -> str:
        made: str = (await self.world("POST", "/alipay/auth-codes", {"person": person["person"]}))["auth_code"]
        return made

    # the core

    def core_headers(self, method: str, path: str, body: bytes, **other: str) -> dict[str, str]:
        """`other`: client, timestamp, nonce, secret or signature, to get one of them wrong."""
        mine = self.accounts["core"]
        timestamp, nonce = other.get("timestamp", str(int(time.time()))), other.get("nonce", secrets.token_hex(12))
        message = f"{timestamp}\n{nonce}\n{method}\n{path}\n".encode() + body
        made = "sha256=" + hmac.new(other.get("secret", mine["secret"]).encode(), message, hashlib.sha256).hexdigest()
        return {
            "X-Core-Client": other.get("client", mine["client_id"]),
            "X-Core-Timestamp": timestamp,
            "X-Core-Nonce": nonce,
            "X-Core-Signature": other.get("signature", made),
        }

    async def core(self, method: str, path: str, body: Json = None, *, key: str | None = None, **other: str) -> Reply:
        path = f"/core/v1{path}"
        sent = b"" if body is None else json.dumps(body).encode()
        headers = self.core_headers(method, path, sent, **other) | ({"Idempotency-Key": key} if key else {})
        return await self.call(method, path, raw=sent, headers=headers)

    async def submission(self, person: Json, **other: Json) -> Json:
        """What a whole and right submission looks like."""
        item = (await self.core("GET", "/items?limit=1")).json["records"][0]
        return {
            "request_id": f"r-{secrets.token_hex(8)}",
            "item_code": item["code"],
            "item_version": item["version"],
            "applicant": {"person_id": person["person"], "name": person["name"], "id_number": person["id_number"]},
            "answers": {"reason": "遗失"},
            "materials": [{"name": "申请表", "hand_in": "window"}],
            "channel": "wechat",
            **other,
        }

    async def submit(self, body: Json) -> Reply:
        return await self.core("POST", "/cases", body, key=body["request_id"])

    async def case(self, person: Json | None = None) -> Json:
        made = await self.submit(await self.submission(person or await self.person()))
        assert made.status == 201, made
        return made.json

    async def move(self, case: Json, to: Json, **more: Json) -> Reply:
        return await self.call("POST", f"/world/core/cases/{case['case_no']}/moves", {"to": to, **more})

    async def all_events(self) -> list[Json]:
        events: list[Json] = (await self.core("GET", "/events?limit=500")).json["events"]
        return events


@cache
def private_key(pem: str) -> rsa.RSAPrivateKey:
    """Loading one is slow."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


async def until(shown: Callable[[], Awaitable[Json]], within: float = 5.0) -> Json:
    """Waits until something shows and gives it."""
    end = time.monotonic() + within
    while not (seen := await shown()):
        assert time.monotonic() < end, "it never showed"
        await asyncio.sleep(0.02)
    return seen
