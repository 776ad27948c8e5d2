"""What WeChat Pay tells the merchant by itself: paid, refunded. Signed anew at every attempt, repeated on its ladder, never promised to arrive."""

import asyncio
import base64
import random
import secrets
import time
from collections.abc import Mapping
from typing import Protocol

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.wallets import LATE
from sandbox.wechat_pay_orders import Json

# Seconds of the world's clock before each attempt: the first at once and fifteen repeats over 24 h 4 min.
LADDER = (0, 15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)


class Wording(Protocol):
    """How one version of the API tells it."""

    def body(self, notice_id: str, at: float, order: Json, refund: Json | None) -> str:
        """The same at every attempt."""

    def headers(self, body: bytes) -> Mapping[str, str]: ...

    def forged(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        """The same notice as somebody else would make it."""

    def taken(self, status: str, answer: bytes) -> bool: ...


class Notices(Deliveries):
    """Documents "wxpay_notice" hold what nobody has taken yet; every attempt is in the ledger "wechat"."""

    def __init__(self, book: Book, clock: WorldClock, faults: Faults, wordings: Mapping[str, Wording]) -> None:
        super().__init__()
        self._book = book
        self._clock = clock
        self._faults = faults
        self._wordings = wordings

    def tell(self, order: Json, refund: Json | None = None, way: str = "once") -> None:
        """May be inside the caller's transaction. `way`: of wallets.WAYS. Who gave no address is not told."""
        about = order if refund is None else refund
        if not about["notify_url"] or way == "never":
            return
        own, at = _uuid(), self._clock.seconds()
        notice: Json = {
            "id": own,
            "order_no": order["order_no"],
            "about": "paid" if refund is None else "refund",
            "via": about["via"],
            "url": about["notify_url"],
            "body": self._wordings[about["via"]].body(own, at, order, refund),
            "attempts": 0,
            "delay": LATE if way == "late" else 0,
        }
        if way == "forged":  # nobody who forges comes again
            self.spawn(self._once(notice, 1, forged=True))
            return
        on = self._faults.now["wechat_pay_notices"]
        self._book.put("wxpay_notice", own, notice)
        self.spawn(self._deliver(notice))
        for _ in range(int(on["duplicate"]) + (way == "twice")):
            self.spawn(self._once(notice, 1))
        if on["forge"]:
            self.spawn(self._once(notice, 1, forged=True))

    def resume(self) -> None:
        """After a restart: what nobody took is tried again at once, and then goes on where its ladder was."""
        for _, notice in self._book.every("wxpay_notice"):
            self.spawn(self._deliver(notice))

    async def _deliver(self, notice: Json) -> None:
        start = notice["attempts"]
        await self._clock.wait(notice["delay"] if not start else 0)
        for attempt, gap in enumerate(LADDER[start:], start + 1):
            await self._clock.wait(gap if attempt > start + 1 else 0)
            await self._be_late()
            if self._book.get("wxpay_notice", notice["id"]) is None:  # the world was reset meanwhile
                return
            self._book.put("wxpay_notice", notice["id"], notice | {"attempts": attempt})
            if await self._once(notice, attempt):
                break
        self._book.take("wxpay_notice", notice["id"])

    async def _be_late(self) -> None:
        on = self._faults.now["wechat_pay_notices"]
        late = on["late_ms"] / 1000
        if on["shuffle"]:
            late = random.random() * (late or 0.2)  # noqa: S311 - chance
        await asyncio.sleep(late)

    async def _once(self, notice: Json, attempt: int, *, forged: bool = False) -> bool:
        """One freshly signed delivery; True when taken."""
        wording, body = self._wordings[notice["via"]], notice["body"].encode()
        headers = wording.headers(body)
        if forged:
            body, headers = wording.forged(body, headers)
        down = self._faults.now["wechat_pay_notices"]["down"]
        result, answer = ("down", b"") if down else await self.post(notice["url"], body, headers)
        taken = wording.taken(result, answer)
        if result == "200" and not taken:
            result = "200, not acknowledged"
        fields = {"order_no": notice["order_no"], "notice_id": notice["id"], "about": notice["about"]}
        self._book.write("wechat", "pay.notice", **fields, attempt=attempt, result=result, forged=forged)
        return taken


def fresh() -> tuple[str, str]:
    """(timestamp, nonce) of a signature: the real clock."""
    return str(int(time.time())), base64.b32encode(secrets.token_bytes(20)).decode()


def _uuid() -> str:
    made = secrets.token_hex(16)
    return f"{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"
