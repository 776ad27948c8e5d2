"""Drafts: whose they are, how they outlive their form, what they hold, and what a pre-check tells of them."""

import asyncio
import uuid

import pytest

from tests.api.applying import CONTRACT, FORM, ID_CARD, at_core, begin, core_is_back, fill, licence, make_item, post, put_item, upload
from tests.api.house import House, Json, Resident, make_resident, until

HERE = {"street": "和平路"}


async def test_a_draft_begun_on_wechat_is_finished_on_alipay(house: House) -> None:
    wechat = await make_resident(house)
    alipay = Resident(house, wechat.person, "alipay")
    await alipay.log_in()
    item = await make_item(house)
    draft = await begin(wechat, item, HERE)
    assert (await alipay.api("GET", f"/v1/drafts/{draft['id']}")).status == 404
    await alipay.bind()
    seen = (await alipay.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert seen["answers"] == draft["answers"] and seen["answers"]["name"] == wechat.person["name"]
    assert (await alipay.submit(draft["id"])).status == 201
    assert len((await wechat.api("GET", "/v1/cases")).json["items"]) == 1


async def test_what_was_begun_and_uploaded_before_the_real_name_is_the_persons_afterwards(house: House) -> None:
    wechat = await make_resident(house, bound=False)
    item = await make_item(house)
    file_id = await upload(wechat)
    draft = await begin(wechat, item, {"name": "某人", **HERE})
    await fill(wechat, draft, materials=[{"name": "租赁合同", "files": [file_id]}])
    await wechat.bind()
    alipay = Resident(house, wechat.person, "alipay")
    await alipay.log_in()
    await alipay.bind()
    seen = (await alipay.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert seen["materials"][0]["files"] == [file_id]
    assert (await alipay.submit(draft["id"])).status == 201


async def test_a_draft_outlives_its_form_and_tells_what_changed(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house)
    draft = await begin(resident, item, {**HERE, "floor": 3})
    assert draft["form_changes"] == [] and draft["form"]["properties"]["street"]["x-widget"] == "text"
    fields = {name: spec for name, spec in FORM["properties"].items() if name != "floor"}
    fields["street"] = {**fields["street"], "title": "街道门牌"}
    fields["pet"] = {"type": "boolean", "title": "有无宠物"}
    newer = await put_item(house, {**item, "form": {**FORM, "properties": fields}})
    seen = (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert (seen["item_version"], "floor" in seen["answers"]) == (newer["version"], False)
    assert seen["former_answers"] == [{"field": "floor", "title": "楼层", "value": 3}]
    told = {one["field"]: (one["how"], one["title_before"], one["title_after"]) for one in seen["form_changes"]}
    assert told == {
        "street": (["title"], "街道", "街道门牌"),
        "pet": (["added"], None, "有无宠物"),
        "floor": (["removed"], "楼层", None),
    }
    saved = await fill(resident, draft, answers={"pet": True, "floor": 4})  # an old client still knows the floor
    assert saved["former_answers"][0]["value"] == 4 and saved["form_changes"] == seen["form_changes"]
    done = await resident.submit(draft["id"])
    assert done.status == 201, done.body
    sent = (await at_core(house, done.json["case_no"]))["answers"]
    assert sent == {"name": resident.person["name"], **HERE, "pet": True}


async def test_an_answer_comes_back_with_its_field(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house)
    draft = await begin(resident, item, {**HERE, "floor": 3})
    without = {name: spec for name, spec in FORM["properties"].items() if name != "floor"}
    item = await put_item(house, {**item, "form": {**FORM, "properties": without}})
    await fill(resident, draft, answers={"street": "解放路"})
    await put_item(house, {**item, "form": FORM})
    seen = (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert seen["answers"]["floor"] == 3 and seen["former_answers"] == [] and seen["answers"]["street"] == "解放路"


async def test_files_of_a_draft_are_ones_own_and_stay_while_it_needs_them(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    draft = await begin(resident, await make_item(house), HERE)
    mine, theirs = await upload(resident), await upload(other)
    path = f"/v1/drafts/{draft['id']}"
    wrong = await resident.api("PATCH", path, {"materials": [{"name": "租赁合同", "files": [mine, theirs, "f_nothing"]}]})
    assert wrong.status == 422 and [one["field"] for one in wrong.json["errors"]] == ["materials.0.files.1", "materials.0.files.2"]
    kept = await fill(resident, draft, materials=[{"name": "租赁合同", "files": [mine]}])
    assert kept["materials"] == [{"name": "租赁合同", "hand_in": "online", "files": [mine], "licence_id": None}]
    assert (await resident.api("DELETE", f"/v1/files/{mine}")).json["code"] == "file_in_use"
    await fill(resident, draft, materials=[])
    assert (await resident.api("DELETE", f"/v1/files/{mine}")).status == 204
    twice = [{"name": "租赁合同"}, {"name": "租赁合同"}]
    assert (await resident.api("PATCH", path, {"materials": twice})).json["errors"][0]["field"] == "materials.1.name"


async def test_two_changes_at_once_lose_nothing_and_attach_nothing_twice(house: House) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house), HERE)
    version = {"If-Match": str(draft["version"])}
    path = f"/v1/drafts/{draft['id']}"
    answers = await asyncio.gather(*(resident.api("PATCH", path, {"answers": {"floor": n}}, headers=version) for n in range(1, 6)))
    assert sorted(one.status for one in answers) == [200, 412, 412, 412, 412]
    won = next(one for one in answers if one.status == 200)
    assert (await resident.api("GET", path)).json["answers"]["floor"] == won.json["answers"]["floor"]


async def test_files_reach_the_core_before_the_case_and_once(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house)
    file_id = await upload(resident)
    numbers = []
    for _ in range(2):
        draft = await begin(resident, item, HERE)
        await fill(resident, draft, materials=[{"name": "租赁合同", "files": [file_id]}, {"name": "居民身份证", "hand_in": "window"}])
        done = await resident.submit(draft["id"])
        assert done.status == 201, done.body
        numbers.append(done.json["case_no"])
    materials = (await at_core(house, numbers[0]))["materials"]
    brought = materials[0]["files"][0]
    assert brought["media_type"] == "application/pdf" and brought["name"] == "合同.pdf" and materials[1]["hand_in"] == "window"
    lines = [one for one in await house.ledger("core") if one["kind"] == "file.received" and one["sha256"] == brought["sha256"]]
    assert len(lines) == 1
    assert (await resident.api("DELETE", f"/v1/files/{file_id}")).json["code"] == "file_in_use"


async def test_a_precheck_tells_everything_at_once(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house, materials=[ID_CARD, CONTRACT, {**CONTRACT, "name": "收入证明"}])
    draft = await begin(resident, item)
    await fill(resident, draft, answers={"name": None, "floor": 0}, materials=[{"name": "租赁合同", "hand_in": "online"}, {"name": "不要的"}])
    asked = {"target": "field", "name": "street", "problem": "没有这条街", "fix": "请写全称"}
    await house.world("PUT", "/world/core/prechecks", {item["code"]: [asked, {"problem": "今年名额已满"}]})
    told = await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})
    assert told.status == 200 and told.json["core_checked"] is True
    found = {(one["field"], one["source"], one["blocks"]) for one in told.json["findings"]}
    assert found == {
        ("answers.name", "form", True),
        ("answers.street", "form", True),
        ("answers.floor", "form", True),
        ("materials.0.files", "materials", True),
        ("materials.1.name", "materials", True),
        ("materials.居民身份证", "materials", False),
        ("materials.收入证明", "materials", False),
        ("answers.street", "core", False),
        ("case", "core", False),
    }
    refused = await resident.submit(draft["id"])
    assert (refused.status, refused.json["code"]) == (422, "draft_incomplete") and len(refused.json["errors"]) == 5


async def test_a_precheck_without_the_core_says_so(house: House) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house))
    await house.faults(core={"down": True})
    told = (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json
    assert told["core_checked"] is False and {one["source"] for one in told["findings"]} == {"form", "materials"}
    await core_is_back(house, resident)


async def test_situations_decide_which_materials_are_missing(house: House) -> None:
    asked = [{"id": "home", "question": "住哪里？", "options": [{"id": "rent", "title": "租房"}, {"id": "own", "title": "自有"}]}]
    item = await make_item(house, materials=[{**CONTRACT, "situations": ["rent"]}], situations=asked)
    resident = await make_resident(house)
    draft = await begin(resident, item, HERE)
    open_one = (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json["findings"]
    assert [one["message"][:6] for one in open_one] == ["如果“租房”"]
    own = await fill(resident, draft, situations=["own"])
    assert own["wanted"] == [] and (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json["findings"] == []
    wrong = await resident.api("PATCH", f"/v1/drafts/{draft['id']}", {"situations": ["own", "rent"]})
    assert (wrong.status, wrong.json["code"]) == (422, "situation_conflict")


@pytest.mark.parametrize("form", [{"type": "strng"}, {"$ref": "https://example.invalid/form.json"}, {"properties": {"a": {"pattern": "("}}}])
async def test_a_form_that_is_no_schema_keeps_nobody_from_applying(house: House, form: Json) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house, form=form), {"a": "b"})
    assert (await resident.submit(draft["id"])).status == 201


async def test_received_is_an_answer_where_the_client_does_not_wait(house: House) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house), HERE)
    await house.faults(core={"down": True})
    key, wait_not = uuid.uuid4().hex, {"Prefer": "respond-async"}
    first = await post(resident, f"/v1/drafts/{draft['id']}/submit", key=key, **wait_not)
    assert (first.status, first.json["case_no"]) == (202, None)
    receipt = first.json["receipt"]
    assert "正在提交" in receipt["text"] and len(receipt["progress_secret"]) == 8
    assert (await post(resident, f"/v1/drafts/{draft['id']}/submit", key=key, **wait_not)).body == first.body
    await core_is_back(house, resident)
    case = await until(lambda: numbered(resident), 40)
    assert case["receipt_no"] == receipt["receipt_no"] and len(await house.filed(receipt["receipt_no"])) == 1
    again = await post(resident, f"/v1/drafts/{draft['id']}/submit", **wait_not)
    assert (again.status, again.json["case_no"]) == (201, case["case_no"])
    asked = {"case_no": case["case_no"], "secret": receipt["progress_secret"]}
    assert (await house.api("POST", "/v1/progress", asked)).status == 200


async def test_an_enterprises_drafts_and_cases_are_its_own(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    firm = await house.world("POST", f"/world/people/{resident.person['person']}/enterprises", {})
    await house.world("POST", f"/world/people/{other.person['person']}/enterprises", {"uscc": firm["uscc"], "role": "handler"})
    form = {**FORM, "properties": {**FORM["properties"], "uscc": {"type": "string", "title": "统一社会信用代码", "x-prefill": "uscc"}}}
    item = await make_item(house, form=form)
    await act_for(resident, firm["uscc"])
    draft = await begin(resident, item, HERE)
    assert draft["answers"]["uscc"] == firm["uscc"]
    assert (await other.api("GET", f"/v1/drafts/{draft['id']}")).status == 404
    await act_for(other, firm["uscc"])
    done = await other.submit(draft["id"])
    assert done.status == 201, done.body
    case = await at_core(house, done.json["case_no"])
    assert case["subject"] == f"enterprise:{firm['uscc']}" and case["applicant"] == other.person["name"]
    assert len((await resident.api("GET", "/v1/cases")).json["items"]) == 1
    await resident.api("POST", "/v1/me/subject", {"kind": "self"})
    assert (await resident.api("GET", "/v1/cases")).json["items"] == []
    assert (await resident.api("GET", f"/v1/cases/{done.json['case_no']}")).status == 404


async def test_a_child_applies_through_their_guardian_only(house: House) -> None:
    guardian = await make_resident(house)
    child = await house.world("POST", f"/world/people/{guardian.person['person']}/wards", {})
    alone = Resident(house, child)
    await alone.log_in()
    await alone.bind()
    item = await make_item(house)
    draft = await begin(alone, item, HERE)
    refused = await alone.submit(draft["id"])
    assert (refused.status, refused.json["code"]) == (403, "guardian_needed")
    chosen = await guardian.api("POST", "/v1/me/subject", {"kind": "guardian", "id": child["person"]})
    assert chosen.status == 200, chosen.body
    needed = await guardian.submit(draft["id"])
    assert (needed.status, needed.json["code"]) == (403, "minor_consent_needed")


async def test_a_lost_reply_of_files_and_case_files_once(house: House) -> None:
    resident = await make_resident(house)
    await licence(house, resident.person["person"])
    file_id = await upload(resident)
    draft = await begin(resident, await make_item(house), HERE)
    await fill(resident, draft, materials=[{"name": "租赁合同", "files": [file_id]}])
    await house.faults(core={"lose_replies": True})
    assert (await resident.submit(draft["id"])).status == 503
    await core_is_back(house, resident)
    case = await until(lambda: numbered(resident), 40)
    assert len(await house.filed(case["receipt_no"])) == 1
    shown = (await at_core(house, case["case_no"]))["materials"]
    assert {one["name"]: bool(one["presentation"]) for one in shown} == {"租赁合同": False, "居民身份证": True}
    presented = [one for one in await house.ledger("core") if one["kind"] == "licence.presented" and one["item_code"] == draft["item_code"]]
    assert len({one["presentation_id"] for one in presented}) == len(presented) == 1


async def act_for(resident: Resident, uscc: str) -> None:
    chosen = await resident.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": uscc})
    assert chosen.status == 200, chosen.body


async def numbered(resident: Resident) -> Json:
    rows = (await resident.api("GET", "/v1/cases")).json["items"]
    return rows[0] if rows and rows[0]["case_no"] and rows[0]["state"] != "sending" else None
