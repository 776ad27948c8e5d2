"""Story: a bad rating is put right. Each act moves it, tells the resident and, at the end, the core: one write, by compare-and-set on what was seen."""

from typing import Any

from kit.clock import now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kit.log import mask
from kit.mongo import Tx
from miniapp_api import rating_department, rating_told, staff_places, telling
from miniapp_api.gate import Call
from miniapp_api.may import may_do
from miniapp_api.wiring import Deps
from notify import rating_messages
from notify.rating_messages import What
from ratings import machine
from ratings.machine import Act
from ratings.values import CLOSED, STATE_WORDS, Appeal, Decision, Published, Rating, Rectification, Reply, State, Word
from staff.roles import Permission

Both = tuple[Rectification, Rating]
SEES_ALL: frozenset[Permission] = frozenset({"ratings.supervise"})
_TOLD: dict[State, What] = {
    State.UPHELD: "upheld",
    State.CLOSED_SATISFIED: "closed_satisfied",
    State.CLOSED_UNSATISFIED: "closed_unsatisfied",
    State.CLOSED_UNREACHED: "closed_unreached",
}


async def own(call: Call, own_id: str) -> Both:
    """One of another department or region is not told from one that is not there."""
    seen, rating = await _both(call.deps, own_id)
    if seen is None or rating is None or not staff_places.covers(call, SEES_ALL, seen.department, rating.about.region):
        raise NotFound("rectification_unknown", "没有找到这件差评整改，请刷新列表")
    return seen, rating


async def triage(call: Call, both: Both) -> Rectification:
    """To the department that answers; later, to another one. Raises Invalid for one that is not known."""
    department = await rating_department.known(call.deps, call.body.to, *both)
    return await _act(call.deps, both, "triage", call.body.revision, department=department, note=call.body.note)


async def reply(call: Call, both: Both) -> Rectification:
    said = Reply(both[0].round, call.body.text, call.staff.id, now())
    return await _act(call.deps, both, "reply", call.body.revision, replies=(*both[0].replies, said))


async def appeal(call: Call, both: Both) -> Rectification:
    """Once. It stops no clock."""
    said = Appeal(call.body.kind, call.body.reason, call.staff.id, now())
    return await _act(call.deps, both, "appeal", call.body.revision, appeal=said)


async def decide(call: Call, both: Both) -> Rectification:
    """Raises Forbidden for whoever speaks for departments: nobody decides their own appeal."""
    seen = both[0]
    spoke = {one.by for one in seen.replies} | ({seen.appeal.by} if seen.appeal is not None else set())
    if call.staff.id in spoke or "ratings.reply" in call.staff.permissions:
        raise Forbidden("appeal_of_ones_own", "代表部门答复或申诉的人不能裁定申诉，请由其他监督人员处理")
    said = Decision(call.body.uphold, call.body.reason, call.staff.id, now())
    return await _act(call.deps, both, "uphold" if said.uphold else "dismiss", call.body.revision, decision=said)


async def called_by_phone(call: Call, both: Both) -> Rectification:
    """What the resident said on the phone. Raises Conflict for "not reached" before the days for it are over."""
    satisfied, seen = call.body.satisfied, both[0]
    word: Word = "unreached" if satisfied is None else "satisfied" if satisfied else "unsatisfied"
    if word == "unreached" and seen.state is State.CALL_BACK and now() <= seen.due_at:
        raise Conflict("call_back_not_over", "回访期限还没有过，请继续联系；到期仍联系不上的才能这样办结")
    words = (*seen.words, (word, call.body.note, now(), True))
    return await _act(call.deps, both, word, call.body.revision, words=words)


async def called_back(call: Call, rating_id: str) -> Rectification:
    """The resident's own word. Raises NotFound for somebody else's rating, Conflict where nobody asks for it (any more)."""
    subject = await may_do(call, "apply")
    seen, rating = await _both(call.deps, rating_id)
    if seen is None or rating is None or rating.about.subject_key != subject.key:
        raise NotFound("rating_unknown", "没有找到这次评价，请从办件详情中打开")
    word: Word = "satisfied" if call.body.satisfied else "unsatisfied"
    words = (*seen.words, (word, call.body.text.strip(), now(), False))
    return await _act(call.deps, (seen, rating), word, seen.revision, words=words)


async def publish(call: Call, both: Both) -> Rectification:
    """The supervisor's approved words, without whose they are. Again with other words: they replace the first. Raises Invalid, Conflict."""
    seen, rating = both
    if seen.state not in CLOSED or seen.revision != call.body.revision:
        raise moved_on(seen)
    if await _named(call.deps, rating, call.body.text) != call.body.text:
        told = FieldError("text", "公开的内容里不能有姓名、手机号、证件号或办件编号，请删去")
        raise Invalid("input_invalid", "公开的内容能看出是谁，请修改", errors=(told,))
    published = Published(call.body.text, call.staff.id, now())

    async def write(tx: Tx) -> Rectification | None:
        return await call.deps.rating.store.rectifications.publish(tx, seen, published)

    return await call.deps.mongo.transaction(write) or await _lost(call.deps, seen)


async def words_for_staff(deps: Deps, rating: Rating, text: str | None = None) -> str:
    """What a resident wrote, without who they are."""
    written = rating.given.text if text is None else text
    return await _named(deps, rating, written) if written else ""


async def escalate(deps: Deps) -> int:
    """Job: what missed its limit is on the supervisor's list, once for each limit."""
    return await deps.rating.store.rectifications.escalate(now())


def moved_on(seen: Rectification) -> Conflict:
    told = (FieldError("state", seen.state.value), FieldError("revision", str(seen.revision)))
    return Conflict("rectification_moved", f"这件差评整改现在是“{STATE_WORDS[seen.state]}”，不能这样处理，请刷新后再看", errors=told)


async def _act(deps: Deps, both: Both, act: Act, revision: int, **facts: Any) -> Rectification:
    (seen, rating), at = both, now()
    to = machine.step(seen, act, deps.workdays.current, deps.rating.terms, at)
    if to is None or seen.revision != revision:
        raise moved_on(seen)

    async def write(tx: Tx) -> Rectification | None:
        moved = await deps.rating.store.rectifications.move(tx, seen, to, at, **facts)
        if moved is None:
            return None
        if moved.state is State.UPHELD:
            await deps.rating.store.exclude(tx, seen.id)
        if to.closes:
            await rating_told.put(deps, tx, rating_told.OUTCOME, seen.id, at)
        what: What | None = "replied" if act == "reply" else _TOLD.get(moved.state)
        if what is not None and not rating.is_nobodys:
            reason = moved.decision.reason if moved.decision is not None else ""
            told = rating_messages.told(what, rating.about.item_name, rating.about.case_no, at, reason)
            key = f"rating:{seen.id}:{moved.revision}"
            await telling.put_many(deps, tx, [(key, person_id, told) for person_id in whom])
        return moved

    whom = await _concerned(deps, rating)
    return await deps.mongo.transaction(write) or await _lost(deps, seen)


async def _lost(deps: Deps, seen: Rectification) -> Rectification:
    """Somebody was faster: told as it is now."""
    raise moved_on(await deps.rating.store.rectifications.one(seen.id) or seen)


async def _both(deps: Deps, own_id: str) -> tuple[Rectification | None, Rating | None]:
    return await deps.rating.store.rectifications.one(own_id), await deps.rating.store.rating(own_id)


async def _concerned(deps: Deps, rating: Rating) -> list[str]:
    """Whoever rated, and the person it is for if they are known here: an agent does nothing behind a holder's back."""
    holder = _holder(rating)
    known = holder != rating.person_id and await deps.residents.person(holder) is not None
    return [rating.person_id, holder] if known else [rating.person_id]


def _holder(rating: Rating) -> str:
    key = rating.about.subject_key
    return key.removeprefix("person:") if key.startswith("person:") else rating.person_id


async def _named(deps: Deps, rating: Rating, text: str) -> str:
    """The text with names, numbers and the case's own number replaced by what stood there."""
    for person_id in dict.fromkeys((rating.person_id, _holder(rating))):
        person = await deps.residents.person(person_id)
        if person is not None and person.name:
            text = text.replace(person.name, "<name>")
    return mask(text.replace(rating.about.case_no, "<case>"))
