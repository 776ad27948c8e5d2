"""Who calls, and how often: a resident's session, a member of staff's, an operator's token, or an address."""

import hmac
from datetime import timedelta
from typing import Literal

from sanic import Request

from kit.errors import TooMany, Unauthorized
from miniapp_api.limiter import Limiter
from miniapp_api.wiring import Deps
from residents.sessions import Caller, caller_of
from staff import sessions as staff_sessions
from staff.sessions import StaffCaller

Who = Literal["anyone", "guest", "resident", "core", "wechat", "gateway", "operator", "staff"]  # a guest may be signed in


async def caller_for(who: Who, deps: Deps, request: Request) -> Caller | None:
    """Whoever has no session is counted by address, before anything is looked up; a resident by session: many share a carrier's address."""
    if who == "operator":
        _operator(deps, request)
    if who == "anyone" or (who == "guest" and not request.headers.get("authorization", "")):
        slow_down(deps.limiter, address(request, deps.settings.proxies))
        return None
    if who not in ("resident", "guest"):
        return None
    slow_down(deps.crowd_limiter, address(request, deps.settings.proxies))
    if (token := _bearer(request)) is None:
        raise Unauthorized("session_missing", "请先登录")
    caller = await caller_of(deps.residents, deps.redis, token)
    slow_down(deps.limiter, caller.token_digest)
    return caller


async def staff_caller(deps: Deps, request: Request) -> StaffCaller:
    """A resident's token opens nothing here, and a member of staff's nothing there: the sessions lie in different places."""
    slow_down(deps.crowd_limiter, address(request, deps.settings.proxies))
    if (token := _bearer(request)) is None:
        raise Unauthorized("staff_session_missing", "请先登录")
    caller = await staff_sessions.caller_of(deps.staff, token, timedelta(minutes=deps.settings.staff_idle_minutes))
    slow_down(deps.limiter, caller.session)
    return caller


def slow_down(limiter: Limiter, who: str) -> None:
    if not limiter.admits(who):
        raise TooMany("too_many_requests", "操作太频繁，请稍候再试", retry_after=1)


def address(request: Request, proxies: int) -> str:
    """Behind proxies the address they vouch for (ZHANGBAN_PROXIES); reading their headers costs, so only then."""
    return (proxies and request.remote_addr) or request.ip


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def _operator(deps: Deps, request: Request) -> None:
    """Metrics: open in development, by token in production, closed there without one."""
    if deps.settings.profile == "dev":
        return
    token = deps.settings.metrics_token
    given = request.headers.get("authorization", "")
    if token is None or not hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
        raise Unauthorized("operator_token_missing", "需要运维令牌")
