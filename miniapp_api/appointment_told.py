"""Story, the second half of appointment_changed.py: whom it is for, and whoever acts for them, are told once each, as it is when they are told."""

from datetime import timedelta

from appointments.values import Offer, Who
from kit.clock import now
from kit.errors import Outside
from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.appointment_whom import is_concerned
from miniapp_api.wiring import Deps
from notify import appointment_messages
from notify.appointment_messages import About, Offered
from notify.told import Told

PATIENCE = timedelta(days=1)  # with a core that does not say whether somebody may still act; afterwards it is old news
_AGAIN = 60.0  # seconds


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {what: a ChangeKind, at, appointment_id | wait_id, whom: visitor | acting, problem?}. Without `whom`, of an earlier release: both."""
    found = await _said(deps, row)
    if found is None:
        await deps.outbox.done(row.key)
        return
    said, who = found
    ids = {"visitor": who.visitor_id, "acting": who.person_id}
    asked = [ids[row.payload["whom"]]] if "whom" in row.payload else sorted(set(ids.values()))
    try:
        whom = [one for one in asked if await is_concerned(deps, who, one)]
    except Outside:
        if now() - row.payload["at"] < PATIENCE:
            await deps.outbox.put_off(row, _AGAIN)
            return
        whom = [one for one in asked if one == who.visitor_id]
    await telling.of_row(deps, row, whom, said)


async def _said(deps: Deps, row: Row) -> tuple[Told, Who] | None:
    what, at = row.payload["what"], row.payload["at"]
    if "wait_id" in row.payload:
        wait = await deps.appointing.waits.wait(row.payload["wait_id"])
        if wait is None:
            return None
        said = appointment_messages.of_line(what, wait.line.item_name, _offered(wait.offer), at, row.payload.get("problem", ""))
        return (said, wait.who) if said is not None else None
    one = await deps.appointing.store.appointment(row.payload["appointment_id"])
    if one is None:
        return None
    about = About(one.id, one.item_name, one.starts_at, one.hall.name, one.number or "", one.note, one.case_no, one.problem or "")
    told = appointment_messages.told(what, about)
    return (told, one.who) if told is not None else None


def _offered(offer: Offer | None) -> Offered | None:
    return None if offer is None else Offered(offer.starts_at, offer.hall.name, offer.until)
