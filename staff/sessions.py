"""Signing in with password and code, and who is calling. The token is kept as a digest in Mongo; nothing depends on Redis or on this process."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.clock import now
from kit.errors import AppError, Unauthorized
from kit.ids import new_token
from kit.log import request_id
from kit.mongo import Tx
from staff import passwords, totp
from staff.audit import Audit, Entry
from staff.roles import Permission, Role, Scope, permissions
from staff.store import Account, Session, Staff, digest

LONGEST = timedelta(hours=12)
SLIDE = timedelta(minutes=1)  # a session's last use is written down at most so often
LOGIN = "login"
NOBODY = "unknown"  # in the audit, for a name that is nobody's: people type passwords there


@dataclass(frozen=True, slots=True)
class StaffCaller:
    """A signed-in member of staff, with the rights of this moment."""

    id: str
    username: str
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    scope: Scope
    must_change_password: bool
    session: str  # digest of the token


@dataclass(frozen=True, slots=True)
class SignedIn:
    token: str
    expires_at: datetime
    must_change_password: bool


async def sign_in(staff: Staff, audit: Audit, username: str, password: str, code: str) -> SignedIn:
    """Raises Unauthorized, with one answer for every reason and the same time for a name that is nobody's; Forbidden while locked; Unavailable without audit."""
    account = await staff.named(username)
    known = account.username if account else NOBODY
    try:
        await staff.tries.begin(username)
        step = await _checked(account, password, code)
        if account is None or step is None:
            raise _refused()
        done = await _open(staff, audit, account, step)
    except AppError as exc:
        await audit.append(None, Entry(known, _roles(account), LOGIN, "", f"refused {exc.code}", request_id.get()))
        raise
    await staff.tries.forget(username)
    return done


async def _checked(account: Account | None, password: str, code: str) -> int | None:
    """The code's step if everything is right."""
    right = await passwords.is_right(password, account.password if account else None)
    at = now()
    if account is None or not right or account.disabled or (account.one_time_until is not None and account.one_time_until <= at):
        return None
    return totp.step_of(account.totp, code, at)


async def _open(staff: Staff, audit: Audit, account: Account, step: int) -> SignedIn:
    """The code is used up, the session opened and both written into the audit, or nothing of it."""
    token, at = new_token(), now()
    session = Session(digest(token), account.id, account.epoch, at, at + LONGEST)

    async def all_three(tx: Tx) -> None:
        if not await staff.use_step(account, step, tx):
            raise _refused()
        await staff.open_session(session, tx)
        await audit.append(tx, Entry(account.username, _roles(account), LOGIN, account.id, "done", request_id.get()))

    await staff.mongo.transaction(all_three)
    return SignedIn(token, session.expires_at, account.must_change(at))


async def caller_of(staff: Staff, token: str, idle: timedelta) -> StaffCaller:
    """Raises Unauthorized. Rights are read anew each time: what was taken away is gone at once."""
    session, at = await staff.session(digest(token)), now()
    if session is None or session.expires_at <= at or session.seen_at + idle <= at:
        raise _gone()
    account = await staff.account(session.account_id)
    if account is None or account.disabled or account.epoch != session.epoch:
        raise _gone()
    if session.seen_at + SLIDE <= at:
        await staff.slide(session, at)
    granted = permissions(account.roles)
    return StaffCaller(account.id, account.username, account.roles, granted, account.scope, account.must_change(at), session.digest)


def _roles(account: Account | None) -> tuple[str, ...]:
    return tuple(sorted(account.roles)) if account else ()


def _refused() -> Unauthorized:
    return Unauthorized("staff_login_refused", "用户名、口令或动态口令不对；每个动态口令只能用一次，请核对后等下一个再试")


def _gone() -> Unauthorized:
    return Unauthorized("staff_session_unknown", "登录已失效，请重新登录")
