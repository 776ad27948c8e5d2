"""A call by staff: allowed or not, and never without its entry in the audit, written before anything is done."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kit.errors import AppError, Forbidden, Unavailable
from kit.log import request_id
from staff.audit import Audit, Entry
from staff.roles import Permission
from staff.sessions import StaffCaller

log = logging.getLogger(__name__)

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")  # of our making; what else is typed into a path stays out of the audit


@dataclass(slots=True)
class Act:
    """What is being done, as the audit will tell it."""

    action: str
    object: str
    writes: bool

    @classmethod
    def of(cls, route: str, method: str, path: Mapping[str, str]) -> "Act":
        return cls(route, " ".join(one if _ID.fullmatch(one) else "?" for one in path.values()), method not in ("GET", "HEAD"))


async def under_audit(audit: Audit, staff: StaffCaller, may: Permission | None, act: Act, run: Callable[[], Awaitable[T]]) -> T:
    """Raises Forbidden without the permission, Unavailable when the first entry cannot be written.

    A read leaves one entry, a write or a refusal two. "begun" without a second one: what came of it is unknown (the process died).
    """
    if (refused := _refusal(staff, may)) is not None:
        await _note(audit, staff, act, f"refused {refused.code}")
        raise refused
    await _note(audit, staff, act, "begun")
    try:
        response = await run()
    except BaseException as exc:
        await _close(audit, staff, act, f"refused {exc.code}" if isinstance(exc, AppError) else "failed")
        raise
    if act.writes:
        await _close(audit, staff, act, "done")
    return response


def _refusal(staff: StaffCaller, may: Permission | None) -> Forbidden | None:
    if may is None:
        return None
    if staff.must_change_password:
        return Forbidden("staff_password_change_needed", "请先修改口令：首次登录，或口令已用满 90 天")
    return None if may in staff.permissions else Forbidden("staff_not_allowed", "您的账号没有这项权限，需要时请联系安全管理员")


async def _note(audit: Audit, staff: StaffCaller, act: Act, result: str) -> None:
    await audit.append(None, Entry(staff.username, tuple(sorted(staff.roles)), act.action, act.object, result, request_id.get()))


async def _close(audit: Audit, staff: StaffCaller, act: Act, result: str) -> None:
    """What was done is done: an entry that cannot be written now changes no answer. The first one stands."""
    try:
        await _note(audit, staff, act, result)
    except Unavailable:
        log.error("audit without its end", extra={"action": act.action, "result": result})
