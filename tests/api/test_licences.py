"""Licences: what they cover is not asked for, each showing is allowed once for its purpose, and a silent core is no "none"."""

import asyncio
import uuid
from datetime import timedelta

from kit.clock import now
from tests.api.applying import FORM, ID_CARD, at_core, begin, core_is_back, fill, licence, make_item, post
from tests.api.house import House, Json, Resident, make_resident, until

HERE = {"street": "和平路"}


async def shown(house: House, item: Json) -> list[Json]:
    return [one for one in await house.ledger("core") if one["kind"] == "licence.presented" and one["item_code"] == item["code"]]


async def uses(resident: Resident) -> list[Json]:
    items: list[Json] = (await resident.api("GET", "/v1/licences/uses")).json["items"]
    return items


async def test_licences_are_listed_with_their_expiry_and_a_masked_number(house: House) -> None:
    resident = await make_resident(house)
    soon = (now() + timedelta(days=10)).isoformat()
    await licence(house, resident.person["person"])
    await licence(house, resident.person["person"], "机动车驾驶证", expires_at=soon)
    answer = await resident.api("GET", "/v1/licences")
    told = {one["type"]: one for one in answer.json["items"]}
    assert answer.json["known"] is True and told["居民身份证"]["expires_soon"] is False and told["居民身份证"]["expires_at"] is None
    assert told["机动车驾驶证"]["expires_soon"] is True and told["机动车驾驶证"]["state"] == "valid"
    assert resident.person["id_number"].encode() not in answer.body and "*" in told["居民身份证"]["number"]
    other = await make_resident(house)
    assert (await other.api("GET", "/v1/licences")).json["items"] == []


async def test_a_silent_core_is_unknown_and_keeps_nobody_from_filling_in(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house)
    await licence(house, resident.person["person"])
    await house.faults(core={"down": True})
    listed = (await resident.api("GET", "/v1/licences")).json
    assert (listed["known"], listed["items"]) == (False, []) and "暂时" in listed["text"]
    draft = await begin(resident, item, HERE)
    assert (draft["licences_known"], draft["covered"], draft["answers"]["street"]) == (False, [], "和平路")
    waiting = await post(resident, f"/v1/drafts/{draft['id']}/submit", Prefer="respond-async")
    assert waiting.status == 202
    await core_is_back(house, resident)
    case_no = await until(lambda: numbered(resident), 40)
    assert [bool(one["presentation"]) for one in (await at_core(house, case_no))["materials"]] == [True]


async def numbered(resident: Resident) -> str | None:
    rows = (await resident.api("GET", "/v1/cases")).json["items"]
    return rows[0]["case_no"] if rows and rows[0]["state"] != "sending" else None


async def test_what_a_licence_covers_is_ticked_off_and_presented_once_with_the_case(house: House) -> None:
    resident = await make_resident(house)
    held = await licence(house, resident.person["person"])
    item = await make_item(house)
    draft = await begin(resident, item, HERE)
    assert [(one["material"], one["licence_id"]) for one in draft["covered"]] == [("居民身份证", held["licence_id"])]
    missing = (await resident.api("POST", f"/v1/drafts/{draft['id']}/precheck", {})).json["findings"]
    assert [one["field"] for one in missing] == ["materials.租赁合同"]
    answers = await asyncio.gather(*(resident.submit(draft["id"]) for _ in range(4)))
    done = next(one for one in answers if one.status == 201)
    material = next(one for one in (await at_core(house, done.json["case_no"]))["materials"] if one["name"] == "居民身份证")
    assert material["presentation"]["licence_id"] == held["licence_id"] and "办件测试事项" in material["presentation"]["purpose"]
    assert len(await shown(house, item)) == 1
    logged = await uses(resident)
    assert [(one["state"], one["receipt_no"], one["by_me"]) for one in logged] == [("presented", done.json["receipt"]["receipt_no"], True)]


async def test_own_files_count_more_than_a_licence_that_would_do(house: House) -> None:
    resident = await make_resident(house)
    await licence(house, resident.person["person"])
    item = await make_item(house)
    draft = await begin(resident, item, HERE)
    kept = await fill(resident, draft, materials=[{"name": "居民身份证", "hand_in": "window"}])
    assert kept["covered"] == []
    done = await resident.submit(draft["id"])
    assert done.status == 201 and await shown(house, item) == []


async def test_an_authorization_is_made_once_for_a_key_and_is_the_one_the_draft_uses(house: House) -> None:
    resident = await make_resident(house)
    held = await licence(house, resident.person["person"])
    item = await make_item(house)
    draft = await begin(resident, item, HERE)
    path, key = f"/v1/licences/{held['licence_id']}/authorizations", uuid.uuid4().hex
    asked = {"draft_id": draft["id"], "purpose": "办理租房补贴"}
    first = await post(resident, path, asked, key)
    assert first.status == 201 and len(first.json["code"]) == 16, first.body
    assert (await post(resident, path, asked, key)).body == first.body
    assert (await post(resident, path, asked)).json["id"] == first.json["id"]
    assert (await resident.submit(draft["id"])).status == 201
    assert len(await shown(house, item)) == 1 and [one["purpose"] for one in await uses(resident)] == ["办理租房补贴"]
    at_window = await post(resident, path, {"item_code": item["code"], "purpose": "到窗口办理"})
    assert at_window.status == 201 and at_window.json["id"] != first.json["id"] and at_window.json["receipt_no"] is None


async def test_nobody_shows_what_is_not_theirs_or_is_no_longer_valid(house: House) -> None:
    mine, other = await make_resident(house), await make_resident(house)
    held = await licence(house, mine.person["person"])
    item = await make_item(house)
    path, asked = f"/v1/licences/{held['licence_id']}/authorizations", {"item_code": item["code"], "purpose": "办事"}
    assert (await post(other, path, asked)).json["code"] == "licence_unknown"
    await house.world("PUT", f"/world/core/licences/{held['licence_id']}", {"state": "revoked"})
    refused = await post(mine, path, asked)
    assert (refused.status, refused.json["code"]) == (409, "licence_refused")
    assert (await uses(mine))[0]["state"] == "refused" and await uses(other) == []
    both = await post(mine, path, {**asked, "draft_id": "d_x"})
    assert both.status == 422
    assert (await make_resident(house, bound=False)).token and (await post(await make_resident(house, bound=False), path, asked)).status == 403


async def test_a_licence_revoked_after_it_was_chosen_gives_the_draft_back(house: House) -> None:
    resident = await make_resident(house)
    held = await licence(house, resident.person["person"])
    item = await make_item(house, materials=[ID_CARD])
    draft = await begin(resident, item, HERE)
    await fill(resident, draft, materials=[{"name": "居民身份证", "licence_id": held["licence_id"]}])
    await house.world("PUT", f"/world/core/licences/{held['licence_id']}", {"state": "revoked"})
    refused = await resident.submit(draft["id"])  # what the draft was told a moment ago still counts; the core decides
    assert (refused.status, refused.json["code"]) in ((409, "licence_refused"), (422, "draft_incomplete"))
    seen = (await resident.api("GET", f"/v1/drafts/{draft['id']}")).json
    assert seen["state"] == "open"
    await fill(resident, seen, materials=[{"name": "居民身份证", "hand_in": "window"}])
    assert (await resident.submit(draft["id"])).status == 201


async def test_a_lost_reply_of_a_presentation_makes_no_second_one(house: House) -> None:
    resident = await make_resident(house)
    held = await licence(house, resident.person["person"])
    item = await make_item(house)
    path, asked, key = f"/v1/licences/{held['licence_id']}/authorizations", {"item_code": item["code"], "purpose": "办事"}, uuid.uuid4().hex
    await house.faults(core={"lose_replies": True})
    lost = await post(resident, path, asked, key)
    assert (lost.status, lost.json["code"]) == (503, "core_unavailable")
    await core_is_back(house, resident)
    done = await post(resident, path, asked, key)
    assert done.status == 201 and len(await shown(house, item)) == 1


async def test_where_the_form_asks_for_nothing_a_licence_covers_nobody_asks_the_core(house: House) -> None:
    resident = await make_resident(house)
    item = await make_item(house, form=FORM, materials=[])
    await house.faults(core={"down": True})
    draft = await begin(resident, item)
    assert draft["licences_known"] is True and draft["wanted"] == []
    await core_is_back(house, resident)
