"""Couriers' pushes: written down before they are sent, repeated until taken in the courier's own words, then dropped."""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import orjson

from sandbox.book import Book, Json
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults

# Seconds of the world's clock before each attempt. kuaidi100 documents its own (30 minutes, three times); those of SF and EMS are assumed.
LADDERS = {"sf": (0, 60, 300, 1800), "ems": (0, 300, 300, 300), "kuaidi100": (0, 1800, 1800, 1800)}


@dataclass(frozen=True, slots=True)
class Push:
    """What is posted. `forged` is the same as whoever is not the courier would send it: (url, body)."""

    courier: str
    waybill: str
    scan_ids: list[str]
    url: str
    body: str
    form: str  # content type
    forged: tuple[str, str]


class Pushes(Deliveries):
    """`taken` tells per courier whether an answer is its acknowledgement; any other answer, and a status that is not 200, is none."""

    def __init__(self, book: Book, parts: tuple[WorldClock, Faults], taken: Mapping[str, Callable[[Json], bool]]) -> None:
        super().__init__()
        self._book = book
        self._clock, self._faults = parts
        self._taken = taken

    def send(self, push: Push, times: int = 1) -> None:
        """`times` more than 1: the same push that often at once, beside the switch."""
        own, on = secrets.token_hex(12), self._faults.now["courier_pushes"]
        self._book.put("courier_push", own, {"push": asdict(push), "attempt": 0})
        self.spawn(self._deliver(own))
        for _ in range(times - 1 + int(on["duplicate"])):
            self.spawn(self._late(push))
        if on["forge"]:
            self.spawn(self._once(push, 1, forged=True))

    def forge(self, push: Push) -> None:
        """Sent once, as whoever made it up would not come back."""
        self.spawn(self._once(push, 1, forged=True))

    def resume(self) -> None:
        for key, _ in self._book.every("courier_push"):
            self.spawn(self._deliver(key))

    async def _deliver(self, own: str) -> None:
        while (kept := self._book.get("courier_push", own)) is not None:
            push, attempt = _opened(kept["push"]), int(kept["attempt"])
            ladder = LADDERS[push.courier]
            await self._wait(ladder[attempt])
            if self._book.get("courier_push", own) is None:  # the world was reset meanwhile
                return
            if await self._once(push, attempt + 1) or attempt + 1 == len(ladder):
                self._book.take("courier_push", own)
                return
            self._book.put("courier_push", own, {**kept, "attempt": attempt + 1})

    async def _late(self, push: Push) -> None:
        await self._wait(0)
        await self._once(push, 1)

    async def _wait(self, gap: float) -> None:
        """The faults come first: a push may be late, and pass another."""
        on = self._faults.now["courier_pushes"]
        late = on["late_ms"] / 1000 * (random.random() if on["shuffle"] else 1)  # noqa: S311 - chance
        if on["shuffle"] and not on["late_ms"]:
            late = random.random() * 0.2  # noqa: S311
        await asyncio.sleep(late)
        await self._clock.wait(gap)

    async def _once(self, push: Push, attempt: int, *, forged: bool = False) -> bool:
        """True when taken. Every attempt is in the ledger."""
        if self._faults.now["courier_pushes"]["down"]:
            result = "down"
        else:
            url, body = push.forged if forged else (push.url, push.body)
            status, answer = await self.post(url, body.encode(), {"Content-Type": push.form})
            result = status if status != "200" else "taken" if self._is_taken(push.courier, answer) else "200 other answer"
        about = {"waybill": push.waybill, "scans": push.scan_ids, "attempt": attempt}
        self._book.write(push.courier, "push.delivery", **about, result=result, forged=forged)
        return result == "taken"

    def _is_taken(self, courier: str, answer: bytes) -> bool:
        try:
            said = orjson.loads(answer)
        except orjson.JSONDecodeError:
            return False
        return isinstance(said, dict) and self._taken[courier](said)


def _opened(kept: Json) -> Push:
    return Push(**{**kept, "forged": tuple(kept["forged"])})
