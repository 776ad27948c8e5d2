"""Staff sign in and out, and their own password."""

from kit.clock import at_edge
from miniapp_api.callers import address, slow_down
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_staff import NewPassword, StaffLogin, StaffMe, StaffSession
from staff import accounts, sessions

routes = Routes()


@routes.add("POST", "/staff/v1/login", who="anyone", summary="工作人员登录：口令加动态口令", body=StaffLogin, reply=StaffSession)
async def login(call: Call) -> StaffSession:
    given: StaffLogin = call.body
    slow_down(call.deps.assistant_limiter, f"staff-login {address(call.request, call.deps.settings.proxies)}")  # a hash costs 40 ms
    done = await sessions.sign_in(call.deps.staff, call.deps.audit, given.username, given.password, given.totp)
    return StaffSession(token=done.token, expires_at=at_edge(done.expires_at), must_change_password=done.must_change_password)


@routes.add("POST", "/staff/v1/logout", who="staff", summary="退出登录", status=204)
async def logout(call: Call) -> Raw:
    await call.deps.staff.close_session(call.staff.session)
    return Raw(b"", status=204)


@routes.add("GET", "/staff/v1/me", who="staff", summary="我的账号、权限和范围", reply=StaffMe)
async def me(call: Call) -> StaffMe:
    staff = call.staff
    return StaffMe(
        id=staff.id,
        username=staff.username,
        roles=sorted(staff.roles),
        permissions=sorted(staff.permissions),
        departments=sorted(staff.scope.departments),
        regions=sorted(staff.scope.regions),
        must_change_password=staff.must_change_password,
    )


@routes.add("POST", "/staff/v1/me/password", who="staff", summary="修改自己的口令", body=NewPassword, status=204)
async def change_password(call: Call) -> Raw:
    await accounts.change_password(call.deps.staff, call.staff, call.body.old_password, call.body.new_password)
    return Raw(b"", status=204)
