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
        self.counts, self.go, self.broken, self.whole = 0, asyncio.Event(), False, True
        self.go.set()

    async def month(self, month: str) -> Groups:
        self.counts += 1
        number = self.counts
        await self.go.wait()
        if self.broken:
            raise TimeoutError
        return Groups(received=Counter({("一局", None, "wechat", "submitted"): number}))

    async def is_whole(self) -> bool:
        return self.whole


def make_kept(store: Slow) -> Kept:
    return Kept(store, store)


async def shown(kept: Kept) -> int:
    return (await kept.months(["2999-01"])).groups.received.total()


async def test_fifty_readers_make_one_count() -> None:
    store = Slow()
    store.go.clear()
    kept = make_kept(store)
    readers = [asyncio.create_task(shown(kept)) for _ in range(50)]
    await asyncio.sleep(0)
    store.go.set()
    assert await asyncio.gather(*readers) == [1] * 50 and store.counts == 1
    assert await shown(kept) == 1 and store.counts == 1


async def test_the_last_count_is_shown_while_a_newer_one_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow()
    kept = make_kept(store)
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
    kept = make_kept(store)
    assert await shown(kept) == 1
    monkeypatch.setattr(kept_module, "FRESH", 0.0)
    monkeypatch.setattr(kept_module, "STALE", 0.0)
    store.broken = True
    with pytest.raises(TimeoutError):
        await shown(kept)
    store.broken = False
    assert await shown(kept) == 3


async def test_months_are_added_up_and_the_oldest_count_is_told() -> None:
    kept = make_kept(Slow())
    first = await kept.months(["2999-01"])
    both = await kept.months(["2999-01", "2999-02"])
    assert both.groups.received.total() == 1 + 2 and both.at == first.at
    again = await kept.months(["2999-01", "2999-02"])
    assert again.groups.received.total() == 3  # adding up changes nothing that is kept


async def test_a_count_from_before_the_facts_were_whole_says_so_as_long_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow()
    store.whole = False
    kept = make_kept(store)
    assert not (await kept.months(["1999-01"])).facts_whole
    store.whole = True
    assert not (await kept.months(["1999-01"])).facts_whole
    assert not (await kept.months(["1999-01", "1999-02"])).facts_whole  # of which one was counted now
    monkeypatch.setattr(kept_module, "STALE", 0.0)
    monkeypatch.setattr(kept_module, "FRESH", 0.0)
    assert (await kept.months(["1999-01", "1999-02"])).facts_whole
