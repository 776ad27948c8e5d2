"""Items come from the feed, in any order and any state of repair; guides say what is recorded and nothing else."""

from contextlib import suppress

import orjson
import pytest

from content.guides import SHAPE, guide
from content.listing import Filters
from content.store import Change, Content
from content.sync import reshape, sync
from content.tallies import Tallies
from kit.errors import Invalid, NotFound, NotReached, Unavailable
from kit.mongo import Mongo
from tests.content.catalogue import Feed, make_catalogue, record
from tests.content.items import make_item


async def test_a_sync_cut_off_half_way_goes_on_where_it_stopped_and_repeats_nothing(store: Content) -> None:
    feed = Feed(*(record(n, make_item(f"I{n}")) for n in range(1, 6)))
    feed.fail_at = "4"
    with pytest.raises(NotReached):
        await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    assert (await store.state()).cursor == "4" and (await store.state()).as_of is None
    feed.fail_at = None
    done = await sync(store, feed)  # type: ignore[arg-type]
    assert (done.applied, done.finished) == (1, True)
    again = await sync(store, feed)  # type: ignore[arg-type]
    assert (again.applied, again.unchanged) == (0, 0)
    assert len(await store.searchable(["code"])) == 5 and (await store.state()).as_of is not None


def make_change(seq: int, version: int, body: bytes) -> Change:
    return Change("I1", version, seq, make_item(version=version), body)


async def test_an_older_record_never_overwrites_a_newer_one(store: Content) -> None:
    new, old = make_change(20, 2, b"{new}"), make_change(10, 1, b"{old}")
    for change, applied in ((new, 1), (old, 0), (new, 0)):
        await store.keep_guides([change], SHAPE)
        assert await store.apply([change], 1) == applied
    row = await store.item("I1")
    assert row is not None and row["version"] == 2
    assert await store.guide("I1") == (SHAPE, b"{new}")


async def test_of_one_page_the_stale_records_are_passed_over_and_the_fresh_ones_applied(store: Content) -> None:
    await store.apply([make_change(20, 2, b"{}")], 1)
    other = Change("I2", 1, 21, make_item("I2"), b"{}")
    assert await store.apply([make_change(10, 1, b"{}"), other], 2) == 1
    assert await store.item("I2") is not None


async def test_a_bad_record_is_parked_with_its_reason_and_the_rest_go_on(store: Content, mongo: Mongo) -> None:
    bad = {"code": "BAD", "version": 1, "name": "", "department": {}}
    other_code = {**make_item("X"), "code": "Y"}
    feed = Feed(record(1, make_item("I1")), record(2, bad), record(3, other_code, code="Z"), record(4, make_item("I4")))
    feed.records.append(record(5, make_item("I5")))
    feed.spoilt[5] = {"code": "not a code!", "$odd.key": {"$ne": None}}
    for parked_now in (3, 0):
        done = await sync(store, feed)  # type: ignore[arg-type]
        assert (done.applied, done.parked, done.finished) == (2 if parked_now else 0, parked_now, True)
    parked = {row["code"]: row["reason"] async for row in mongo["items_parked"].find()}
    assert set(parked) == {"BAD", "Z", "not a code!"}
    assert "name" in parked["BAD"] and "department" in parked["BAD"]


async def test_a_tombstone_takes_the_item_down_and_keeps_its_versions(store: Content) -> None:
    feed = Feed(record(1, make_item("I1")), record(2, None, code="I1", version=2, op="remove"))
    await sync(store, feed)  # type: ignore[arg-type]
    assert await store.item("I1") is None and await store.guide("I1") is None
    assert await store.item_version("I1", 1) is not None


async def test_two_workers_at_one_feed_apply_everything_once(store: Content) -> None:
    before = await store.state()
    assert await store.advance(before, "2", 1, None)
    assert not await store.advance(before, "2", 1, None)


async def test_guides_of_another_release_are_made_anew_and_served_right_meanwhile(store: Content) -> None:
    await sync(store, Feed(record(1, make_item("I1"))))  # type: ignore[arg-type]
    await store.keep_guides([make_change(1, 1, b'{"from": "another release"}')], SHAPE + 1)
    catalogue = make_catalogue(store, keep=0)
    assert orjson.loads(await catalogue.guide("I1"))["name"] == "事项I1"
    assert await reshape(store) == 1
    kept = await store.guide("I1")
    assert kept is not None and kept[0] == SHAPE and await reshape(store) == 0


async def test_a_guide_is_dated_and_a_copy_is_never_older_than_a_second(store: Content) -> None:
    catalogue = make_catalogue(store)
    with pytest.raises(Unavailable):
        catalogue.finder.find("x", Filters(), 0, 1)
    await sync(store, Feed(record(1, make_item("I1"))))  # type: ignore[arg-type]
    await catalogue.refresh()
    first = orjson.loads(await catalogue.guide("I1"))
    assert first["as_of"].endswith("+08:00") and first["version"] == 1
    until, _ = catalogue._kept[("I1", None)]
    await sync(store, Feed(record(1, make_item("I1")), record(2, make_item("I1", 2))))  # type: ignore[arg-type]
    catalogue._kept[("I1", None)] = (until - 1, b"")
    assert orjson.loads(await catalogue.guide("I1"))["version"] == 2
    with pytest.raises(NotFound):
        await catalogue.guide("NONE")


async def test_only_guides_there_are_count_as_read(store: Content) -> None:
    await sync(store, Feed(record(1, make_item("I1"))))  # type: ignore[arg-type]  # the pretend core
    catalogue = make_catalogue(store)
    for code in ("I1", "I1", "MADE-UP"):
        with suppress(NotFound):
            await catalogue.guide(code)
    await catalogue.finder.write_down()
    assert await Tallies(store._mongo).views() == {"I1": 2}


def test_what_is_not_recorded_is_said_to_be_not_recorded() -> None:
    parts = guide(make_item())["parts"]
    assert all(part["recorded"] is False and "未登记" in part["text"] for part in parts.values())


def test_what_is_free_and_needs_nothing_is_said_so() -> None:
    parts = guide(make_item(fees=[], materials=[], visits=0, delivery=False, promised_limit={"days": 0}))["parts"]
    assert [parts[name]["text"] for name in ("fee", "materials", "visits", "delivery", "time_limit")] == [
        "不收费",
        "无需提交材料",
        "无需到现场",
        "不支持快递送达",
        "承诺当场办结",
    ]


def test_a_situation_trims_the_materials_and_an_unknown_one_is_refused() -> None:
    situations = [{"id": "s", "question": "本人办理吗", "options": [{"id": "self", "title": "本人"}, {"id": "agent", "title": "代办"}]}]
    materials = [{"name": "身份证"}, {"name": "委托书", "situations": ["agent"]}]
    item = make_item(situations=situations, materials=materials)
    names = {chosen: [one["name"] for one in guide(item, chosen)["parts"]["materials"]["items"]] for chosen in ("self", "agent", None)}
    assert names == {"self": ["身份证"], "agent": ["身份证", "委托书"], None: ["身份证", "委托书"]}
    with pytest.raises(Invalid):
        guide(item, "nobody")


def test_fees_are_told_in_yuan_and_limits_in_their_own_unit() -> None:
    fees = [{"name": "工本费", "amount_fen": 4050}, {"name": "评审费", "standard": "按实际"}]
    parts = guide(make_item(fees=fees, statutory_limit={"days": 20, "unit": "calendar_days"}, promised_limit={"days": 5}))["parts"]
    assert parts["fee"]["text"] == "工本费：40.50 元；评审费：按实际"
    assert parts["time_limit"]["text"] == "承诺5个工作日，法定20个自然日"


def test_what_residents_need_of_the_whole_element_set_is_in_the_parts() -> None:
    item = make_item(
        promised_limit={"days": 5},
        special_procedures=[{"name": "听证", "days": 20}, {"name": "专家评审"}],
        visits=1,
        visits_reason="须采集指纹",
        delivery=True,
        materials_by_courier=False,
        consult_phone="0990-1",
        consultation={"web": "https://ask.example", "email": "ask@example.cn"},
        supervision={"phone": "0990-2"},
        statutory_limit={"days": 2, "unit": "个月"},
        quantity_limit="每年一百个",
        online_payment=True,
    )
    parts = guide(item)["parts"]
    assert {name: parts[name]["text"] for name in ("time_limit", "visits", "delivery", "contact")} == {
        "time_limit": "承诺5个工作日，法定2个月，不含听证（20个工作日）、专家评审",
        "visits": "最多跑 1 次：须采集指纹",
        "delivery": "结果可以快递送达；材料不能快递提交",
        "contact": "咨询电话：0990-1；咨询网址：https://ask.example；咨询邮箱：ask@example.cn；监督投诉：0990-2",
    }
    assert parts["fee"]["online_payment"] is True and parts["conditions"]["quantity_limit"] == "每年一百个"


async def test_half_a_catalogue_is_not_searched(store: Content) -> None:
    """Whoever asked during the first load would hear that the other half does not exist."""
    catalogue, feed = make_catalogue(store), Feed(*(record(n, make_item(f"I{n}")) for n in range(1, 6)))
    feed.fail_at = "4"
    with pytest.raises(NotReached):
        await sync(store, feed)  # type: ignore[arg-type]  # the pretend core
    await catalogue.refresh()
    assert catalogue.finder.revision is None
    feed.fail_at = None
    await sync(store, feed)  # type: ignore[arg-type]
    await catalogue.refresh()
    assert catalogue.finder.find("", Filters(), 0, 10).total == 5
