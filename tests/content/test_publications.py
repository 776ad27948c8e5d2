"""Publications come from the feed, in any order and any state of repair; what has expired is no longer listed, but its link answers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from content import publications_store as store_module
from content.feed import FeedState
from content.publications import Publications, take
from content.publications_search import BadCursor, PublicationIndex, Wanted
from content.publications_store import Change, PublicationStore
from core.publications import Publication
from core.types import RawPage
from kit.clock import now
from kit.errors import NotFound, NotReached, Unavailable
from kit.mongo import Mongo

PAST, LATER = "2026-01-01T09:00:00+08:00", "2999-01-01T00:00:00+08:00"
AT = datetime(2026, 6, 1, tzinfo=UTC)


def make_publication(publication_id: str = "P1", version: int = 1, **fields: Any) -> dict[str, Any]:
    base = {"id": publication_id, "version": version, "kind": "notice", "title": f"公告{publication_id}", "body": "正文", "published_at": PAST}
    return Publication.model_validate({**base, **fields}).model_dump(mode="json")


def record(seq: int, publication: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    given = {"id": publication["id"], "version": publication["version"]} if publication else {}
    return {"seq": seq, "op": "upsert" if publication else "remove", "publication": publication, **given, **fields}


class Feed:
    """A pretend core that serves records two a page and may fail at a page."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = list(records)
        self.fail_at: str | None = None

    async def publications_page(self, cursor: str, limit: int = 40) -> RawPage:
        if cursor == self.fail_at:
            raise NotReached("core", "down")
        rest = [(place, one) for place, one in enumerate(self.records, 1) if place > int(cursor or 0)]
        page = rest[:2]
        after = str(page[-1][0]) if page else cursor
        return RawPage(records=tuple(one for _, one in page), next_cursor=after, has_more=len(rest) > 2)


@pytest.fixture
async def store(mongo: Mongo) -> PublicationStore:
    await mongo.create_indexes(store_module.INDEXES)
    return PublicationStore(mongo)


async def titles(store: PublicationStore) -> dict[str, str]:
    return {one["id"]: one["title"] for one in await store.unexpired(now())}


async def test_what_the_feed_holds_is_listed_and_taking_it_again_changes_nothing(store: PublicationStore) -> None:
    feed = Feed(*(record(n, make_publication(f"P{n}")) for n in range(1, 6)))
    done = await take(store, feed)  # type: ignore[arg-type]  # the pretend core
    assert (done.applied, done.unchanged, done.parked, done.finished) == (5, 0, 0, True)
    first = await store.state()
    again = await take(store, feed)  # type: ignore[arg-type]
    assert (again.applied, again.unchanged) == (0, 0)
    assert len(await titles(store)) == 5 and first.as_of is not None and (await store.state()).revision == first.revision


async def test_a_core_that_goes_away_half_way_costs_nothing(store: PublicationStore) -> None:
    feed = Feed(*(record(n, make_publication(f"P{n}")) for n in range(1, 6)))
    feed.fail_at = "4"
    with pytest.raises(NotReached):
        await take(store, feed)  # type: ignore[arg-type]
    assert (await store.state()).cursor == "4" and (await store.state()).as_of is None
    feed.fail_at = None
    done = await take(store, feed)  # type: ignore[arg-type]
    assert (done.applied, done.finished) == (1, True)


async def test_an_older_record_never_overwrites_a_newer_one_and_never_brings_back_what_was_taken_down(store: PublicationStore) -> None:
    old, new = (record(seq, make_publication("P1", version, title=title)) for seq, version, title in ((10, 1, "旧"), (20, 2, "新")))
    done = await take(store, Feed(new, old, new, record(31, id="P2", version=3), record(30, make_publication("P2", 2))))  # type: ignore[arg-type]
    assert (done.applied, done.unchanged, done.parked) == (2, 3, 0)
    assert await titles(store) == {"P1": "新"} and await store.publication("P2") is None


BAD = {
    "no title": make_publication("BAD1") | {"title": ""},
    "another id": make_publication("OTHER"),
    "script in a link": make_publication("BAD3") | {"attachments": [{"name": "x", "url": "javascript:alert(1)"}]},
    "an exposure without its problem": make_publication("BAD4") | {"kind": "exposure"},
    "a date out of the calendar": make_publication("BAD5") | {"published_at": "9999-12-31T23:59:59-08:00"},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_record_is_parked_once_with_its_reason_and_the_rest_go_on(store: PublicationStore, mongo: Mongo, bad: dict[str, Any]) -> None:
    feed = [record(1, make_publication("P1")), record(2, bad, id="BAD"), record(3, make_publication("P3"))]
    for _ in range(2):
        done = await take(store, Feed(*feed))  # type: ignore[arg-type]
        assert done.finished
        await mongo["publications_feed"].delete_many({})  # a database put back to an earlier day reads the feed again
    parked = [row async for row in mongo["publications_parked"].find()]
    assert [row["id"] for row in parked] == ["BAD"] and parked[0]["reason"]
    assert set(await titles(store)) == {"P1", "P3"}


async def test_numbers_no_database_can_hold_are_parked_too(store: PublicationStore, mongo: Mongo) -> None:
    done = await take(store, Feed(record(10**30, make_publication("P1")), record(2, make_publication("P2"))))  # type: ignore[arg-type]
    assert (done.applied, done.parked) == (1, 1)
    assert await mongo["publications_parked"].count_documents({}) == 1


class DiesBeforeTheCursorMoves(PublicationStore):
    async def advance(self, before: FeedState, cursor: str, revision: int, as_of: datetime | None) -> bool:
        raise KeyboardInterrupt


async def test_a_crash_between_page_and_cursor_repeats_the_page_and_the_index_still_sees_it(store: PublicationStore, mongo: Mongo) -> None:
    feed = Feed(record(1, make_publication("P1")))
    await take(store, feed)  # type: ignore[arg-type]
    served = Publications(store)
    await served.refresh()
    feed.records.append(record(2, make_publication("P2")))
    with pytest.raises(KeyboardInterrupt):
        await take(DiesBeforeTheCursorMoves(mongo), feed)  # type: ignore[arg-type]
    assert (await store.state()).cursor == "1"
    again = await take(store, feed)  # type: ignore[arg-type]
    assert (again.applied, again.unchanged, again.finished) == (0, 1, True)
    await served.refresh()
    assert served.find(Wanted()).total == 2


class Slower(PublicationStore):
    """A worker that is overtaken by another between reading its page and writing it."""

    def __init__(self, mongo: Mongo, feed: Feed) -> None:
        super().__init__(mongo)
        self._faster, self._page, self._overtaken = PublicationStore(mongo), feed, False

    async def apply(self, changes: Sequence[Change], revision: int) -> int:
        if not self._overtaken:
            self._overtaken = True
            await take(self._faster, self._page)  # type: ignore[arg-type]
        return await super().apply(changes, revision)


async def test_of_two_workers_the_slower_one_applies_nothing_and_leaves_the_cursor_alone(store: PublicationStore, mongo: Mongo) -> None:
    feed = Feed(*(record(n, make_publication(f"P{n}")) for n in range(1, 6)))
    slower = await take(Slower(mongo, feed), feed)  # type: ignore[arg-type]
    assert (slower.applied, slower.unchanged, slower.finished) == (0, 2, False)
    state = await store.state()
    assert (state.cursor, state.revision) == ("5", 3) and len(await titles(store)) == 5


async def test_what_has_expired_is_not_listed_but_its_link_answers_and_what_is_not_out_yet_does_neither(store: PublicationStore) -> None:
    served = Publications(store)
    with pytest.raises(Unavailable):
        served.find(Wanted())
    over = make_publication("OVER", expires_at="2026-02-01T00:00:00+08:00")
    soon = make_publication("SOON", published_at=LATER)
    forever = make_publication("FOREVER", expires_at="9999-12-31T23:59:59-08:00")
    await take(store, Feed(*(record(n, one) for n, one in enumerate((over, soon, forever), 1))))  # type: ignore[arg-type]
    await served.refresh()
    assert [entry.id for entry, _ in served.find(Wanted()).found] == ["FOREVER"]
    found, expired = await served.publication("OVER")
    assert found["id"] == "OVER" and expired
    assert (await served.publication("FOREVER"))[1] is False
    for unknown in ("SOON", "NONE"):
        with pytest.raises(NotFound):
            await served.publication(unknown)


async def test_a_publication_expires_on_time_although_nothing_comes_from_the_feed() -> None:
    index = PublicationIndex([make_publication(expires_at=AT.isoformat())], 1)
    assert [index.find(Wanted(), AT + timedelta(seconds=second)).total for second in (-1, 0, 1)] == [1, 0, 0]
    assert index.find(Wanted("公告"), AT - timedelta(seconds=1)).total == 1 and index.find(Wanted("公告"), AT).total == 0


def test_search_finds_in_title_body_number_and_reply_and_filters() -> None:
    exposure = {"problem": "窗口排队两小时", "reply": "已增开三个窗口"}
    index = PublicationIndex(
        [
            make_publication("A", title="关于停水的公告", body="望江路周六检修，停止供水", item_codes=["I1"]),
            make_publication("B", kind="policy", title="租房补贴办法", body="新就业大学生每月补贴", document_number="临政规〔2026〕7号"),
            make_publication("C", kind="exposure", title="排队太久", body="处理结果公布", exposure=exposure),
        ],
        1,
    )

    def ids(query: str = "", **more: Any) -> list[str]:
        return [entry.id for entry, _ in index.find(Wanted(query, **more), AT).found]

    assert ids("停水通知什么时候") == ["A"] and ids("大学生租房") == ["B"] and ids("增开") == ["C"]
    assert ids("水") == ["A"] and ids("临政规〔２０２６〕７号")[0] == "B"
    assert ids(kind="exposure") == ["C"] and ids(item_code="I1") == ["A"] and ids("停水", kind="policy") == []
    assert ids("😀!?") == [] and ids(" ") == ids() != []
    scores = [score for _, score in index.find(Wanted("停水"), AT).found]
    assert scores[0] and index.find(Wanted(), AT).found[0][1] is None


def test_a_list_is_newest_first_and_something_new_meanwhile_shifts_nothing() -> None:
    rows = [make_publication(f"P{day:02}", published_at=f"2026-01-{day:02}T00:00:00+08:00") for day in range(1, 8)]
    first = PublicationIndex(rows, 1).find(Wanted(limit=3), AT)
    assert [entry.id for entry, _ in first.found] == ["P07", "P06", "P05"] and first.total == 7
    newer = PublicationIndex([*rows[:6], make_publication("NEW", published_at="2026-02-01T00:00:00+08:00")], 2)
    second = newer.find(Wanted(limit=3, cursor=first.next_cursor or ""), AT)
    assert [entry.id for entry, _ in second.found] == ["P04", "P03", "P02"]
    last = newer.find(Wanted(limit=3, cursor=second.next_cursor or ""), AT)
    assert [entry.id for entry, _ in last.found] == ["P01"] and last.next_cursor is None


def test_the_hits_of_a_query_come_page_by_page_each_once() -> None:
    index = PublicationIndex([make_publication(f"P{n}", title="停水公告") for n in range(7)], 1)
    seen, cursor = [], ""
    while True:
        page = index.find(Wanted("停水", limit=3, cursor=cursor), AT)
        seen += [entry.id for entry, _ in page.found]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert sorted(seen) == [f"P{n}" for n in range(7)] and page.total == 7


@pytest.mark.parametrize(("query", "cursor"), [("", "3"), ("", "x"), ("停水", "1_P1"), ("停水", "99999"), ("停水", "-1"), ("", "1_" + "a" * 65)])
def test_a_cursor_no_page_gave_is_refused(query: str, cursor: str) -> None:
    index = PublicationIndex([make_publication()], 1)
    with pytest.raises(BadCursor):
        index.find(Wanted(query, cursor=cursor), AT)


def test_an_empty_feed_has_an_index_too() -> None:
    index = PublicationIndex([], 0)
    assert (index.find(Wanted(), AT).total, index.find(Wanted("停水"), AT).total) == (0, 0)
