"""What a fault of ours kept back, and letting it go again: once, while it still helps, and not where another channel was quicker."""

import asyncio
from datetime import timedelta

from kit.clock import now
from miniapp_api.notify_parked import table
from notify import parking
from notify.parking import Parked
from tests.notify.posting import Post


async def parked_push(post: Post, event: str = "e1") -> str:
    await post.allow_both("w")
    post.platforms["wechat"].next = ["ours"]
    own = await post.tell("w", event)
    await post.walk()
    return own


async def test_what_is_parked_is_listed_with_the_platforms_code_and_nobodys_name(post: Post) -> None:
    own = await parked_push(post)
    (one,) = await parking.parked(post.pushing)
    assert (one.own, one.kind, one.channel, one.reason, one.code) == (own, "case_moved", "wechat", "values_refused", "errcode_47003")
    told = table([one])
    assert "1 条" in told and "办件进度提醒" in told and "errcode_47003" in told and "zhangban notify retry" in told
    assert table([]) == "没有搁置的推送\n"


async def test_once_mended_it_goes_out_once_however_often_it_is_let_go(post: Post) -> None:
    own = await parked_push(post)
    assert sum(await asyncio.gather(*(parking.retry(post.pushing) for _ in range(5)))) == 1
    assert await parking.parked(post.pushing) == []
    while await post.walk():
        pass
    assert (await post.outcomes(own))["wechat"] == ("sent", None) and len(post.platforms["wechat"].taken) == 1
    assert await post.remaining("w") == 0 and await parking.retry(post.pushing) == 0


async def test_only_what_is_named_goes_again(post: Post) -> None:
    first, second = await parked_push(post, "e1"), await parked_push(post, "e2")
    assert await parking.retry(post.pushing, [second, "m_unknown"]) == 1
    assert [one.own for one in await parking.parked(post.pushing)] == [first]


async def test_what_another_channel_carried_is_not_sent_again(post: Post) -> None:
    await post.allow_both("a")
    await post.allow_both("a", channel="alipay")
    post.platforms["wechat"].next = ["ours"]
    own = await post.tell("a")
    await post.walk()
    await parking.retry(post.pushing)
    await post.walk()
    assert await post.outcomes(own) == {
        "wechat": ("not_needed", "sent_by_alipay"),
        "alipay": ("sent", None),
        "sms": ("not_needed", "sent_by_alipay"),
    }
    assert not post.platforms["wechat"].taken and len(post.platforms["alipay"].taken) == 1


async def test_what_came_too_late_expires(post: Post) -> None:
    own = await parked_push(post)
    await post.mongo["messages"].update_one({"_id": own}, {"$set": {"at": now() - timedelta(hours=25)}})
    await parking.retry(post.pushing)
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("expired", "deadline") and not post.platforms["wechat"].taken


async def test_a_row_that_failed_again_and_again_is_listed_and_goes_again(post: Post) -> None:
    """A fault in our own code: the others flow, this one waits for somebody."""
    await post.allow_both("w", 2)
    own, other = await post.tell("w", "e1"), await post.tell("w", "e2")
    row = await post.outbox.take_key(f"push:{own}")
    assert row is not None
    await post.tried(12)
    stuck = await post.mongo["outbox"].find_one({"_id": row.key})
    assert stuck is not None
    await post.outbox.give_back(type(row)(row.key, row.kind, row.payload, 12, row.until), "KeyError")
    assert [(one.own, one.channel, one.reason) for one in await parking.parked(post.pushing)] == [(f"push:{own}", "", "KeyError")]
    await post.walk()
    assert (await post.outcomes(other))["wechat"] == ("sent", None)
    assert await parking.retry(post.pushing) == 1
    await post.walk()
    assert (await post.outcomes(own))["wechat"] == ("sent", None)


def test_a_long_list_is_summed_up() -> None:
    found = [Parked(f"m_{n}", "case_moved", "wechat", "template_unknown", "errcode_40037", now()) for n in range(60)]
    told = table(found)
    assert "60 条" in told and "平台上没有这个模板（errcode_40037）" in told and "还有 10 条" in told
