"""A rating and its end on their way to the core, dying at every write in between: nothing is lost, and nothing is done twice there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.ratings import Rating as CoreRating
from core.ratings import RatingAsk, RectificationOutcome
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Outside, Refused, Unknown
from kit.mongo import DuplicateKeyError, Mongo, Tx
from kit.outbox import Outbox, Row
from kit.workdays import built_in
from miniapp_api import rating_told
from miniapp_api.wiring import Deps
from miniapp_api.wiring_ratings import Rating as Part
from ratings import machine, store
from ratings.store import Ratings
from ratings.values import About, Given, Rating, State, Terms


class Crash(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class PretendCore:
    """`lost`: so many of the next replies do not come back, though the act was done. `given[id]`: how often it was told."""

    held: dict[str, CoreRating] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    lost: int = 0
    refuse: str | None = None

    async def rate(self, ask: RatingAsk) -> CoreRating:
        if self.refuse is not None:
            raise Refused("core", self.refuse)
        self.given[ask.rating_id] = self.given.get(ask.rating_id, 0) + 1
        self.held[ask.rating_id] = CoreRating(**ask.model_dump())
        self._reply()
        return self.held[ask.rating_id]

    async def find_rating(self, rating_id: str) -> CoreRating | None:
        return self.held.get(rating_id)

    async def tell_outcome(self, rating_id: str, outcome: RectificationOutcome) -> CoreRating:
        assert rating_id in self.held, "the end came before the beginning"
        if outcome.state not in self.ends:
            self.ends.append(outcome.state)
        self._reply()
        return self.held[rating_id]

    def _reply(self) -> None:
        if self.lost:
            self.lost -= 1
            raise Unknown("core", "timeout")


class House:
    """The real store and outbox, a pretend core. `dies_at`: the n-th transaction from now does not happen."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self.core, self.mongo, self.outbox, self.store = PretendCore(), mongo, Outbox(mongo), Ratings(mongo, keys)
        part = Part(self.store, cast("Any", self.core), Terms())
        self.deps = cast("Deps", SimpleNamespace(mongo=self, outbox=self.outbox, rating=part))
        self.dies_at = 0

    async def transaction(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise Crash
        return await self.mongo.transaction(work)

    async def rated(self, own: str = "rt_1", *, dies: bool = False) -> None:
        """As miniapp_api/case_rated.py writes it: one write, or none of it."""
        about = About("C1", "case_1", "I1", "事项", "人社局", "person:P1")
        made = Rating(own, about, Given("result", 1, ("slow",), "慢"), "P1", "r1", False, "wechat", now())
        dues = machine.opening(built_in(), Terms(), made.rated_at)

        async def write(tx: Tx) -> None:
            await self.store.add(tx, made)
            await rating_told.put(self.deps, tx, rating_told.RATE, own, made.rated_at)
            await self.store.rectifications.open(tx, own, about, dues, made.rated_at)
            if dies:
                raise Crash

        await self.mongo.transaction(write)

    async def upheld(self, own: str = "rt_1") -> None:
        """To the end by the shortest way."""
        for act, facts in (("triage", {}), ("appeal", {}), ("uphold", {"decision": {"uphold": True, "reason": "误评", "by": "s1", "at": now()}})):
            seen = await self.store.rectifications.one(own)
            assert seen is not None
            to = machine.step(seen, act, built_in(), Terms(), now())  # type: ignore[arg-type]  # three acts of the machine
            assert to is not None
            await self.mongo.transaction(lambda tx, seen=seen, to=to, facts=facts: self.store.rectifications.move(tx, seen, to, now(), **facts))  # type: ignore[misc]  # mypy: defaults of a lambda
        await self.mongo.transaction(lambda tx: rating_told.put(self.deps, tx, rating_told.OUTCOME, own, now()))

    async def work(self) -> bool:
        """One row, as the worker does it; its lease is over when it dies. False: nothing to do."""
        await self.mongo["outbox"].update_many({"state": "waiting"}, {"$set": {"due_at": now() - timedelta(seconds=1), "held": False}})
        row = await self.outbox.take([rating_told.RATE, rating_told.OUTCOME])
        if row is None:
            return False
        try:
            await self._handle(row)
        except Outside as exc:
            await self.outbox.give_back(row, str(exc), ours=False)
        except Crash:
            pass
        return True

    async def _handle(self, row: Row) -> None:
        await (rating_told.tell_core if row.kind == rating_told.RATE else rating_told.tell_outcome)(self.deps, row)

    async def work_all(self) -> None:
        for _ in range(20):
            if not await self.work():
                return
        raise AssertionError("the worker does not come to an end")


@pytest.fixture
async def here(mongo: Mongo, keys: Keyring) -> House:
    await mongo.create_indexes(store.INDEXES)
    return House(mongo, keys)


async def at_core(here: House) -> tuple[str, str | None]:
    found = await here.store.rating("rt_1")
    assert found is not None
    return found.at_core, found.core_reason


async def test_a_rating_that_was_not_written_whole_is_not_there(here: House) -> None:
    with pytest.raises(Crash):
        await here.rated(dies=True)
    assert await here.store.rating("rt_1") is None and await here.store.rectifications.one("rt_1") is None
    assert await here.outbox.state(f"{rating_told.RATE}:rt_1") is None


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("dies_at", [0, 1])
async def test_dying_around_the_call_tells_the_core_once(here: House, dies_at: int, lost: int) -> None:
    await here.rated()
    here.dies_at, here.core.lost = dies_at, lost
    await here.work_all()
    assert here.core.given == {"rt_1": 1} and await at_core(here) == ("told", None)


async def test_a_refusal_is_kept_and_seen_and_not_asked_again(here: House) -> None:
    await here.rated()
    here.core.refuse = "already_rated"
    await here.work_all()
    assert await at_core(here) == ("refused", "already_rated")
    assert [one.id for one in await here.store.listed({}, "refused", None, 10)] == ["rt_1"]
    assert await here.outbox.state(f"{rating_told.RATE}:rt_1") == "done"
    await here.upheld()
    await here.work_all()
    assert here.core.ends == [] and await here.outbox.state(f"{rating_told.OUTCOME}:rt_1") == "done"


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
@pytest.mark.parametrize("dies_at", [0, 1, 2])
async def test_the_end_never_comes_before_the_rating_whatever_is_lost(here: House, dies_at: int, lost: int) -> None:
    await here.rated()
    await here.upheld()
    await here.mongo["outbox"].update_one({"_id": f"{rating_told.RATE}:rt_1"}, {"$set": {"state": "parked"}})  # slower than the end
    here.dies_at, here.core.lost = dies_at, lost
    await here.work_all()
    await here.outbox.retry_parked(f"{rating_told.RATE}:rt_1")
    await here.work_all()
    assert (here.core.given, here.core.ends) == ({"rt_1": 1}, ["mistaken"])


async def test_a_stage_has_one_rating_by_the_database_itself(here: House) -> None:
    await here.rated()
    with pytest.raises(DuplicateKeyError):
        await here.rated("rt_2")
    assert await here.store.rectifications.one("rt_2") is None


async def test_two_who_saw_the_same_do_not_both_move_it(here: House) -> None:
    await here.rated()
    seen = await here.store.rectifications.one("rt_1")
    assert seen is not None
    to = machine.step(seen, "triage", built_in(), Terms(), now())
    assert to is not None
    moved = [await here.mongo.transaction(lambda tx: here.store.rectifications.move(tx, seen, to, now(), department="公安局")) for _ in range(2)]
    assert [one.state if one else None for one in moved] == [State.WITH_DEPARTMENT, None]


async def test_what_people_wrote_is_sealed(here: House) -> None:
    await here.rated()
    await here.upheld()
    kept = repr([await here.mongo[name].find_one({"_id": "rt_1"}) for name in ("ratings", "rectifications")])
    assert "rt_1" in kept
    assert "慢" not in kept and "误评" not in kept
    found = await here.store.rectifications.one("rt_1")
    assert found is not None and found.decision is not None and found.decision.reason == "误评"


async def test_what_is_late_is_marked_once_for_each_limit(here: House) -> None:
    await here.rated()
    later = now() + timedelta(days=10)
    assert [await here.store.rectifications.escalate(at) for at in (now(), later, later)] == [0, 1, 0]
    found = await here.store.rectifications.one("rt_1")
    assert found is not None and (found.lates, found.escalated_at, found.revision) == (1, later, 1)
    assert await here.store.open_rectifications() == [{"department": "人社局", "open": 1, "overdue": 0, "escalated": 1}]


async def test_what_does_not_count_is_tallied_apart(here: House) -> None:
    await here.rated()
    since, until = now() - timedelta(hours=1), now() + timedelta(hours=1)
    counted = {"department": "人社局", "grade": 1, "count": 1, "excluded": 0}
    assert await here.store.tally(since, until) == [counted] and await here.store.tally(until, until) == []
    await here.mongo.transaction(lambda tx: here.store.exclude(tx, "rt_1"))
    assert await here.store.tally(since, until) == [{**counted, "count": 0, "excluded": 1}]
