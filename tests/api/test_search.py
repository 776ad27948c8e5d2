"""Finding items over HTTP: residents' own words, filters, facets, suggestions, and what is told when nothing fits."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.house import Answer, House
from tests.api.test_bad_input import NASTY, is_problem


async def asked(house: House, path: str, **query: str) -> Answer:
    return await house.api("GET", f"{path}?{urlencode(query)}")


async def found(house: House, **query: str) -> Any:
    answer = await asked(house, "/v1/items", **query)
    assert answer.status == 200, answer.json
    return answer.json


async def test_a_resident_s_words_lead_to_the_item_and_the_name_is_marked(house: House) -> None:
    answer = await found(house, q="身分證丟了咋整", limit="3")
    first = answer["items"][0]
    assert "居民身份证" in first["name"] and answer["sure"] is True and answer["understood_as"] is None
    assert any(first["name"][start:end] in first["name"] and end > start for start, end in first["marks"])


async def test_pinyin_is_understood_and_said_so(house: House) -> None:
    answer = await found(house, q="huzhao")
    assert answer["understood_as"] == "护照" and "护照" in answer["items"][0]["name"]


async def test_lists_and_facets_agree(house: House) -> None:
    everything = await found(house, facets="true", limit="1")
    online = next(one for one in everything["facets"]["list"] if one["value"] == "online")
    assert (await found(house, list="online", limit="1"))["total"] == online["total"] > 0
    listed = (await house.api("GET", "/v1/lists")).json["items"]
    assert next(one["total"] for one in listed if one["id"] == "online") == online["total"]
    assert set(everything["facets"]) == {"theme", "audience", "region", "department", "list"}


async def test_a_county_is_served_what_its_city_offers(house: House) -> None:
    city = await found(house, region="990100", limit="1")
    county = await found(house, region="990102", limit="1")
    assert county["total"] >= city["total"] > 0


async def test_every_item_can_be_reached_page_by_page(house: House) -> None:
    seen: list[str] = []
    page: Any = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = await found(house, limit="20", cursor=page["next_cursor"])
        seen += [one["code"] for one in page["items"]]
    assert len(seen) == len(set(seen)) == page["total"]


async def test_what_is_not_in_the_catalogue_is_said_not_to_be_and_told_to_the_editors(house: House) -> None:
    question = "火星上怎么买一块地"
    answer = await found(house, q=question)
    assert answer["sure"] is False
    assert (await found(house, q="火星", theme="没有这个主题"))["items"] == []


async def test_suggestions_follow_what_is_typed(house: House) -> None:
    for typed in ("身份证", "shenfenz", "sfz"):
        items = (await asked(house, "/v1/search/suggest", q=typed, limit="5")).json["items"]
        assert items and len(items) <= 5 and all("身份" in one for one in items[:1]), (typed, items)
    assert (await house.api("GET", "/v1/search/suggest")).json["items"] == []


@pytest.mark.parametrize("typed", NASTY)
async def test_anything_may_be_typed(house: House, typed: str) -> None:
    answer = await asked(house, "/v1/search/suggest", q=typed)
    assert answer.status in (200, 422)
    if answer.status == 422:
        is_problem(answer)


@pytest.mark.parametrize(
    ("field", "value"), [("list", "whatever"), ("limit", "0"), ("limit", "1000"), ("facets", "perhaps"), ("cursor", "<>"), ("region", "x" * 21)]
)
async def test_a_bad_parameter_is_refused_by_name(house: House, field: str, value: str) -> None:
    answer = await asked(house, "/v1/items", **{field: value})
    assert answer.status == 422 and [one["field"] for one in answer.json["errors"]] == [field]
    is_problem(answer)
