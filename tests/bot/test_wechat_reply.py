"""Answering through the customer-service API: in order, at most once, within ten minutes, and never with silence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot import wechat_reply, wechat_store
from bot.wechat import Incoming
from bot.wechat_reply import A_MINUTE, KIND, Replying, reply, take
from bot.wechat_store import WeChatMessages
from bot.wechat_texts import GREETING, ONLY_TEXT, SORRY, TOO_FAST, TOO_LONG
from kit import outbox as outbox_module
from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Unavailable
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import MAX_ATTEMPTS, Outbox, Row, Worker
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from tests.sandbox.outside import Json, Outside, until


@dataclass
class Assistant:
    """Says what was asked back, or what `will` says."""

    will: Callable[[str], list[str]] = lambda text: [f"答：{text}"]
    asked: list[str] = field(default_factory=list)
    wait: asyncio.Event | None = None

    async def answer(self, channel: str, account: str, sender: str, text: str) -> list[str]:
        assert (channel, account) == ("wechat", "miniprogram")
        self.asked.append(text)
        if self.wait is not None:
            await self.wait.wait()
        return self.will(text)


@dataclass
class Desk:
    """The channel over the real stores and the sandbox, and one person writing."""

    outside: Outside
    mongo: Mongo
    assistant: Assistant
    replying: Replying
    person: Json
    openid: str
    number: int = 0

    async def says(self, text: str = "你好", kind: str = "text", **more: Json) -> str:
        """Opens the window at WeChat and takes the message; its id."""
        made = await self.outside.world("POST", "/wechat/messages", {"person": self.person["person"], "text": "x"})
        assert made["openid"] == self.openid
        message = self.incoming(text, kind, **more)
        assert await take(self.replying, "miniprogram", message) is True
        return self.replying.store.id_of("miniprogram", message)

    def incoming(self, text: str, kind: Any = "text", **more: Json) -> Incoming:
        self.number += 1
        message = Incoming(f"id {self.number}", kind, kind, self.openid, "gh_1", text, int(now().timestamp()), False, 0)
        return replace(message, **more)

    async def row(self) -> Row:
        row = await self.replying.outbox.take([KIND])
        assert row is not None
        return row

    async def outcomes(self, own: str) -> list[tuple[str, str | None]]:
        row = await self.mongo["wechat_messages"].find_one({"_id": own})
        assert row is not None
        return [(one["outcome"], one.get("reason")) for one in row["replies"]]

    async def state(self, own: str) -> str:
        row = await self.mongo["wechat_messages"].find_one({"_id": own})
        return "" if row is None else str(row["state"])

    async def got(self) -> list[str]:
        mine = [one for one in await self.outside.ledger("messages") if one["person"] == self.person["person"]]
        return [one["text"] for one in mine]

    async def make_due(self) -> None:
        await self.mongo["outbox"].update_many({"state": "waiting"}, [{"$set": {"due_at": "$$NOW", "held": False}}])


@pytest.fixture
async def desk(outside: Outside, mongo: Mongo, keys: Keyring, redis_url: str) -> AsyncIterator[Desk]:
    await mongo.create_indexes(outbox_module.INDEXES)
    await mongo.create_indexes(wechat_store.INDEXES)
    http, redis, own = Http([outside.process.url]), Redis(redis_url), outside.accounts["wechat"]
    wechat = WeChat(http, redis, WeChatAccount(outside.process.url, own["appid"], own["secret"]))
    assistant = Assistant()
    replying = Replying(mongo, WeChatMessages(mongo, keys), Outbox(mongo), redis, assistant, {"miniprogram": wechat})
    person = await outside.person()
    yield Desk(outside, mongo, assistant, replying, person, await outside.openid(person))
    await http.close()
    await redis.close()


async def test_several_texts_arrive_in_their_order(desk: Desk) -> None:
    desk.assistant.will = lambda _: ["一", " 二 ", "", "三"]
    own = await desk.says()
    await reply(desk.replying, await desk.row())
    assert await desk.got() == ["一", "二", "三"]
    assert await desk.outcomes(own) == [("sent", None)] * 3
    assert await desk.state(own) == "done"
    assert await desk.replying.outbox.counts() == {"waiting": 0, "parked": 0}


async def test_a_repeat_is_taken_once_also_when_both_come_at_the_same_time(desk: Desk) -> None:
    message = desk.incoming("你好")
    taken = await asyncio.gather(*(take(desk.replying, "miniprogram", message) for _ in range(5)))
    assert sorted(taken) == [False] * 4 + [True]
    assert await take(desk.replying, "official", message) is True, "another account counts for itself"
    assert await desk.mongo["outbox"].count_documents({}) == 2


async def test_without_a_number_the_sender_and_the_second_tell_messages_apart(desk: Desk) -> None:
    store = desk.replying.store
    one = desk.incoming("x", own="from o1 1 event subscribe")
    assert store.id_of("miniprogram", one) == store.id_of("miniprogram", replace(one, text="y"))
    assert store.id_of("miniprogram", one) != store.id_of("miniprogram", replace(one, own="from o1 2 event subscribe"))
    assert "o1" not in store.id_of("miniprogram", one)


async def test_two_quick_messages_are_answered_in_order_whoever_takes_the_second_first(desk: Desk) -> None:
    first, second = await desk.says("甲"), await desk.says("乙")
    rows = {row.payload["message_id"]: row for row in (await desk.row(), await desk.row())}
    await reply(desk.replying, rows[second])
    assert await desk.got() == [], "it waits for the one before it"
    desk.assistant.wait = asyncio.Event()
    answering = asyncio.create_task(reply(desk.replying, rows[first]))
    desk.assistant.wait.set()
    await answering
    assert await desk.got() == ["答：甲", "答：乙"]
    assert [await desk.state(own) for own in (first, second)] == ["done", "done"]


async def test_a_message_that_comes_in_late_still_goes_before_those_written_after_it(desk: Desk) -> None:
    later, earlier = await desk.says("乙"), await desk.says("甲", created=int(now().timestamp()) - 5)
    await reply(desk.replying, {row.payload["message_id"]: row for row in (await desk.row(), await desk.row())}[earlier])
    assert await desk.got() == ["答：甲"], "and the other one is held by somebody else"
    await desk.make_due()
    await reply(desk.replying, await desk.row())
    assert await desk.got() == ["答：甲", "答：乙"] and await desk.state(later) == "done"


async def test_ten_quick_messages_through_two_workers_keep_their_order(desk: Desk) -> None:
    desk.assistant.will = lambda text: [text] if int(text) % 3 == 0 else [f"{text}甲"]
    for number in range(10):
        await desk.says(str(number))

    async def handle(row: Row) -> None:
        await reply(desk.replying, row)

    workers = [Worker(Outbox(desk.mongo), {KIND: handle}, slots=4, poll=0.05) for _ in range(2)]
    running = [asyncio.create_task(worker.run()) for worker in workers]

    async def all_done() -> bool:
        return not await desk.mongo["wechat_messages"].count_documents({"state": {"$ne": "done"}})

    await until(all_done, 20)
    for worker in workers:
        worker.stop()
    await asyncio.gather(*running)
    assert [int(text[0]) for text in (await desk.got())] == [0, 1, 2, 3, 4], "WeChat takes five texts for one message"
    assert desk.assistant.asked == [str(number) for number in range(10)]


async def test_one_person_does_not_wait_for_another(desk: Desk) -> None:
    await desk.says("慢")
    gate = desk.assistant.wait = asyncio.Event()
    slow = asyncio.create_task(reply(desk.replying, await desk.row()))

    async def asked() -> bool:
        return desk.assistant.asked == ["慢"]

    await until(asked)
    other = await desk.outside.person()
    desk.assistant.wait = None
    desk.person, desk.openid = other, await desk.outside.openid(other)
    await desk.says("快")
    await reply(desk.replying, await desk.row())
    assert await desk.got() == ["答：快"]
    gate.set()
    await slow


async def test_while_the_assistant_thinks_the_next_message_is_taken_at_once(desk: Desk) -> None:
    desk.assistant.wait = asyncio.Event()

    async def handle(row: Row) -> None:
        await reply(desk.replying, row)

    worker = Worker(Outbox(desk.mongo), {KIND: handle}, slots=1, poll=0.05)
    running = asyncio.create_task(worker.run())
    await desk.says("甲")

    async def asked() -> bool:
        return desk.assistant.asked == ["甲"]

    await until(asked)
    async with asyncio.timeout(2):
        await desk.says("乙")
        assert await take(desk.replying, "miniprogram", desk.incoming("甲", own="id 1")) is False
    desk.assistant.wait.set()

    async def both() -> bool:
        return await desk.got() == ["答：甲", "答：乙"]

    await until(both)
    worker.stop()
    await running


async def test_an_assistant_that_fails_or_hangs_leaves_nobody_without_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> list[str]:
        raise Unavailable("catalogue_loading", "事项目录正在载入")

    desk.assistant.will = fails
    await desk.says()
    await reply(desk.replying, await desk.row())
    desk.assistant.will = lambda _: []
    await desk.says()
    await reply(desk.replying, await desk.row())
    monkeypatch.setattr(wechat_reply, "ANSWER_SECONDS", 0.05)
    desk.assistant.wait = asyncio.Event()
    await desk.says()
    await reply(desk.replying, await desk.row())
    assert await desk.got() == [SORRY] * 3 and "12345" in SORRY


async def test_what_is_no_short_text_gets_its_own_sentence_and_the_assistant_is_not_asked(desk: Desk) -> None:
    for kind in ("other", "long", "greeting", "greeting", "transfer", "ignored"):
        await desk.says(kind=kind)
    await reply(desk.replying, await desk.row())  # goes on with those that came meanwhile
    assert await desk.got() == [ONLY_TEXT, TOO_LONG, GREETING] and desk.assistant.asked == []
    assert await desk.replying.outbox.take([KIND]) is None


async def test_a_lost_reply_of_wechat_is_an_unknown_outcome_and_is_not_sent_again(desk: Desk) -> None:
    desk.assistant.will = lambda _: ["一", "二"]
    await desk.says("暖身")  # the token is there before replies get lost
    await reply(desk.replying, await desk.row())
    before = len(await desk.got())
    own = await desk.says()
    async with desk.outside.faults(wechat={"lose_replies": True}):
        await reply(desk.replying, await desk.row())
    assert await desk.outcomes(own) == [("unknown", "connection_lost")] * 2
    assert len(await desk.got()) == before + 2, "it did arrive; had we repeated, it would be more"
    await desk.make_due()
    assert await desk.replying.outbox.take([KIND]) is None


async def test_what_certainly_did_not_reach_wechat_is_tried_again_and_nobody_is_asked_twice(desk: Desk) -> None:
    own = await desk.says()
    unreachable = WeChat(Http([]), desk.replying.redis, desk.replying.accounts["miniprogram"].account)
    cut = replace(desk.replying, accounts={"miniprogram": unreachable})
    for _ in range(MAX_ATTEMPTS + 1):  # ten minutes of it are no reason to give up for good
        await reply(cut, await desk.row())
        assert await desk.outcomes(own) == [("pending", "try_later")]
        assert await desk.replying.outbox.take([KIND]) is None
        await desk.make_due()
    await reply(desk.replying, await desk.row())
    assert await desk.got() == ["答：你好"] and desk.assistant.asked == ["你好"]


async def test_a_refusal_ends_the_answer_with_its_reason(desk: Desk) -> None:
    desk.assistant.will = lambda _: [str(number) for number in range(5)]
    own = await desk.says()
    await desk.outside.pass_time(48 * 3600 + 1)
    await reply(desk.replying, await desk.row())
    assert await desk.outcomes(own) == [("refused", "window_over")] + [("skipped", "window_over")] * 4

    message = desk.incoming("多")
    await desk.says()
    await take(desk.replying, "miniprogram", message)
    await reply(desk.replying, await desk.row())
    assert (await desk.outcomes(desk.replying.store.id_of("miniprogram", message)))[0] == ("refused", "over_limit")

    stranger = desk.incoming("谁", sender="o" + "x" * 27)
    await take(desk.replying, "miniprogram", stranger)
    await desk.make_due()
    await reply(desk.replying, await desk.row())
    assert (await desk.outcomes(desk.replying.store.id_of("miniprogram", stranger)))[0] == ("refused", "account_unknown")
    assert await desk.got() == ["0", "1", "2", "3", "4"]


async def test_an_answer_that_comes_too_late_is_not_sent(desk: Desk) -> None:
    own = await desk.says()
    await desk.mongo["wechat_messages"].update_one({"_id": own}, {"$set": {"at": now() - timedelta(minutes=11)}})
    await reply(desk.replying, await desk.row())
    assert await desk.outcomes(own) == [("expired", "deadline")]
    assert await desk.got() == [] and desk.assistant.asked == []


async def test_a_death_between_storing_and_answering_loses_nothing(desk: Desk) -> None:
    own = await desk.says()
    desk.assistant.wait = asyncio.Event()
    dying = asyncio.create_task(reply(desk.replying, await desk.row()))

    async def asked() -> bool:
        return bool(desk.assistant.asked)

    await until(asked)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await desk.state(own) == "waiting"
    desk.assistant.wait = None
    await desk.make_due()  # the lease ends
    await reply(desk.replying, await desk.row())
    assert await desk.got() == ["答：你好"]


async def test_a_death_while_sending_is_an_unknown_outcome_and_the_rest_still_goes_out(desk: Desk) -> None:
    desk.assistant.will = lambda _: ["一", "二"]
    own = await desk.says()
    async with desk.outside.faults(wechat={"latency_ms": 3000}):
        dying = asyncio.create_task(reply(desk.replying, await desk.row()))

        async def sending() -> bool:
            return (await desk.outcomes(own))[:1] == [("sending", None)]

        await until(sending)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    await desk.make_due()
    await reply(desk.replying, await desk.row())
    assert await desk.outcomes(own) == [("unknown", "interrupted"), ("sent", None)]
    assert desk.assistant.asked == ["你好"]


async def test_whoever_lost_the_lease_says_no_more(desk: Desk) -> None:
    desk.assistant.will = lambda _: ["一", "二"]
    own = await desk.says()
    desk.assistant.wait = asyncio.Event()
    row = await desk.row()
    slow = asyncio.create_task(reply(desk.replying, row))

    async def asked() -> bool:
        return bool(desk.assistant.asked)

    await until(asked)
    await desk.make_due()
    taken_over = await desk.row()
    desk.assistant.wait.set()
    await slow
    assert await desk.got() == [], "the texts are fixed, and sending them is for who holds the row"
    await reply(desk.replying, taken_over)
    assert await desk.got() == ["一", "二"] and await desk.outcomes(own) == [("sent", None)] * 2


async def test_who_writes_without_end_is_told_once_and_then_not_answered(desk: Desk) -> None:
    for number in range(A_MINUTE + 3):
        await desk.says(str(number))
        await reply(desk.replying, await desk.row())
    states = [row["replies"] async for row in desk.mongo["wechat_messages"].find({}).sort("at", 1)]
    assert [len(replies) for replies in states] == [1] * (A_MINUTE + 1) + [0, 0]
    assert (await desk.got())[-1] == TOO_FAST
    assert len(desk.assistant.asked) == A_MINUTE


async def test_openid_and_text_are_sealed_while_they_wait(desk: Desk) -> None:
    await desk.says("我叫李秀兰")
    everything = str([row async for row in desk.mongo["wechat_messages"].find({})]) + str([row async for row in desk.mongo["outbox"].find({})])
    assert desk.openid not in everything and "李秀兰" not in everything


async def test_who_comes_back_after_a_month_is_greeted_again(desk: Desk) -> None:
    await desk.says(kind="greeting")
    await desk.mongo["wechat_greeted"].update_many({}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
    await desk.says(kind="greeting")
    assert await desk.mongo["outbox"].count_documents({}) == 2
