"""A city with all three channels on real stores."""

from collections import Counter

import pytest

from kit.mongo import Mongo
from tests.notify.carriers import People, Platform, make_reached
from tests.notify.posting import Post, make_post


@pytest.fixture
async def post(mongo: Mongo) -> Post:
    """Persons "a" and "b" are on every channel, "w" on WeChat alone; nobody allowed anything yet."""
    people = People({"a": make_reached("a"), "b": make_reached("b"), "w": make_reached("w", on=("wechat",))})
    with_text = frozenset({"case_corrections", "account_changed"})
    platforms = {
        "wechat": Platform("wechat", quota=Counter()),
        "alipay": Platform("alipay", quota=Counter()),
        "sms": Platform("sms", needs_consent=False, can_be_asked=True, kinds=with_text),
    }
    return await make_post(mongo, platforms, people)
