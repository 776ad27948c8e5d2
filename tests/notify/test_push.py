"""One walk through a person's channels: the happy case, the repeat, every refusal, and a death at each step."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kit.clock import BEIJING, now
from kit.mongo import DuplicateKeyError
from kit.outbox import Row
from notify import push
from tests.notify.carriers import make_reached
from tests.notify.posting import Post, died


async def test_a_consent_given_is_one_push_and_the_other_channels_say_why_not(post: Post) -> None:
    await post.allow_both("a")
    own = await post.tell("a")
    assert await post.walk() and not await post.walk()
    assert await post.outcomes(own) == {
        "wechat": ("sent", None),
        "alipay": ("not_needed", "sent_by_wechat"),
        "sms": ("not_needed", "sent_by_wechat"),
    }
    assert (await post.message(own))["channels"]["wechat"]["answer"] == "wechat-1"
    assert post.platforms["wechat"].taken == [("wechat-of-a", own)] and await post.remaining("a") == 0
    assert await post.outbox.state(f"push:{own}") == "done"


async def test_the_same_event_is_one_inbox_entry_and_one_push(post: Post) -> None:
    await post.allow_both("a", 5)
    own = await post.tell("a")
    with pytest.raises(DuplicateKeyError):
        await post.tell("a")
    await post.walk()
    await post.carry(Row(f"push:{own}", push.KIND, {"message_id": own}, 2))  # the row's end was lost
    assert len(post.platforms["wechat"].taken) == 1 and await post.remaining("a") == 4


async def test_without_consent_every_channel_says_so_and_nothing_is_sent(post: Post) -> None:
    own = await post.tell("a")
    await post.walk()
    assert await post.outcomes(own) == {"wechat": ("skipped", "no_consent"), "alipay": ("skipped", "no_consent"), "sms": ("skipped", "no_template")}
    assert not any(platform.taken for platform in post.platforms.values())


async def test_a_consent_used_up_falls_back_to_the_next_channel(post: Post) -> None:
    await post.allow_both("a")
    await post.allow_both("a", channel="alipay")
    first, second = await post.tell("a", "e1"), await post.tell("a", "e2")
    await post.walk()
    await post.walk()
    assert (await post.outcomes(first))["wechat"] == ("sent", None)
    assert await post.outcomes(second) == {
        "wechat": ("skipped", "no_consent"),
        "alipay": ("sent", None),
        "sms": ("not_needed", "sent_by_alipay"),
    }


async def test_what_the_platform_says_of_consent_wins_over_our_count(post: Post) -> None:
    """43101: the resident switched it off where we were not told."""
    await post.allow("a", 3)
    await post.allow_both("a", channel="alipay")
    own = await post.tell("a")
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("refused", "no_consent_at_platform")
    assert (await post.outcomes(own))["alipay"] == ("sent", None)
    assert await post.remaining("a") == 0
    assert (await post.pushing.consents.of_resident("r_a", "wechat"))["case_moved"].last_result == "gone"


async def test_the_order_is_the_persons_and_a_channel_left_out_is_not_used(post: Post) -> None:
    post.people.known["a"] = make_reached("a", ("alipay",))
    await post.allow_both("a")
    await post.allow_both("a", channel="alipay")
    own = await post.tell("a")
    await post.walk()
    found = await post.outcomes(own)
    assert (found["alipay"], found["wechat"], found["sms"]) == (("sent", None), ("skipped", "turned_off"), ("skipped", "turned_off"))


async def test_a_kind_turned_off_and_a_channel_without_an_account_are_told(post: Post) -> None:
    post.people.known["w"] = make_reached("w", on=("wechat",), kinds_off=frozenset({"case_moved"}))
    own = await post.tell("w")
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("skipped", "kind_turned_off")
    post.people.known["w"] = make_reached("w", on=("wechat",))
    other = await post.tell("w", "e2", "case_corrections")
    await post.walk()
    assert await post.outcomes(other) == {
        "wechat": ("skipped", "no_consent"),
        "alipay": ("skipped", "no_account"),
        "sms": ("skipped", "no_account"),
    }


async def test_a_platform_that_is_away_gets_it_later_and_the_consent_is_whole_meanwhile(post: Post) -> None:
    await post.allow_both("a")
    post.platforms["wechat"].next = ["away", "away"]
    own = await post.tell("a")
    await post.walk()
    assert await post.outcomes(own) == {"wechat": ("pending", "try_later")} and await post.remaining("a") == 1
    assert not await post.walk(), "not at once"
    for _ in range(2):
        await post.now_due()
        await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("sent", None) and await post.remaining("a") == 0


async def test_a_push_that_helps_nobody_any_more_expires(post: Post) -> None:
    await post.allow_both("a")
    own = await post.tell("a")
    await post.mongo["messages"].update_one({"_id": own}, {"$set": {"at": now() - timedelta(hours=25)}})
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("expired", "deadline") and await post.remaining("a") == 1
    assert await post.outbox.state(f"push:{own}") == "done"


async def test_a_row_waits_for_its_platform_until_its_deadline_and_is_never_parked_for_it(post: Post) -> None:
    await post.allow_both("a")
    post.platforms["wechat"].usual = "away"
    own = await post.tell("a")
    for _ in range(15):
        await post.now_due()
        await post.walk()
    assert await post.outbox.state(f"push:{own}") == "waiting"
    row = await post.mongo["outbox"].find_one({"_id": f"push:{own}"})
    assert row is not None and row["due_at"] <= now() + timedelta(minutes=31)


@pytest.mark.parametrize("how", ["lost", "vanished"])
async def test_a_reply_that_was_lost_is_unknown_and_never_sent_again_there(post: Post, how: str) -> None:
    """WeChat takes no number of ours, so nobody can tell. An ordinary message stops: it may have arrived, and the inbox has it."""
    await post.allow_both("a", 3)
    await post.allow_both("a", channel="alipay")
    post.platforms["wechat"].next = [how]
    own = await post.tell("a")
    await post.walk()
    await post.now_due()
    assert not await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("unknown", "timeout")
    assert (await post.outcomes(own))["alipay"] == ("not_needed", "may_have_arrived")
    assert len(post.platforms["wechat"].taken) == (how == "lost") and await post.remaining("a") == 2


async def test_an_urgent_message_whose_reply_was_lost_tries_the_next_channel(post: Post) -> None:
    await post.allow_both("a", kind="account_changed")
    post.platforms["wechat"].next = ["vanished"]
    own = await post.tell("a", kind="account_changed")
    await post.walk()
    found = await post.outcomes(own)
    assert (found["wechat"], found["alipay"], found["sms"]) == (("unknown", "timeout"), ("skipped", "no_consent"), ("sent", None))


async def test_an_urgent_message_waits_half_a_minute_for_a_platform_and_no_longer(post: Post) -> None:
    await post.allow_both("a", kind="account_changed")
    post.platforms["wechat"].usual = "away"
    own = await post.tell("a", kind="account_changed")
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("pending", "try_later")
    await post.tried(push.PATIENCE)
    await post.now_due()
    await post.walk()
    found = await post.outcomes(own)
    assert (found["wechat"], found["sms"]) == (("skipped", "platform_away"), ("sent", None)) and await post.remaining("a", "account_changed") == 1


async def test_what_a_gateway_can_tell_is_asked_before_anything_is_sent_again(post: Post) -> None:
    sms = post.platforms["sms"]
    for how in ("lost", "vanished"):
        sms.next, sms.taken = [how], []
        own = await post.tell("a", how, "case_corrections")
        await post.walk()
        await post.now_due()
        await post.walk()
        assert (await post.outcomes(own))["sms"] == ("sending", None), "not asked before it can know"
        await post.settled()
        await post.now_due()
        await post.walk()
        assert (await post.outcomes(own))["sms"] == ("sent", None) and sms.taken == [("sms-of-a", own)], how


async def test_a_gateway_that_cannot_say_yet_is_asked_again_and_given_up_at_the_deadline(post: Post) -> None:
    sms = post.platforms["sms"]
    sms.next, sms.silent = ["vanished"], True
    own = await post.tell("a", kind="case_corrections")
    for _ in range(3):
        await post.now_due()
        await post.walk()
        await post.settled()
    assert (await post.outcomes(own))["sms"][0] == "sending" and not sms.taken
    await post.mongo["messages"].update_one({"_id": own}, {"$set": {"at": now() - timedelta(hours=80)}})
    await post.now_due()
    await post.walk()
    assert (await post.outcomes(own))["sms"] == ("unknown", "interrupted") and not sms.taken


async def test_our_own_fault_is_parked_with_the_platforms_code_and_the_consent_is_whole(post: Post) -> None:
    await post.allow_both("a")
    await post.allow_both("a", channel="alipay")
    post.platforms["wechat"].next = ["ours"]
    own = await post.tell("a")
    await post.walk()
    assert (await post.message(own))["channels"]["wechat"]["answer"] == "errcode_47003"
    assert await post.outcomes(own) == {"wechat": ("parked", "values_refused"), "alipay": ("sent", None), "sms": ("not_needed", "sent_by_alipay")}
    assert await post.remaining("a") == 1
    assert [row["_id"] for row in await post.pushing.store.parked(10)] == [own]


async def test_a_text_the_platform_will_not_carry_goes_nowhere_else(post: Post) -> None:
    await post.allow_both("a")
    await post.allow_both("a", channel="alipay")
    post.platforms["wechat"].next = ["stopped"]
    own = await post.tell("a")
    await post.walk()
    assert await post.outcomes(own) == {"wechat": ("failed", "text_refused"), "alipay": ("not_needed", "stopped"), "sms": ("not_needed", "stopped")}


@pytest.mark.parametrize(("where", "known"), [("note", ("unknown", "interrupted")), ("end", ("sent", None))])
async def test_dying_after_the_platform_took_it_leaves_one_push_and_no_mark(
    post: Post, monkeypatch: pytest.MonkeyPatch, where: str, known: tuple[str, str | None]
) -> None:
    """Before the outcome was written nobody knows; after it, whoever comes next only tidies up."""
    await post.allow_both("a", 3)
    own = await post.tell("a")
    await died(post, monkeypatch, where)
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == known
    assert len(post.platforms["wechat"].taken) == 1 and await post.remaining("a") == 2
    assert not ((await post.mongo["consents"].find_one({"_id": "r_a/wechat/case_moved"})) or {}).get("under_way")


async def test_quiet_hours_put_an_ordinary_message_off_and_an_urgent_one_through(post: Post) -> None:
    local = now().astimezone(BEIJING)
    around = {"from": f"{local - timedelta(hours=1):%H:%M}", "to": f"{local + timedelta(hours=1):%H:%M}"}
    post.people.known["a"] = make_reached("a", quiet_hours=around)
    await post.allow_both("a")
    await post.allow_both("a", kind="account_changed")
    own, urgent = await post.tell("a"), await post.tell("a", "e2", "account_changed")
    await post.walk()
    await post.walk()
    assert await post.outcomes(own) == {"wechat": ("pending", "quiet_hours")}
    assert (await post.outcomes(urgent))["wechat"] == ("sent", None)
    row = await post.mongo["outbox"].find_one({"_id": f"push:{own}"})
    assert row is not None and timedelta(minutes=55) < row["due_at"] - now() < timedelta(minutes=65) and row["attempts"] == 0
    post.people.known["a"] = make_reached("a")
    await post.now_due()
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("sent", None)


async def test_many_messages_of_one_person_take_as_many_consents_as_there_are(post: Post) -> None:
    """A hundred at once, forty allowed: the trips are shared, the count is not."""
    await post.allow_both("a", 40)
    owns = [await post.tell("a", f"e{n}") for n in range(100)]
    rows = await post.outbox.take_many([push.KIND], 100)
    assert len(rows) == 100
    await asyncio.gather(*(post.carry(row) for row in rows))
    found = [(await post.outcomes(own))["wechat"] for own in owns]
    assert found.count(("sent", None)) == 40 and found.count(("skipped", "no_consent")) == 60
    assert len(set(post.platforms["wechat"].taken)) == len(post.platforms["wechat"].taken) == 40 and await post.remaining("a") == 0


async def test_a_message_of_the_release_before_is_pushed_as_it_was_written(post: Post) -> None:
    """A worker of this release beside an API of the one before."""
    old: dict[str, Any] = {"_id": "m_old", "person_id": "a", "kind": "case_moved", "template_key": "case_moved", "case_no": "C1", "text": "x"}
    old |= {"values": {"thing1": {"value": "旧"}}, "at": now(), "channels": {"wechat": {"outcome": "pending", "reason": None, "at": now()}}}
    await post.mongo["messages"].insert_one(old)
    await post.allow_both("a")
    await post.carry(Row("push:m_old:wechat", push.KIND, {"message_id": "m_old", "channel": "wechat"}, 1))
    assert (await post.outcomes("m_old"))["wechat"] == ("sent", None)
