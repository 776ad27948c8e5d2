"""The marks of sends under way: taken once, ended once, and seen through before anything else by whoever comes after."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kit.clock import BEIJING, now
from notify.pushing import Account, Reached
from notify.store import Outcome
from tests.notify.carriers import make_reached
from tests.notify.posting import Post, died

PLACE = ("r_a", "wechat", "case_moved")


async def test_one_send_takes_one_consent_however_often_it_asks(post: Post) -> None:
    await post.allow("a", 5)
    consents = post.pushing.consents
    assert await consents.take(*PLACE, "m_1") == "taken"
    assert await consents.take(*PLACE, "m_1") == "under_way"
    assert await consents.take(*PLACE, "m_2") == "taken"
    assert await post.remaining("a") == 3


async def test_asked_at_once_by_two_it_is_taken_by_one(post: Post) -> None:
    """One trip carries both; beside them goes one for whom nothing is left."""
    await post.allow("a", 5)
    takes = [(*PLACE, "m_1"), (*PLACE, "m_1"), ("r_b", "wechat", "case_moved", "m_3")]
    answers = await asyncio.gather(*(post.pushing.consents.take(*one) for one in takes))
    assert sorted(answers) == ["none", "taken", "under_way"] and await post.remaining("a") == 4


async def test_a_trip_of_another_found_the_mark_there(post: Post) -> None:
    await post.allow("a", 5)
    consents = post.pushing.consents
    assert await consents.take(*PLACE, "m_1") == "taken"
    asked = (consents.take(*PLACE, "m_1"), consents.take(*PLACE, "m_2"))
    assert [*await asyncio.gather(*asked)] == ["under_way", "taken"]


async def test_a_send_ends_once(post: Post) -> None:
    await post.allow("a", 2)
    consents = post.pushing.consents
    await consents.take(*PLACE, "m_1")
    for _ in range(3):
        await consents.end(*PLACE, "m_1", "returned")
    assert await post.remaining("a") == 2, "given back once"
    await consents.take(*PLACE, "m_1")
    await consents.end(*PLACE, "m_1", "used")
    await consents.end(*PLACE, "m_1", "returned")
    await consents.end(*PLACE, "m_1", "gone")
    assert await post.remaining("a") == 1


async def test_what_is_over_is_not_written_over(post: Post) -> None:
    own = await post.tell("a")
    await post.pushing.store.note(own, {"wechat": Outcome("sent")}, done=True)
    await post.pushing.store.note(own, {"wechat": Outcome("unknown", "interrupted")}, done=True)
    assert (await post.outcomes(own))["wechat"] == ("sent", None)
    assert not await post.pushing.store.begin(own, "sms")


async def died_while_sending(post: Post, monkeypatch: pytest.MonkeyPatch, person: str) -> str:
    """The platform took it; nothing of that was written down."""
    own = await post.tell(person)
    await died(post, monkeypatch, "note")
    return own


async def test_a_channel_that_may_be_used_since_then_waits_for_the_one_that_was_begun(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alipay comes first for this person, but had no consent then."""
    post.people.known["a"] = make_reached("a", ("alipay", "wechat"))
    await post.allow_both("a")
    own = await died_while_sending(post, monkeypatch, "a")
    await post.allow_both("a", channel="alipay")
    await post.walk()
    found = await post.outcomes(own)
    assert (found["wechat"], found["alipay"]) == (("unknown", "interrupted"), ("not_needed", "may_have_arrived"))
    assert not post.platforms["alipay"].taken


async def test_an_account_that_may_be_used_since_then_waits_too(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two WeChat accounts; the one seen last had no consent then."""
    older, newer = Account("wechat", "r_a", "wechat-of-a"), Account("wechat", "r_a2", "wechat-of-a2")
    post.people.known["a"] = Reached([newer, older], ("wechat",))
    await post.allow_both("a")
    own = await died_while_sending(post, monkeypatch, "a")
    await post.allow_both("a2")
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("unknown", "interrupted")
    assert post.platforms["wechat"].taken == [("wechat-of-a", own)] and await post.remaining("a2") == 1


async def test_what_was_begun_is_seen_through_in_quiet_hours_too(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.allow_both("a")
    own = await died_while_sending(post, monkeypatch, "a")
    local = now().astimezone(BEIJING)
    around: Any = {"from": f"{local - timedelta(hours=1):%H:%M}", "to": f"{local + timedelta(hours=1):%H:%M}"}
    post.people.known["a"] = make_reached("a", quiet_hours=around)
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("unknown", "interrupted")
