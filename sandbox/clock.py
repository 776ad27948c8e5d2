"""The world's clock: real time, or faster, so that retry ladders of a day pass in seconds."""

import time


class WorldClock:
    def __init__(self) -> None:
        self.speed = 1.0
        self._since = time.time()
        self._at = self._since

    def seconds(self) -> float:
        """Unix seconds as this world counts them."""
        return self._at + (time.time() - self._since) * self.speed

    def run_at(self, speed: float) -> None:
        self._at, self._since = self.seconds(), time.time()
        self.speed = speed

    def real(self, seconds: float) -> float:
        """How long a gap of the world takes here."""
        return seconds / self.speed
