"""The token bucket, as a rule of time alone."""

import time
from typing import Any

import pytest

from miniapp_api import limiter
from miniapp_api.limiter import Limiter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    at = {"now": 1000.0}

    class Clock:
        def __getattr__(self, name: str) -> Any:
            return (lambda: at["now"]) if name == "monotonic" else getattr(time, name)

    monkeypatch.setattr(limiter, "time", Clock())
    return at


def test_twice_the_rate_at_once_then_one_for_each_share_of_a_second(clock: dict[str, float]) -> None:
    bucket = Limiter(10)
    assert [bucket.admits("a") for _ in range(21)] == [True] * 20 + [False]
    clock["now"] += 0.1
    assert [bucket.admits("a") for _ in range(2)] == [True, False]
    assert bucket.admits("b")


def test_a_caller_who_waits_has_no_more_than_the_burst(clock: dict[str, float]) -> None:
    bucket = Limiter(10)
    assert bucket.admits("a")
    clock["now"] += 3600
    assert [bucket.admits("a") for _ in range(21)] == [True] * 20 + [False]
