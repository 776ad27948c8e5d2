"""Story, the second half of appointment_changed.py: whoever booked, and whom it is for, are told once, as it is when they are told."""

from appointments.values import Offer, Who
from core.subjects import person_key
from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import appointment_messages
from notify.appointment_messages import About, Offered


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {what: a ChangeKind, at, appointment_id | wait_id}."""
    what, at = row.payload["what"], row.payload["at"]
    if "wait_id" in row.payload:
        wait = await deps.appointing.waits.wait(row.payload["wait_id"])
        said = None if wait is None else appointment_messages.of_line(what, wait.line.item_name, _offered(wait.offer), at)
        who = None if wait is None else wait.who
    else:
        one = await deps.appointing.store.appointment(row.payload["appointment_id"])
        who = None if one is None else one.who
        said = None
        if one is not None:
            about = About(one.id, one.item_name, one.starts_at, one.hall.name, one.number or "", one.note, one.case_no)
            said = appointment_messages.told(what, about)
    if said is None or who is None:
        await deps.outbox.done(row.key)
        return
    await telling.of_row(deps, row, await _concerned(deps, who), said)


def _offered(offer: Offer | None) -> Offered | None:
    return None if offer is None else Offered(offer.starts_at, offer.hall.name, offer.until)


async def _concerned(deps: Deps, who: Who) -> list[str]:
    """An agent does nothing behind the back of whom it is for; a child has no inbox until they use one."""
    other = who.visitor_id != who.person_id and who.subject_key == person_key(who.visitor_id)
    known = other and await deps.residents.person(who.visitor_id) is not None
    return [who.person_id, who.visitor_id] if known else [who.person_id]
