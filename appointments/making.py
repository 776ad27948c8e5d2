"""A resident takes a place: it is held here by compare-and-set, then the core decides. Moving is a new place first; the old one is given back after."""

from dataclasses import replace

from appointments import booking
from appointments.conflicts import Help, check_free, check_not_suspended
from appointments.rules import cancel_until
from appointments.values import Appointment, Slot, State, Wish
from appointments.wait_store import hold_of
from appointments.work import BOOK, Work, book_key
from kit import kill_points
from kit.clock import in_words, now
from kit.errors import Conflict, NotFound
from kit.mongo import DuplicateKeyError, Tx

_INLINE = 8.0  # seconds in which whoever asked sees to it themselves; then it is the worker's


class Full(Exception):
    """No place of it is left."""


async def make(work: Work, wish: Wish, slot: Slot, aid: Help) -> Appointment:
    """`asking` where the core's word is not known yet. The same wish again gives the same appointment. Raises Full, Conflict."""
    kept = await work.store.appointment(wish.id)
    if kept is None:
        _check_open(slot)
        await work.store.know(wish.who.visitor_id)
        try:
            await work.mongo.transaction(lambda tx: _take(work, tx, wish, slot, aid))
        except DuplicateKeyError:  # this very wish in another process, or another move of the same one
            kept = await work.store.appointment(wish.id)
            if kept is None:
                raise Conflict("appointment_moving", "这个预约正在改期，请稍候刷新查看结果") from None
    if kept is not None and kept.slot_id != slot.id:
        raise Conflict("appointment_differs", "这次提交与之前的内容不同，请刷新页面后重新预约")
    kill_points.reached("appointments.held")
    return await _seen_through(work, wish.id)


async def reschedule(work: Work, old: Appointment, wish: Wish, slot: Slot, aid: Help) -> Appointment:
    """The new appointment; the old one stands until it is booked. `wish` replaces it. Raises Full, Conflict."""
    if await work.store.appointment(wish.id) is None:
        check_movable(work, old, aid)
        if slot.id == old.slot_id:
            raise Conflict("appointment_same_slot", "您已经约了这个时间，不用改期")
        if slot.item_code != old.item_code:
            raise Conflict("slot_unknown", "这个号源不属于您预约的事项，请刷新后重新选择")
    return await make(work, wish, slot, aid)


def check_movable(work: Work, one: Appointment, aid: Help) -> None:
    """Raises Conflict where it is too late, or there is nothing to change."""
    if one.state is State.ASKING:
        raise Conflict("appointment_unconfirmed", "这个预约还在确认，请稍候再改")
    if one.state is not State.BOOKED:
        raise Conflict("appointment_over", "这个预约已经结束或取消，不能再改")
    until = cancel_until(one.starts_at, work.rules)
    if now() > until:
        text = f"{in_words(until)} 以后不能在线取消或改期（开始前 {_hours(work)} 小时截止），不能前往请致电 {aid.phone} 说明"
        raise Conflict("appointment_too_late", text)


def _hours(work: Work) -> str:
    return f"{work.rules.deadline.total_seconds() / 3600:g}"


def _check_open(slot: Slot) -> None:
    if slot.starts_at <= now():
        raise Conflict("slot_over", "这个时间已经开始或过去，请选择别的时间")


async def _take(work: Work, tx: Tx, wish: Wish, slot: Slot, aid: Help) -> None:
    await work.store.take_turn(tx, wish.who.visitor_id)
    await check_free(work, tx, wish, (slot.starts_at, slot.ends_at))
    await check_not_suspended(work, tx, wish.who, aid)
    if wish.wait_id is None:
        wish = replace(wish, wait_id=await _kept_for_them(work, tx, wish, slot))
    if wish.wait_id is not None:
        taken = await _take_offer(work, tx, wish.wait_id, slot, wish.id)
    else:
        taken = await work.slots.hold(tx, slot.id, wish.id)
    if not taken:
        raise Full
    await work.store.add(tx, wish, slot)
    await work.outbox.put(tx, BOOK, book_key(wish.id), {"appointment_id": wish.id}, delay=_INLINE)


async def _kept_for_them(work: Work, tx: Tx, wish: Wish, slot: Slot) -> str | None:
    """Their own place in the line, where a place of this very slot is kept for it: they need not come by the list of their waits to take it."""
    wait = await work.waits.standing(tx, wish.who.visitor_id, wish.item_code)
    is_kept = wait is not None and wait.offer is not None and wait.offer.slot_id == slot.id and wait.offer.until > now()
    return wait.id if wait is not None and is_kept else None


async def _take_offer(work: Work, tx: Tx, wait_id: str, slot: Slot, own: str) -> bool:
    taken = await work.waits.move(tx, wait_id, {"offered"}, "booked")
    return taken is not None and await work.slots.hand_on(tx, slot.id, hold_of(wait_id), own)


async def _seen_through(work: Work, own: str) -> Appointment:
    """Asks the core at once, unless somebody does. Raises Full, Conflict where it said no."""
    row = await work.outbox.take_key(book_key(own))
    if row is not None:
        await booking.book(work, row, is_waited_for=True)
    made = await work.store.appointment(own)
    if made is None:
        raise NotFound("appointment_unknown", "没有找到这个预约，请刷新列表")
    if made.state is State.REFUSED:
        raise Full if made.problem == "slot_full" else Conflict("slot_refused", REFUSALS.get(made.problem or "", _NO))
    return made


_NO = "大厅没有接受这次预约，请换一个时间，或直接到窗口办理"
REFUSALS = {
    "slot_closed": "这个时间大厅已停止预约，请换一个时间",
    "slot_over": "这个时间已经开始或过去，请换一个时间",
    "unknown_slot": "这个号源已经撤销，请刷新后重新选择",
    "unknown_person": "大厅没有查到您的实名信息，请到窗口取号办理",
    "not_reached": "大厅系统一直没有答复，这次预约没有成功，号源已放回，请重新预约",
}
