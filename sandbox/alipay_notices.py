"""Alipay's asynchronous notices: signed forms, posted until the merchant answers exactly `success`."""

import asyncio
import random
import secrets
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from sandbox.alipay_gate import Gate
from sandbox.alipay_values import beijing
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults

# Seconds of the world's clock before each attempt: three at once, then 4m, 10m, 10m, 1h, 2h, 6h, 15h (opendocs, asynchronous notices).
LADDER = (0, 0, 0, 240, 600, 600, 3600, 7200, 21600, 54000)
TAKEN = b"success"  # these seven bytes and nothing else


@dataclass(frozen=True, slots=True)
class News:
    """What a merchant is told. `fields` without those every notice has; `url` "" where the merchant gave none."""

    order_no: str
    about: Literal["paid", "refund", "closed"]
    url: str
    fields: dict[str, str]
    first_gap: float = 0  # seconds of the world's clock before the first attempt


class Notices(Deliveries):
    """Written down before they are sent: a restarted world goes on where it was."""

    def __init__(self, book: Book, app_id: str, gate: Gate, parts: tuple[WorldClock, Faults]) -> None:
        super().__init__()
        self._book = book
        self._app_id = app_id
        self._gate = gate
        self._clock, self._faults = parts

    def add(self, news: News) -> str:
        """Inside the caller's transaction; its notice_id, "" when nobody is to be told."""
        if not news.url:
            return ""
        own = f"{beijing(self._clock.seconds())[:10].replace('-', '')}00222{secrets.token_hex(12)}"
        kept = {"order_no": news.order_no, "about": news.about, "url": news.url, "fields": news.fields, "first_gap": news.first_gap, "attempt": 0}
        self._book.put("alipay_notice", own, kept)
        return own

    def send(self, notice_id: str, *, twice: bool = False) -> None:
        notice = self._book.get("alipay_notice", notice_id)
        if notice is None:
            return
        on = self._faults.now["alipay_notices"]
        self.spawn(self._deliver(notice_id))
        for _ in range(int(on["duplicate"]) + twice):
            self.spawn(self._once(notice_id, notice))
        if on["forge"]:
            self.spawn(self._once(notice_id, notice, forged=True))

    def forge(self, news: News) -> None:
        """A notice that is not Alipay's: sent once, as whoever made it would not come back."""
        notice = {"order_no": news.order_no, "about": news.about, "url": news.url, "fields": news.fields, "attempt": 0}
        if news.url:
            self.spawn(self._once(secrets.token_hex(17), notice, forged=True))

    def resume(self) -> None:
        """After a restart: what nobody took is tried again."""
        for key, _ in self._book.every("alipay_notice"):
            self.spawn(self._deliver(key))

    async def _deliver(self, notice_id: str) -> None:
        while (notice := self._book.get("alipay_notice", notice_id)) is not None:
            attempt = int(notice["attempt"])
            await self._wait(LADDER[attempt] if attempt else notice["first_gap"])
            if self._book.get("alipay_notice", notice_id) is None:  # the world was reset meanwhile
                return
            if await self._once(notice_id, notice) or attempt + 1 == len(LADDER):
                self._book.take("alipay_notice", notice_id)
                return
            self._book.put("alipay_notice", notice_id, {**notice, "attempt": attempt + 1})

    async def _wait(self, gap: float) -> None:
        """The faults come first: a notice may be late, and pass another."""
        on = self._faults.now["alipay_notices"]
        late = on["late_ms"] / 1000 * (random.random() if on["shuffle"] else 1)  # noqa: S311 - chance
        if on["shuffle"] and not on["late_ms"]:
            late = random.random() * 0.2  # noqa: S311
        await asyncio.sleep(late)
        await self._clock.wait(gap)

    async def _once(self, notice_id: str, notice: dict[str, Any], *, forged: bool = False) -> bool:
        """One freshly signed delivery; True when taken. Every attempt is in the ledger."""
        on = self._faults.now["alipay_notices"]
        if on["down"]:
            result = "down"
        else:
            charset = "GBK" if on["gbk"] else "utf-8"
            body = self._form(notice_id, notice["fields"], charset, forged=forged)
            kind = f"application/x-www-form-urlencoded; charset={charset}"
            status, answer = await self.post(notice["url"], body, {"Content-Type": kind})
            result = "success" if (status, answer) == ("200", TAKEN) else f"{status} other answer" if status == "200" else status
        about = {"order_no": notice["order_no"], "notice_id": notice_id, "about": notice["about"]}
        self._book.write("alipay", "pay.notice", **about, attempt=int(notice["attempt"]) + 1, result=result, forged=forged)
        return result == "success"

    def _form(self, notice_id: str, fields: dict[str, str], charset: str, *, forged: bool) -> bytes:
        """The signature is over the values before they are URL-encoded, without sign and sign_type."""
        whole = {
            **fields,
            "notify_time": beijing(self._clock.seconds()),
            "notify_type": "trade_status_sync",
            "notify_id": notice_id,
            "app_id": self._app_id,
            "auth_app_id": self._app_id,
            "charset": charset,
            "version": "1.0",
        }
        text = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
        signed = self._gate.sign((text + "#forged" if forged else text).encode(charset, "replace"))
        return urlencode({**whole, "sign_type": "RSA2", "sign": signed}, encoding=charset, errors="replace").encode()
