"""Shapes of the public API's bodies and answers; /openapi.json is generated from them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Line = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]  # no control characters but tab and line feed


class Asked(BaseModel):
    """Input: nothing but what is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """Output."""

    model_config = ConfigDict(frozen=True)


class ClosedOnline(Told):
    """An item nobody can apply for online just now; what is under way goes on."""

    message: str = Field(description="为什么，给居民看")
    since: str
    until: str | None = Field(description="预计恢复；null：到重新开通为止")


class FieldProblem(Told):
    field: str
    message: str


class Problem(Told):
    """application/problem+json. `title` is for the resident, `code` for programs, `request_id` for the help desk."""

    type: str
    status: int
    code: str
    title: str
    request_id: str
    errors: list[FieldProblem]
    retryable: bool


class LoginWeChat(Asked):
    code: Annotated[Line, Field(min_length=1, max_length=128, description="wx.login 得到的 code")]


class LoginAlipay(Asked):
    auth_code: Annotated[Line, Field(min_length=1, max_length=128, description="my.getAuthCode 得到的 authCode")]


class Resident(Told):
    id: str
    channel: str
    real_name: bool
    name: str | None = Field(description="脱敏姓名")
    id_number: str | None = Field(description="脱敏身份证号")
    phone: str | None = Field(description="脱敏手机号")


class Session(Told):
    token: str
    expires_at: str
    resident: Resident


class ConsentGiven(Asked):
    """The text that was shown and agreed to, as GET /v1/policies gives it."""

    version: Annotated[int, Field(ge=1, le=10_000)]
    text_hash: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class RealName(Asked):
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    id_number: Annotated[Line, Field(min_length=1, max_length=40)]
    consent: ConsentGiven | None = Field(default=None, description="同意《敏感个人信息处理说明》；没有另外同意过就要给")


class RealNameStarted(Told):
    challenge: str
    method: str
    expires_at: str
    text: str


class RealNameState(Told):
    state: Literal["pending", "bound"]
    text: str
    resident: Resident
    http_status: int = Field(default=200, exclude=True)


class NoBody(Asked):
    pass


class Phone(Asked):
    """By WeChat a code, by Alipay a response."""

    channel: Literal["wechat", "alipay"]
    code: Annotated[Line, Field(min_length=1, max_length=128, description="微信 getPhoneNumber 得到的 code")] | None = None
    response: Annotated[str, Field(min_length=1, max_length=4096, description="支付宝 my.getPhoneNumber 得到的 response，原样")] | None = None


class Part(BaseModel):
    """One part of a guide. `recorded` false: the item does not say, and `text` tells whom to ask."""

    model_config = ConfigDict(extra="allow", frozen=True)
    recorded: bool
    text: str


class GuideParts(Told):
    materials: Part
    fee: Part
    time_limit: Part
    location: Part
    process: Part
    conditions: Part
    contact: Part
    visits: Part
    delivery: Part


class PageQuery(Asked):
    cursor: Annotated[str, Field(max_length=40, pattern=r"^[0-9]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class OwnPage(Asked):
    """A page of what has its own id besides its time."""

    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}(\.[0-9A-Za-z_.-]{1,80})?)?$")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class CasesQuery(OwnPage):
    project: Annotated[Line | None, Field(max_length=64, description="项目码：只看一起申请的这几件")] = None


class CaseEntry(Told):
    case_no: str | None
    receipt_no: str
    item_code: str
    item_name: str
    state: str
    state_text: str
    submitted_at: str
    project_code: str | None = Field(description="项目码：几个事项一起申请的，用它看总进度")


class CaseList(Told):
    items: list[CaseEntry]
    next_cursor: str | None
