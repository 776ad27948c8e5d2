"""Closing an item for online handling over HTTP: at once in every process and on every channel; drafts stay, cases under way go on."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cases import submit
from cases.draft_store import Drafts
from cases.drafts import open_draft
from cases.file_store import Owner
from kit.clock import at_edge, now
from kit.embedded import free_port
from kit.errors import Conflict
from kit.mongo import Tx
from miniapp_api import draft_view
from miniapp_api.child import Child
from miniapp_api.stack import Stack
from staff.roles import Scope
from tests.api.applying import begin, make_item, post
from tests.api.desk import Desk, make_desk
from tests.api.house import Answer, House, Json, Resident, make_resident, until
from tests.api.planted import inside
from tests.api.test_joint import OTHER, joined

MESSAGE = "省统一身份认证平台升级"


@dataclass(slots=True)
class Other:
    """A second API process over the same database."""

    house: House
    url: str

    async def api(self, resident: Resident, method: str, path: str, body: Json = None) -> Answer:
        headers = {"Authorization": f"Bearer {resident.token}", "Idempotency-Key": uuid.uuid4().hex}
        return await self.house.call(method, self.url + path, body, headers=headers)


@pytest.fixture
async def other(house: House, stack: Stack, tmp_path: Path) -> AsyncIterator[Other]:
    port = free_port()
    env = {**stack.env, "ZHANGBAN_PORT": str(port)}
    child = Child("api-2", [sys.executable, "-m", "miniapp_api.cli", "api"], env, tmp_path / "api-2.log")
    child.start()
    url = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        try:
            return (await house.call("GET", f"{url}/readyz")).status == 200
        except OSError:
            return False

    await until(ready, 60)
    yield Other(house, url)
    await asyncio.to_thread(child.stop)


async def close(desk: Desk, item: Json, **more: Json) -> Json:
    answer = await desk.api("PUT", f"/staff/v1/items/{item['code']}/closure", {"message": MESSAGE, **more})
    assert answer.status == 200, answer.body
    return answer.json


async def told(house: House, item: Json, is_closed: bool) -> Json:
    """The guide, once it says so: within the refresh."""

    async def seen() -> Json:
        guide = (await house.api("GET", f"/v1/items/{item['code']}/guide")).json
        return guide if (guide["closed"] is not None) is is_closed else None

    return await until(seen, 5)


def is_refused(answer: Answer) -> bool:
    title = answer.json.get("title", "")
    return (answer.status, answer.json.get("code")) == (409, "item_closed") and MESSAGE in title and "窗口" in title and "12345" in title


async def test_what_is_closed_in_one_process_is_closed_in_the_other_at_once(house: House, other: Other) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    draft = await begin(resident, item, {"street": "和平路"})
    await close(desk, item)
    assert is_refused(await other.api(resident, "POST", "/v1/drafts", {"item_code": item["code"]}))
    assert is_refused(await other.api(resident, "POST", f"/v1/drafts/{draft['id']}/precheck", {}))
    assert is_refused(await other.api(resident, "POST", f"/v1/drafts/{draft['id']}/submit", {}))
    assert (await other.api(resident, "GET", f"/v1/drafts/{draft['id']}")).json["closed"]["message"] == MESSAGE

    async def guide_says_so() -> bool:
        return (await house.call("GET", f"{other.url}/v1/items/{item['code']}/guide")).json["can_apply"] is False

    await until(guide_says_so, 5)
    assert (await desk.api("DELETE", f"/staff/v1/items/{item['code']}/closure")).json["closed"] is False
    submitted = await other.api(resident, "POST", f"/v1/drafts/{draft['id']}/submit", {})
    assert submitted.status == 201, submitted.body


async def test_guide_detail_short_form_search_and_assistant_all_tell_it(house: House) -> None:
    desk = await make_desk(house, "content_editor")
    name = f"测试停办{uuid.uuid4().hex[:8]}许可"
    item = await make_item(house, materials=[], name=name)
    ends = now() + timedelta(hours=3)

    async def found() -> Json:
        items = (await house.api("GET", f"/v1/items?q={name}")).json["items"]
        return next((one for one in items if one["code"] == item["code"]), None)

    assert (await until(found))["closed"] is None
    await close(desk, item, until=at_edge(ends))
    guide = await told(house, item, True)
    assert guide["can_apply"] is False and MESSAGE in guide["notice"] and guide["state"] == "in_effect"
    assert (guide["closed"]["message"], guide["closed"]["until"]) == (MESSAGE, at_edge(ends)) and guide["closed"]["since"]
    detail = (await house.api("GET", f"/v1/items/{item['code']}")).json
    short = (await house.api("GET", f"/v1/items/{item['code']}/guide?form=short")).json
    assert detail["can_apply"] is short["can_apply"] is False and detail["closed"] == short["closed"] == guide["closed"]
    card = await found()
    assert card["can_apply"] is False and card["closed"] == guide["closed"]
    asked = await house.api("POST", "/v1/assistant/messages", {"text": f"{name}怎么办理"})
    text = asked.json["replies"][0]["text"]
    assert MESSAGE in text and "暂停网上办理" in text and "12345" in text and "可以网上办" not in text, text


async def test_a_draft_is_kept_says_so_and_goes_on_when_it_is_open_again(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    draft = await begin(resident, item, {"street": "和平路"})
    await close(desk, item)
    seen = (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert seen["answers"]["street"] == "和平路" and seen["closed"]["message"] == MESSAGE and seen["state"] == "open"
    assert [one["closed"]["message"] for one in (await resident.api("GET", "/v1/drafts")).json["items"]] == [MESSAGE]
    changed = await resident.api("PATCH", f"/v1/drafts/{draft['id']}", {"answers": {"floor": 3}})
    assert changed.status == 200 and changed.json["closed"]["message"] == MESSAGE
    assert is_refused(await post(resident, f"/v1/drafts/{draft['id']}/submit"))
    await desk.api("DELETE", f"/staff/v1/items/{item['code']}/closure")
    assert (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json["closed"] is None
    assert (await post(resident, f"/v1/drafts/{draft['id']}/submit")).status == 201


async def test_what_was_accepted_before_the_closing_is_filed_and_cases_go_on(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    draft = await begin(resident, item, {"street": "和平路"})
    first = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    await close(desk, item)
    again = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert (first.status, again.status) == (201, 201) and again.json["case_no"] == first.json["case_no"]
    await house.move(first.json["case_no"], "accepted")

    async def accepted() -> bool:
        return bool((await resident.api("GET", f"/v1/cases/{first.json['case_no']}")).json["state"] == "accepted")

    assert await until(accepted)


class Interrupted(Drafts):
    """Somebody does something else just before a draft is marked as submitted, in the transaction that records it; once."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def submitted(self, tx: Tx, draft: Mapping[str, Any], request_id: str) -> None:
        await super().submitted(tx, draft, request_id)
        if (act := self.meanwhile) is not None:
            self.meanwhile = None
            await act()


@pytest.mark.parametrize("moment", ["before the record", "within the record"])
async def test_a_closing_between_the_check_and_the_record_stops_the_submission(house: House, stack: Stack, moment: str) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    pair = (await make_item(house, materials=[]), await make_item(house, OTHER, [], name="另一个事项"))
    draft_id = (await joined(resident, pair))["id"]
    async with inside(stack) as deps:
        me = await deps.residents.resident((await resident.api("GET", "/v1/me")).json["id"])
        assert me is not None and me.person_id is not None
        owner = Owner(f"person:{me.person_id}", me.person_id, me.id)
        seen = await draft_view.view(deps, await open_draft(deps.applying.desk.drafts, draft_id, owner), owner, to_submit=True)
        asked = submit.Asked(seen.draft, seen.parts, owner, "wechat")
        drafts = Interrupted(deps.mongo, deps.keys)
        if moment == "before the record":
            await close(desk, pair[1])
        else:
            drafts.meanwhile = lambda: close(desk, pair[1])
        with pytest.raises(Conflict, match="item_closed") as caught:
            await submit.submit(replace(deps.applying.filing, drafts=drafts), asked)
        assert MESSAGE in caught.value.title and "另一个事项" in caught.value.title and drafts.meanwhile is None
        assert await deps.mongo["cases"].count_documents({"draft_id": draft_id}) == 0
    kept = (await resident.api("GET", f"/v1/drafts/{draft_id}")).json
    assert (kept["state"], kept["closed"]["message"], kept["version"]) == ("open", MESSAGE, seen.draft["version"]) and kept["answers"]
    assert [one for one in await house.ledger("core") if one["kind"] == "case.submitted" and one["item_code"] == pair[0]["code"]] == []
    await desk.api("DELETE", f"/staff/v1/items/{pair[1]['code']}/closure")
    assert (await post(resident, f"/v1/drafts/{draft_id}/submit")).status == 201


async def test_when_the_time_is_over_it_is_open_again_by_itself(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    item = await make_item(house, materials=[])
    ends = now() + timedelta(seconds=3)
    await close(desk, item, until=ends.isoformat())
    assert is_refused(await resident.api("POST", "/v1/drafts", {"item_code": item["code"]}))
    await told(house, item, True)
    guide = await until(lambda: told(house, item, False), 10)
    assert guide["can_apply"] is True and guide["notice"] is None and now() >= ends
    await begin(resident, item)


async def test_items_applied_for_together_are_held_up_by_the_one_that_is_closed(house: House) -> None:
    desk, resident = await make_desk(house, "supervisor"), await make_resident(house)
    pair = (await make_item(house, materials=[]), await make_item(house, OTHER, [], name="另一个事项"))
    draft = await joined(resident, pair)
    await close(desk, pair[1])
    refused = await resident.api("POST", "/v1/joint", {"item_codes": [one["code"] for one in pair]})
    assert is_refused(refused) and "另一个事项" in refused.json["title"]
    submitted = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert is_refused(submitted) and "另一个事项" in submitted.json["title"]
    assert (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json["closed"]["message"] == MESSAGE
    await desk.api("DELETE", f"/staff/v1/items/{pair[1]['code']}/closure")
    assert (await post(resident, f"/v1/drafts/{draft['id']}/submit")).status == 201


async def test_a_package_tells_which_of_its_items_is_closed(house: House) -> None:
    desk = await make_desk(house, "supervisor")
    packages = (await house.api("GET", "/v1/packages")).json["items"]
    guide = (await house.api("GET", f"/v1/packages/{packages[0]['id']}")).json
    code = next(one["code"] for step in guide["steps"] for one in step["items"] if one["found"])
    await close(desk, {"code": code})

    async def closed() -> list[str]:
        seen = (await house.api("GET", f"/v1/packages/{packages[0]['id']}")).json
        return [one["code"] for step in seen["steps"] for one in step["items"] if one["closed"]]

    try:
        assert set(await until(closed, 5)) == {code}
    finally:
        await desk.api("DELETE", f"/staff/v1/items/{code}/closure")


async def test_staff_close_only_what_is_theirs_and_only_with_the_right_to(house: House) -> None:
    item = await make_item(house)
    department, region = item["department"]["name"], item["region"]["code"]
    path = f"/staff/v1/items/{item['code']}/closure"
    mine = await make_desk(house, "supervisor", scope=Scope(frozenset({department}), frozenset({region})))
    elsewhere = await make_desk(house, "supervisor", scope=Scope(frozenset({"别的局"}), frozenset({region})))
    window = await make_desk(house, "window")
    refused = await elsewhere.api("PUT", path, {"message": MESSAGE})
    assert (refused.status, refused.json["code"]) == (404, "item_unknown")
    assert (await window.api("PUT", path, {"message": MESSAGE})).status == 403
    assert (await house.api("PUT", path, {"message": MESSAGE})).status == 401
    assert (await mine.api("GET", path)).json["closed"] is False
    await close(mine, item)

    def codes(answer: Answer) -> list[str]:
        return [one["code"] for one in answer.json["items"]]

    assert item["code"] in codes(await mine.api("GET", "/staff/v1/closures"))
    assert item["code"] not in codes(await elsewhere.api("GET", "/staff/v1/closures"))
    assert (await elsewhere.api("DELETE", path)).status == 404
    audit = await make_desk(house, "audit_admin")
    entries = list[Json]()
    after: int | None = 0
    while after is not None:
        page = (await audit.api("GET", f"/staff/v1/audit?limit=500&after={after}")).json
        entries, after = [*entries, *page["items"]], page["next_after"]
    assert any(item["code"] in str(one) for one in entries)


async def test_two_of_staff_who_close_at_once_do_not_overwrite_each_other(house: House) -> None:
    first, second = await make_desk(house, "supervisor"), await make_desk(house, "content_editor")
    item = await make_item(house)
    path = f"/staff/v1/items/{item['code']}/closure"
    done = await asyncio.gather(first.api("PUT", path, {"message": "甲"}), second.api("PUT", path, {"message": "乙"}))
    assert sorted(one.status for one in done) == [200, 409]
    lost = next(one for one in done if one.status == 409)
    assert lost.json["code"] == "closure_changed"
    standing = (await first.api("GET", path)).json
    assert standing["message"] == next(one.json["message"] for one in done if one.status == 200)
    changed = await second.api("PUT", path, {"message": "丙", "revision": standing["revision"]})
    assert (changed.status, changed.json["message"], changed.json["since"]) == (200, "丙", standing["since"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"message": ""}, {"message"}),
        ({"message": "字" * 201, "until": "2020-01-01T00:00:00+08:00"}, {"message", "until"}),
        ({"message": MESSAGE, "until": "2999-01-01T00:00:00"}, {"until"}),
        ({"message": MESSAGE, "until": "9999-12-31T23:59:59-12:00"}, {"until"}),
        ({"message": MESSAGE, "until": "明天"}, {"until"}),
        ({}, {"message"}),
    ],
)
async def test_bad_input_closes_nothing(house: House, body: Json, fields: set[str]) -> None:
    desk = await make_desk(house, "supervisor")
    item = await make_item(house)
    path = f"/staff/v1/items/{item['code']}/closure"
    answer = await desk.api("PUT", path, body)
    assert answer.status == 422 and {one["field"] for one in answer.json["errors"]} == fields, answer.body
    assert (await desk.api("GET", path)).json["closed"] is False
    assert (await desk.api("PUT", "/staff/v1/items/NO-SUCH/closure", {"message": MESSAGE})).json["code"] == "item_unknown"
