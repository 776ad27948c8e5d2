"""A package is matched against live items, says what is missing, and adds up only what is recorded."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from content import store as store_module
from content.package_file import BUILT_IN, Package, PackageFile, WantedItem, read
from content.package_guide import package_guide
from content.package_items import meant, needs, serving, spellings
from content.packages import Packages
from content.store import Change, Content
from kit.errors import Invalid, NotFound
from kit.mongo import Mongo
from tests.content.catalogue import make_catalogue
from tests.content.items import Json, make_item, make_question, own_items

EAST, WEST, CITY = ({"code": code, "name": code} for code in ("990102", "990103", "990100"))


def make_package(*steps: Any) -> Package:
    """Each step: a list of wanted items, or (one_of) a tuple of them; a wanted item is a name or a dict."""
    made = [
        {"title": f"第{number}步", "one_of": isinstance(step, tuple), "items": [{"name": one} if isinstance(one, str) else one for one in step]}
        for number, step in enumerate(steps, 1)
    ]
    return Package.model_validate({"id": "test", "name": "测试", "audience": ["自然人"], "description": "一件事", "steps": made})


def told(package: Package, items: list[Json], situation: str | None = None, region: str | None = None) -> Json:
    return package_guide(package, serving(needs(package, items), region), {"身份证": "居民身份证"}, situation)


def codes_meant(items: list[Json], *names: str, codes: tuple[str, ...] = ()) -> list[str]:
    wanted = WantedItem.model_validate({"name": names[0], "names": list(names[1:]), "codes": list(codes)})
    return [item["code"] for item in meant(wanted, items)]


def test_a_code_comes_before_a_name_and_a_name_is_tried_where_the_code_is_unknown() -> None:
    items = [make_item("A", name="结婚登记"), make_item("B", name="内地居民结婚登记")]
    assert codes_meant(items, "结婚登记", codes=("B",)) == ["B"]
    assert codes_meant(items, "结婚登记", codes=("Z",)) == ["A"]
    assert codes_meant(items, "婚姻登记", "内地居民结婚登记") == ["B"]


def test_only_exactly_equal_names_count_and_the_items_own_name_counts_most() -> None:
    items = [
        make_item("A", name="食品经营许可（变更）", catalogue_name="食品经营许可"),
        make_item("B", name="食品经营许可（新办）", catalogue_name="食品经营许可"),
        make_item("C", name="补领", short_name="补证", everyday_names=["证丢了"]),
    ]
    assert codes_meant(items, "食品经营许可") == ["A", "B"]
    assert codes_meant(items, "食品经营许可(新办)", "食品经营许可") == ["B"]
    assert codes_meant(items, "食品经营") == []
    assert codes_meant(items, "补证") == codes_meant(items, "证丢了") == ["C"]


def test_of_the_same_service_in_several_places_the_closest_is_taken() -> None:
    items = [make_item("E", name="低保", region=EAST), make_item("W", name="低保", region=WEST), make_item("N", name="低保")]

    def codes(region: str | None) -> list[str]:
        return [item["code"] for item in serving(needs(make_package(["低保"]), items), region)[0].items]

    assert codes("990102012003") == ["E", "N"] and codes("990103") == ["N", "W"]
    assert codes(None) == ["E", "N", "W"] and codes("110000") == ["N"]
    placed = needs(make_package(["低保"]), items[:2])
    assert [item["code"] for item in serving(placed, "990100")[0].items] == ["E", "W"], "the districts of a city"
    assert serving(placed, "110000")[0].items == ()


def test_what_the_catalogue_has_not_is_shown_as_missing_and_never_made_up() -> None:
    guide = told(make_package(["结婚登记", "飞行许可"], ["也没有"]), [make_item("A", name="结婚登记", visits=1, fees=[], materials=[])])
    assert [[(one["code"], one["name"], one["found"]) for one in step["items"]] for step in guide["steps"]] == [
        [("A", "结婚登记", True), (None, "飞行许可", False)],
        [(None, "也没有", False)],
    ]
    assert guide["visits_total"] is None
    assert "飞行许可、也没有" in guide["limit_text"] and "飞行许可、也没有" in guide["fees_text"]


def test_items_without_recorded_materials_are_named() -> None:
    items = [make_item("A", name="甲", materials=[{"name": "身份证"}]), make_item("B", name="乙"), make_item("C", name="丙", materials=[])]
    guide = told(make_package(["甲", "乙", "丙"]), items)
    assert guide["materials_not_recorded"] == [{"code": "B", "name": "乙"}]
    assert [(one["name"], one["for"]) for one in guide["materials"]] == [("居民身份证", ["A"])]


def test_visits_add_up_and_of_alternatives_the_most_count() -> None:
    items = [make_item(name[0], name=name, visits=visits) for name, visits in (("A个体", 0), ("B公司", 2), ("C许可", 1))]
    assert told(make_package(("A个体", "B公司"), ["C许可"]), items)["visits_total"] == 3
    assert told(make_package(["A个体", "B公司"], ["C许可"]), [*items[:2], make_item("C", name="C许可")])["visits_total"] is None


def test_limits_and_fees_are_told_per_item_in_the_guides_own_words() -> None:
    items = [
        make_item("A", name="甲", promised_limit={"days": 5}, fees=[]),
        make_item("B", name="乙", promised_limit={"days": 5}, fees=[{"name": "工本费", "amount_fen": 1000}]),
        make_item("C", name="丙"),
    ]
    guide = told(make_package(["甲", "乙", "丙"]), items)
    assert guide["limit_text"] == "承诺5个工作日：甲、乙；未登记，请致电办理部门或 12345 核实：丙"
    assert guide["fees_text"] == "不收费：甲；工本费：10.00 元：乙；未登记，请致电办理部门或 12345 核实：丙"


def test_a_paper_that_an_earlier_step_issues_says_so() -> None:
    issues = make_item("A", name="登记", materials=[{"name": "营业执照", "note": "旧的"}], results=[{"name": "《营业执照》"}])
    wants = make_item("B", name="许可", materials=[{"name": "营业执照复印件"}, {"name": "身份证"}])
    guide = told(make_package(["登记"], ["许可"]), [{**issues, "materials": []}, wants])
    assert {one["name"]: one["issued_by"] for one in guide["materials"]} == {"营业执照": ["A"], "居民身份证": []}
    asked_before = told(make_package(["登记"], ["许可"]), [issues, wants])
    assert asked_before["materials"][0]["issued_by"] == [], "the first step asks for it itself"


def two_asking() -> tuple[Package, list[Json]]:
    who = make_question("who", "self", "agent")
    materials = [{"name": "委托书", "situations": ["agent"]}]
    age = make_question("age", "adult", "minor")
    items = [
        make_item("A", name="甲", situations=[who], materials=materials),
        make_item("B", name="乙", situations=[who, age], materials=[*materials, {"name": "监护证明", "situations": ["minor"]}]),
    ]
    return make_package(["甲"], ["乙"]), items


def test_a_situation_counts_for_every_item_that_knows_it_or_for_one_by_its_code() -> None:
    package, items = two_asking()

    def wanted(situation: str | None) -> dict[str, list[str]]:
        return {one["name"]: one["for"] for one in told(package, items, situation)["materials"]}

    assert wanted(None) == {"委托书": ["A", "B"], "监护证明": ["B"]}
    assert wanted("self,adult") == {}
    assert wanted("A/self,minor") == {"委托书": ["B"], "监护证明": ["B"]}


def test_open_questions_come_with_options_that_can_be_sent_back() -> None:
    package, items = two_asking()
    asked = told(package, items, "A/self")["asked"]
    assert [(one["code"], one["id"]) for one in asked] == [("B", "who"), ("B", "age")]
    answers = ",".join(one["options"][0]["id"] for one in asked)
    assert told(package, items, f"A/self,{answers}")["asked"] == []


def test_wrong_situations_of_a_package_are_all_said_at_once() -> None:
    package, items = two_asking()
    with pytest.raises(Invalid) as caught:
        told(package, items, "self,B/agent,nobody,A/adult,Z/self,/")
    said = [error.message for error in caught.value.errors]
    assert len(said) == 5 and caught.value.code == "situation_unknown"
    assert all(any(word in message for message in said) for word in ("“nobody”", "“A/adult”", "“Z/self”", "“/”", "乙：“who？”"))
    with pytest.raises(Invalid) as caught:
        told(package, items, "self,B/agent")
    assert caught.value.code == "situation_conflict"


def test_each_built_in_package_finds_some_of_our_own_items_and_repeats_no_paper() -> None:
    items, book = own_items(), read(BUILT_IN.read_bytes())
    for package in book.packages:
        found = needs(package, items)
        assert any(need.items for need in found), package.id
        guide = package_guide(package, found, book.same)
        papers = [one["name"] for one in guide["materials"]]
        assert len(papers) == len(set(papers)), package.id


def test_the_built_in_names_alone_find_the_same_items_as_the_codes() -> None:
    """What another city gets, whose codes are its own."""
    items, book = own_items(), read(BUILT_IN.read_bytes())
    elsewhere = [{**item, "code": f"X{item['code']}"} for item in items]
    for wanted in [item for package in book.packages for step in package.steps for item in step.items]:
        assert {f"X{item['code']}" for item in meant(wanted, items)} == {item["code"] for item in meant(wanted, elsewhere)}, wanted.name


def test_a_name_is_looked_for_with_narrow_and_wide_brackets() -> None:
    assert spellings(["许可（新办）"]) == spellings(["许可(新办)"]) == ["许可(新办)", "许可（新办）"]


@pytest.fixture
async def store(mongo: Mongo) -> Content:
    await mongo.create_indexes(store_module.INDEXES)
    return Content(mongo)


class Counted(Content):
    """Counts the queries packages cost."""

    queries = 0

    async def named(self, codes: Any, names: Any) -> list[Json]:
        self.queries += 1
        return await super().named(codes, names)


async def keep(store: Content, *items: Json) -> None:
    """Items as the sync leaves them, and a revision more."""
    before = await store.state()
    revision = before.revision + 1
    await store.apply([Change(item["code"], item["version"], revision, item, b"{}") for item in items], revision)
    assert await store.advance(before, str(revision), revision, None)


def write(path: Path, *names: str) -> Path:
    steps = [{"title": name, "items": [{"name": name}]} for name in names]
    package = {"id": "test", "name": "测试", "audience": ["企业法人"], "description": "一件事", "steps": steps}
    path.write_text(json.dumps({"packages": [package]}), encoding="utf-8")
    return path


async def test_packages_cost_one_query_per_revision_and_edition(mongo: Mongo, store: Content, tmp_path: Path) -> None:
    counted = Counted(mongo)
    catalogue = make_catalogue(counted)
    path = write(tmp_path / "packages.json", "甲", "乙")
    packages = Packages(catalogue, PackageFile(path, look_again=0))
    await keep(store, make_item("A", name="甲", short_name="小甲"))
    await catalogue.refresh()
    (row,) = (await asyncio.gather(*(packages.listed(None) for _ in range(5))))[0]
    assert (row["steps_total"], row["items_total"], row["items_found"]) == (2, 2, 1) and counted.queries == 1
    await keep(store, make_item("B", name="别的", everyday_names=["乙"]))
    await catalogue.refresh()
    guide = await packages.guide("test", None, None)
    assert [step["items"][0]["code"] for step in guide["steps"]] == ["A", "B"] and counted.queries == 2
    write(path, "小甲")
    assert [step["items"][0]["code"] for step in (await packages.guide("test", None, None))["steps"]] == ["A"]
    assert counted.queries == 3


async def test_an_item_taken_down_is_missing_from_its_package(store: Content, tmp_path: Path) -> None:
    catalogue = make_catalogue(store)
    packages = Packages(catalogue, PackageFile(write(tmp_path / "packages.json", "甲")))
    await keep(store, make_item("A", name="甲"))
    await catalogue.refresh()
    assert (await packages.listed(None))[0]["items_found"] == 1
    before = await store.state()
    await store.apply([Change("A", 2, before.revision + 1, None, None)], before.revision + 1)
    await store.advance(before, "gone", before.revision + 1, None)
    await catalogue.refresh()
    assert (await packages.listed(None))[0]["items_found"] == 0


async def test_packages_are_listed_for_whom_they_are_meant_and_an_unknown_one_is_not_found(store: Content, tmp_path: Path) -> None:
    packages = Packages(make_catalogue(store), PackageFile(write(tmp_path / "packages.json", "甲")))
    assert len(await packages.listed("企业")) == len(await packages.listed("法人")) == 1
    assert await packages.listed("个人") == []
    with pytest.raises(NotFound):
        await packages.guide("nothing", None, None)
