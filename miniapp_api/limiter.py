"""How often one caller may ask. In this process only: losing Redis changes nothing here."""

import time


class Limiter:
    """A token bucket per caller in this process: `rate` per second, twice that at once. It remembers at most MAX callers."""

    MAX = 50_000

    def __init__(self, rate: int) -> None:
        self._rate = float(rate)
        self._buckets: dict[str, tuple[float, float]] = {}

    def admits(self, who: str) -> bool:
        at = time.monotonic()
        left, seen = self._buckets.get(who, (self._rate * 2, at))
        left = min(self._rate * 2, left + (at - seen) * self._rate)
        if len(self._buckets) >= self.MAX and who not in self._buckets:
            self._buckets.clear()
        self._buckets[who] = (max(0.0, left - 1), at)
        return left >= 1
