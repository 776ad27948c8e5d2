"""Publications from the core's desk to a resident's screen: added, changed, expired, taken down; found by words, kind and item."""

import uuid
from typing import Any

import pytest

from tests.api.house import Answer, House, Json, until
from tests.api.test_bad_input import NASTY, is_problem


def make(**fields: Any) -> Json:
    return {"id": f"T-{uuid.uuid4().hex}", "kind": "notice", "title": "公告", "body": "正文", "published_at": "2026-01-02T01:00:00Z", **fields}


async def publish(house: House, **fields: Any) -> Json:
    """Puts it into the core's feed and waits until its link answers here."""
    record = await house.world("POST", "/world/core/publications", make(**fields))

    async def there() -> Json | None:
        answer = await house.api("GET", f"/v1/publications/{record['id']}")
        return answer.json if answer.status == 200 and answer.json["version"] == record["version"] else None

    return await until(there)


async def found(house: House, **query: str) -> list[str]:
    async with house.http.get(f"{house.stack.api}/v1/publications", params=query) as reply:
        assert reply.status == 200, await reply.text()
        return [one["id"] for one in (await reply.json())["items"]]


async def test_all_four_kinds_of_the_city_are_there_newest_first(house: House) -> None:
    async def loaded() -> Answer | None:
        answer = await house.api("GET", "/v1/publications?limit=50")
        return answer if answer.status == 200 and answer.json["total"] >= 20 else None

    told = (await until(loaded)).json
    assert {one["kind"] for one in told["items"]} == {"notice", "policy", "intermediary", "exposure"}
    assert told["items"] == sorted(told["items"], key=lambda one: one["published_at"], reverse=True)
    assert told["as_of"].endswith("+08:00") and all(one["published_at"].endswith("+08:00") for one in told["items"])
    for kind in ("notice", "policy", "intermediary", "exposure"):
        assert {one["kind"] for one in (await house.api("GET", f"/v1/publications?kind={kind}")).json["items"]} == {kind}


async def test_every_page_of_the_list_together_is_the_whole_list(house: House) -> None:
    whole = (await house.api("GET", "/v1/publications?limit=50")).json
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await house.api("GET", f"/v1/publications?limit=7&cursor={cursor}")).json
        seen, cursor = seen + [one["id"] for one in page["items"]], page["next_cursor"]
    assert seen == [one["id"] for one in whole["items"]]


async def test_a_publication_is_found_changed_and_taken_down(house: House) -> None:
    word = "镍铬铱"
    one = await publish(house, title=f"关于{word}检修的公告", item_codes=["X-9"], document_number="临发〔2026〕88号")
    assert one["published_at"] == "2026-01-02T09:00:00+08:00" and (one["state"], one["state_text"]) == ("current", "有效")

    async def listed() -> bool:
        return await found(house, q=word) == await found(house, item_code="X-9") == [one["id"]]

    await until(listed)
    changed = await publish(house, id=one["id"], title="换了题目", summary="摘要")
    assert (changed["version"], changed["summary"]) == (2, "摘要")

    async def forgotten() -> bool:
        return await found(house, q=word) == []

    await until(forgotten)
    await house.world("DELETE", f"/world/core/publications/{one['id']}")

    async def gone() -> Answer | None:
        answer = await house.api("GET", f"/v1/publications/{one['id']}")
        return answer if answer.status == 404 else None

    answer = await until(gone)
    is_problem(answer)
    assert answer.json["code"] == "publication_unknown"


async def test_an_expired_one_is_not_listed_but_its_link_says_so(house: House) -> None:
    one = await publish(house, title="锿钔锘", expires_at="2026-02-01T00:00:00+08:00")
    assert (one["state"], one["state_text"]) == ("expired", "已过期")
    marker = await publish(house, title="锿钔锘二")

    async def listed() -> list[str]:
        return await found(house, q="锿钔锘")

    assert await until(listed) == [marker["id"]]


async def test_an_exposed_problem_carries_its_reply_and_an_agency_its_services(house: House) -> None:
    reply = {"problem": "窗口没有人", "reply": "已整改", "replied_at": "2026-01-03T01:00:00Z", "replied_by": "政务局"}
    told = await publish(house, kind="exposure", exposure=reply)
    assert told["exposure"] == {**reply, "replied_at": "2026-01-03T09:00:00+08:00"} and told["intermediary"] is None
    agency = await publish(house, kind="intermediary", intermediary={"services": ["测绘"], "phone": "0990-1234899"})
    assert agency["intermediary"] == {"services": ["测绘"], "address": None, "phone": "0990-1234899", "qualification": None}


@pytest.mark.parametrize("query", ["kind=news", "limit=0", "limit=51", "cursor=x", "cursor=1_%00", "q=x&cursor=1_P", "item_code=%01", "nonsense=1"])
async def test_a_wrong_parameter_is_a_422(house: House, query: str) -> None:
    answer = await house.api("GET", f"/v1/publications?{query}")
    assert answer.status == 422
    is_problem(answer)


@pytest.mark.parametrize("text", NASTY)
async def test_any_query_gets_an_answer_or_a_422(house: House, text: str) -> None:
    async with house.http.get(f"{house.stack.api}/v1/publications", params={"q": text}) as reply:
        assert reply.status in (200, 422)


@pytest.mark.parametrize("name", ["nothing", "%00", "a" * 300, "{$ne:1}"])
async def test_an_unknown_one_is_a_404(house: House, name: str) -> None:
    answer = await house.api("GET", f"/v1/publications/{name}")
    assert answer.status == 404
    is_problem(answer)
