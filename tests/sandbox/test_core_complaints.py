"""Complaints at the sandbox's core as our own client sees them: under 12345's number, moved by its desk, asked again and judged."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from core.case_acts import CoreCaseActs, FileRef
from core.client import Core
from core.complaints import Complaint, ComplaintMoved, ComplaintState, CoreComplaints, FollowUp, Satisfaction, Turn
from core.events import read_event
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.ids import new_id
from tests.sandbox.core_door import an_item, complaint, core_of, lines_of, told_of
from tests.sandbox.outside import Outside


@pytest.fixture
async def core(outside: Outside) -> AsyncIterator[Core]:
    async with core_of(outside) as own:
        yield own


@pytest.fixture
def hotline(core: Core) -> CoreComplaints:
    return CoreComplaints(core)


async def desk(world: Outside, own: str, to: str, **more: Any) -> Any:
    return await world.call("POST", f"/world/core/complaints/{own}/moves", {"to": to, **more})


async def replied(world: Outside, hotline: CoreComplaints) -> Complaint:
    made = await hotline.file(complaint(await world.person()))
    assert (await desk(world, made.complaint_id, "replied", text="已安排中午值班")).status == 200
    found = await hotline.find_complaint(made.complaint_id)
    assert found is not None
    return found


def asking(text: str = "还是没有人") -> FollowUp:
    return FollowUp(follow_up_id=new_id("fu"), text=text, asked_at=now())


def judging(grade: int = 2) -> Satisfaction:
    return Satisfaction(satisfaction_id=new_id("sa"), grade=grade, text="", at=now())


# filed


async def test_a_complaint_is_filed_once_and_has_a_number_of_the_hotline(outside: Outside, hotline: CoreComplaints) -> None:
    case, item = await outside.case(), await an_item(outside)
    talk = (Turn(at=now(), by="resident", text="窗口没人"), Turn(at=now(), by="assistant", text="可以投诉"))
    ask = complaint(await outside.person(), case_no=case["case_no"], item_code=item["code"], conversation=talk)
    assert await hotline.find_complaint(ask.complaint_id) is None
    made, again = await hotline.file(ask), await hotline.file(ask)
    assert made == again == await hotline.find_complaint(ask.complaint_id)
    assert (made.state, made.version, [one.state for one in made.timeline]) == (ComplaintState.RECEIVED, 1, [ComplaintState.RECEIVED])
    assert re.fullmatch(r"LJ12345\d{8}\d{5}", made.number)
    assert await told_of(outside, "complaint.moved", complaint_id=ask.complaint_id) == []
    assert len(await lines_of(outside, "complaint.filed", complaint_id=ask.complaint_id)) == 1
    with pytest.raises(Refused, match="complaint_id_reused"):
        await hotline.file(ask.model_copy(update={"text": "另一件事"}))


async def test_fifty_repeats_are_one_complaint_and_fifty_complaints_have_fifty_numbers(outside: Outside, hotline: CoreComplaints) -> None:
    person = await outside.person()
    ask = complaint(person)
    assert len(set(await asyncio.gather(*(hotline.file(ask) for _ in range(50))))) == 1
    made = await asyncio.gather(*(hotline.file(complaint(person)) for _ in range(50)))
    assert len({one.number for one in made}) == 50


async def test_its_files_must_have_been_brought(outside: Outside, core: Core, hotline: CoreComplaints) -> None:
    body = b"a picture of an empty window"
    file = FileRef(sha256=hashlib.sha256(body).hexdigest(), name="窗口.jpg", size=len(body), media_type="image/jpeg")
    ask = complaint(await outside.person(), files=(file,))
    with pytest.raises(Refused, match="unknown_file"):
        await hotline.file(ask)
    await CoreCaseActs(core).put_file(file, body)
    assert (await hotline.file(ask)).state is ComplaintState.RECEIVED
    (shown,) = [one for one in (await outside.world("GET", "/core/complaints"))["complaints"] if one["complaint_id"] == ask.complaint_id]
    assert shown["files"] == [file.model_dump()] and shown["text"] == ask.text


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"person_id": "P-nobody"}, "unknown_person"), ({"case_no": "none"}, "unknown_case"), ({"item_code": "none"}, "unknown_item")],
)
async def test_a_refusal_says_which(outside: Outside, hotline: CoreComplaints, wrong: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        await hotline.file(complaint(await outside.person(), **wrong))


async def test_everything_wrong_is_told_at_once(outside: Outside) -> None:
    asked = complaint(await outside.person()).model_dump(mode="json") | {"kind": "praise", "title": "", "conversation": [{"by": "me"}]}
    reply = await outside.core("POST", "/complaints", asked, key=asked["complaint_id"])
    assert (reply.status, reply.json["code"], reply.json["errors"]) == (422, "bad_request", ["kind", "title", "conversation"])


# the desk


async def test_the_desk_moves_it_by_id_or_number_and_tells_every_move(outside: Outside, hotline: CoreComplaints) -> None:
    made = await hotline.file(complaint(await outside.person()))
    due = (now() + timedelta(days=5)).isoformat()
    assert (await desk(outside, made.number, "assigned", department="临江市公安局", due_at=due)).status == 200
    assert (await desk(outside, made.complaint_id, "transferred", department="临江市民政局")).status == 200
    assert (await desk(outside, made.number, "replied", text="已安排值班")).status == 200
    found = await hotline.find_complaint(made.complaint_id)
    assert found is not None and (found.state, found.version) == (ComplaintState.REPLIED, 4)
    assert [one.department for one in found.timeline] == [None, "临江市公安局", "临江市民政局", "临江市民政局"]
    assert [one.due_at is not None for one in found.timeline] == [False, True, True, False]
    events = [read_event(one) for one in await told_of(outside, "complaint.moved", complaint_id=made.complaint_id)]
    assert [one.move for one in events if isinstance(one, ComplaintMoved)] == list(found.timeline[1:])
    assert {one.number for one in events if isinstance(one, ComplaintMoved)} == {made.number}


async def test_what_the_desk_may_not_do_is_refused_with_what_it_may(outside: Outside, hotline: CoreComplaints) -> None:
    made = await hotline.file(complaint(await outside.person()))
    assert (await desk(outside, made.number, "closed")).json["code"] == "move_not_allowed"
    assert (await desk(outside, made.number, "replied")).status == 422  # without a word
    assert (await desk(outside, made.number, "assigned", due_at="tomorrow")).status == 422
    assert (await desk(outside, "LJ12345", "assigned")).status == 404
    assert (await desk(outside, made.number, "not_accepted", text="不属于受理范围")).status == 200
    assert (await desk(outside, made.number, "assigned")).json["code"] == "move_not_allowed"
    (shown,) = [one for one in (await outside.world("GET", "/core/complaints"))["complaints"] if one["number"] == made.number]
    assert shown["allowed"] == [] and len(await told_of(outside, "complaint.moved", complaint_id=made.complaint_id)) == 1


# asked again, and judged


async def test_a_question_after_the_reply_opens_it_again_once(outside: Outside, hotline: CoreComplaints) -> None:
    made, ask = await replied(outside, hotline), asking()
    first, again = await hotline.follow_up(made.complaint_id, ask), await hotline.follow_up(made.complaint_id, ask)
    assert first == again and (first.state, first.version, first.timeline[-1].text) == (ComplaintState.REOPENED, 3, "还是没有人")
    with pytest.raises(Refused, match="not_replied"):
        await hotline.follow_up(made.complaint_id, asking())
    with pytest.raises(Refused, match="follow_up_id_reused"):
        await hotline.follow_up(made.complaint_id, ask.model_copy(update={"text": "别的"}))
    with pytest.raises(Refused, match="follow_up_id_reused"):
        await hotline.follow_up((await replied(outside, hotline)).complaint_id, ask)
    assert (await desk(outside, made.number, "replied", text="已换班")).json["version"] == 4
    assert len(await told_of(outside, "complaint.moved", complaint_id=made.complaint_id)) == 3


async def test_a_judgement_closes_it_and_each_reply_is_judged_once(outside: Outside, hotline: CoreComplaints) -> None:
    made, ask = await replied(outside, hotline), judging()
    first, again = await hotline.rate(made.complaint_id, ask), await hotline.rate(made.complaint_id, ask)
    assert first == again and (first.state, first.version) == (ComplaintState.CLOSED, 3)
    with pytest.raises(Refused, match="already_rated"):
        await hotline.rate(made.complaint_id, judging(5))
    with pytest.raises(Refused, match="satisfaction_id_reused"):
        await hotline.rate(made.complaint_id, ask.model_copy(update={"grade": 5}))
    await hotline.follow_up(made.complaint_id, asking())
    with pytest.raises(Refused, match="not_replied"):
        await hotline.rate(made.complaint_id, judging())
    await desk(outside, made.number, "replied", text="已换班")
    assert (await hotline.rate(made.complaint_id, judging(4))).state is ComplaintState.CLOSED
    assert [one["grade"] for one in await lines_of(outside, "complaint.rated", complaint_id=made.complaint_id)] == [2, 4]
    assert len(await told_of(outside, "complaint.moved", complaint_id=made.complaint_id)) == 5


async def test_what_the_desk_closed_can_still_be_judged_and_stays_closed(outside: Outside, hotline: CoreComplaints) -> None:
    made = await replied(outside, hotline)
    await desk(outside, made.number, "closed")
    judged = await hotline.rate(made.complaint_id, judging(5))
    assert (judged.state, judged.version) == (ComplaintState.CLOSED, 3)
    assert (await hotline.follow_up(made.complaint_id, asking())).state is ComplaintState.REOPENED


async def test_nothing_is_asked_or_judged_before_a_reply(outside: Outside, hotline: CoreComplaints) -> None:
    made = await hotline.file(complaint(await outside.person()))
    for own, reason in ((made.complaint_id, "not_replied"), (new_id("co"), "unknown_complaint")):
        with pytest.raises(Refused, match=reason):
            await hotline.follow_up(own, asking())
        with pytest.raises(Refused, match=reason):
            await hotline.rate(own, judging())


async def test_of_fifty_judgements_at_once_one_stands(outside: Outside, hotline: CoreComplaints) -> None:
    made = await replied(outside, hotline)
    answers = await asyncio.gather(*(hotline.rate(made.complaint_id, judging()) for _ in range(50)), return_exceptions=True)
    assert len([one for one in answers if isinstance(one, Complaint)]) == 1
    assert [one.reason for one in answers if isinstance(one, Refused)] == ["already_rated"] * 49


# what goes wrong


async def test_a_lost_answer_is_found_again(outside: Outside, hotline: CoreComplaints) -> None:
    ask = complaint(await outside.person())
    async with outside.faults(core={"lose_replies": True}):
        with pytest.raises((Unknown, NotReached)):
            await hotline.file(ask)
    assert await hotline.find_complaint(ask.complaint_id) == await hotline.file(ask)


async def test_a_core_that_is_not_idempotent_writes_it_twice(outside: Outside, hotline: CoreComplaints) -> None:
    ask = complaint(await outside.person())
    async with outside.faults(core={"not_idempotent": True}):
        assert await hotline.file(ask) == await hotline.file(ask)
    assert [one["effective"] for one in await lines_of(outside, "complaint.filed", complaint_id=ask.complaint_id)] == [True, False]


async def test_a_killed_core_knows_its_complaints_and_a_reset_one_does_not(private: Callable[..., Outside]) -> None:
    world = private()
    async with core_of(world) as core:
        hotline = CoreComplaints(core)
        made, ask = await replied(world, hotline), asking()
        asked = await hotline.follow_up(made.complaint_id, ask)
    world.process.kill()
    world.process.start()
    async with core_of(world) as core:
        hotline = CoreComplaints(core)
        assert await hotline.find_complaint(made.complaint_id) == await hotline.follow_up(made.complaint_id, ask) == asked
        other = await hotline.file(complaint(await world.person()))
        assert int(other.number[-5:]) == int(made.number[-5:]) + 1 or other.number[7:15] > made.number[7:15]
        await world.world("POST", "/reset", {})
        assert await hotline.find_complaint(made.complaint_id) is None
