"""Packages, themes, lists and the short guide over HTTP, on the sandbox's own catalogue."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from miniapp_api.shapes_content import PackageGuide, ShortGuide
from miniapp_api.shapes_items import Guide
from tests.api.house import House, until
from tests.api.test_bad_input import NASTY

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


@pytest.mark.parametrize("text", [quote(text) for text in NASTY] + ["%ED%A0%80", "%FF", "/", ",/,", "A%2FB"])
async def test_any_situation_region_or_audience_gets_an_answer_or_a_422(house: House, text: str) -> None:
    for path in (
        f"/v1/packages?audience={text}",
        f"/v1/packages/marriage?region={text}",
        f"/v1/packages/marriage?situation={text}",
        f"/v1/packages/{text.replace('/', '%2F') or '-'}",
        f"/v1/items/{REPLACE}/guide?situation={text}&form=short",
    ):
        answer = await house.api("GET", path)
        assert answer.status in (200, 404, 422) and answer.json is not None, path


async def test_the_operators_file_is_taken_without_a_restart_and_a_broken_one_is_not(house: House) -> None:
    path = Path(house.stack.env["ZHANGBAN_PACKAGES"])
    before = path.read_bytes()

    def replace(raw: bytes) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(raw)
        os.replace(fresh, path)

    async def names() -> list[str]:
        return [one["name"] for one in (await house.api("GET", "/v1/packages")).json["items"]]

    async def complained() -> bool:
        await names()
        return "packages not read" in (house.stack.data / "logs" / "api.log").read_text()

    async def renamed() -> bool:
        return (await names())[0] == "开小吃店"

    book = json.loads(before)
    book["packages"][0]["name"] = "开小吃店"
    try:
        replace(json.dumps(book).encode())
        assert await until(renamed)
        replace(b'{\n  "packages": [\n')
        assert await until(complained)
        assert await renamed() and "line 3" in (house.stack.data / "logs" / "api.log").read_text()
    finally:
        replace(before)


async def test_themes_and_lists_hold_what_searching_by_them_finds(house: House) -> None:
    async def agree() -> bool:
        """Another test's new item may come between two questions."""
        themes = (await house.api("GET", "/v1/themes")).json["items"]
        assert themes == sorted(themes, key=lambda one: (-one["total"], one["name"])) and len(themes) > 5
        found = [(await house.api("GET", f"/v1/items?theme={theme['name']}")).json["total"] for theme in themes]
        return found == [theme["total"] for theme in themes]

    assert await until(agree)
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
    assert told.as_of is not None and told.version >= 1 and 7 <= len(told.sentences) <= 8
    assert [one.text for one in told.sentences if one.part == "materials"] == ["要带：居民身份证。"]
    assert told.phone in (await house.api("GET", f"/v1/items/{REPLACE}")).json["consult_phone"]
    is_problem(await house.api("GET", "/v1/items/NONE/guide?form=short"), 404, "item_unknown")
    is_problem(await house.api("GET", f"/v1/items/{REPLACE}/guide?form=long"), 422, "input_invalid")
