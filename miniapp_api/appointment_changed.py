"""Story: an appointment changed. What is told of it, and its reminder, are written in the transaction that makes the change true; appointment_told.py tells."""

from dataclasses import dataclass

from appointments.values import Appointment
from appointments.work import Change, ChangeKind, Work
from kit.clock import now
from kit.mongo import Tx
from miniapp_api import reminding
from miniapp_api.reminding import Booked
from miniapp_api.wiring import Deps
from notify import appointment_messages

TELL = "appointment.tell"
_PLANTS = frozenset[ChangeKind]({"booked", "moved"})
_GIVES_UP = frozenset[ChangeKind]({"cancelled", "closed", "no_show", "arrived", "served"})


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """Fulfils appointments.work.Told."""

    deps: Deps

    async def __call__(self, tx: Tx, change: Change) -> None:
        one = change.appointment
        if one is not None:
            await self._remind(tx, change.kind, one)
        who = one.who if one is not None else change.wait.who if change.wait is not None else None
        is_nobodys = one is not None and one.is_nobodys  # nobody is there to be told
        if who is None or is_nobodys or change.kind not in appointment_messages.KINDS:
            return
        about = {"appointment_id": one.id} if one is not None else {"wait_id": change.wait.id if change.wait else ""}
        about |= {"problem": change.problem} if change.problem else {}
        said = {"what": change.kind, "at": now(), **about}
        await self.deps.outbox.put(tx, TELL, f"appointment:{change.own}", {**said, "whom": "visitor"})
        if who.person_id != who.visitor_id:
            await self.deps.outbox.put(tx, TELL, f"appointment:{change.own}:acting", {**said, "whom": "acting"})

    async def _remind(self, tx: Tx, kind: ChangeKind, one: Appointment) -> None:
        if kind in _PLANTS:
            acting = one.who.person_id if one.who.person_id != one.who.visitor_id else None
            booked = Booked(one.id, one.who.visitor_id, one.item_name, one.starts_at, one.hall.name, one.number or "", acting)
            await reminding.plant_for_appointment(self.deps, tx, booked)
            if one.replaces is not None:
                await reminding.give_up_appointment(self.deps, tx, one.replaces)
        elif kind in _GIVES_UP:
            await reminding.give_up_appointment(self.deps, tx, one.id)


def work_of(deps: Deps) -> Work:
    """What the rules of appointments need."""
    parts = deps.appointing
    return Work(deps.mongo, parts.store, parts.slots, parts.waits, parts.core, deps.outbox, AppointmentChanged(deps), parts.rules)
