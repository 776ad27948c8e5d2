"""Answering a notice of corrections in one round, and taking an application back; each with its repeat, its refusals and a crash half-way."""

import asyncio
import uuid

from tests.api.applying import at_core, begin, core_is_back, fill, licence, make_item, post, upload
from tests.api.house import Answer, House, Json, Resident, make_resident, until

FINDINGS = [
    {"target": "field", "name": "street", "problem": "缺少门牌号", "fix": "写到门牌号"},
    {"target": "material", "name": "租赁合同", "problem": "缺少签字页", "fix": "重新上传"},
    {"target": "material", "name": "居民身份证", "problem": "照片不清晰", "fix": "重新提交"},
]


async def noticed(house: House, resident: Resident, findings: list[Json] | None = None) -> str:
    """A case that waits for corrections, and knows it."""
    draft = await begin(resident, await make_item(house), {"street": "和平路", "floor": 2})
    case_no = str((await resident.submit(draft["id"])).json["case_no"])
    await house.move(case_no, "corrections", findings=FINDINGS if findings is None else findings)
    await until(lambda: at(resident, case_no, "corrections"))
    return case_no


async def at(resident: Resident, case_no: str, state: str) -> Json:
    case = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    return case if case["state"] == state else None


async def acts(house: House, kind: str, case_no: str) -> list[Json]:
    return [one for one in await house.ledger("core") if one["kind"] == kind and one["case_no"] == case_no]


async def whole(resident: Resident) -> Json:
    contract = {"name": "租赁合同", "files": [await upload(resident)]}
    return {"answers": {"street": "和平路 1 号"}, "materials": [contract, {"name": "居民身份证", "hand_in": "window"}]}


async def correct(resident: Resident, case_no: str, body: Json, key: str | None = None, **headers: str) -> Answer:
    return await post(resident, f"/v1/cases/{case_no}/corrections", body, key, **headers)


async def test_three_findings_are_answered_in_one_round(house: House) -> None:
    resident = await make_resident(house)
    case_no = await noticed(house, resident)
    body, key = await whole(resident), uuid.uuid4().hex
    done = await correct(resident, case_no, body, key)
    assert (done.status, done.json["done"], done.json["state"]) == (200, True, "supplemented"), done.body
    assert (await correct(resident, case_no, body, key)).body == done.body
    assert (await correct(resident, case_no, body)).json["act_id"] == done.json["act_id"]
    assert len(await acts(house, "case.corrected", case_no)) == 1
    case = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    assert case["state"] == "supplemented" and case["open_notice"] is None and case["version"] == 3
    clerk = await at_core(house, case_no)
    assert clerk["answers"]["street"] == "和平路 1 号" and clerk["answers"]["floor"] == 2
    assert next(one for one in clerk["materials"] if one["name"] == "租赁合同")["files"]
    other = await correct(resident, case_no, {"answers": {"street": "解放路"}})
    assert (other.status, other.json["code"]) == (409, "not_waiting_for_corrections")


async def test_everything_that_is_missing_is_told_at_once(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    case_no = await noticed(house, resident)
    body = {
        "answers": {"floor": 0, "cat": 1},
        "materials": [{"name": "别的材料", "files": [await upload(other)]}, {"name": "租赁合同", "hand_in": "online"}],
    }
    refused = await correct(resident, case_no, body)
    assert (refused.status, refused.json["code"]) == (422, "corrections_incomplete")
    fields = {one["field"] for one in refused.json["errors"]}
    assert fields >= {"answers.street", "materials.租赁合同", "materials.居民身份证", "answers.floor", "materials.0.name", "materials.1.files"}
    assert "materials.0.files.0" in fields and await acts(house, "case.corrected", case_no) == []
    assert (await correct(other, case_no, await whole(other))).status == 404


async def test_a_notice_is_answered_once_by_however_many_hands(house: House) -> None:
    resident = await make_resident(house)
    case_no = await noticed(house, resident)
    bodies = [await whole(resident) for _ in range(3)]
    answers = await asyncio.gather(*(correct(resident, case_no, body) for body in bodies for _ in range(2)))
    assert {one.status for one in answers} <= {200, 409, 503} and any(one.status == 200 for one in answers)
    assert {one.json["code"] for one in answers if one.status == 409} <= {"correction_under_way", "not_waiting_for_corrections"}
    assert len(await acts(house, "case.corrected", case_no)) == 1


async def test_a_lost_reply_never_corrects_twice(house: House) -> None:
    resident = await make_resident(house)
    case_no = await noticed(house, resident)
    body = await whole(resident)
    await house.faults(core={"lose_replies": True})
    lost = await correct(resident, case_no, body)
    assert (lost.status, lost.json["code"]) == (503, "core_unavailable")
    await core_is_back(house, resident)
    await until(lambda: at(resident, case_no, "supplemented"), 40)
    assert (await until(lambda: answered(resident, case_no, body))).json["done"] is True
    assert len(await acts(house, "case.corrected", case_no)) == 1


async def answered(resident: Resident, case_no: str, body: Json) -> Answer | None:
    answer = await correct(resident, case_no, body)
    return answer if answer.status == 200 else None


async def test_corrections_made_while_the_core_is_away_are_carried_out(house: House) -> None:
    resident = await make_resident(house)
    case_no = await noticed(house, resident)
    body = await whole(resident)
    await house.faults(core={"down": True})
    waiting = await correct(resident, case_no, body, Prefer="respond-async")
    assert (waiting.status, waiting.json["done"], waiting.json["state"]) == (202, False, "corrections")
    other = await correct(resident, case_no, await whole(resident))
    assert (other.status, other.json["code"]) == (409, "correction_under_way")
    await core_is_back(house, resident)
    await until(lambda: at(resident, case_no, "supplemented"), 40)
    assert len(await acts(house, "case.corrected", case_no)) == 1


async def test_a_licence_answers_a_finding_about_a_paper(house: House) -> None:
    resident = await make_resident(house)
    held = await licence(house, resident.person["person"])
    case_no = await noticed(house, resident, [FINDINGS[2]])
    done = await correct(resident, case_no, {"materials": [{"name": "居民身份证", "licence_id": held["licence_id"]}]})
    assert done.status == 200, done.body
    material = next(one for one in (await at_core(house, case_no))["materials"] if one["name"] == "居民身份证")
    assert material["presentation"]["licence_id"] == held["licence_id"]


async def test_a_second_notice_is_answered_by_a_second_correction(house: House) -> None:
    resident = await make_resident(house)
    case_no = await noticed(house, resident)
    assert (await correct(resident, case_no, await whole(resident))).status == 200
    await house.move(case_no, "corrections", findings=[FINDINGS[0]])
    await until(lambda: at(resident, case_no, "corrections"))
    assert (await correct(resident, case_no, {"answers": {"street": "和平路 1 号 2 室"}})).status == 200
    assert len(await acts(house, "case.corrected", case_no)) == 2
    assert (await at_core(house, case_no))["answers"]["street"] == "和平路 1 号 2 室"


async def test_a_case_nobody_asked_about_takes_no_corrections(house: House) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house), {"street": "和平路"})
    case_no = (await resident.submit(draft["id"])).json["case_no"]
    refused = await correct(resident, case_no, {"answers": {"street": "解放路"}})
    assert (refused.status, refused.json["code"]) == (409, "not_waiting_for_corrections")


async def test_an_application_is_taken_back_once_and_not_when_it_is_too_late(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    item = await make_item(house)
    first, second = [(await resident.submit((await begin(resident, item, {"street": "和平路"}))["id"])).json["case_no"] for _ in range(2)]
    path, key = f"/v1/cases/{first}/withdraw", uuid.uuid4().hex
    assert (await post(other, path, {"reason": "不是我的"})).status == 404
    done = await post(resident, path, {"reason": "填错了"}, key)
    assert (done.status, done.json["state"]) == (200, "withdrawn"), done.body
    assert (await post(resident, path, {"reason": "填错了"}, key)).body == done.body
    assert (await post(resident, path, {"reason": "还是填错了"})).json["act_id"] == done.json["act_id"]
    assert len(await acts(house, "case.withdrawn", first)) == 1
    await house.move(second, "accepted")
    await house.move(second, "issued")
    late = await post(resident, f"/v1/cases/{second}/withdraw", {})
    assert (late.status, late.json["code"]) == (409, "case_not_withdrawable")


async def test_a_lost_reply_never_withdraws_twice(house: House) -> None:
    resident = await make_resident(house)
    draft = await begin(resident, await make_item(house), {"street": "和平路"})
    case_no = (await resident.submit(draft["id"])).json["case_no"]
    await house.faults(core={"lose_replies": True})
    assert (await post(resident, f"/v1/cases/{case_no}/withdraw", {})).status == 503
    await core_is_back(house, resident)
    await until(lambda: at(resident, case_no, "withdrawn"), 40)
    assert len(await acts(house, "case.withdrawn", case_no)) == 1


async def test_a_draft_of_before_is_not_needed_to_correct(house: House) -> None:
    """The answers of the first submission stay with the case, whatever becomes of its draft."""
    resident = await make_resident(house)
    case_no = await noticed(house, resident, [FINDINGS[0]])
    draft = await begin(resident, await make_item(house))
    await fill(resident, draft, answers={"street": "别的申请"})
    assert (await correct(resident, case_no, {"answers": {"street": "和平路 9 号"}})).status == 200
    assert (await at_core(house, case_no))["answers"]["floor"] == 2
