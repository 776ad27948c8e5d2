"""Drafts and cases of an earlier release, which did not say for whom they are. Idempotent; costs nothing once it is done."""

import logging

from kit.mongo import Tx
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)


async def name_subjects(deps: Deps) -> None:
    """Every case is its person's; every draft that of whoever stands behind its resident."""
    drafts = deps.applying.desk.drafts
    named = await deps.cases.name_subjects()
    for resident_id in await drafts.of_an_earlier_release():
        resident = await deps.residents.resident(resident_id)
        person_id = resident.person_id if resident else None
        if person_id is None:
            await drafts.nobody_stands_behind(resident_id)
            continue
        await _move(deps, resident_id, person_id)
        named += 1
    if named:
        log.info("older drafts and cases say for whom they are", extra={"rows": named})


async def _move(deps: Deps, resident_id: str, person_id: str) -> None:
    async def move(tx: Tx) -> None:
        await deps.applying.desk.drafts.move_drafts(tx, resident_id, person_id)

    await deps.mongo.transaction(move)
