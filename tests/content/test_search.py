"""Finding items: from residents' words to official names, for a region and an audience, the same from every process."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from content import everyday, tallies
from content.everyday import EverydayNames
from content.finder import Finder
from content.listing import Filters
from content.search import Answer, Index
from content.store import Content
from content.suggest import Suggestions
from content.sync import sync
from content.tallies import Tallies
from core.types import Item
from kit.errors import Unavailable
from kit.mongo import Mongo
from sandbox.core_items import read
from tests.content.catalogue import Feed, record
from tests.content.items import make_item

CITY, DISTRICT, OTHER = ({"code": code, "name": name} for code, name in (("990100", "市"), ("990102", "东区"), ("990103", "西区")))
ID_CARD = make_item("A", name="居民身份证补领", everyday_names=["身份证丢了"], themes=["证件办理"], region=CITY, audience=["自然人"])
PASSPORT = make_item("B", name="普通护照签发", everyday_names=["办护照"], themes=["出境入境"], audience=["自然人"], online=True)
COMPANY = make_item("C", name="公司设立登记", themes=["设立变更"], audience=["企业法人"], region=DISTRICT)


def built_in() -> EverydayNames:
    return everyday.read([everyday.BUILT_IN])


def make_index(*items: dict[str, Any], names: EverydayNames | None = None, **more: Any) -> Index:
    return Index(items, 1, names or EverydayNames(()), **more)


def codes(answer: Answer) -> list[str]:
    return [one.code for one in answer.hits]


def asked(index: Index, query: str = "", **filters: str) -> list[str]:
    return codes(index.find(query, Filters(**filters), 0, 10))


@pytest.fixture(scope="module")
def own() -> Index:
    """Our own catalogue with the built-in everyday names."""
    items = [Item.model_validate(item).model_dump(mode="json") for item in read(None)]
    return Index(items, 1, built_in())


def test_it_finds_by_name_and_everyday_name_and_lists_by_code() -> None:
    index = make_index(ID_CARD, PASSPORT, COMPANY)
    assert asked(index, "身份证丢了怎么办")[0] == "A" and asked(index, "護照")[0] == "B"
    assert asked(index) == ["A", "B", "C"] and asked(index, "😀!?") == []
    page = index.find("", Filters(), 1, 1)
    assert (page.total, codes(page)) == (3, ["B"])


def test_filters_hold_with_and_without_a_question() -> None:
    index = make_index(ID_CARD, PASSPORT, COMPANY)
    assert asked(index, theme="设立变更") == ["C"] and asked(index, department="测试局") == ["A", "B", "C"] and asked(index, list="online") == ["B"]
    assert asked(index, "身份证", theme="设立变更") == [] and asked(index, "登记", theme="设立变更") == ["C"]
    assert asked(index, audience="个人") == ["A", "B"] and asked(index, audience="企业") == ["C"]


def test_a_district_inherits_from_its_city_and_is_served_first() -> None:
    same: dict[str, Any] = {"name": "公共场所卫生许可", "everyday_names": ["开理发店"]}
    index = make_index(make_item("N", region=CITY, **same), make_item("O", region=OTHER, **same), make_item("P", region=DISTRICT, **same))
    assert asked(index, "开理发店", region="990102") == ["P", "N"]
    assert asked(index, region="990102") == ["N", "P"] and asked(index, "开理发店", region="990100") == ["N"]


def test_one_item_in_many_districts_does_not_fill_the_page() -> None:
    districts = [make_item(f"D{n:02}", name="内资公司设立登记", region={"code": f"9901{n:02}", "name": "区"}) for n in range(20)]
    index = make_index(*districts, make_item("Z", name="公司注销登记"))
    answer = index.find("公司登记", Filters(), 0, 5)
    assert "Z" in codes(answer) and len(codes(answer)) == 4


def test_the_words_asked_for_are_marked_in_the_name() -> None:
    hit = make_index(make_item("A", name="（新）居民身份证补领")).find("身份證", Filters(), 0, 1).hits[0]
    assert [hit.name[start:end] for start, end in hit.marks] == ["身份证"]


def test_what_is_read_often_comes_first_among_equals() -> None:
    two = [make_item("A", name="甲类演出许可"), make_item("B", name="乙类演出许可")]
    assert asked(make_index(*two), "演出许可") == ["A", "B"]
    assert asked(make_index(*two, views={"B": 5000}), "演出许可") == ["B", "A"]


@pytest.mark.parametrize(
    ("question", "code_of"),
    [
        ("身分證丟了咋整", "居民身份证补领"),
        ("shenfenzheng buling", "居民身份证补领"),
        ("公鸡金怎么提出来交房租", "租房提取住房公积金"),
        ("huzhao", "普通护照"),
    ],
)
def test_a_resident_s_way_of_writing_leads_to_the_item(own: Index, question: str, code_of: str) -> None:
    names = [hit.name for hit in own.find(question, Filters(), 0, 3).hits]
    assert any(code_of in name for name in names), names


def test_a_mistyped_question_comes_back_as_understood(own: Index) -> None:
    assert own.find("户照办里", Filters(), 0, 1).mended is not None
    assert own.find("护照办理", Filters(), 0, 1).mended is None


NASTY = [
    "",
    " ",
    "\x00\x07",
    "补" * 10_000,
    "a" * 10_000,
    "😀" * 500,
    ".*(a+)+$",
    '"',
    "\\",
    "[x TO y]",
    "AND OR NOT +name:x^9 -y ~2",
    "\u202e\ud800",
    "name:护照",
]


@pytest.mark.parametrize("query", NASTY)
def test_no_question_breaks_the_search(own: Index, query: str) -> None:
    answer = own.find(query, Filters(theme=query or None, region=query or None), 0, 5)
    assert answer.total >= len(answer.hits)
    own.find(query, Filters(), 0, 5)
    Suggestions(own.suggestible()).starting(query, 5)


def test_suggestions_begin_with_what_was_typed_in_characters_pinyin_or_initials() -> None:
    found = Suggestions(["护照签发", "办护照", "户口迁移", "居民身份证补领"])
    assert found.starting("护", 5) == ["护照签发"] and found.starting("huz", 5) == ["护照签发"] and found.starting("hk", 5) == ["户口迁移"]
    assert found.starting("", 5) == [] and found.starting("h", 1) == ["户口迁移"]


_CHILD = """
import json, sys
from tests.content.test_search import built_in, read, Index, Item, Filters
index = Index([Item.model_validate(item).model_dump(mode="json") for item in read(None)], 1, built_in())
print(json.dumps([[(hit.code, hit.score) for hit in index.find(query, Filters(), 0, 10).hits] for query in json.load(sys.stdin)]))
"""


def test_every_process_gives_the_same_results(own: Index) -> None:
    questions = ["办证要什么材料", "孩子出生", "登记", "想开个小饭馆", "钱"]
    here = [[[hit.code, hit.score] for hit in own.find(query, Filters(), 0, 10).hits] for query in questions]
    for seed in ("1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD],
            input=json.dumps(questions),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout.splitlines()[-1]) == here


@pytest.fixture
async def kept(mongo: Mongo, store: Content) -> Tallies:
    await mongo.create_indexes(tallies.INDEXES)
    return Tallies(mongo)


async def test_a_new_index_swaps_in_while_questions_are_answered(store: Content, kept: Tallies) -> None:
    """Every answer comes from one whole catalogue, the old or the new, and none fails."""
    finder = Finder(store, kept, longest_rest=0)
    with pytest.raises(Unavailable):
        finder.find("x", Filters(), 0, 1)
    seen: list[set[str]] = []
    done = asyncio.Event()

    async def keep_asking() -> None:
        while not done.is_set():
            if finder.revision is not None:
                seen.append({hit.name for hit in finder.find("公司登记", Filters(), 0, 10).hits})
            await asyncio.sleep(0)

    asking = asyncio.create_task(keep_asking())
    for version in (1, 2, 3):
        items = [record(2 * version + n, make_item(f"I{n}", version, name=f"第{version}版公司登记{n}")) for n in (0, 1)]
        await sync(store, Feed(*items))  # type: ignore[arg-type]
        await finder.refresh((await store.state()).revision)
    await asyncio.sleep(0.01)
    done.set()
    await asking
    whole = [{f"第{version}版公司登记{n}" for n in (0, 1)} for version in (1, 2, 3)]
    assert all(one in whole for one in seen) and seen[-1] == whole[-1] and len({tuple(sorted(one)) for one in seen}) > 1


async def test_a_rebuild_waits_its_turn_so_that_serving_keeps_the_processor(store: Content, kept: Tallies) -> None:
    finder = Finder(store, kept, longest_rest=0)
    await finder.refresh(1)
    finder._not_before = time.monotonic() + 60
    await finder.refresh(2)
    assert finder.revision == 1
    finder._not_before = 0.0
    await finder.refresh(2)
    assert finder.revision == 2


async def test_an_edited_file_of_everyday_names_counts_at_once_and_a_broken_one_never(store: Content, kept: Tallies, tmp_path: Path) -> None:
    await sync(store, Feed(record(1, make_item("A", name="犬类准养证核发")), record(2, make_item("B", name="养犬登记年审"))))  # type: ignore[arg-type]
    file = tmp_path / "own.txt"
    file.write_text("犬类准养 < 毛孩子上户", encoding="utf-8")
    finder = Finder(store, kept, [file])
    await finder.refresh(1)
    assert codes(finder.find("毛孩子上户", Filters(), 0, 1)) == ["A"]
    for moment, text in enumerate(["养犬登记年审 < 毛孩子上户", "写坏了的一行"], 1):
        file.write_text(text, encoding="utf-8")
        os.utime(file, (moment, moment))
        await finder.refresh(1)
        assert codes(finder.find("毛孩子上户", Filters(), 0, 1)) == ["B"]


async def test_exchanged_everyday_names_rank_as_if_they_had_been_there_from_the_start(store: Content, kept: Tallies, tmp_path: Path) -> None:
    items = [record(n, make_item(f"I{n}", name=name)) for n, name in enumerate(("盲人按摩腾挪登记", "盲人按摩登记"), 1)]
    await sync(store, Feed(*items))  # type: ignore[arg-type]  # the pretend core
    file = tmp_path / "own.txt"

    async def hits(finder: Finder, moment: int, text: str) -> Any:
        file.write_text(text, encoding="utf-8")
        os.utime(file, (moment, moment))
        await finder.refresh(1)
        return finder.find("盲人按摩搬家", Filters(), 0, 2).hits

    finder, thing, act = Finder(store, kept, [file]), "腾挪 < 搬家", "* 腾挪 < 搬家\n默认: 登记"
    before = await hits(finder, 1, thing)
    assert before != await hits(finder, 2, act) == await hits(Finder(store, kept, [file]), 2, act)
    assert await hits(finder, 3, thing) == before


async def test_views_and_unanswered_questions_are_counted_and_written_down(store: Content, kept: Tallies) -> None:
    finder = Finder(store, kept)
    await finder.refresh(1)
    for _ in range(3):
        finder.seen("A")
    for _ in range(2):
        finder.find("火星移民", Filters(), 0, 1)
    for _ in range(2):
        await finder.write_down()
    assert await kept.views() == {"A": 3}
    assert [(row["_id"], row["times"]) for row in await kept.unfound(5)] == [("火星移民", 2)]


async def test_above_a_bound_only_questions_already_known_are_counted(mongo: Mongo, kept: Tallies) -> None:
    rows = [{"_id": f"第{n}问", "times": 1} for n in range(1, tallies.MOST_UNFOUND)]
    await mongo["unfound_questions"].insert_many(rows)
    await kept.add_unfound({"最后一问": 2})
    await kept.add_unfound({"最后一问": 2, "多出一问": 9})
    assert [(row["_id"], row["times"]) for row in await kept.unfound(1)] == [("最后一问", 4)]
    assert await mongo["unfound_questions"].count_documents({}) == tallies.MOST_UNFOUND
