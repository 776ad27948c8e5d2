"""Joint matters: several items, one form, papers once, a case each; what one of them lacks does not hold up the others."""

import asyncio
import uuid

from tests.api.applying import CONTRACT, ID_CARD, at_core, core_is_back, fill, licence, make_item, post, upload
from tests.api.house import House, Json, Resident, make_resident, until

OTHER: Json = {
    "type": "object",
    "properties": {
        "applicant": {"type": "string", "title": "姓名", "x-prefill": "name"},
        "road": {"type": "string", "title": "街道", "minLength": 2},
        "shop": {"type": "string", "title": "店名"},
    },
    "required": ["applicant", "road", "shop"],
    "additionalProperties": False,
}
ANSWERS = {"street": "和平路", "shop": "老王面馆"}


async def pair(house: House) -> tuple[Json, Json]:
    first = await make_item(house)
    second = await make_item(house, OTHER, [{**ID_CARD, "name": "居民身份证复印件"}, CONTRACT], name="另一个事项")
    return first, second


async def joined(resident: Resident, items: tuple[Json, ...], answers: Json | None = None) -> Json:
    started = await resident.api("POST", "/v1/joint", {"item_codes": [one["code"] for one in items]})
    assert started.status == 201, started.body
    return await fill(resident, started.json, answers=ANSWERS if answers is None else answers)


async def test_two_items_are_applied_for_with_one_form_and_one_list_of_papers(house: House) -> None:
    resident = await make_resident(house)
    items = await pair(house)
    held = await licence(house, resident.person["person"])
    draft = await joined(resident, items)
    assert draft["kind"] == "joint" and list(draft["form"]["properties"]) == ["name", "street", "floor", "shop"]
    assert [one["name"] for one in draft["wanted"]] == ["居民身份证", "租赁合同"] and draft["answers"]["name"] == resident.person["name"]
    assert [one["licence_id"] for one in draft["covered"]] == [held["licence_id"]]
    await fill(resident, draft, materials=[{"name": "租赁合同", "files": [await upload(resident)]}])
    key = uuid.uuid4().hex
    done = await post(resident, f"/v1/drafts/{draft['id']}/submit", key=key)
    assert (done.status, done.json["case_no"], done.json["project_code"]) == (201, None, draft["project_code"]), done.body
    assert (await post(resident, f"/v1/drafts/{draft['id']}/submit", key=key)).body == done.body
    told = {one["item_code"]: await at_core(house, one["case_no"]) for one in done.json["parts"]}
    assert [told[one["code"]]["project_code"] for one in items] == [draft["project_code"]] * 2
    assert told[items[0]["code"]]["answers"] == {"name": resident.person["name"], "street": "和平路"}
    assert told[items[1]["code"]]["answers"] == {"applicant": resident.person["name"], "road": "和平路", "shop": "老王面馆"}
    for item, name in zip(items, ("居民身份证", "居民身份证复印件"), strict=True):
        materials = {one["name"]: one for one in told[item["code"]]["materials"]}
        assert materials[name]["presentation"]["licence_id"] == held["licence_id"] and len(materials["租赁合同"]["files"]) == 1
    again = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert again.json["parts"] == done.json["parts"]
    for one in done.json["parts"]:
        assert len(await house.filed(one["receipt_no"])) == 1


async def test_all_of_it_is_followed_in_one_view(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    draft = await joined(resident, await pair(house))
    done = (await post(resident, f"/v1/drafts/{draft['id']}/submit")).json
    path = f"/v1/joint/{draft['project_code']}"
    first = done["parts"][0]["case_no"]
    for to in ("accepted", "approved"):
        await house.move(first, to)
    seen = await until(lambda: decided(resident, path, 1))
    assert seen["total"] == 2 and {one["case_no"] for one in seen["cases"]} == {one["case_no"] for one in done["parts"]}
    assert seen["colour"] in ("green", "amber", "red", None) and "共 2 件" in seen["text"]
    listed = (await resident.api("GET", f"/v1/cases?project={draft['project_code']}")).json["items"]
    assert {one["project_code"] for one in listed} == {draft["project_code"]} and len(listed) == 2
    assert (await other.api("GET", path)).status == 404
    assert (await other.api("GET", f"/v1/cases?project={draft['project_code']}")).json["items"] == []


async def test_pages_of_cases_lose_none_that_were_filed_together(house: House) -> None:
    resident = await make_resident(house)
    items = await pair(house)
    for _ in range(2):
        draft = await joined(resident, items)
        assert (await post(resident, f"/v1/drafts/{draft['id']}/submit")).status == 201
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await resident.api("GET", f"/v1/cases?limit=1&cursor={cursor}")).json
        seen += [one["case_no"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 4


async def test_what_one_item_lacks_is_told_where_the_resident_typed_it(house: House) -> None:
    resident = await make_resident(house)
    items = await pair(house)
    draft = await joined(resident, items, {"street": "路"})
    asked = {"target": "field", "name": "road", "problem": "没有这条街", "fix": ""}
    await house.world("PUT", "/world/core/prechecks", {items[1]["code"]: [asked]})
    told = (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json
    found = [(one["field"], one["source"]) for one in told["findings"] if one["source"] in ("form", "core")]
    assert found == [("answers.street", "form"), ("answers.shop", "form"), ("answers.street", "core")]
    refused = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert (refused.status, refused.json["code"]) == (422, "draft_incomplete")


async def test_a_core_that_is_away_half_way_finishes_every_case_once(house: House) -> None:
    resident = await make_resident(house)
    draft = await joined(resident, await pair(house))
    await house.faults(core={"lose_replies": True})
    waiting = await post(resident, f"/v1/drafts/{draft['id']}/submit", Prefer="respond-async")
    assert waiting.status == 202 and [one["case_no"] for one in waiting.json["parts"]] == [None, None]
    await core_is_back(house, resident)
    seen = await until(lambda: numbered(resident, draft["project_code"]), 60)
    for one in seen["cases"]:
        assert len(await house.filed(one["receipt_no"])) == 1


async def test_an_item_the_core_refuses_is_handed_in_again_and_the_other_is_not(house: House) -> None:
    resident = await make_resident(house)
    first = await make_item(house)
    second = await make_item(house, OTHER, [{**CONTRACT, "name": "残疾人证", "licence_type": "残疾人证"}], name="另一个事项")
    held = await licence(house, resident.person["person"], "残疾人证")
    draft = await joined(resident, (first, second))
    await fill(resident, draft, materials=[{"name": "残疾人证", "licence_id": held["licence_id"]}])
    await house.world("PUT", f"/world/core/licences/{held['licence_id']}", {"state": "revoked"})  # we heard a moment ago that it is valid
    done = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert done.status == 201, done.body
    parts = {one["item_code"]: one for one in done.json["parts"]}
    assert parts[first["code"]]["case_no"] and parts[second["code"]]["refused"] is True and "没有被接受" in done.json["receipt"]["text"]
    seen = (await resident.api("GET", f"/v1/joint/{draft['project_code']}")).json
    assert [one["refused"] for one in seen["cases"]] == [False, True]
    opened = (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert opened["state"] == "open" and opened["answers"]["shop"] == "老王面馆"
    await fill(resident, opened, materials=[{"name": "残疾人证", "hand_in": "window"}])
    again = await post(resident, f"/v1/drafts/{draft['id']}/submit")
    assert again.status == 201 and [one["item_code"] for one in again.json["parts"]] == [second["code"]]
    seen = (await resident.api("GET", f"/v1/joint/{draft['project_code']}")).json
    assert [one["refused"] for one in seen["cases"]] == [False, False] and seen["total"] == 2
    filed = [one for one in await house.ledger("core") if one["kind"] == "case.submitted" and one.get("project_code") == draft["project_code"]]
    assert [one["item_code"] for one in filed] == [first["code"], second["code"]]


async def test_a_package_is_begun_as_one_draft(house: House) -> None:
    resident = await make_resident(house)
    begun = []
    for found in (await house.api("GET", "/v1/packages")).json["items"]:
        answer = await resident.api("POST", "/v1/joint", {"package_id": found["id"]})
        assert answer.status in (201, 422), answer.body
        if answer.status == 422:
            assert answer.json["code"] == "joint_not_possible" and answer.json["errors"]
        else:
            begun.append(answer.json)
            assert answer.json["item_name"] == found["name"] and len(answer.json["items"]) >= 2 and answer.json["form"]["properties"]
    assert begun


async def test_a_wrong_choice_is_explained(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house)
    for body in ({}, {"item_codes": [item["code"]]}, {"item_codes": ["x"] * 11}):
        assert (await resident.api("POST", "/v1/joint", body)).status == 422
    twice = await resident.api("POST", "/v1/joint", {"item_codes": [item["code"], item["code"]]})
    assert (twice.status, twice.json["code"]) == (422, "joint_not_possible")
    assert (await resident.api("POST", "/v1/joint", {"item_codes": [item["code"], "NO-SUCH"]})).status == 404
    assert (await resident.api("POST", "/v1/joint", {"package_id": "no-such"})).json["code"] == "package_unknown"


async def decided(resident: Resident, path: str, number: int) -> Json:
    seen = (await resident.api("GET", path)).json
    return seen if seen["decided"] == number else None


async def numbered(resident: Resident, project_code: str) -> Json:
    seen = (await resident.api("GET", f"/v1/joint/{project_code}")).json
    await asyncio.sleep(0)
    return seen if all(one["case_no"] and one["state"] != "sending" for one in seen["cases"]) else None
