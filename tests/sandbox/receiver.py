"""Where the core's webhook arrives: keeps what came and answers as told."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC


@dataclass(frozen=True, slots=True)
class Delivery:
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def signed_with(self, secret: str, algorithm: str = "sha256") -> bool:
        """By the contract: over timestamp, nonce and the raw body; and recent."""
        timestamp, nonce = self.headers["X-Core-Timestamp"], self.headers["X-Core-Nonce"]
        message = f"{timestamp}\n{nonce}\n".encode() + self.body
        if algorithm == "sm3":
            mac = HMAC(secret.encode(), hashes.SM3())
            mac.update(message)
            expected = mac.finalize().hex()
        else:
            expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        return self.headers["X-Core-Signature"] == f"{algorithm}={expected}" and abs(time.time() - int(timestamp)) < 5 and len(nonce) >= 16


@dataclass(slots=True)
class Receiver:
    """`answers`: statuses for the next deliveries, whoever they are for, 0 = hang up; 200 when there are none left."""

    url: str = ""
    got: list[Delivery] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> "Receiver":
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def of(self, case: Any) -> list[Delivery]:
        return [one for one in self.got if one.event["request_id"] == case["request_id"]]

    async def _take(self, request: web.Request) -> web.Response:
        self.got.append(Delivery(request.headers.copy(), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 200, headers={"Location": "/hook"} if status == 307 else None)
