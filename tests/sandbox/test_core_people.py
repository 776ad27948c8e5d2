"""World controls of who acts for whom, licences, files and pre-checks, and the core's calls about them, signed by the tests themselves."""

import hashlib
import secrets
from typing import Any

import pytest
from stdnum.cn import uscc as uscc_rule

from tests.sandbox.conftest import Private
from tests.sandbox.outside import Json, Outside, Reply
from tests.sandbox.test_core import refusal


async def put_file(outside: Outside, body: bytes, sha256: str = "", **headers: str) -> Reply:
    path = f"/core/v1/files/{sha256 or hashlib.sha256(body).hexdigest()}"
    return await outside.call("PUT", path, raw=body, headers=outside.core_headers("PUT", path, body) | headers)


async def enterprises(outside: Outside, person: Json) -> list[Json]:
    found: list[Json] = (await outside.core("GET", f"/persons/{person['person']}/enterprises")).json["enterprises"]
    return found


async def shown_person(outside: Outside, person: Json) -> Json:
    return next(one for one in (await outside.world("GET", "/people"))["people"] if one["person"] == person["person"])


@pytest.mark.parametrize("wanted", [True, "临江市某某有限公司", {"name": "临江市某某有限公司", "role": "handler"}, {}])
async def test_a_person_may_be_made_with_an_enterprise(outside: Outside, wanted: Any) -> None:
    person = await outside.person(enterprise=wanted)
    (found,) = await enterprises(outside, person)
    assert found == person["enterprise"] and uscc_rule.is_valid(found["uscc"])
    assert found["role"] == (wanted.get("role") if isinstance(wanted, dict) and wanted else "legal_representative")
    assert found["name"] == "临江市某某有限公司" or wanted in (True, {})
    assert (await shown_person(outside, person))["enterprises"] == [found]


async def test_the_second_to_join_an_enterprise_handles_for_it_under_its_name(outside: Outside) -> None:
    first, second = await outside.person(enterprise="某公司"), await outside.person()
    path = f"/people/{second['person']}/enterprises"
    joined = await outside.world("POST", path, {"uscc": first["enterprise"]["uscc"]})
    assert (joined["name"], joined["role"]) == ("某公司", "handler")
    assert refusal(await outside.call("DELETE", f"/world{path}/91990100MA5EXAMP1B")) == (404, "unknown_enterprise")
    await outside.world("DELETE", f"{path}/{joined['uscc']}")
    assert await enterprises(outside, second) == [] and len(await enterprises(outside, first)) == 1


@pytest.mark.parametrize(
    "wanted", [{"uscc": "91990100MA5EXAMP1T"}, {"uscc": 5}, {"name": ""}, {"role": "owner"}, {"valid_until": "soon"}, {"valid_until": "2030-01-01"}]
)
async def test_a_wrong_enterprise_is_refused_and_nobody_is_made(outside: Outside, wanted: Json) -> None:
    person = await outside.person()
    count = len((await outside.world("GET", "/people"))["people"])
    reply = await outside.call("POST", f"/world/people/{person['person']}/enterprises", wanted)
    assert refusal(reply) == (422, "bad_enterprise") and reply.json["errors"]
    assert refusal(await outside.call("POST", "/world/people", {"enterprise": wanted})) == (422, "bad_person")
    assert len((await outside.world("GET", "/people"))["people"]) == count
    assert await enterprises(outside, person) == []


@pytest.mark.parametrize("wanted", [{"born": "2999-01-01"}, {"born": "yesterday"}, {"born": 5}, {"name": "x" * 51}, {"relation": ""}])
async def test_a_wrong_ward_is_refused(outside: Outside, wanted: Json) -> None:
    person = await outside.person()
    assert refusal(await outside.call("POST", f"/world/people/{person['person']}/wards", wanted)) == (422, "bad_person")
    assert refusal(await outside.call("POST", "/world/people/nobody/wards")) == (404, "unknown_person")


async def test_a_person_may_be_made_born_on_a_day(outside: Outside) -> None:
    assert (await outside.person(born="2012-02-29"))["id_number"][6:14] == "20120229"
    assert refusal(await outside.call("POST", "/world/people", {"born": "2013-02-29"})) == (422, "bad_person")


@pytest.mark.parametrize(
    "wanted",
    [{}, {"type": ""}, {"type": "x", "expires_at": "2030-01-01"}, {"type": "x", "number": 5}, {"type": "x", "subject": "91990100MA5EXAMP1B"}],
)
async def test_a_wrong_licence_is_refused(outside: Outside, wanted: Json) -> None:
    person = await outside.person()
    assert refusal(await outside.call("POST", f"/world/people/{person['person']}/licences", wanted)) == (422, "bad_licence")
    assert refusal(await outside.call("POST", "/world/people/nobody/licences", {"type": "x"})) == (404, "unknown_person")
    assert (await outside.core("GET", f"/licences?subject=person:{person['person']}")).json == {"licences": []}


async def test_a_licence_is_changed_only_to_what_the_contract_knows(outside: Outside) -> None:
    person = await outside.person()
    licence = await outside.world("POST", f"/people/{person['person']}/licences", {"type": "居民身份证"})
    for wrong in ({"state": "lost"}, {}, {"expires_at": "x"}):
        assert refusal(await outside.call("PUT", f"/world/core/licences/{licence['licence_id']}", wrong)) == (422, "bad_licence")
    assert refusal(await outside.call("PUT", "/world/core/licences/L1", {"state": "valid"})) == (404, "unknown_licence")
    changed = await outside.world("PUT", f"/core/licences/{licence['licence_id']}", {"expires_at": "2020-01-01T00:00:00+08:00"})
    assert changed["state"] == "expired" and (await shown_person(outside, person))["licences"] == [changed]


@pytest.mark.parametrize("subject", ["", "person:", "P1", "company:x"])
async def test_a_subject_nobody_can_be_is_refused(outside: Outside, subject: str) -> None:
    assert refusal(await outside.core("GET", f"/licences?subject={subject}")) == (422, "bad_request")


async def test_bytes_under_another_hash_are_refused(outside: Outside) -> None:
    body = secrets.token_bytes(20)
    own = hashlib.sha256(body).hexdigest()
    assert refusal(await put_file(outside, body, "0" * 64)) == (422, "wrong_hash")
    assert refusal(await put_file(outside, body, own.upper())) == (422, "wrong_hash")
    assert refusal(await put_file(outside, b"")) == (422, "wrong_hash")
    assert refusal(await outside.core("GET", f"/files/{own}")) == (404, "unknown_file")
    assert refusal(await outside.call("GET", f"/world/core/files/{own}")) == (404, "unknown_file")
    assert (await put_file(outside, body)).status == 201 and (await put_file(outside, body)).status == 200


async def test_a_clerk_downloads_a_file_and_never_runs_it(outside: Outside) -> None:
    body = b"<script>alert(1)</script>" + secrets.token_bytes(4)
    await put_file(outside, body, **{"Content-Type": "text/html", "X-Core-File-Name": "%E8%A1%A8%22.html"})
    async with outside.http.get(f"{outside.process.url}/world/core/files/{hashlib.sha256(body).hexdigest()}") as got:
        assert await got.read() == body
        assert got.headers["Content-Type"] == "application/octet-stream" and got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E8%A1%A8%22.html"
        assert got.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "wanted",
    [{}, {"no-such-item": []}, {"": 5}, {"ITEM": "x"}, {"ITEM": [{"problem": ""}]}, {"ITEM": [5]}, {"ITEM": [{"problem": "x", "target": "moon"}]}],
)
async def test_a_wrong_precheck_is_refused_and_sets_nothing(outside: Outside, wanted: Json) -> None:
    item = (await outside.submission(await outside.person()))["item_code"]
    asked = {code.replace("ITEM", item): found for code, found in wanted.items()}
    assert refusal(await outside.call("PUT", "/world/core/prechecks", asked)) == (422, "bad_request")
    assert item not in (await outside.world("GET", "/core/prechecks"))["prechecks"]


async def test_items_are_found_by_name_or_code_also_after_a_change(outside: Outside) -> None:
    code = f"T{secrets.token_hex(6)}"
    await outside.world("GET", "/core/items?q=x")
    await outside.world("POST", "/core/items", {"code": code, "name": f"查名{code}", "department": {"name": "某局"}})
    assert (await outside.world("GET", f"/core/items?q={code}"))["items"] == [{"code": code, "name": f"查名{code}"}]
    await outside.world("DELETE", f"/core/items/{code}")
    assert (await outside.world("GET", f"/core/items?q={code}"))["items"] == []
    assert len((await outside.world("GET", "/core/items?q="))["items"]) == 20


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"subject": 5}, (422, "bad_request")),
        ({"joint_id": ""}, (422, "bad_request")),
        ({"subject": "person:nobody"}, (403, "not_entitled")),
        ({"subject": "enterprise:91990100MA5EXAMP1B"}, (403, "not_entitled")),
        ({"materials": [{"name": "申请表", "hand_in": "pigeon"}]}, (422, "bad_request")),
        ({"materials": ["申请表"]}, (422, "bad_request")),
        ({"materials": [{"name": "申请表", "hand_in": "online", "files": [{"sha256": 5}]}]}, (422, "unknown_file")),
        ({"materials": [{"name": "申请表", "hand_in": "online", "presentation": {"presentation_id": "p"}}]}, (422, "unknown_presentation")),
        ({"materials": [{"name": "申请表", "hand_in": "online", "presentation": "p"}]}, (422, "unknown_presentation")),
    ],
)
async def test_a_filing_the_core_cannot_take_is_refused_whole(outside: Outside, change: Json, told: tuple[int, str]) -> None:
    body = await outside.submission(await outside.person(), **change)
    assert refusal(await outside.submit(body)) == told
    assert (await outside.core("GET", f"/cases?request_id={body['request_id']}")).json == {"cases": []}


async def test_a_supplemented_case_may_be_accepted_decided_or_sent_back_again(outside: Outside) -> None:
    for to in ("accepted", "approved", "rejected", "corrections"):
        case = await outside.case()
        await outside.move(case, "corrections")
        own = f"k-{secrets.token_hex(6)}"
        asked = {"correction_id": own, "answers": {}, "materials": []}
        reply = await outside.core("POST", f"/cases/{case['case_no']}/corrections", asked, key=own)
        assert (reply.status, reply.json["state"]) == (201, "supplemented")
        assert refusal(await outside.move(case, "issued")) == (409, "move_not_allowed")
        assert (await outside.move(case, to)).json["state"] == to


@pytest.mark.parametrize("due", ["2026-12-01", 5, "soon"])
async def test_a_notice_with_a_day_that_is_none_is_refused(outside: Outside, due: Json) -> None:
    case = await outside.case()
    assert refusal(await outside.move(case, "corrections", due_at=due)) == (422, "bad_request")
    assert refusal(await outside.move(case, "accepted", due_at="2026-12-01T18:00:00+08:00")) == (422, "bad_request")


async def test_what_the_core_took_outlives_a_killed_world_and_ends_with_a_reset(private: Private) -> None:
    world = private()
    person = await world.person(enterprise=True)
    licence = await world.world("POST", f"/people/{person['person']}/licences", {"type": "居民身份证"})
    body = secrets.token_bytes(100)
    sha256 = hashlib.sha256(body).hexdigest()
    await put_file(world, body)
    case = await world.case(person)
    asked = {"withdrawal_id": "w1", "reason": ""}
    await world.core("POST", f"/cases/{case['case_no']}/withdrawals", asked, key="w1")
    world.process.kill()
    world.process.start()
    assert (await world.core("GET", f"/files/{sha256}")).status == 200 and (await world.call("GET", f"/world/core/files/{sha256}")).body == body
    assert (await world.core("GET", f"/cases/{case['case_no']}/withdrawals/w1")).json["state"] == "withdrawn"
    assert (await world.core("GET", f"/licences?subject=person:{person['person']}")).json["licences"] == [licence]
    await world.world("POST", "/reset")
    assert (await world.core("GET", f"/files/{sha256}")).status == 404
    assert not list((world.process.folder / "core_files").glob("*"))
    assert await enterprises(world, person) == []
    assert (await world.core("GET", f"/licences?subject=person:{person['person']}")).json == {"licences": []}
    assert (await put_file(world, body)).status == 201
