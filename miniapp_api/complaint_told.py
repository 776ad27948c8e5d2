"""Story, the worker's half: a complaint, and what the resident did about it afterwards, reach the core once. Whatever the core then says is its state."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cases import hand_over
from complaints import moves
from complaints.values import Act, AtCore, Complaint
from core import complaints as contract
from core.client import AWAY_AT_MOST
from core.complaints import ComplaintAsk, FollowUp, Satisfaction, Turn
from kit import kill_points
from kit.errors import Refused
from kit.mongo import Tx
from kit.outbox import Row
from miniapp_api.complaint_moved import taken_over
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

FILE, ACT = "complaint.core", "complaint.act"
GRACE = 10.0  # seconds the request that recorded it has for itself before the worker may take over
_WAIT = 3.0  # seconds a resident waits for the number
_TRIES = 20


async def put(deps: Deps, tx: Tx, kind: str, complaint_id: str, act_id: str, at: datetime) -> None:
    what = {"complaint_id": complaint_id, "act_id": act_id}
    await deps.outbox.put(tx, kind, _key(kind, complaint_id, act_id), what, delay=GRACE, until=at + AWAY_AT_MOST)


async def at_once(deps: Deps, kind: str, complaint_id: str, act_id: str) -> None:
    """While the resident waits, so that they see the number where the core is there."""
    handle = file if kind == FILE else act
    await deps.outbox.at_once(_key(kind, complaint_id, act_id), lambda row: handle(deps, row), _WAIT)


async def file(deps: Deps, row: Row) -> None:
    """Worker. After an unknown outcome the core is asked what it has. A refusal is kept, for staff to see and the resident to read."""
    one = await deps.complaining.store.complaint(row.payload["complaint_id"])
    if one is None or one.at_core != "waiting":
        await deps.outbox.done(row.key)
        return
    core = deps.complaining.core
    try:
        held = await core.find_complaint(one.id) if row.attempt > 1 else None
        if held is None:
            kill_points.reached("complaints.before_file")
            held = await core.file(await _ask(deps, one))
            kill_points.reached("complaints.after_file")
    except Refused as exc:
        log.error("the core refused a complaint", extra={"complaint_id": one.id, "reason": exc.reason})
        await _settle(deps, row, _as_refused)
        return
    await _settle(deps, row, _as_told(deps, held))


async def act(deps: Deps, row: Row) -> None:
    """Worker: a follow-up or what they thought of the reply. Each may be asked again as it was."""
    one = await deps.complaining.store.complaint(row.payload["complaint_id"])
    done = next((each for each in one.acts if each.id == row.payload["act_id"]), None) if one is not None else None
    if one is None or done is None or done.at_core != "waiting":
        await deps.outbox.done(row.key)
        return
    try:
        kill_points.reached("complaints.before_act")
        held = await _done_at_core(deps, one, done)
        kill_points.reached("complaints.after_act")
    except Refused as exc:
        log.warning("the core refused what a resident did about a complaint", extra={"complaint_id": one.id, "reason": exc.reason})
        await _settle(deps, row, lambda now_held: _marked(now_held, done, "refused"))
        return
    told = _as_told(deps, held)
    await _settle(deps, row, lambda now_held: _marked(told(now_held), done, "told"))


async def _done_at_core(deps: Deps, one: Complaint, done: Act) -> contract.Complaint:
    core = deps.complaining.core
    if done.grade is None:
        return await core.follow_up(one.id, FollowUp(follow_up_id=done.id, text=done.text, asked_at=done.at))
    return await core.rate(one.id, Satisfaction(satisfaction_id=done.id, grade=done.grade, text=done.text, at=done.at))


def _as_refused(one: Complaint) -> Complaint:
    """Unless the core has told of it meanwhile."""
    return replace(one, at_core="refused") if one.at_core == "waiting" else one


def _as_told(deps: Deps, held: contract.Complaint) -> Callable[[Complaint], Complaint]:
    steps = [moves.of_core(one) for one in held.timeline]
    return lambda one: moves.told(one, held.number, steps, deps.workdays.current)


async def _settle(deps: Deps, row: Row, change: Callable[[Complaint], Complaint]) -> None:
    """What became of it, what is told of it and the end of the row in one write; events may have come meanwhile, so it is read again. Raises TimeoutError."""

    async def write(tx: Tx) -> bool:
        one = await deps.complaining.store.complaint(row.payload["complaint_id"], tx)
        if one is not None and not await taken_over(deps, tx, one, change(one)):
            return False
        await deps.outbox.done(row.key, tx)
        return True

    for _ in range(_TRIES):
        if await deps.mongo.transaction(write):
            return
    raise TimeoutError("the complaint keeps moving")


def _marked(one: Complaint, done: Act, at_core: AtCore) -> Complaint:
    return replace(one, acts=tuple(replace(each, at_core=at_core) if each.id == done.id else each for each in one.acts))


async def _ask(deps: Deps, one: Complaint) -> ComplaintAsk:
    """Files first: the core knows them by their hash. Raises Refused where one is gone, NotReached, Unknown."""
    said = one.said
    papers = [{"name": "附件", "hand_in": "online", "files": list(said.files)}]
    facts = await hand_over.bring(deps.applying.over, papers) if said.files else {}
    return ComplaintAsk(
        complaint_id=one.id,
        kind=said.kind,
        title=said.title,
        text=said.text,
        person_id=one.person_id,
        item_code=said.item_code,
        case_no=said.case_no,
        files=hand_over.told(papers, facts)[0].files if said.files else (),
        conversation=tuple(Turn(at=line.at, by=line.by, text=line.text) for line in said.conversation),
        channel=one.channel,
        told_at=one.told_at,
    )


def _key(kind: str, complaint_id: str, act_id: str) -> str:
    return f"{kind}:{complaint_id}:{act_id}"
