"""Items from a file straight into the store: the same again changes nothing, and the core's feed always wins."""

from typing import Any

import pytest

from content.load import FeedInCharge, begin, finish, load
from content.standing import standing
from content.store import Content
from content.sync import sync
from content.versions import versions_of
from kit.mongo import Mongo
from tests.content.catalogue import Feed, record, removed
from tests.content.items import make_item
from tests.content.test_effect import Cut, Failing


def line(number: int, **fields: Any) -> dict[str, Any]:
    item = {"code": f"I{number}", "name": f"事项{number}", "department": {"name": "测试局"}, **fields}
    return {"line": number, "code": item["code"], "item": item, "odd": []}


async def test_a_file_is_loaded_once_a_bad_line_is_named_and_what_is_odd_is_told(store: Content) -> None:
    lines = [line(1), line(2, department=None), line(3, visits="两次")]
    done = await load(store, lines, "file")
    assert (done.loaded, done.unchanged) == (2, 0)
    assert [one["line"] for one in done.bad] == [2] and "department" in done.bad[0]["why"]
    assert [(one["line"], one["code"], one["field"]) for one in done.odd] == [(3, "I3", "visits")]
    again = await load(store, lines, "file")
    assert (again.loaded, again.unchanged, len(again.bad)) == (0, 2, 1)
    assert (await store.state()).as_of is None
    await finish(store)
    assert (await store.state()).first_load_done and len(await store.searchable(["code"])) == 2


async def test_a_changed_line_is_the_next_version_and_one_that_was_taken_down_is_back(store: Content) -> None:
    await load(store, [line(1)], "first")
    assert (await load(store, [line(1, visits=1)], "second")).loaded == 1
    assert [one["version"] for one in await versions_of(store, "I1")] == [2, 1]
    await sync(store, Feed(removed(1, version=3)))  # type: ignore[arg-type]  # the pretend core
    assert (await load(store, [line(1, visits=1)], "third")).loaded == 1
    assert ((await standing(store, "I1")).state, (await standing(store, "I1")).item["version"]) == ("in_effect", 4)


async def test_the_first_record_of_the_feed_wins_over_what_was_loaded_whatever_its_version(store: Content, mongo: Mongo) -> None:
    for visits in (1, 2, 3):
        await load(store, [line(1, visits=visits)], "file")
    await sync(store, Feed(record(1, make_item("I1", 1, visits=0))))  # type: ignore[arg-type]  # the pretend core
    found = await standing(store, "I1")
    assert (found.item["visits"], found.item["version"]) == (0, 1)
    guide = await store.guide("I1")
    assert guide is not None and b'"count":0' in guide[1]


async def test_once_the_feed_was_read_only_force_loads_a_file_and_the_feeds_next_record_wins_again(store: Content) -> None:
    await begin(store, force=False)
    feed = Feed(record(1, make_item("I1")))
    await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    with pytest.raises(FeedInCharge):
        await begin(store, force=False)
    await begin(store, force=True)
    await load(store, [line(1, visits=5)], "file")
    assert (await standing(store, "I1")).item["visits"] == 5
    await sync(store, feed)  # type: ignore[arg-type]  # nothing new there
    assert (await standing(store, "I1")).item["visits"] == 5
    feed.records.append(record(2, make_item("I1", 2, visits=1)))
    await sync(store, feed)  # type: ignore[arg-type]
    assert (await standing(store, "I1")).item["visits"] == 1


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["keep_versions", "keep_guides", "apply"])
async def test_a_load_killed_between_any_two_steps_is_finished_by_the_next(store: Content, mongo: Mongo, step: str, after: bool) -> None:
    await load(store, [line(1)], "file")
    with pytest.raises(Cut):
        await load(Failing(mongo, step, after=after), [line(1, visits=1), line(2)], "file")
    await load(store, [line(1, visits=1), line(2)], "file")
    assert [(await standing(store, code)).item["visits"] for code in ("I1", "I2")] == [1, None]
    guide = await store.guide("I1")
    assert guide is not None and b'"count":1' in guide[1]


async def test_a_code_that_comes_twice_stands_as_in_its_last_line(store: Content) -> None:
    done = await load(store, [line(1, visits=1), line(2), line(1, visits=2)], "file")
    assert done.loaded == 2 and (await standing(store, "I1")).item["visits"] == 2
