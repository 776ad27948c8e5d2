"""Story: somebody looks for a free time, takes one, moves to another, or waits for one. Residents' rules and the item's, before a place is held."""

import base64
import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from appointments import making, waiting
from appointments.conflicts import Help, check_not_suspended
from appointments.making import Full
from appointments.slots import Seen, day_span
from appointments.values import Appointment, Line, Place, Slot, Wait, Who, Wish
from appointments.work import Work
from kit.clock import BEIJING, at_edge, in_words, now
from kit.errors import Conflict, FieldError, Invalid, NotFound, NotReached, Unavailable
from kit.phones import HOTLINE, first_phone
from miniapp_api.appointment_at_window import place_kept, place_now
from miniapp_api.appointment_changed import work_of
from miniapp_api.gate import Call
from miniapp_api.item_place import place_of
from miniapp_api.may import may_do
from miniapp_api.routes.cases import own_case
from residents import subjects
from residents.sessions import Subject

_SUGGESTED = 3


async def seen(call: Call, item_code: str, first: date, last: date, *, anew: bool = False) -> Seen:
    """Raises Unavailable where the core is away and nothing of these days was ever seen."""
    try:
        return await call.deps.appointing.reader.look(item_code, first, last, anew=anew)
    except NotReached as exc:
        raise _away() from exc


def _away() -> Unavailable:
    title = f"大厅系统暂时没有答复，查不到可约的时间，请稍后再试，或致电 {HOTLINE}；也可直接到窗口取号办理"
    return Unavailable("slots_unavailable", title, retry_after=30)


def span_asked(call: Call, first: str | None, last: str | None) -> tuple[date, date]:
    """Raises Invalid for days that are over or too far."""
    rules, today = call.deps.appointing.rules, _today()
    begin = date.fromisoformat(first) if first else today
    end = date.fromisoformat(last) if last else begin + timedelta(days=rules.days_shown - 1)
    wrong = []
    if begin < today:
        wrong.append(FieldError("from", f"不能早于今天（{today.isoformat()}）"))
    if (end - today).days > 366:
        wrong.append(FieldError("to", "最远只能看一年以内"))
    if (end - begin).days >= rules.days_ahead or end < begin:
        wrong.append(FieldError("to", f"应在 from 之后，一次最多 {rules.days_ahead} 天"))
    if wrong:
        raise Invalid("input_invalid", "请检查日期", errors=tuple(wrong))
    return begin, end


async def make(call: Call) -> Appointment:
    """The same Idempotency-Key is the same appointment. Raises what the rules say; a full slot names others."""
    asked, who = call.body, await _who(call)
    item = await call.deps.catalogue.item(asked.item_code)
    if asked.case_no is not None:
        await own_case(call, asked.case_no)
    wish = Wish(_own_id(call, "ap"), who, asked.item_code, item["name"], asked.case_no, place=Place(*place_of(item)))
    work, aid = work_of(call.deps), Help(_phone(item))
    slot = await _slot(call, asked.slot_id, asked.item_code)
    await waiting.serve_slot(work, slot)  # whoever waits for it was first
    return await _placed(call, slot, lambda fresh: making.make(work, wish, fresh, aid))


async def reschedule(call: Call, old: Appointment, slot_id: str) -> Appointment:
    """The visitor stays; whoever moves it is who acts from now on."""
    await may_do(call, "apply")
    work, aid = work_of(call.deps), await aid_of(call, old.item_code)
    slot = await _slot(call, slot_id, old.item_code)
    place = await place_kept(call.deps, old)
    wish = Wish(_own_id(call, "ap"), _acting(call, old.who), old.item_code, old.item_name, old.case_no, replaces=old.id, place=place)
    await waiting.serve_slot(work, slot)
    return await _placed(call, slot, lambda fresh: making.reschedule(work, old, wish, fresh, aid))


async def join(call: Call) -> Wait:
    asked, who = call.body, await _who(call)
    item = await call.deps.catalogue.item(asked.item_code)
    first, last = span_asked(call, asked.first, asked.last)
    work = work_of(call.deps)
    await check_not_suspended(work, None, who, Help(_phone(item)))
    line = Line(asked.item_code, item["name"], asked.hall_id, first.isoformat(), last.isoformat())
    wait = await waiting.join(work, _own_id(call, "aw"), who, line)
    await _serve(call, work, line)
    return await work.waits.wait(wait.id) or wait


async def accept(call: Call, wait: Wait) -> Appointment:
    """Raises Conflict where nothing is offered (any more), or the windows took the place."""
    await may_do(call, "apply")
    own, work, offer = _own_id(call, "ap"), work_of(call.deps), wait.offer
    done = await work.store.appointment(own)
    if offer is None or (done is None and (wait.state != "offered" or offer.until <= now())):
        lapsed = wait.state == "lapsed" or (wait.state == "offered" and offer is not None)
        text = "这个号已经过了确认时间，让给下一位了；需要的请重新排队" if lapsed else "现在没有给您留的号，有号时会告诉您"
        raise Conflict("offer_lapsed", text) if lapsed else Conflict("no_offer", text)
    item_code, who = wait.line.item_code, _acting(call, wait.who)
    wish = Wish(own, who, item_code, wait.line.item_name, None, wait_id=wait.id, place=await place_now(call.deps, item_code))
    slot = Slot(offer.slot_id, item_code, offer.hall, offer.starts_at, offer.ends_at, 1)
    try:
        return await making.make(work, wish, slot, await aid_of(call, item_code))
    except Full:
        raise Conflict("slot_full", "这个号刚刚被窗口用完，没有约成；您的排队位置不变，有号时再告诉您") from None


async def aid_of(call: Call, item_code: str) -> Help:
    """Also for an item that is not there any more."""
    try:
        return Help(_phone(await call.deps.catalogue.item(item_code)))
    except NotFound:
        return Help(HOTLINE)


async def _who(call: Call) -> Who:
    """For an enterprise comes whoever acts for it. Raises Forbidden."""
    subject: Subject = await may_do(call, "apply")
    own = subjects.bound(call.resident)
    visitor = subject.key.removeprefix("person:") if subject.key.startswith("person:") else own
    return Who(own, visitor, call.resident.resident_id, subject.key)


def _acting(call: Call, who: Who) -> Who:
    """For the same visitor and subject; who acts is whoever calls now, not whoever did before them."""
    return replace(who, person_id=subjects.bound(call.resident), resident_id=call.resident.resident_id)


async def _slot(call: Call, slot_id: str, item_code: str) -> Slot:
    """As it was seen; one nobody has seen here yet is looked for. Raises NotFound, Unavailable."""
    kept = await call.deps.appointing.slots.slot(slot_id)
    if kept is None:
        today = _today()
        found = await seen(call, item_code, today, today + timedelta(days=call.deps.appointing.rules.days_ahead - 1), anew=True)
        kept = await call.deps.appointing.slots.slot(slot_id)
        if kept is None and found.as_of is not None:
            raise _away()  # the core was not heard: nobody can say that there is no such slot
    if kept is None or kept.item_code != item_code:
        raise NotFound("slot_unknown", "没有找到这个号源，请刷新可约时间后重新选择")
    return kept


async def _placed(call: Call, slot: Slot, act: Any) -> Appointment:
    """Tried once more where the core may have counted again since we looked."""
    try:
        try:
            made: Appointment = await act(slot)
        except Full:
            fresh = await _looked_again(call, slot)
            if fresh is None or not fresh.free:
                raise
            made = await act(fresh)
    except Full:
        raise Conflict("slot_full", await _suggesting(call, slot)) from None
    return made


async def _looked_again(call: Call, slot: Slot) -> Slot | None:
    """None: the core is away, or it was asked just now."""
    if slot.seen_at is not None and (now() - slot.seen_at).total_seconds() < 1:
        return None
    day = slot.starts_at.astimezone(BEIJING).date()
    try:
        await call.deps.appointing.reader.refresh(slot.item_code, day, day)
    except NotReached:
        return None
    return await call.deps.appointing.slots.slot(slot.id)


async def _suggesting(call: Call, slot: Slot) -> str:
    """Of what was seen: the nearest to the one that is full."""
    days = day_span(_today(), _today() + timedelta(days=call.deps.appointing.rules.days_shown - 1))
    others = [one for one in await call.deps.appointing.slots.of_item(slot.item_code, days) if one.free and one.starts_at > now()]
    nearest = sorted(others, key=lambda one: abs(one.starts_at - slot.starts_at))[:_SUGGESTED]
    told = "；".join(f"{in_words(one.starts_at)} {one.hall.name}（余 {one.free}）" for one in sorted(nearest, key=lambda one: one.starts_at))
    return f"{in_words(slot.starts_at)}刚刚约满。" + (f"还可以约：{told}" if told else "可以排候补，有号时告诉您，也可直接到窗口取号")


async def _serve(call: Call, work: Work, line: Line) -> None:
    """What is free already needs no job; where the core is away the job comes by."""
    first, last = date.fromisoformat(line.first), date.fromisoformat(line.last)
    try:
        await call.deps.appointing.reader.refresh(line.item_code, first, last)
    except NotReached:
        return
    await waiting.serve(work, line.item_code, first, last)


def _own_id(call: Call, prefix: str) -> str:
    """The same for the same request, in whatever process. It stands in the core's books: nothing of a person can be read from it."""
    about = "\n".join((call.resident.resident_id, call.request.path, call.request.headers.get("idempotency-key", "")))
    return f"{prefix}_{base64.b32encode(hashlib.sha256(about.encode()).digest())[:26].decode().lower()}"


def _phone(item: dict[str, Any]) -> str:
    return first_phone(item.get("consult_phone")) or HOTLINE


def _today() -> date:
    return now().astimezone(BEIJING).date()


def as_of(found: Seen) -> str:
    return at_edge(found.as_of or now())
