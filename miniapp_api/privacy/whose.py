"""Whose rows: everything by which the person who calls is found, and whether they have shown lately that it is them."""

from datetime import timedelta

from kit.clock import now
from kit.errors import Forbidden, Unauthorized
from miniapp_api.personal_data import COLLECTIONS
from miniapp_api.privacy.held import Whose
from miniapp_api.wiring import Deps
from residents.sessions import Caller
from residents.step_up import require_step_up

FRESH = timedelta(minutes=10)


async def whose_of(deps: Deps, resident_id: str) -> Whose:
    """All accounts of the person behind this one, or this account alone. Raises Unauthorized when it is gone."""
    store = deps.residents
    resident = await store.resident(resident_id)
    if resident is None:
        raise Unauthorized("session_unknown", "登录已失效，请重新进入小程序登录")
    person = await store.person(resident.person_id) if resident.person_id else None
    accounts = await store.residents_of(resident.person_id) if resident.person_id else [resident_id]
    rows = [row for one in accounts if (row := await store.resident_row(one)) is not None]
    openids = [one.account for one in await store.identities_of(accounts) if one.channel == "wechat"]
    mine = Whose(resident.person_id, tuple(accounts))
    cases = [query for part in COLLECTIONS["cases"].parts[:1] if (query := part.find(mine)) is not None]
    return Whose(
        person_id=resident.person_id,
        resident_ids=tuple(sorted(accounts)),
        id_index=deps.keys.index("id_number", person.id_number) if person else None,
        senders=tuple(deps.replying.store.sender_index(account, openid) for account in deps.wechat_accounts for openid in openids),
        since={row["_id"]: row["unbound_at"] for row in rows if row.get("unbound_at")},
        cases=tuple([one for query in cases for one in await deps.privacy.ids("cases", query, 100_000)]),
    )


async def confirmed(deps: Deps, caller: Caller, whose: Whose) -> None:
    """Raises Forbidden without a step-up. Where nobody stands behind the account there is nobody to ask: a new login by the channel takes its place."""
    if whose.person_id is not None:
        require_step_up(caller)
        return
    session = await deps.residents.sessions.session(caller.token_digest)
    if session is None or now() - session["created_at"] >= FRESH:
        raise Forbidden("fresh_login_needed", "请退出后重新进入小程序登录，十分钟内再操作")
