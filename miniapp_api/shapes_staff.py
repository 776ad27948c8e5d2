"""Shapes of /staff/v1: signing in, accounts, the audit."""

from typing import Annotated

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told
from staff.passwords import LONGEST
from staff.roles import Permission, Role

Username = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9._-]{2,31}$", description="小写字母开头，3 到 32 个小写字母、数字、点、横线；不要用姓名或工号")
]
Password = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Places = Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=200)]


class StaffLogin(Asked):
    username: Annotated[str, Field(min_length=1, max_length=32)]
    password: Password
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$", description="动态口令，六位数字，每个只能用一次")]


class StaffSession(Told):
    token: str
    expires_at: str = Field(description="最晚到这时；闲置 30 分钟（可设置）也会失效")
    must_change_password: bool


class StaffMe(Told):
    id: str
    username: str
    roles: list[Role]
    permissions: list[Permission]
    departments: list[str]
    regions: list[str]
    must_change_password: bool


class NewPassword(Asked):
    old_password: Password
    new_password: Annotated[str, Field(min_length=1, max_length=4 * LONGEST)]


class NewAccount(Asked):
    username: Username


class HandedAccount(Told):
    """Shown once."""

    id: str
    username: str
    one_time_password: str = Field(description="只显示这一次，72 小时内有效，首次登录须改掉")
    totp_secret: str = Field(description="只显示这一次，录入动态口令应用")
    totp_uri: str = Field(description="otpauth:// 地址，可做成二维码")


class Rights(Asked):
    roles: Annotated[list[Role], Field(max_length=10)]
    departments: Places = Field(default_factory=list, description="部门；空为一个也不可以，* 为全部")
    regions: Places = Field(default_factory=list, description="行政区划；空为一个也不可以，* 为全部")


class StaffAccount(Told):
    id: str
    username: str
    roles: list[Role]
    departments: list[str]
    regions: list[str]
    disabled: bool
    locked: bool
    must_change_password: bool
    created_at: str
    signed_in_at: str | None


class AccountsQuery(Asked):
    after: Annotated[Line, Field(max_length=32, description="上一页最后一个用户名")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StaffAccounts(Told):
    items: list[StaffAccount]
    next_after: str | None


class AuditQuery(Asked):
    after: Annotated[int, Field(ge=0, le=2**53, description="从这个编号之后开始")] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditEntry(Told):
    seq: int
    at: str
    who: str
    roles: list[str]
    action: str
    object: str
    result: str = Field(description="begun 开始，done 完成，refused 加错误码，failed 出错；只有 begun 的，结果不明")
    request_id: str
    prev: str
    hash: str


class AuditPage(Told):
    items: list[AuditEntry]
    next_after: int | None


class AuditRange(Asked):
    """At most 50,000 entries a call."""

    first: Annotated[int, Field(ge=1, le=2**53)] = 1
    last: Annotated[int, Field(ge=1, le=2**53)] | None = None


class AuditVerified(Told):
    unbroken: bool
    first_broken: int | None = Field(description="第一个被改、被删或对不上的编号")
    checked: int
    last_seq: int
    last_hash: str = Field(description="查到的最后一条的散列值；另外保存，可发现末尾被删")
    complete: bool = Field(description="已查到末尾或所给的 last；否则从 last_seq + 1 接着查")
