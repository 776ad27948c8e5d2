"""Story: something of a resident's ends soon. Whoever learns of a due day plants a watch; the worker looks again before it tells.

What is told is true when it is told: the case still waits, the bill is still unpaid, the licence still the one that ends. While the core cannot say,
it is put off, not lost, until the day is over.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cases.licences import is_valid
from cases.moves import projection_of
from core.licences import Licence
from core.subjects import person_key
from core.types import CaseState
from kit.clock import now
from kit.errors import Outside
from kit.mongo import DuplicateKeyError, PyMongoError, Tx
from miniapp_api import telling
from miniapp_api.still_due import look
from miniapp_api.wiring import Deps
from notify import reminders
from notify.reminders import Watch
from notify.told import Told

log = logging.getLogger(__name__)

HANDS = 4  # watches looked at at once: each asks the core
MOST = 400  # in one call
AHEAD = timedelta(days=90)  # a licence that ends later is planted when it is read again: what somebody holds is not kept for years


@dataclass(frozen=True, slots=True)
class Booked:
    """An appointment as its reminder tells it. `number`: the one called at the window. `acting_id`: who booked it for them, if somebody did."""

    appointment_id: str
    person_id: str
    item_name: str
    at: datetime
    place: str
    number: str
    acting_id: str | None = None


async def plant_for_case(deps: Deps, tx: Tx, row: Mapping[str, Any]) -> None:
    """In the transaction of the move. `row`: the case after it, with its timeline. Nothing where it waits for no corrections, or they have no due day."""
    if row["state"] != CaseState.CORRECTIONS.value:
        return
    notice = projection_of(row).open_notice
    if notice is not None:
        await plant(deps, tx, [(notice.due_at, reminders.CORRECTION, f"{row['_id']}/{notice.version}", row["person_id"], {"request_id": row["_id"]})])


async def plant_for_bill(deps: Deps, tx: Tx | None, person_id: str, bill_id: str, expires_at: datetime | None) -> None:
    """`person_id`: whom to remind, the owner or their guardian."""
    await plant(deps, tx, [(expires_at, reminders.BILL, bill_id, person_id, {"bill_id": bill_id})])


async def plant_for_licences(deps: Deps, person_id: str, licences: Sequence[Licence]) -> None:
    """The person's own licences, as the core just told them."""
    at = now()
    soon = [one for one in licences if is_valid(one, at) and one.expires_at is not None and one.expires_at < at + AHEAD]
    await plant(deps, None, [(one.expires_at, reminders.LICENCE, one.licence_id, person_id, {"licence_id": one.licence_id}) for one in soon])


async def licences_read(deps: Deps, person_id: str, subject_key: str, licences: Sequence[Licence]) -> None:
    """Called where somebody looks at licences: their own are watched. Nothing here keeps them from seeing them; the sweep comes by again."""
    if subject_key == person_key(person_id):
        try:
            await plant_for_licences(deps, person_id, licences)
        except (PyMongoError, TimeoutError) as exc:
            log.warning("licences not watched", extra={"error": type(exc).__name__})


async def plant_for_appointment(deps: Deps, tx: Tx, booked: Booked) -> None:
    """Called by the story that makes an appointment, in its transaction. One made after the evening before has no reminder: it was just made."""
    about = {"appointment_id": booked.appointment_id, "item": booked.item_name, "place": booked.place, "number": booked.number}
    whom = {booked.appointment_id: booked.person_id}
    if booked.acting_id is not None:
        whom[f"{booked.appointment_id}:acting"] = booked.acting_id
    await plant(deps, tx, [(booked.at, reminders.APPOINTMENT, thing, person_id, about) for thing, person_id in whom.items()])


async def give_up_appointment(deps: Deps, tx: Tx, appointment_id: str) -> None:
    """Called by the story that cancels or moves an appointment, in its transaction: nobody is reminded of what is not any more."""
    await deps.reminders.give_up(tx, reminders.APPOINTMENT, appointment_id)


Ending = tuple[datetime | None, str, str, str, Mapping[str, str]]  # when; the watch's kind, thing, person and what finds it again


async def plant(deps: Deps, tx: Tx | None, endings: Sequence[Ending]) -> None:
    """Those that have an end and a moment to come, once each however often they are planted."""
    at, planted = now(), []
    for due_at, kind, thing, person_id, about in endings:
        if due_at is None or not reminders.may_be_due(due_at, at):
            continue
        watch = Watch(kind, thing, person_id, due_at, about)
        moment = reminders.first_moment(watch, deps.workdays.current, at)
        if moment is not None:
            planted.append((watch, moment))
    await deps.reminders.plant(tx, planted)


async def remind(deps: Deps, at: datetime | None = None) -> int:
    """Job, any number of processes: tells of what is due at `at` (now), by day. Returns how many were told; what is left over waits for the next call."""
    moment = at or now()
    if not reminders.is_day(moment):
        return 0
    return sum(await asyncio.gather(*(_hand(deps, moment) for _ in range(HANDS))))


async def _hand(deps: Deps, at: datetime) -> int:
    told = 0
    for _ in range(MOST // HANDS):
        watch = await deps.reminders.take(at)
        if watch is None:
            break
        told += await _see_to(deps, watch, at)
    return told


async def _see_to(deps: Deps, watch: Watch, at: datetime) -> bool:
    """One watch, ours for a while. Whatever is not written here comes again when that is over."""
    if watch.due_at <= at:
        await deps.reminders.moot(watch)
        return False
    try:
        found = await look(deps, watch, at)
    except Outside as exc:
        log.info("reminder put off", extra={"kind": watch.kind, "error": str(exc)})
        return False
    if isinstance(found, Told):
        return await _tell(deps, watch, found, at)
    if found == "later":
        return False
    if found != "over":  # it ends on another day now
        await plant(deps, None, [(found, watch.kind, watch.thing, watch.person_id, watch.about)])
    await deps.reminders.moot(watch)
    return False


async def _tell(deps: Deps, watch: Watch, told: Told, at: datetime) -> bool:
    following = reminders.next_moment(watch, deps.workdays.current, at)

    async def both(tx: Tx) -> bool:
        if not await deps.reminders.told(tx, watch, following):
            return False
        await telling.put(deps, tx, f"{watch.id}/{watch.step}", watch.person_id, told)
        return True

    try:
        return await deps.mongo.transaction(both)
    except DuplicateKeyError:  # told of a watch that was forgotten and planted anew
        await deps.reminders.told(None, watch, following)
        return False
