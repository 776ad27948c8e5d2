"""Accounts of staff: the system administrator makes and disables them, the security administrator says what they may do."""

from kit.clock import at_edge, at_edge_or_none, now
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_staff import AccountsQuery, HandedAccount, NewAccount, Rights, StaffAccount, StaffAccounts
from miniapp_api.wiring import Deps
from staff import accounts
from staff.accounts import Handed
from staff.roles import Scope
from staff.store import Account

routes = Routes()


@routes.add("GET", "/staff/v1/accounts", who="staff", may="accounts.read", summary="账号列表", query=AccountsQuery, reply=StaffAccounts)
async def listed(call: Call) -> StaffAccounts:
    query: AccountsQuery = call.query
    page = await call.deps.staff.page(query.after, query.limit)
    items = [await _shape(call.deps, account) for account in page]
    return StaffAccounts(items=items, next_after=page[-1].username if len(page) == query.limit else None)


@routes.add(
    "POST", "/staff/v1/accounts", who="staff", may="accounts.create", summary="新建账号，还没有角色", body=NewAccount, reply=HandedAccount, status=201
)
async def create(call: Call) -> HandedAccount:
    handed = await accounts.create(call.deps.staff, call.body.username)
    call.acted_on(f"{handed.account_id} {handed.username}")
    return _handed(handed)


@routes.add(
    "POST", "/staff/v1/accounts/<account_id:str>/roles", who="staff", may="accounts.grant", summary="授予角色和范围", body=Rights, reply=StaffAccount
)
async def grant(call: Call, account_id: str) -> StaffAccount:
    given: Rights = call.body
    scope = Scope(frozenset(given.departments), frozenset(given.regions))
    account = await accounts.grant(call.deps.staff, call.staff, account_id, frozenset(given.roles), scope)
    call.acted_on(" ".join((account_id, *sorted(account.roles))))
    return await _shape(call.deps, account)


@routes.add("POST", "/staff/v1/accounts/<account_id:str>/unlock", who="staff", may="accounts.unlock", summary="解锁", body=NoBody, reply=StaffAccount)
async def unlock(call: Call, account_id: str) -> StaffAccount:
    return await _shape(call.deps, await accounts.unlock(call.deps.staff, account_id))


@routes.add(
    "POST",
    "/staff/v1/accounts/<account_id:str>/disable",
    who="staff",
    may="accounts.disable",
    summary="停用，不可恢复",
    body=NoBody,
    reply=StaffAccount,
)
async def disable(call: Call, account_id: str) -> StaffAccount:
    return await _shape(call.deps, await accounts.disable(call.deps.staff, call.staff, account_id))


@routes.add(
    "POST",
    "/staff/v1/accounts/<account_id:str>/reset",
    who="staff",
    may="accounts.reset",
    summary="重置口令和动态口令，只显示一次",
    body=NoBody,
    reply=HandedAccount,
)
async def reset(call: Call, account_id: str) -> HandedAccount:
    return _handed(await accounts.reset(call.deps.staff, call.staff, account_id))


def _handed(handed: Handed) -> HandedAccount:
    return HandedAccount(
        id=handed.account_id,
        username=handed.username,
        one_time_password=handed.password,
        totp_secret=handed.totp_secret,
        totp_uri=handed.totp_uri,
    )


async def _shape(deps: Deps, account: Account) -> StaffAccount:
    return StaffAccount(
        id=account.id,
        username=account.username,
        roles=sorted(account.roles),
        departments=sorted(account.scope.departments),
        regions=sorted(account.scope.regions),
        disabled=account.disabled,
        locked=await deps.staff.tries.is_locked(account.username),
        must_change_password=account.must_change(now()),
        created_at=at_edge(account.created_at),
        signed_in_at=at_edge_or_none(account.signed_in_at),
    )
