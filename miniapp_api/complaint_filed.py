"""Story: a resident complains, suggests or asks; asks again after the reply; says what they thought of it.

What they wrote and the row that takes it to the core are one write: it is registered here even while the core is away.
"""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from cases import files
from complaints import moves, words
from complaints.values import MOST_A_DAY, MOST_FILES, Act, Complaint, Said, Spoken
from core.complaints import ComplaintKind, ComplaintState
from kit.clock import BEIJING, now
from kit.errors import Conflict, FieldError, Invalid, NotFound, TooMany
from kit.mongo import DuplicateKeyError, Tx
from miniapp_api import complaint_told
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.routes.cases import item_as_filed, own_case
from miniapp_api.routes.files import owner_of
from miniapp_api.shapes_complaints import NewComplaint
from residents import minors, subjects


async def file(call: Call) -> Complaint:
    """The same Idempotency-Key is the same complaint. Raises Forbidden, Invalid with everything wrong or of a key used for another, Conflict, TooMany."""
    person_id, store = subjects.bound(call.resident), call.deps.complaining.store
    own = _complaint_id(call, person_id)
    if (kept := await store.complaint(own)) is not None:
        return _as_asked(kept, call.body)
    if call.resident.subject is not None:
        await minors.check(call.deps.residents, person_id, call.resident.subject)
    said, region = await _checked(call, call.body)
    made = replace(_new(call, own, said, person_id, now()), region=region)
    for _ in range(MOST_A_DAY + 1):  # as often as somebody else of theirs may be faster
        try:
            await call.deps.mongo.transaction(lambda tx: _write(call, tx, made))
        except DuplicateKeyError:
            if (kept := await store.complaint(own)) is not None:
                return _as_asked(kept, call.body)
        else:
            break
    else:
        raise TooMany("complaints_too_many", "您同时提交了很多条，请先保存您写的内容，稍后再提交", retry_after=60)
    await complaint_told.at_once(call.deps, complaint_told.FILE, made.id, "")
    return await store.complaint(made.id) or made


async def follow_up(call: Call, complaint_id: str, text: str) -> Complaint:
    """Raises NotFound, Invalid, Conflict complaint_not_replied, complaint_busy."""
    _refuse(words.problems_of_short(text, 2))
    return await _act(call, complaint_id, Act(_act_id(call, complaint_id, "question"), text.strip(), now(), "waiting"))


async def rate(call: Call, complaint_id: str, grade: int, text: str) -> Complaint:
    """Once. Raises NotFound, Invalid, Conflict complaint_not_replied, complaint_rated, complaint_busy."""
    _refuse(words.problems_of_short(text, 0) if text.strip() else [])
    return await _act(call, complaint_id, Act(_act_id(call, complaint_id, "satisfaction"), text.strip(), now(), "waiting", grade))


async def own(call: Call, complaint_id: str) -> Complaint:
    """Of the signed-in person. Raises NotFound, also for somebody else's."""
    found = await call.deps.complaining.store.complaint(complaint_id) if call.resident.person_id is not None else None
    if found is None or found.person_id != call.resident.person_id:
        raise NotFound("complaint_unknown", "没有找到这条诉求，请从“投诉建议”里打开")
    return found


async def _act(call: Call, complaint_id: str, act: Act) -> Complaint:
    before = await own(call, complaint_id)
    if (done := next((one for one in before.acts if one.id == act.id), None)) is not None:
        return _as_first(before, (done.text, done.grade) == (act.text, act.grade))
    _check_may(before, act)
    after = replace(before, acts=(*before.acts, act))

    async def write(tx: Tx) -> bool:
        if not await call.deps.complaining.store.change(tx, before, after):
            return False
        await complaint_told.put(call.deps, tx, complaint_told.ACT, before.id, act.id, act.at)
        return True

    if not await call.deps.mongo.transaction(write):
        raise Conflict("complaint_busy", "这条诉求刚刚有了变化，请刷新后再操作")
    await complaint_told.at_once(call.deps, complaint_told.ACT, before.id, act.id)
    return await own(call, complaint_id)


def _check_may(one: Complaint, act: Act) -> None:
    if act.grade is not None and one.is_rated:
        raise Conflict("complaint_rated", "您已经评价过这次答复，每条诉求评价一次")
    if one.is_busy:
        raise Conflict("complaint_busy", "您上一次的追问或评价还在登记，请稍候再试")
    if act.grade is None and not one.has_reply:
        raise Conflict("complaint_not_replied", "还没有答复，有了答复才能追问；有新情况请另提一条，或致电 12345")
    if act.grade is None and not one.can_follow_up(act.at):
        raise Conflict("complaint_over", "办结已经超过 15 天，不能再追问；有新情况请另提一条，或致电 12345")
    if act.grade is not None and not one.can_rate:
        raise Conflict("complaint_not_replied", "还没有答复，有了答复再请您评价")


async def _checked(call: Call, asked: NewComplaint) -> tuple[Said, str | None]:
    """(what is said, the region it is about). Everything wrong at once. Raises Invalid."""
    case: dict[str, Any] | None = None
    wrong = [*words.problems_of_kind(asked.kind), *words.problems(asked.title, asked.text), *await _wrong_files(call, asked)]
    if asked.case_no is not None:
        try:
            case = await own_case(call, asked.case_no)
        except NotFound:
            wrong.append(FieldError("case_no", "没有找到您的这件办件，请从“我的办件”里选择，或不填"))
    item = await call.deps.content.item(asked.item_code) if asked.item_code is not None else None
    if asked.item_code is not None and item is None:
        wrong.append(FieldError("item_code", "没有这个事项，请重新选择，或不填"))
    talk = await _talk(call, asked.conversation_id) if asked.conversation_id is not None else ()
    if asked.conversation_id is not None and not talk:
        wrong.append(FieldError("conversation_id", "没有找到您的这段对话（保留七天），请不带对话再提交"))
    _refuse(wrong)
    kind, papers = cast(ComplaintKind, asked.kind), tuple(dict.fromkeys(asked.files))
    about = item["item"] if item is not None else await item_as_filed(call.deps.content, case) if case is not None else None
    said = Said(kind, asked.title.strip(), asked.text.strip(), asked.item_code, asked.case_no, papers, talk, asked.conversation_id)
    return said, place_of(about)[1]


async def _wrong_files(call: Call, asked: NewComplaint) -> list[FieldError]:
    many = len(set(asked.files))
    wrong = [FieldError("files", f"最多带 {MOST_FILES} 个附件，现在是 {many} 个，请去掉一些")] if many > MOST_FILES else []
    try:
        await files.ready(call.deps.files.store, asked.files, owner_of(call))
    except Invalid as exc:
        return [*wrong, *exc.errors]
    return wrong


async def _talk(call: Call, conversation_id: str) -> tuple[Spoken, ...]:
    turns: list[dict[str, Any]] = await call.deps.assistant.store.talk(conversation_id, call.resident.resident_id)
    found = []
    for turn in turns:
        at = datetime.fromisoformat(turn["at"])
        found += [Spoken(at, "resident", turn["asked"]), Spoken(at, "assistant", turn["told"])]
    return tuple(found)


async def _write(call: Call, tx: Tx, made: Complaint) -> None:
    """Raises Conflict and TooMany before anything is written, DuplicateKeyError where somebody of theirs was faster: then it is asked again."""
    deps = call.deps
    same, nth = await _same(call, tx, made), await _nth(call, tx, made)
    await files.attach(deps.files.store, tx, made.said.files, f"complaint:{made.id}")
    await deps.complaining.store.add(tx, made, same, nth)
    await complaint_told.put(deps, tx, complaint_told.FILE, made.id, "", made.told_at)


async def _same(call: Call, tx: Tx, made: Complaint) -> str:
    """Of its words and its day. Raises Conflict where they were said within 24 hours."""
    store, today = call.deps.complaining.store, made.told_at.astimezone(BEIJING).date()
    of_day = [store.same(made.person_id, made.said, day.isoformat()) for day in (today, today - timedelta(days=1))]
    for same in of_day:
        first = await store.of_same(same, tx)
        if first is not None and first.id != made.id and made.told_at - first.told_at < timedelta(days=1):
            number = f"，编号 {first.number}" if first.number else ""
            raise Conflict("complaint_repeated", f"同样的内容您在 24 小时内已经提交过{number}，我们正在办理，不用再次提交")
    return of_day[0]


async def _nth(call: Call, tx: Tx, made: Complaint) -> str:
    """Which one of their day it is. Raises TooMany."""
    midnight = made.told_at.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    before = await call.deps.complaining.store.count_since(tx, made.person_id, midnight)
    if before >= MOST_A_DAY:
        text = f"一天最多提交 {MOST_A_DAY} 条，今天已经够了；您写的内容请先保存，明天再提交，或致电 12345"
        raise TooMany("complaints_too_many", text, retry_after=3600)
    return f"{midnight.date().isoformat()}:{before}"


def _new(call: Call, own_id: str, said: Said, person_id: str, at: datetime) -> Complaint:
    return Complaint(
        id=own_id,
        said=said,
        person_id=person_id,
        resident_id=call.resident.resident_id,
        channel=call.resident.channel,
        told_at=at,
        at_core="waiting",
        number=None,
        state=ComplaintState.RECEIVED,
        version=0,
        department=None,
        due_at=moves.first_due(said.kind, at, call.deps.workdays.current),
        moves=(),
        acts=(),
        revision=1,
    )


def _refuse(wrong: list[FieldError]) -> None:
    if wrong:
        raise Invalid("input_invalid", "有的内容需要修改，改好后再提交；您填写的内容不会丢失", errors=tuple(wrong))


def _complaint_id(call: Call, person_id: str) -> str:
    about = "\n".join((person_id, call.request.headers.get("idempotency-key", "")))
    return f"co_{hashlib.sha256(about.encode()).hexdigest()[:26]}"


def _act_id(call: Call, complaint_id: str, kind: Literal["question", "satisfaction"]) -> str:
    about = "\n".join((complaint_id, kind, call.request.headers.get("idempotency-key", "")))
    return f"ca_{hashlib.sha256(about.encode()).hexdigest()[:26]}"


def _as_asked(kept: Complaint, asked: NewComplaint) -> Complaint:
    said = kept.said
    first = (said.kind, said.title, said.text, said.item_code, said.case_no, said.files, said.conversation_id)
    files = tuple(dict.fromkeys(asked.files))
    return _as_first(
        kept, first == (asked.kind, asked.title.strip(), asked.text.strip(), asked.item_code, asked.case_no, files, asked.conversation_id)
    )


def _as_first(kept: Complaint, is_same: bool) -> Complaint:
    """As kit/idempotency.py says it, for as long as what was made with the key is there. Raises Invalid."""
    if not is_same:
        raise Invalid("idempotency_key_reused", "同一个 Idempotency-Key 用在了不同的内容上，请为新的请求换一个")
    return kept
