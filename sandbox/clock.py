"""The world's clock: repeats can be made to follow faster, and the world moved forward, so that nobody waits for a real day."""

import asyncio
import time

from sandbox.book import Book


class WorldClock:
    """`speed` shortens the gaps of retry ladders and nothing else: codes and tokens live as long as the providers say."""

    def __init__(self, book: Book) -> None:
        self.speed = 1.0
        self._book = book
        self.ahead = float((book.get("clock", "ahead") or {"seconds": 0})["seconds"])

    def seconds(self) -> float:
        """Unix seconds as this world counts them: what codes, tokens and challenges age by."""
        return time.time() + self.ahead

    def forward(self, seconds: float) -> None:
        """Moves the world on; it never goes back, also not over a restart."""
        self.ahead += seconds
        self._book.put("clock", "ahead", {"seconds": self.ahead})

    def real(self, gap: float) -> float:
        """How long a gap of a retry ladder takes here."""
        return gap / self.speed

    async def wait(self, gap: float) -> None:
        """Waits such a gap, in small steps, so that a changed speed counts at once."""
        while gap > 0:
            speed, step = self.speed, min(0.5, self.real(gap))
            await asyncio.sleep(step)
            gap -= step * speed
