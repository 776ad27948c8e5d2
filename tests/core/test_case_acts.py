"""Files, pre-check, filing for a subject, corrections and withdrawals, against the sandbox's core and against one that answers oddly."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.case_acts import CoreCaseActs, CorrectionAsk, HandedIn, PrecheckAsk, WithdrawalAsk
from core.client import Core
from core.licences import CoreLicences, Licence
from core.types import Case, CaseState
from kit.errors import NotReached, Refused, Unknown
from kit.ids import new_id
from tests.core.door import Answers, Watched
from tests.core.filing import applicant, file, showing, some_item, submission, with_licence, written
from tests.sandbox.outside import Json, Outside

BODY = b"%PDF-1.4 a form"


@pytest.fixture
def acts(core: Core) -> CoreCaseActs:
    return CoreCaseActs(core)


@pytest.fixture
def odd(odd_core: Core) -> CoreCaseActs:
    return CoreCaseActs(odd_core)


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.reason


async def filed(world: Outside, acts: CoreCaseActs, *moves: str) -> Case:
    case = await acts.submit(submission(await some_item(world), await world.person()))
    for to in moves:
        assert (await world.move({"case_no": case.case_no}, to)).status == 200
    return case


def correction(**other: Any) -> CorrectionAsk:
    return CorrectionAsk.model_validate({"correction_id": new_id("k"), "answers": {"reason": "损坏"}} | other)


def withdrawal(**other: Any) -> WithdrawalAsk:
    return WithdrawalAsk.model_validate({"withdrawal_id": new_id("w"), "reason": "不办了"} | other)


# files


async def test_a_file_is_brought_once_and_found(world: Outside, acts: CoreCaseActs, http: Watched) -> None:
    body = BODY + new_id("f").encode()
    ref = file(body)
    assert await acts.find_file(ref.sha256) is None
    http.calls.clear()
    received = await acts.put_file(ref, body)
    assert (received.sha256, received.size) == (ref.sha256, len(body)) and http.calls == [("PUT", 30.0)]
    assert await acts.put_file(ref, body) == received == await acts.find_file(ref.sha256)
    (line,) = await written(world, "file.received", sha256=ref.sha256)
    assert (line["size"], line["media_type"]) == (len(body), "application/pdf")
    opened = await world.call("GET", f"/world/core/files/{ref.sha256}")
    assert (opened.status, opened.body) == (200, body)


async def test_bytes_that_are_not_the_files_never_leave(odd: CoreCaseActs, answers: Answers) -> None:
    for other in (BODY + b" ", b"", BODY[::-1]):
        with pytest.raises(ValueError, match="not the bytes"):
            await odd.put_file(file(BODY), other)
    assert answers.calls == []


async def test_a_lost_reply_to_a_file_is_unknown_and_bringing_it_again_is_harmless(world: Outside, acts: CoreCaseActs) -> None:
    body = BODY + new_id("f").encode()
    async with world.faults(core={"lose_replies": True}):
        with pytest.raises(Unknown):
            await acts.put_file(file(body), body)
    assert (await acts.put_file(file(body), body)).size == len(body)
    assert len(await written(world, "file.received", sha256=file(body).sha256)) == 1


# filing for a subject


async def test_a_case_is_filed_with_files_and_a_licence_for_an_enterprise(world: Outside, core: Core, acts: CoreCaseActs) -> None:
    person, item = await world.person(enterprise="某公司"), await some_item(world)
    subject = f"enterprise:{person['enterprise']['uscc']}"
    licence = Licence.model_validate(
        await world.world("POST", f"/people/{person['person']}/licences", {"type": "营业执照", "subject": person["enterprise"]["uscc"]})
    )
    shown = showing(licence, item, person)
    await CoreLicences(core).present(licence.licence_id, shown)
    await acts.put_file(file(BODY), BODY)
    materials = (with_licence(shown, licence), HandedIn(name="申请表", hand_in="online", files=(file(BODY),)))
    ask = submission(item, person, subject=subject, by_person_id=person["person"], materials=materials, project_code="2611-990100-04-01-000001")
    case = await acts.submit(ask)
    assert (case.state, await acts.submit(ask), await core.find_case(ask.request_id)) == (CaseState.SUBMITTED, case, case)
    (row,) = [one for one in (await world.world("GET", "/core/cases"))["cases"] if one["case_no"] == case.case_no]
    assert (row["subject_name"], row["project_code"], row["materials"][0]["presentation"]["number"]) == ("某公司", ask.project_code, licence.number)
    assert row["materials"][1]["files"][0]["name"] == "申请表 1.pdf"
    (line,) = await written(world, "case.submitted", case_no=case.case_no)
    assert (line["subject"], line["by_person_id"]) == (subject, person["person"])


async def test_a_guardian_files_for_a_ward_and_somebody_else_for_no_enterprise(world: Outside, acts: CoreCaseActs) -> None:
    guardian, item = await world.person(enterprise=True), await some_item(world)
    ward = await world.world("POST", f"/people/{guardian['person']}/wards")
    own = f"person:{ward['person']}"
    assert (await acts.submit(submission(item, ward, subject=own, by_person_id=guardian["person"]))).version == 1
    other = await world.person()
    theirs = f"enterprise:{guardian['enterprise']['uscc']}"
    assert await refusal(acts.submit(submission(item, other, subject=theirs))) == "not_entitled"
    assert await refusal(acts.submit(submission(item, other, subject=own))) == "not_entitled"
    assert await refusal(acts.submit(submission(item, ward, subject=own, by_person_id="nobody"))) == "not_entitled"
    await world.world("DELETE", f"/people/{guardian['person']}/enterprises/{guardian['enterprise']['uscc']}")
    assert await refusal(acts.submit(submission(item, guardian, subject=theirs))) == "not_entitled"


async def test_a_case_is_refused_whose_file_or_licence_the_core_does_not_hold(world: Outside, core: Core, acts: CoreCaseActs) -> None:
    person, item = await world.person(), await some_item(world)
    missing = HandedIn(name="申请表", hand_in="online", files=(file(new_id("f").encode()),))
    assert await refusal(acts.submit(submission(item, person, materials=(missing,)))) == "unknown_file"
    licence = Licence.model_validate(await world.world("POST", f"/people/{person['person']}/licences", {"type": "居民身份证"}))
    shown = showing(licence, item, person)
    material = with_licence(shown, licence)
    assert await refusal(acts.submit(submission(item, person, materials=(material,)))) == "unknown_presentation"
    await CoreLicences(core).present(licence.licence_id, shown)
    assert await refusal(acts.submit(submission(item, await world.person(), materials=(material,)))) == "unknown_presentation"
    await world.world("PUT", f"/core/licences/{licence.licence_id}", {"state": "revoked"})
    assert await refusal(acts.submit(submission(item, person, materials=(material,)))) == "licence_not_valid"
    await world.world("PUT", f"/core/licences/{licence.licence_id}", {"state": "valid"})
    assert (await acts.submit(submission(item, person, materials=(material,)))).version == 1


# pre-check


async def test_a_precheck_tells_everything_at_once_and_changes_nothing(world: Outside, acts: CoreCaseActs) -> None:
    person, item = await world.person(), await some_item(world)
    about = {"item_code": item["code"], "item_version": item["version"], "applicant": applicant(person), "subject": f"person:{person['person']}"}
    clean = PrecheckAsk.model_validate(about | {"answers": {}, "materials": (HandedIn(name="申请表", hand_in="window"),)})
    assert await acts.precheck(clean) == ()
    await world.world(
        "PUT", "/core/prechecks", {item["code"]: [{"target": "field", "name": "reason", "problem": "没有写明", "fix": "请写明"}, "照片不清"]}
    )
    dirty = clean.model_copy(update={"materials": (HandedIn(name="申请表", hand_in="online", files=(file(new_id("f").encode()),)),)})
    cases = len((await world.world("GET", "/core/cases"))["cases"])
    assert [(one.target, one.name) for one in await acts.precheck(dirty)] == [("field", "reason"), ("case", ""), ("material", "申请表")]
    assert len((await world.world("GET", "/core/cases"))["cases"]) == cases
    await world.world("PUT", "/core/prechecks", {item["code"]: []})
    assert await acts.precheck(clean) == ()
    assert [one["findings"] for one in await written(world, "precheck", subject=clean.subject)] == [0, 3, 0]
    assert await refusal(acts.precheck(clean.model_copy(update={"item_code": "none"}))) == "unknown_item"


# corrections and withdrawals


async def test_corrections_are_handed_in_once_and_the_case_goes_on(world: Outside, core: Core, acts: CoreCaseActs) -> None:
    case = await filed(world, acts, "accepted", "corrections")
    ask = correction(materials=(HandedIn(name="申请表", hand_in="courier"),))
    assert await acts.find_correction(case.case_no, ask.correction_id) is None
    done = await acts.correct(case.case_no, ask)
    assert (done.state, done.version) == (CaseState.SUPPLEMENTED, 4)
    assert await acts.correct(case.case_no, ask) == done == await acts.find_correction(case.case_no, ask.correction_id)
    assert len(await written(world, "case.corrected", case_no=case.case_no)) == 1
    (row,) = [one for one in (await world.world("GET", "/core/cases"))["cases"] if one["case_no"] == case.case_no]
    assert (row["answers"], row["materials"][0]["hand_in"], row["corrections"]) == ({"reason": "损坏"}, "courier", 1)
    assert (await world.move({"case_no": case.case_no}, "accepted")).status == 200
    again = await acts.correct(case.case_no, ask)  # a late repeat moves nothing
    assert again.state is CaseState.ACCEPTED
    (event,) = [one for one in await world.all_events() if one["case_no"] == case.case_no and one["move"]["state"] == "supplemented"]
    assert event["type"] == "case.moved" and event["move"]["version"] == 4


async def test_a_case_is_taken_back_once(world: Outside, acts: CoreCaseActs) -> None:
    case, ask = await filed(world, acts, "accepted"), withdrawal()
    done = await acts.withdraw(case.case_no, ask)
    assert (done.state, done.timeline[-1].text) == (CaseState.WITHDRAWN, "不办了")
    assert await acts.withdraw(case.case_no, ask) == done == await acts.find_withdrawal(case.case_no, ask.withdrawal_id)
    assert len(await written(world, "case.withdrawn", case_no=case.case_no)) == 1


async def test_what_comes_at_the_wrong_time_is_refused_and_changes_nothing(world: Outside, core: Core, acts: CoreCaseActs) -> None:
    early, late = await filed(world, acts), await filed(world, acts, "accepted", "approved")
    assert await refusal(acts.correct(early.case_no, correction())) == "not_waiting_for_corrections"
    assert await refusal(acts.withdraw(late.case_no, withdrawal())) == "too_late"
    assert (await core.case(early.case_no), (await core.case(late.case_no)).version) == (early, 3)
    assert await refusal(acts.correct("never", correction())) == "unknown_case"
    assert await refusal(acts.withdraw("never", withdrawal())) == "unknown_case"
    taken = await filed(world, acts)
    await acts.withdraw(taken.case_no, withdrawal())
    assert await refusal(acts.withdraw(taken.case_no, withdrawal())) == "too_late"


async def test_one_id_is_one_act(world: Outside, acts: CoreCaseActs) -> None:
    case, other = await filed(world, acts, "corrections"), await filed(world, acts, "corrections")
    ask, back = correction(), withdrawal()
    missing = correction(materials=(HandedIn(name="申请表", hand_in="online", files=(file(new_id("f").encode()),)),))
    assert await refusal(acts.correct(case.case_no, missing)) == "unknown_file"
    await acts.correct(case.case_no, ask)
    assert await refusal(acts.correct(case.case_no, ask.model_copy(update={"answers": {}}))) == "correction_id_reused"
    assert await refusal(acts.correct(other.case_no, ask)) == "correction_id_reused"
    assert await acts.find_correction(other.case_no, ask.correction_id) is None
    await acts.withdraw(case.case_no, back)
    assert await refusal(acts.withdraw(case.case_no, back.model_copy(update={"reason": ""}))) == "withdrawal_id_reused"
    assert await acts.find_withdrawal(other.case_no, back.withdrawal_id) is None


async def test_a_lost_reply_is_unknown_and_asking_finds_the_act(world: Outside, acts: CoreCaseActs, http: Watched) -> None:
    case, ask, back = await filed(world, acts, "corrections"), correction(), withdrawal()
    http.calls.clear()
    async with world.faults(core={"lose_replies": True}):
        with pytest.raises(Unknown):
            await acts.correct(case.case_no, ask)
        with pytest.raises(Unknown):
            await acts.withdraw(case.case_no, back)
    assert http.calls == [("POST", 6.0), ("POST", 6.0)]
    assert (found := await acts.find_correction(case.case_no, ask.correction_id)) is not None and found.state is CaseState.WITHDRAWN
    assert await acts.find_withdrawal(case.case_no, back.withdrawal_id) is not None
    assert [one["kind"] for one in await world.ledger("core") if one.get("case_no") == case.case_no].count("case.corrected") == 1


async def test_a_core_that_is_not_idempotent_writes_the_second_one_too(world: Outside, acts: CoreCaseActs) -> None:
    case, ask = await filed(world, acts, "corrections"), correction()
    async with world.faults(core={"not_idempotent": True}):
        await acts.correct(case.case_no, ask)
        await acts.correct(case.case_no, ask)
    assert [one["effective"] for one in await written(world, "case.corrected", case_no=case.case_no)] == [True, False]
    assert [one["to"] for one in await written(world, "case.moved", case_no=case.case_no)] == ["corrections", "supplemented"]


async def test_notices_are_numbered_and_an_acceptance_has_one_receipt(world: Outside, core: Core, acts: CoreCaseActs) -> None:
    case = await filed(world, acts, "accepted")
    due = "2026-12-01T18:00:00+08:00"
    for more in ({"due_at": due}, {}):
        assert (await world.move({"case_no": case.case_no}, "corrections", findings=["缺页"], **more)).status == 200
        await acts.correct(case.case_no, correction())
    assert (await world.move({"case_no": case.case_no}, "accepted")).status == 200
    timeline = (await core.case(case.case_no)).timeline
    notices = [one.notice for one in timeline if one.state is CaseState.CORRECTIONS]
    assert [(one.ordinal, one.due_at and one.due_at.isoformat()) for one in notices if one] == [(1, due), (2, None)]
    assert len({one.notice_no for one in notices if one}) == 2
    receipts = [one.receipt for one in timeline if one.state is CaseState.ACCEPTED]
    assert len(receipts) == 2 and receipts[0] is not None and receipts[0] == receipts[1] and receipts[0].received_at == timeline[1].at
    assert not any(one.notice or one.receipt for one in timeline if one.state in ("submitted", "supplemented"))


# what the sandbox never does

CASE = {"case_no": "C1", "request_id": "q1", "item_code": "i1", "item_version": 1, "item_name": "x", "state": "supplemented", "version": 2}
CASE |= {"submitted_at": "2026-11-23T09:00:00+08:00", "timeline": []}
Act = Callable[[CoreCaseActs], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "correct": lambda acts: acts.correct("C1", CorrectionAsk(correction_id="k1")),
    "withdraw": lambda acts: acts.withdraw("C1", WithdrawalAsk(withdrawal_id="w1")),
    "put_file": lambda acts: acts.put_file(file(BODY), BODY),
}
FINDS: dict[str, tuple[Act, str]] = {
    "correction": (lambda acts: acts.find_correction("C1", "k1"), "unknown_correction"),
    "withdrawal": (lambda acts: acts.find_withdrawal("C1", "w1"), "unknown_withdrawal"),
    "file": (lambda acts: acts.find_file("a" * 64), "unknown_file"),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (500, b"", Unknown),
        (200, b"<html>", Unknown),
        (200, json.dumps(CASE | {"case_no": "C2"}).encode(), Unknown),
        (200, b'{"sha256":"%s","size":15}' % (b"a" * 64), Unknown),
        (302, b"", Unknown),
        (429, b"", NotReached),
        (403, b"", NotReached),
        (404, b"<html>", Unknown),
        (422, b'{"code":404}', Unknown),
        (409, b'{"code":"too_late"}', Refused),
    ],
)
async def test_an_act_is_one_attempt_whatever_the_answer(
    odd: CoreCaseActs, answers: Answers, act: str, status: int, body: bytes, raised: type[Exception]
) -> None:
    answers.status, answers.body = status, body
    with pytest.raises(raised):
        await ACTS[act](odd)
    assert len(answers.calls) == 1


@pytest.mark.parametrize("find", FINDS)
async def test_a_404_without_the_cores_own_word_is_no_proof_that_there_is_none(odd: CoreCaseActs, answers: Answers, find: str) -> None:
    ask, none = FINDS[find]
    answers.status = 404
    for body in (b"<html>", b'{"code":"unknown_case"}', b"", b"[]"):
        answers.body = body
        with pytest.raises(NotReached):
            await ask(odd)
    answers.body = json.dumps({"code": none}).encode()
    assert await ask(odd) is None


@pytest.mark.parametrize("find", FINDS)
@pytest.mark.parametrize("found", [CASE | {"case_no": "C2"}, {"sha256": "b" * 64, "size": 1}, {}])
async def test_what_is_found_must_be_what_was_asked_for(odd: CoreCaseActs, answers: Answers, find: str, found: Json) -> None:
    answers.body = json.dumps(found).encode()
    with pytest.raises(NotReached):
        await FINDS[find][0](odd)


async def test_a_state_of_a_newer_core_is_kept_and_rubbish_is_not(odd_core: Core, answers: Answers) -> None:
    answers.body = json.dumps(CASE | {"state": "suspended"}).encode()
    assert (await odd_core.case("C1")).state is CaseState.OTHER
    answers.body = json.dumps(CASE | {"state": "sent-to-the-moon"}).encode()
    with pytest.raises(Unknown):
        await odd_core.case("C1")


async def test_every_sign_of_a_query_and_a_path_is_signed_as_it_is_sent(core: Core, acts: CoreCaseActs) -> None:
    signs = "".join(chr(code) for code in range(32, 127)) + "（2026）临江"
    assert await core.find_case(signs) is None
    plain = signs.replace("/", "")
    assert await refusal(core.case(plain)) == "unknown_case"
    assert await acts.find_file(plain) is None


@pytest.mark.parametrize("case_no", ["", ".", ".."])
async def test_what_would_be_another_path_is_never_asked_for(odd: CoreCaseActs, answers: Answers, case_no: str) -> None:
    with pytest.raises(ValueError, match="not a part"):
        await odd.correct(case_no, CorrectionAsk(correction_id="k1"))
    assert answers.calls == []
