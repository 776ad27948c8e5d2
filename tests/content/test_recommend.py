"""Recommendations: a rule speaks only when all its conditions hold, says why, and shows nothing that this catalogue does not have."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from content.operators_file import BrokenFile
from content.package_file import BUILT_IN as PACKAGES
from content.package_file import PackageFile
from content.package_file import read as read_packages
from content.packages import Packages
from content.recommend import Decided, Facts, Held, Recommending, birthday, findings
from content.recommend_file import BUILT_IN, RecommendationFile, Rule, read
from content.store import Change, Content
from kit.errors import NotFound
from tests.content.catalogue import make_catalogue
from tests.content.items import make_item, own_items

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)


def make_rule(**fields: Any) -> Rule:
    return Rule.model_validate({"id": "one", "audience": "person", "packages": ["p"], "because": "因为如此", **fields})


def make_facts(**known: Any) -> Facts:
    return Facts(**{"audience": "person", "at": AT, **known})


def ends_in(days: int, kind: str = "居民身份证") -> Held:
    return Held(kind, kind, AT - timedelta(days=3000), AT + timedelta(days=days))


def said(rule: Rule, facts: Facts) -> list[str]:
    return [rule.because.format_map(slots) for slots in findings(rule, facts)]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"when": {}}, "no condition"),
        ({"when": {"age": {"from": 9, "to": 8}}}, "from is greater than to"),
        ({"when": {"age": {"from": 1, "to": 2}}, "because": "因为{licence}"}, "{licence} is not known"),
        ({"when": {"age": {"from": 1, "to": 2}}, "because": "因为{age"}, "braces do not match"),
        ({"when": {"age": {"from": 1, "to": 2}}, "because": "您{age}岁"}, "because: "),
        ({"when": {"age": {"from": 1, "to": 2}}, "packages": []}, "recommends nothing"),
        ({"when": {"searched": ["退休"]}}, "when.searched: "),
        ({"when": {"age": {"from": 1, "to": 2}}, "audience": "everybody"}, "audience: "),
    ],
)
def test_a_rule_that_makes_no_sense_is_told_with_its_place(fields: dict[str, Any], place: str) -> None:
    good = {"id": "one", "audience": "person", "packages": ["p"], "because": "因为如此"}
    with pytest.raises(BrokenFile) as caught:
        read(json.dumps({"rules": [{**good, **fields}]}).encode())
    assert any(place in problem and "rules[0]" in problem for problem in caught.value.problems), caught.value.problems


def test_the_same_id_twice_is_refused() -> None:
    rule = {"id": "one", "audience": "person", "when": {"age": {"from": 1, "to": 2}}, "packages": ["p"], "because": "因为如此"}
    with pytest.raises(BrokenFile, match="id used twice: one"):
        read(json.dumps({"rules": [rule, rule]}).encode())


def test_an_age_counts_from_the_birthday_on() -> None:
    rule = make_rule(when={"age": {"from": 60, "to": 60}}, because="因为{age}")
    assert said(rule, make_facts(born=date(1966, 11, 29))) == ["因为60"]
    assert said(rule, make_facts(born=date(1966, 11, 30))) == [] == said(rule, make_facts(born=date(1965, 11, 29)))
    assert said(rule, make_facts()) == [], "an age nobody knows is no age"


def test_a_ward_is_told_in_months_until_it_is_one_and_each_speaks_for_itself() -> None:
    rule = make_rule(when={"ward_months": {"from": 0, "to": 12}}, because="因为{ward_age}")
    wards = (date(2026, 11, 20), date(2026, 8, 29), date(2025, 11, 29), date(2020, 1, 1), date(2026, 12, 1))
    assert said(rule, make_facts(wards=wards)) == ["因为刚出生", "因为3个月", "因为1岁"]


def test_a_licence_speaks_from_ninety_days_before_its_end_until_its_last_day() -> None:
    rule = make_rule(when={"expires": {"types": ["居民身份证"], "days": {"from": 0, "to": 90}}}, because="因为{licence}{day}{days}")
    assert said(rule, make_facts(licences=(ends_in(0),))) == ["因为居民身份证2026年11月29日0"]
    assert len(said(rule, make_facts(licences=(ends_in(90),)))) == 1
    assert said(rule, make_facts(licences=(ends_in(91), ends_in(-1), ends_in(5, "机动车驾驶证"), Held("居民身份证", "居民身份证", AT, None)))) == []


def test_all_conditions_must_hold_at_once() -> None:
    rule = make_rule(
        when={"age": {"from": 60, "to": 70}, "decided": {"names": ["结婚"], "days": {"from": 0, "to": 30}}}, because="因为{age}{item}{days}"
    )
    decided = (Decided("结婚登记", AT - timedelta(days=2)), Decided("离婚登记", AT))
    assert said(rule, make_facts(born=date(1960, 1, 1), decided=decided)) == ["因为66结婚登记2"]
    assert said(rule, make_facts(born=date(1990, 1, 1), decided=decided)) == [] == said(rule, make_facts(born=date(1960, 1, 1)))


def test_a_birthday_is_read_only_from_a_number_that_has_one() -> None:
    assert birthday("11010519491231002X") == date(1949, 12, 31)
    assert birthday("110105194902300021") is None and birthday("H12345678") is None


def test_the_built_in_file_is_good_and_names_only_packages_and_codes_there_are() -> None:
    rules = read(BUILT_IN.read_bytes()).rules
    packages = {one.id for one in read_packages(PACKAGES.read_bytes()).packages}
    assert {own for one in rules for own in one.packages} - packages == set()
    codes = {code for one in rules for item in one.items for code in item.codes}
    assert codes - {item["code"] for item in own_items()} == set() and {one.audience for one in rules} == {"person", "enterprise"}


async def recommending(store: Content, folder: Path, rules: list[dict[str, Any]], *names: str) -> Recommending:
    items = [make_item(f"I{n}", name=name, audience=["自然人"]) for n, name in enumerate(names)]
    await store.apply([Change(item["code"], 1, n + 1, item, b"{}") for n, item in enumerate(items)], 1)
    catalogue = make_catalogue(store)
    catalogue.state = await store.state()
    await catalogue.finder.refresh(1)
    (folder / "rules.json").write_text(json.dumps({"rules": rules}), encoding="utf-8")
    packages = {
        "id": "pp",
        "name": "退休",
        "audience": ["自然人"],
        "description": "退休",
        "steps": [{"title": "一", "items": [{"name": "养老金申领"}]}],
    }
    (folder / "packages.json").write_text(json.dumps({"packages": [packages]}), encoding="utf-8")
    file = RecommendationFile(folder / "rules.json", look_again=0)
    return Recommending(catalogue, Packages(catalogue, PackageFile(folder / "packages.json")), file)


def rule(own: str, **what: Any) -> dict[str, Any]:
    return {"id": own, "audience": "person", "when": {"age": {"from": 60, "to": 60}}, "because": f"因为{own}", **what}


OLD = make_facts(born=date(1966, 1, 1))


async def test_what_this_catalogue_does_not_have_is_not_shown(store: Content, tmp_path: Path) -> None:
    rules = [
        rule("a1", packages=["pp", "none"]),
        rule("b1", items=[{"name": "老年人优待证申领"}, {"name": "火星移居"}]),
        rule("c1", search=["火星移居证"]),
    ]
    with_all = await recommending(store, tmp_path, rules, "养老金申领", "老年人优待证申领")
    assert [(one.rule, one.name, one.package) for one in await with_all.of(OLD)] == [("a1", "退休", "pp"), ("b1", "老年人优待证申领", None)]


async def test_a_package_without_any_item_here_is_not_shown(store: Content, tmp_path: Path) -> None:
    without = await recommending(store, tmp_path, [rule("a1", packages=["pp"])], "结婚登记")
    assert await without.of(OLD) == []


async def test_another_catalogue_is_asked_in_words(store: Content, tmp_path: Path) -> None:
    ours = await recommending(store, tmp_path, [rule("a1", search=["老年人优待证申领"])], "老年人优待证申领", "结婚登记", "居住证申领")
    assert [one.name for one in await ours.of(OLD)] == ["老年人优待证申领"]


async def test_a_matter_is_told_once_not_while_it_is_under_way_and_not_after_it_was_dismissed(store: Content, tmp_path: Path) -> None:
    again = [{"name": "老年人优待证申领"}]
    ours = await recommending(store, tmp_path, [rule("a1", items=again), rule("b1", items=again)], "老年人优待证申领")
    (one,) = await ours.of(OLD)
    assert one.rule == "a1" and one.because == "因为a1"
    assert await ours.of(OLD, ["a1"]) == [], "another rule does not bring it back"
    assert await ours.of(make_facts(born=OLD.born, under_way=frozenset({str(one.item_code)}))) == []
    assert await ours.of(make_facts(audience="enterprise", born=OLD.born)) == []
    await ours.known("a1")
    with pytest.raises(NotFound):
        await ours.known("z1")
