"""Story, its second half: a change of identity is told. One inbox entry per person it concerns, and a push on every channel of theirs."""

from typing import Any

from kit.clock import in_words
from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify import account_messages
from residents.changes import address


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {kind, person_id, resident_id, detail, at}. Nobody to tell is no error: an account may be gone."""
    whom, what = await _concerned(deps, row.payload)
    told = account_messages.told(row.payload["kind"], what, row.payload["at"])
    await telling.of_row(deps, row, whom, told)


async def _concerned(deps: Deps, change: dict[str, Any]) -> tuple[list[str], str]:
    """(whose inboxes, what the sentence names)."""
    kind, own = change["kind"], address(change["person_id"], change["resident_id"])
    if kind.startswith("grant_"):
        return await _of_grant(deps, change["detail"])
    if kind in ("phone_changed", "kiosk_login"):
        return [own], change["detail"]
    found = await deps.residents.identities_of([change["resident_id"]])
    what = found[0].channel if found else ""
    both = [own, address(None, change["resident_id"])]  # an account that was taken away hears of it too: it may have been the owner's
    return (both if kind == "unbound" else [own]), what


async def _of_grant(deps: Deps, grant_id: str) -> tuple[list[str], str]:
    """Whoever gave it, and whom it is for if they were ever here."""
    grant = await deps.residents.grants.grant(grant_id)
    if grant is None:
        return [], ""
    agent = await deps.residents.agent_of(grant)
    return [grant.giver_person_id, *([agent.id] if agent is not None else [])], in_words(grant.until)
