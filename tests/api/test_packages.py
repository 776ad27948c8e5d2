"""Packages, themes, lists and the short guide over HTTP, on the sandbox's own catalogue."""

from typing import Any

import pytest

from miniapp_api.shapes import Guide
from miniapp_api.shapes_content import PackageGuide, ShortGuide
from tests.api.house import House

REPLACE = "11990100MB990001313000790100100"  # 居民身份证换领: asks for the reason and for the age


def is_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_every_package_on_the_list_has_a_guide_of_the_promised_shape(house: House) -> None:
    listed = (await house.api("GET", "/v1/packages")).json
    assert len(listed["items"]) >= 12 and listed["as_of"].endswith("+08:00")
    for row in listed["items"]:
        answer = await house.api("GET", f"/v1/packages/{row['id']}")
        assert answer.status == 200 and set(answer.json) == set(PackageGuide.model_fields)
        guide = PackageGuide.model_validate(answer.json)
        entries = [one for step in guide.steps for one in step.items]
        assert len(guide.steps) == row["steps_total"] and all(one.found == (one.code is not None) for one in entries)
        assert 0 < row["items_found"] <= row["items_total"] and sum(not one.found for one in entries) == row["items_total"] - row["items_found"]
        codes = {one.code for one in entries}
        assert all(one.wanted_by and set(one.wanted_by) <= codes for one in guide.materials)


async def test_packages_are_found_in_residents_own_words(house: House) -> None:
    everyone, people, firms = [
        {one["id"] for one in (await house.api("GET", f"/v1/packages{query}")).json["items"]} for query in ("", "?audience=个人", "?audience=企业")
    ]
    assert people | firms == everyone and people != firms and "marriage" in people - firms and "open-shop" in firms
    assert (await house.api("GET", "/v1/packages?audience=航天员")).json["items"] == []


async def test_a_package_follows_the_region_and_the_answers(house: House) -> None:
    def codes(guide: Any) -> list[str]:
        return [one["code"] for one in guide["steps"][1]["items"]]

    whole = (await house.api("GET", "/v1/packages/starting-school")).json
    east = (await house.api("GET", "/v1/packages/starting-school?region=990102")).json
    assert len(codes(whole)) == 2 and codes(east) == [one for one in codes(whole) if one.startswith("11990102")]
    options = [question["options"][0]["id"] for question in east["asked"]]
    settled = (await house.api("GET", f"/v1/packages/starting-school?region=990102&situation={','.join(options)}")).json
    assert settled["asked"] == [] and len(settled["materials"]) < len(east["materials"])
    nowhere = (await house.api("GET", "/v1/packages/starting-school?region=110000")).json
    assert [one["found"] for step in nowhere["steps"] for one in step["items"]] == [False, False] and nowhere["materials"] == []


async def test_a_wrong_package_or_answer_is_refused_with_everything_at_once(house: House) -> None:
    is_problem(await house.api("GET", "/v1/packages/nothing"), 404, "package_unknown")
    unknown = await house.api("GET", "/v1/packages/marriage?situation=nobody,nothing")
    is_problem(unknown, 422, "situation_unknown")
    assert len(unknown.json["errors"]) == 2
    is_problem(await house.api("GET", "/v1/packages?audience=a&color=red"), 422, "input_invalid")


async def test_themes_and_lists_hold_what_searching_by_them_finds(house: House) -> None:
    themes = (await house.api("GET", "/v1/themes")).json["items"]
    assert themes == sorted(themes, key=lambda one: (-one["total"], one["name"])) and len(themes) > 5
    for theme in themes[:3]:
        assert (await house.api("GET", f"/v1/items?theme={theme['name']}")).json["total"] == theme["total"]
    lists = (await house.api("GET", "/v1/lists")).json["items"]
    assert [(one["id"], one["name"]) for one in lists] == [("at_once", "马上办"), ("online", "网上办"), ("one_visit", "一次办")]
    assert all(one["total"] > 0 and one["definition"] for one in lists)


async def test_a_guide_asks_step_by_step(house: House) -> None:
    start = (await house.api("GET", f"/v1/items/{REPLACE}/guide")).json
    Guide.model_validate(start)
    assert start["asked"] == ["reason", "age"]
    one_answer = (await house.api("GET", f"/v1/items/{REPLACE}/guide?situation=expired")).json
    names = [one["name"] for one in one_answer["parts"]["materials"]["items"]]
    assert one_answer["asked"] == ["age"] and "监护人居民身份证" in names and "居民户口簿" not in names
    both = (await house.api("GET", f"/v1/items/{REPLACE}/guide?situation=expired,minor")).json
    guardian = next(one for one in both["parts"]["materials"]["items"] if one["name"] == "监护人居民身份证")
    assert both["asked"] == [] and guardian["why"] == ["未满16周岁"] and guardian["only_if"] == []


@pytest.mark.parametrize("form", ["", "&form=short"])
async def test_wrong_answers_are_refused_at_once_in_either_form(house: House, form: str) -> None:
    answer = await house.api("GET", f"/v1/items/{REPLACE}/guide?situation=expired,damaged,adult,minor,nobody{form}")
    is_problem(answer, 422, "situation_unknown")
    assert len(answer.json["errors"]) == 3
    is_problem(await house.api("GET", f"/v1/items/{REPLACE}/guide?situation=adult,minor{form}"), 422, "situation_conflict")


async def test_the_short_form_comes_dated_and_follows_the_situation(house: House) -> None:
    answer = await house.api("GET", f"/v1/items/{REPLACE}/guide?form=short&situation=expired,adult")
    assert answer.status == 200 and set(answer.json) == set(ShortGuide.model_fields)
    told = ShortGuide.model_validate(answer.json)
    assert told.as_of is not None and told.version == 1 and 7 <= len(told.sentences) <= 8
    assert [one.text for one in told.sentences if one.part == "materials"] == ["要带：居民身份证。"]
    assert told.phone in (await house.api("GET", f"/v1/items/{REPLACE}")).json["consult_phone"]
    is_problem(await house.api("GET", "/v1/items/NONE/guide?form=short"), 404, "item_unknown")
    is_problem(await house.api("GET", f"/v1/items/{REPLACE}/guide?form=long"), 422, "input_invalid")
