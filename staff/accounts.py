"""Accounts: made, given rights, locked out, handed new secrets. One-time passwords and TOTP secrets leave once, in the answer that made them."""

from dataclasses import dataclass
from datetime import timedelta

from kit.clock import now
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.errors import FieldError as Wrong
from kit.ids import new_id
from staff import passwords, totp
from staff.audit import Audit, Entry
from staff.roles import Role, Scope, check_apart
from staff.sessions import StaffCaller
from staff.store import Account, Secrets, Staff

ONE_TIME_LASTS = timedelta(hours=72)
COMMAND_LINE = "command-line"  # who, in the audit


@dataclass(frozen=True, slots=True)
class Handed:
    """To be handed to its owner, and shown once."""

    account_id: str
    username: str
    password: str
    totp_secret: str

    @property
    def totp_uri(self) -> str:
        return totp.uri(self.totp_secret, self.username)


async def create(staff: Staff, username: str, roles: frozenset[Role] = frozenset(), scope: Scope | None = None) -> Handed:
    """Raises Conflict when the name is taken, Invalid for roles that do not go together. Through the API an account begins without roles."""
    check_apart(roles)
    secrets, password = await _new_secrets()
    account_id = new_id("st")
    await staff.add(account_id, username, secrets, roles, scope or Scope())
    return Handed(account_id, username, password, secrets.totp)


async def bootstrap(staff: Staff, audit: Audit, username: str, roles: frozenset[Role], scope: Scope) -> Handed:
    """From the command line or a demo, where nobody is signed in yet; audited before and after."""
    told = " ".join((username, *sorted(roles)))

    async def note(result: str) -> None:
        await audit.append(None, Entry(COMMAND_LINE, (), "accounts.create", told, result, ""))

    await note("begun")
    handed = await create(staff, username, roles, scope)
    await note("done")
    return handed


async def grant(staff: Staff, by: StaffCaller, account_id: str, roles: frozenset[Role], scope: Scope) -> Account:
    """From now on these roles and no others. Raises Forbidden for one's own account, Invalid, NotFound."""
    _not_own(by, account_id)
    check_apart(roles)
    if not await staff.set_rights(account_id, roles, scope):
        raise _unknown()
    return await found(staff, account_id)


async def unlock(staff: Staff, account_id: str) -> Account:
    account = await found(staff, account_id)
    await staff.tries.forget(account.username)
    return account


async def disable(staff: Staff, by: StaffCaller, account_id: str) -> Account:
    """For good. Its sessions end at once."""
    _not_own(by, account_id)
    if not await staff.disable(account_id):
        raise _unknown()
    return await found(staff, account_id)


async def reset(staff: Staff, by: StaffCaller, account_id: str) -> Handed:
    """New one-time password and second factor; the old ones and every session are void."""
    _not_own(by, account_id)
    account = await found(staff, account_id)
    secrets, password = await _new_secrets()
    if not await staff.reset(account_id, secrets):
        raise _unknown()
    await staff.tries.forget(account.username)
    return Handed(account_id, account.username, password, secrets.totp)


async def change_password(staff: Staff, by: StaffCaller, old: str, new: str) -> None:
    """Ends one's other sessions. A wrong old password counts as a failed login, so that a stolen session cannot guess it."""
    account = await found(staff, by.id)
    passwords.check_strong(new, account.username)
    await staff.tries.begin(account.username)
    if not await passwords.is_right(old, account.password):
        raise Invalid("staff_password_wrong", "原口令不对，请核对后再试", errors=(Wrong("old_password", "原口令不对"),))
    await staff.tries.forget(account.username)
    if await passwords.was_used(new, account.past):
        told = f"不能与最近 {passwords.HISTORY} 次用过的口令相同"
        raise Invalid("staff_password_used", "这个口令用过，请换一个", errors=(Wrong("new_password", told),))
    if not await staff.change_password(account, await passwords.hashed(new), by.session):
        raise Conflict("staff_account_changed", "这个账号刚刚在别处改过，请重新登录后再试")


async def found(staff: Staff, account_id: str) -> Account:
    account = await staff.account(account_id)
    if account is None:
        raise _unknown()
    return account


async def _new_secrets() -> tuple[Secrets, str]:
    """And the one-time password itself."""
    password = passwords.one_time()
    return Secrets(await passwords.hashed(password), totp.new_secret(), now() + ONE_TIME_LASTS), password


def _not_own(by: StaffCaller, account_id: str) -> None:
    if by.id == account_id:
        raise Forbidden("staff_own_account", "不能对自己的账号做这个操作，请由另一位管理员办理")


def _unknown() -> NotFound:
    return NotFound("staff_account_unknown", "没有找到这个账号，或它已停用")
