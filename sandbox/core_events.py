"""The core's events: kept for ever in the pull feed, and told by a signed webhook that is repeated until taken."""

import asyncio
import random
import secrets
import time
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.core_gate import signature
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.feed import next_seq, page

LADDER = (0, 5, 15, 30, 120, 300, 600, 1800, 3600)  # seconds of the world's clock before each attempt


class Events(Deliveries):
    def __init__(self, book: Book, account: dict[str, Any], clock: WorldClock, faults: Faults, webhook: str | None) -> None:
        super().__init__()
        self._book = book
        self._account = account
        self._clock = clock
        self._faults = faults
        self.webhook = webhook

    def add(self, event: dict[str, Any]) -> dict[str, Any]:
        """Inside the caller's transaction; the event with its id and seq."""
        seq = next_seq(self._book, "events")
        whole = {"event_id": secrets.token_hex(16), "seq": seq, **event}
        self._book.put("event", f"{seq:012d}", whole)
        self._book.put("undelivered", f"{seq:012d}", {})
        return whole

    async def page(self, request: Request) -> HTTPResponse:
        """GET /core/v1/events?cursor=&limit="""
        return page(self._book, "event", request, name="events")

    def send(self, event: dict[str, Any]) -> None:
        """Deliveries of different events run at the same time: no order is promised."""
        if self.webhook is None:
            return
        on = self._faults.now["core_webhook"]
        self.spawn(self._deliver(event))
        for _ in range(int(on["duplicate"])):
            self.spawn(self._once(event, 1))
        if on["forge"]:
            self.spawn(self._once(event, 1, forged=True))

    def resume(self) -> None:
        """After a restart: what nobody took is tried again."""
        for key, _ in self._book.every("undelivered"):
            event = self._book.get("event", key)
            if event is not None and self.webhook is not None:
                self.spawn(self._deliver(event))

    async def _deliver(self, event: dict[str, Any]) -> None:
        for attempt, gap in enumerate(LADDER, 1):
            await self._wait(gap)
            if self._book.get("undelivered", f"{event['seq']:012d}") is None:  # the world was reset meanwhile
                return
            if await self._once(event, attempt):
                break
        self._book.take("undelivered", f"{event['seq']:012d}")

    async def _wait(self, gap: float) -> None:
        """In small steps, so that a changed speed or a cleared fault counts at once."""
        on = self._faults.now["core_webhook"]
        late = on["late_ms"] / 1000 * (random.random() if on["shuffle"] else 1)  # noqa: S311 - chance
        if on["shuffle"] and not on["late_ms"]:
            late = random.random() * 0.2  # noqa: S311
        await asyncio.sleep(late)
        while gap > 0:
            speed, step = self._clock.speed, min(0.5, self._clock.real(gap))
            await asyncio.sleep(step)
            gap -= step * speed

    async def _once(self, event: dict[str, Any], attempt: int, *, forged: bool = False) -> bool:
        """One freshly signed delivery; True when taken. Every attempt is in the ledger "webhooks"."""
        body = orjson.dumps(event)
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        secret = "not the secret" if forged else self._account["webhook_secret"]
        signed = signature(secret, self._account["algorithm"], f"{timestamp}\n{nonce}\n".encode() + body)
        headers = {"Content-Type": "application/json", "X-Core-Timestamp": timestamp, "X-Core-Nonce": nonce, "X-Core-Signature": signed}
        result = "down" if self._faults.now["core_webhook"]["down"] else (await self.post(self.webhook or "", body, headers))[0]
        self._book.write("webhooks", "delivery", event_id=event["event_id"], case_no=event["case_no"], attempt=attempt, forged=forged, result=result)
        return result.isdecimal() and 200 <= int(result) < 300
