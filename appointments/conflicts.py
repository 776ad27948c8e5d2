"""What stands in the way of an appointment. To whoever acts for somebody nothing is told of what that person has elsewhere: only that it is in the way."""

from dataclasses import dataclass
from datetime import datetime

from appointments.rules import overlap, suspension
from appointments.values import Appointment, Who, Wish
from appointments.work import Work
from kit.clock import in_words, now
from kit.errors import Conflict
from kit.mongo import Tx


@dataclass(frozen=True, slots=True)
class Help:
    """Whom to call. `phone`: of the item's window, or the hotline's."""

    phone: str


async def check_free(work: Work, tx: Tx | None, wish: Wish, times: tuple[datetime, datetime]) -> None:
    """Raises Conflict: one of this item they have, or one at that time. The one that is to be given back is in nobody's way."""
    for one in await work.store.live_of(tx, wish.who.visitor_id):
        if one.id in (wish.replaces, wish.id):
            continue
        if one.replaces is not None and one.replaces == wish.replaces:
            raise Conflict("appointment_moving", "这个预约正在改期，请稍候刷新查看结果")
        if one.item_code == wish.item_code:
            raise _exists(one, wish.who)
        if overlap((one.starts_at, one.ends_at), times):
            raise _overlaps(one, wish.who)


async def check_none_of_item(work: Work, tx: Tx | None, who: Who, item_code: str) -> None:
    """Raises Conflict: they have a place of this item, and could take no other."""
    for one in await work.store.live_of(tx, who.visitor_id):
        if one.item_code == item_code:
            raise _exists(one, who)


async def check_not_suspended(work: Work, tx: Tx | None, who: Who, aid: Help) -> None:
    """Raises Conflict, to the visitor with the whole of the reason."""
    at, rules = now(), work.rules
    missed = await work.store.missed(tx, who.visitor_id, at - rules.within - rules.suspended)
    found = suspension(missed, at, rules)
    if found is None:
        return
    if who.person_id != who.visitor_id:
        text = f"来办事的人现在不能在线预约，原因请由本人登录查看；仍可直接到窗口取号办理，不受影响，有疑问请致电 {aid.phone} 或 12345"
        raise Conflict("appointment_suspended", text)
    dates = "、".join(in_words(one) for one in found.dates)
    text = (
        f"您在 {rules.within.days} 天内有 {len(found.dates)} 次预约没有前往（{dates}），{in_words(found.until)} 以前不能在线预约。"
        f"您仍可直接到窗口取号办理，不受影响；如有异议或确有原因，请致电 {aid.phone} 或 12345，核实后会取消记录并恢复预约"
    )
    raise Conflict("appointment_suspended", text)


def _exists(other: Appointment, who: Who) -> Conflict:
    if not _may_know(other, who):
        return Conflict("appointment_exists", "来办事的人已有这个事项的其他预约，请由本人改期或取消以后再试，或直接到窗口办理")
    return Conflict("appointment_exists", f"您已经预约了这个事项（{_when(other)}），需要换时间请用“改期”")


def _overlaps(other: Appointment, who: Who) -> Conflict:
    if not _may_know(other, who):
        return Conflict("appointment_overlaps", "来办事的人在这段时间已有其他预约，请选择别的时间")
    return Conflict("appointment_overlaps", f"您在这段时间已经预约了“{other.item_name}”（{_when(other)}），请选择别的时间")


def _may_know(other: Appointment, who: Who) -> bool:
    """`who` acts: the visitor themselves, or somebody who sees the other one too, because it is of the same subject."""
    return who.person_id == who.visitor_id or other.who.subject_key == who.subject_key


def _when(one: Appointment) -> str:
    return f"{in_words(one.starts_at)}，{one.hall.name}"
