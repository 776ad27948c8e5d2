"""Limits and notices of corrections over HTTP."""

from kit.clock import now
from kit.workdays import built_in, day_of
from tests.api.house import House, Json, Resident, make_resident, until

FINDINGS = [
    {"target": "field", "name": "phone", "problem": "少一位", "fix": "请补全"},
    {"target": "material", "name": "居民身份证", "problem": "看不清"},
    {"problem": "申请事由请写详细"},
]


async def test_an_accepted_case_says_when_it_is_due(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    before = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    assert before["limits"] == dict.fromkeys(before["limits"], None) | {"provisional": False, "paused": False}
    await house.move(case_no, "accepted")
    case = await until(lambda: state_of(resident, case_no, "accepted"))
    item = (await house.api("GET", f"/v1/items/{case['item_code']}")).json
    for name in ("promised", "statutory"):
        limit = item[f"{name}_limit"]
        assert (case["limits"][f"{name}_due"] is None) == (limit is None)
        if limit and limit["unit"] == "working_days":
            assert case["limits"][f"{name}_due"] == built_in().add_workdays(day_of(now()), limit["days"]).day.isoformat()
    assert case["limits"]["colour"] in ("green", "amber") and case["limits"]["days_left"] >= 0


async def test_a_notice_is_one_document_and_a_second_one_is_told_apart(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    case_no = await resident.case()
    await house.move(case_no, "corrections", findings=FINDINGS)
    case = await until(lambda: state_of(resident, case_no, "corrections"))
    entry = case["timeline"][-1]["notice"]
    assert (entry["ordinal"], entry["findings"], entry["again"]) == (1, 3, False) and case["open_notice"] == entry["notice_no"]
    path = f"/v1/cases/{case_no}/notices/{entry['notice_no']}"
    document = (await resident.api("GET", path)).json
    assert [(one["no"], one["target"], one["name"]) for one in document["findings"]] == [
        (1, "material", "居民身份证"),
        (2, "field", "phone"),
        (3, "case", ""),
    ]
    assert document["open"] is True and document["case_no"] == case_no
    assert (await other.api("GET", path)).json["code"] == "case_unknown"
    assert (await resident.api("GET", f"/v1/cases/{case_no}/notices/BZ-NONE")).json["code"] == "notice_unknown"
    await house.move(case_no, "accepted")
    await house.move(case_no, "corrections", findings=[{"target": "material", "name": "户口簿", "problem": "缺少"}])
    case = await until(lambda: state_of(resident, case_no, "corrections", version=4))
    second = case["timeline"][-1]["notice"]
    assert (second["ordinal"], second["again"]) == (2, True)
    told = (await resident.api("GET", f"/v1/cases/{case_no}/notices/{second['notice_no']}")).json
    assert told["findings"][0]["again"] is True and "一并告知" in told["findings"][0]["again_reason"]
    assert (await resident.api("GET", path)).json["open"] is False
    assert len([one for one in await resident.inbox() if one["case_no"] == case_no]) == 3, "delivered all the same"


async def state_of(resident: Resident, case_no: str, state: str, version: int = 0) -> Json:
    case = (await resident.api("GET", f"/v1/cases/{case_no}")).json
    return case if case["state"] == state and case["version"] >= version else None
