"""Counts that are shared: one count for many readers, never older than told, and a count that fails takes nothing away."""

import asyncio
from collections import Counter

import pytest

from supervision import kept as kept_module
from supervision.figures import Groups
from supervision.kept import Kept


class Slow:
    """Counts up; each count waits until it may go on."""

    def __init__(self) -> None:
        self.counts, self.go, self.broken = 0, asyncio.Event(), False
        self.go.set()

    async def month(self, month: str) -> Groups:
        self.counts += 1
        number = self.counts
        await self.go.wait()
        if self.broken:
            raise TimeoutError
        return Groups(received=Counter({("一局", None, "wechat", "submitted"): number}))


async def shown(kept: Kept) -> int:
    return (await kept.months(["2999-01"]))[0].received.total()


async def test_fifty_readers_make_one_count() -> None:
    store = Slow()
    store.go.clear()
    kept = Kept(store)
    readers = [asyncio.create_task(shown(kept)) for _ in range(50)]
    await asyncio.sleep(0)
    store.go.set()
    assert await asyncio.gather(*readers) == [1] * 50 and store.counts == 1
    assert await shown(kept) == 1 and store.counts == 1


async def test_the_last_count_is_shown_while_a_newer_one_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow()
    kept = Kept(store)
    assert await shown(kept) == 1
    monkeypatch.setattr(kept_module, "FRESH", 0.0)
    store.go.clear()
    assert await shown(kept) == 1
    assert await shown(kept) == 1
    await asyncio.sleep(0)
    assert store.counts == 2
    store.go.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert await shown(kept) == 2


async def test_what_is_too_old_is_not_shown_and_a_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow()
    kept = Kept(store)
    assert await shown(kept) == 1
    monkeypatch.setattr(kept_module, "FRESH", 0.0)
    monkeypatch.setattr(kept_module, "STALE", 0.0)
    store.broken = True
    with pytest.raises(TimeoutError):
        await shown(kept)
    store.broken = False
    assert await shown(kept) == 3


async def test_months_are_added_up_and_the_oldest_count_is_told() -> None:
    kept = Kept(Slow())
    _, first = await kept.months(["2999-01"])
    groups, at = await kept.months(["2999-01", "2999-02"])
    assert groups.received.total() == 1 + 2 and at == first
    again, _ = await kept.months(["2999-01", "2999-02"])
    assert again.received.total() == 3  # adding up changes nothing that is kept
