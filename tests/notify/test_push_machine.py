"""Consent, failure and retry in any order, against platforms that keep their own count. What must hold whatever happens:

every event is one inbox entry; nothing reaches a phone twice on a channel that takes no number of ours, nor at all without a consent there;
a push is sent or says why not; and no consent is lost: what was allowed is what was used, what is left, and what the platform took back.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from kit.clock import now
from kit.ids import new_id
from kit.mongo import DuplicateKeyError, Mongo, connect
from notify import parking, push
from notify.consents import Answered
from notify.kinds import KINDS as NOTIFY
from tests.notify.carriers import People, Platform, make_reached
from tests.notify.posting import Post, make_post

EXAMPLES = int(os.environ.get("PUSH_EXAMPLES", "100"))
KINDS = ("case_moved", "case_corrections", "account_changed")
HOW = ("ok", "away", "lost", "vanished", "ours")
PEOPLE = ("a", "b", "w")
DONE = Counter[str]()


class Died(BaseException):
    """The worker is gone at this line."""


class Pushes(RuleBasedStateMachine):
    """Two workers over one outbox; one may stop at any write and the other goes on when the lease is over."""

    mongo: Mongo
    loop: asyncio.AbstractEventLoop

    def do(self, act: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(act)

    @initialize()
    def begin(self) -> None:
        self.do(self.empty())
        people = People({"a": make_reached("a"), "b": make_reached("b", ("alipay", "wechat")), "w": make_reached("w", on=("wechat", "sms"))})
        self.platforms = {
            "wechat": Platform("wechat", quota=Counter(), long_term=frozenset({"account_changed"})),
            "alipay": Platform("alipay", quota=Counter()),
            "sms": Platform("sms", needs_consent=False, can_be_asked=True, kinds=frozenset({"case_corrections", "account_changed"})),
        }
        self.post: Post = self.do(make_post(self.mongo, self.platforms, people))
        self.told: dict[str, tuple[str, str]] = {}  # message -> (person, kind)
        self.allowed = Counter[tuple[str, str, str]]()  # one-time accepts that we heard of
        self.taken_back: set[tuple[str, str]] = set()  # what the platform ended, whether we heard of it or not
        self.events = 0
        for person in PEOPLE:  # so that something can go wrong from the first step
            self.somebody_allows(person, "case_moved", "wechat", 1)
            self.something_happens(person, "case_moved")
            self.something_happens(person, "case_corrections")

    async def empty(self) -> None:
        for name in ("messages", "consents", "outbox"):
            await self.mongo[name].delete_many({})

    def teardown(self) -> None:
        if hasattr(self, "post"):
            self.do(self.at_rest())

    # what people and the core do

    @rule(person=st.sampled_from(PEOPLE), kind=st.sampled_from(KINDS))
    def something_happens(self, person: str, kind: str) -> None:
        self.events += 1
        own = self.do(self.post.tell(person, f"e{self.events}", kind))
        self.told[own] = (person, kind)
        DONE["told"] += 1

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def it_is_told_again(self, data: st.DataObject) -> None:
        n = data.draw(st.integers(1, self.events))
        own = list(self.told)[n - 1]
        with pytest.raises(DuplicateKeyError):
            self.do(self.post.tell(self.told[own][0], f"e{n}", self.told[own][1]))

    @rule(person=st.sampled_from(PEOPLE), kind=st.sampled_from(KINDS), channel=st.sampled_from(("wechat", "alipay")), times=st.integers(1, 3))
    def somebody_allows(self, person: str, kind: str, channel: str, times: int) -> None:
        self.do(self.post.allow_both(person, times, kind=kind, channel=channel))
        self.allowed[person, channel, kind] += times
        DONE["allowed"] += 1

    @rule(person=st.sampled_from(PEOPLE), kind=st.sampled_from(KINDS))
    def somebody_switches_it_off_and_we_hear_of_it(self, person: str, kind: str) -> None:
        self.take_back(person, kind)
        self.do(self.post.heard(person, Answered(kind, "off", "platform", now())))
        DONE["off"] += 1

    @rule(person=st.sampled_from(PEOPLE), kind=st.sampled_from(KINDS))
    def somebody_switches_it_off_and_we_do_not(self, person: str, kind: str) -> None:
        self.take_back(person, kind)
        DONE["off"] += 1

    def take_back(self, person: str, kind: str) -> None:
        quota = self.platforms["wechat"].quota
        assert quota is not None
        quota[f"wechat-of-{person}", kind] = 0
        self.taken_back.add((person, kind))

    @rule(channel=st.sampled_from(("wechat", "alipay", "sms")), coming=st.lists(st.sampled_from(HOW), max_size=3))
    def a_platform_misbehaves(self, channel: str, coming: list[str]) -> None:
        self.platforms[channel].next = list(coming)

    @rule()
    def time_passes(self) -> None:
        self.do(self.post.settled())

    @rule(person=st.sampled_from(PEOPLE))
    def a_template_is_wrong_for_a_while(self, person: str) -> None:
        self.somebody_allows(person, "case_moved", "wechat", 1)
        self.something_happens(person, "case_moved")
        self.platforms["wechat"].next = ["ours"] * 2
        for _ in range(2):
            self.a_worker_takes_a_row(True)

    @rule(silent=st.booleans())
    def the_gateway_cannot_say(self, silent: bool) -> None:
        self.platforms["sms"].silent = silent

    # what workers do

    @rule(waits=st.booleans())
    def a_worker_takes_a_row(self, waits: bool) -> None:
        if waits:
            self.do(self.post.now_due())
        DONE["walked"] += self.do(self.post.walk())

    @rule(most=st.integers(2, 6))
    def two_workers_take_many_at_once(self, most: int) -> None:
        async def both() -> int:
            await self.post.now_due()
            taken = await asyncio.gather(*(self.post.outbox.take_many([push.KIND], most) for _ in range(2)))
            rows = [row for mine in taken for row in mine]
            assert len({row.key for row in rows}) == len(rows), "one row, two workers"
            await asyncio.gather(*(self.post.carry(row) for row in rows))
            return len(rows)

        DONE["together"] += self.do(both())

    @rule(where=st.sampled_from(("note", "end", "done", "take", "begin")))
    def a_worker_dies(self, where: str) -> None:
        """Before the write of that name; its lease runs out."""
        store: Any = {"note": self.post.pushing.store, "begin": self.post.pushing.store, "done": self.post.outbox}.get(
            where, self.post.pushing.consents
        )

        async def dead() -> None:
            async def never(*_: Any, **__: Any) -> Any:
                raise Died

            row = await self.post.outbox.take([push.KIND])
            if row is None:
                return
            setattr(store, where, never)
            try:
                await self.post.carry(row)
            except Died:
                DONE["died"] += 1
            finally:
                delattr(store, where)

        self.do(self.post.now_due())
        self.do(dead())
        self.do(self.post.now_due())

    @rule()
    def an_operator_lets_what_is_parked_go_again(self) -> None:
        DONE["retried"] += self.do(parking.retry(self.post.pushing))

    # what must hold

    @invariant()
    def nothing_reaches_a_phone_twice_on_one_channel(self) -> None:
        for platform in getattr(self, "platforms", {}).values():
            assert max(Counter(platform.taken).values(), default=0) <= 1, platform.name

    async def at_rest(self) -> None:
        """Everybody is well again and every row was walked as often as it takes."""
        for platform in self.platforms.values():
            platform.next, platform.silent = [], False
        for _ in range(30):
            await self.post.settled()
            await self.post.now_due()
            while await self.post.walk():
                pass
            if not await self.mongo["outbox"].count_documents({"state": "waiting"}):
                break
        assert await self.mongo["messages"].count_documents({}) == len(self.told)
        assert not await self.mongo["outbox"].count_documents({"state": {"$ne": "done"}})
        for own, (person, kind) in self.told.items():
            await self.explained(own, person)
            took = [name for name, platform in self.platforms.items() if (f"{name}-of-{person}", own) in platform.taken]
            assert len(took) <= 1 or NOTIFY[kind].urgent, "only what is urgent may be told on two channels"
        async for row in self.mongo["consents"].find({}):
            assert not row.get("under_way"), "a mark is left"
        await self.counted()

    async def explained(self, own: str, person: str) -> None:
        message = await self.post.message(own)
        assert message["push"] == "done" and set(message["channels"]) == {"inbox", *self.platforms}
        for name, platform in self.platforms.items():
            one, took = message["channels"][name], (f"{name}-of-{person}", own) in platform.taken
            assert one["outcome"] in ("sent", "refused", "failed", "parked", "unknown", "skipped", "expired", "not_needed"), one
            assert one["reason"] or one["outcome"] == "sent"
            if one["outcome"] == "sent":
                assert took, "nobody is told it was sent that was not"
            elif took:
                assert one["outcome"] == "unknown", "and what was sent is not said to be kept back"

    async def counted(self) -> None:
        """One-time consents of people who took nothing back: allowed = used + left; never more sent than allowed."""
        for (person, channel, kind), allowed in self.allowed.items():
            if kind in self.platforms[channel].long_term:
                continue
            used = sum([await self.used(own, channel) for own, about in self.told.items() if about == (person, kind)])
            left = await self.post.remaining(person, kind, channel)
            assert used + left <= allowed, (person, channel, kind)
            if (person, kind) not in self.taken_back or channel != "wechat":
                assert used + left == allowed, (person, channel, kind)

    async def used(self, own: str, channel: str) -> bool:
        return (await self.post.message(own))["channels"][channel]["outcome"] in ("sent", "unknown")


@pytest.mark.slow
def test_pushes_hold_whatever_happens(mongo_url: str) -> None:
    DONE.clear()
    Pushes.loop = asyncio.new_event_loop()
    Pushes.mongo = connect(mongo_url, new_id("push"))
    try:
        checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
        run_state_machine_as_test(
            Pushes, settings=settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=checks)
        )
    finally:
        Pushes.loop.run_until_complete(Pushes.mongo.client.drop_database(Pushes.mongo.database.name))
        Pushes.mongo.client.close()
        Pushes.loop.close()
    for act in ("told", "allowed", "off", "walked", "together", "died", "retried"):
        assert DONE[act] >= EXAMPLES / 20, (act, DONE)
