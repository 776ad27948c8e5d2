"""Who looked at whose data, for the person themselves. Written before anything is shown: what cannot be written is not shown."""

from datetime import datetime

from miniapp_api.privacy.held import Row, Whose
from miniapp_api.wiring import Deps


async def looked(deps: Deps, person_id: str, by: str, what: str, reason: str) -> None:
    """`by`: a staff username, "核心平台" or "本人"; `what` and `reason` in our own words, never with names or numbers."""
    await deps.privacy.add_look(person_id, by, what[:100], reason[:100])


async def looks(deps: Deps, whose: Whose, before: datetime | None, limit: int) -> list[Row]:
    return await deps.privacy.looks(whose.addresses, before, limit)
