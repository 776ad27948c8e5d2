"""Story: licences of everybody who has been here within a year are looked at in turn, so that whoever does not look themselves is reminded too.

Slowly: the core is asked so many times a second by one process at a time. It goes on where it stopped, and begins anew a day after it was through.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from core.subjects import person_key
from kit.clock import now
from kit.errors import Outside
from miniapp_api.reminding import plant_for_licences
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

NAME = "licences"
ACTIVE = timedelta(days=365)  # since the last sign-in
PER_SECOND = 5.0  # questions to the core, which has residents to answer
PAGE = 20  # accounts between two marks of how far it came; with a core that takes its whole time, within the lease
PAGES = 100  # in one call
AGAIN = timedelta(days=1)  # after a whole round
AWAY = 5  # questions in a row without an answer: the core is away, not these persons odd, and their page comes again


async def sweep_licences(deps: Deps, *, per_second: float = PER_SECOND, pages: int = PAGES) -> int:
    """Job, any number of processes; up to `pages` pages. Returns how many persons' licences the core told."""
    began = now()
    begun = await deps.reminders.begin_sweep(NAME, began)
    if begun is None:
        return 0
    (lease, cursor), told, silent, through = begun, 0, 0, False
    for _ in range(pages):
        page = await deps.active_persons.after(cursor, began - ACTIVE, PAGE)
        if page.last is None:
            through = True
            break
        answered, silent = await _ask(deps, page.persons, 1 / per_second, silent)
        if silent >= AWAY or not await deps.reminders.move_sweep(NAME, lease, page.last, now()):
            break
        cursor, told = page.last, told + answered
    await deps.reminders.end_sweep(NAME, lease, now(), now() + AGAIN if through else None)
    if through:
        log.info("licences looked at", extra={"told": told})
    return told


async def _ask(deps: Deps, persons: Sequence[str], gap: float, silent: int) -> tuple[int, int]:
    """How many the core answered for, and how many times in a row it has not. One it cannot answer for is left out until the next round."""
    told = 0
    for person_id in persons:
        if silent >= AWAY:
            break
        began = time.monotonic()
        try:
            await plant_for_licences(deps, person_id, await deps.applying.licensing.core.licences(person_key(person_id)))
            told, silent = told + 1, 0
        except Outside as exc:
            silent += 1
            log.info("licences not told", extra={"error": str(exc)})
        await asyncio.sleep(max(0.0, gap - (time.monotonic() - began)))
    return told, silent
