"""Somebody is at the hall with their code; the core is told. And a no-show is excused, by staff, with a reason."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from appointments.code import read
from appointments.rules import patience
from appointments.slots import day_span
from appointments.values import Appointment, State
from appointments.work import ARRIVE, Change, Work
from kit.clock import BEIJING, in_words, now
from kit.crypto import Keyring
from kit.errors import Conflict, NotFound, Outside, Refused
from kit.mongo import Tx
from kit.outbox import Row

log = logging.getLogger(__name__)

_NO = frozenset({"unknown_appointment", "not_today", "appointment_over"})  # what the core says of the arrival; any other no is about the call

_NOT: Mapping[State, Callable[[], Conflict]] = {
    State.ASKING: lambda: Conflict("appointment_unconfirmed", "这个预约还没有确认，请稍候再扫，或按无预约取号"),
    State.REFUSED: lambda: Conflict("appointment_not_made", "这个预约没有成功，请按无预约取号"),
    State.NO_SHOW: lambda: Conflict("appointment_missed", "这个预约已记为未到，请按无预约取号；确有原因的可登记谅解"),
    State.CLOSED: lambda: Conflict("appointment_closed", "这个时段大厅已停止办理，请按无预约取号"),
    State.OTHER: lambda: Conflict("appointment_over", "这个预约已经结束，请按无预约取号"),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """`again`: the code was shown before."""

    appointment: Appointment
    again: bool


async def of_code(work: Work, keys: Keyring, code: str) -> Appointment | None:
    """None: we did not make this code."""
    own = read(keys, code)
    return await work.store.appointment(own) if own is not None else None


async def check_in(work: Work, one: Appointment, hall_id: str | None) -> Arrival:
    """Raises Conflict for another day or hall and whatever is over."""
    _check(one, hall_id)
    if one.state in (State.ARRIVED, State.SERVED):
        return Arrival(one, again=True)

    async def write(tx: Tx) -> bool:
        moved = await work.store.move(tx, one.id, {State.BOOKED}, State.ARRIVED, arrived_at=now())
        if moved is not None:
            await work.outbox.put(tx, ARRIVE, f"{ARRIVE}:{one.id}", {"appointment_id": one.id})
            await work.told(tx, Change(f"{one.id}:arrived", "arrived", moved))
        return moved is not None

    first = await work.mongo.transaction(write)
    after = await work.store.appointment(one.id) or one
    if not first:
        _check(after, hall_id)
    return Arrival(after, again=not first)


def _check(one: Appointment, hall_id: str | None) -> None:
    if one.state is State.CANCELLED:
        text = "这个预约已经改期，请出示新预约的二维码" if one.moved_to else "这个预约已经取消，请按无预约取号"
        raise Conflict("appointment_cancelled", text)
    if one.state in _NOT:
        raise _NOT[one.state]()
    if one.starts_at.astimezone(BEIJING).date() != now().astimezone(BEIJING).date():
        raise Conflict("appointment_not_today", f"这个预约不是今天的，约的是 {in_words(one.starts_at)}")
    if hall_id is not None and hall_id != one.hall.hall_id:
        raise Conflict("appointment_other_hall", f"这个预约约的是{one.hall.name}，不是这里")


async def arrive_at_core(work: Work, row: Row) -> None:
    """Worker; payload {appointment_id}. The same act however often it is asked: until the core takes it, says that it cannot, or its day is over."""
    one = await work.store.appointment(row.payload["appointment_id"])
    if one is None:
        await work.outbox.done(row.key)
        return
    try:
        await work.core.arrive(one.id)
    except Outside as exc:
        is_no = isinstance(exc, Refused) and exc.reason in _NO
        if not is_no and now() < _end_of_day(one):
            log.info("an arrival is not told yet", extra={"appointment": one.id, "error": str(exc)})
            await work.outbox.put_off(row, patience(one.arrived_at or now(), now()))
            return
        log.warning("the core does not take an arrival", extra={"appointment": one.id, "reason": exc.reason})
    await work.outbox.done(row.key)


def _end_of_day(one: Appointment) -> datetime:
    """Of its slot, in Beijing: the core takes no arrival later."""
    day = one.starts_at.astimezone(BEIJING).date()
    return day_span(day, day)[1]


async def excuse(work: Work, own: str, reason: str, by: str) -> Appointment:
    """It counts no more. Harmless to repeat. Of nobody's appointment no reason is kept: it would be about them. Raises NotFound, Conflict."""

    async def write(tx: Tx) -> None:
        seen = await work.store.appointment(own, tx)
        excused = await work.store.excuse(tx, own, "" if seen is not None and seen.is_nobodys else reason, by)
        if excused is not None:
            await work.told(tx, Change(f"{own}:excused", "excused", excused))

    await work.mongo.transaction(write)
    one = await work.store.appointment(own)
    if one is None:
        raise NotFound("appointment_unknown", "没有找到这个预约，请核对编号")
    if one.excused_at is None:
        raise Conflict("appointment_not_missed", "只有记为未到的预约才能谅解")
    return one
