"""Shapes of /v1/me: whom one acts for, links, grants, consents, preferences; and of the other ways in."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, field_validator

from miniapp_api.shapes import Asked, ConsentGiven, Line, Session, Told

Role = Literal["self", "enterprise", "agent", "guardian"]


class SubjectWish(Asked):
    kind: Role
    id: Annotated[Line, Field(max_length=64, description="取自 GET /v1/me/subjects；kind 为 self 时不用给")] | None = None


class SubjectChoice(Told):
    kind: Role
    id: str = Field(description="统一社会信用代码、被监护人编号、授权编号，或本人编号")
    name: str = Field(description="企业名称；人名脱敏")
    relation: str = Field(description="legal_representative、handler，或与被监护人的关系")
    purposes: list[str] | None = Field(description="代办授权的范围；空为全部")
    until: str | None = Field(description="授权到期的时间；企业和监护关系十五分钟后重新核对")
    current: bool


class SubjectChoices(Told):
    items: list[SubjectChoice]


class Confirming(Told):
    """The person is asked to confirm; `challenge` is what is asked for again until they have."""

    challenge: str
    method: str
    expires_at: str
    text: str


class Confirmed(Told):
    state: Literal["pending", "confirmed"]
    text: str
    http_status: int = Field(default=200, exclude=True)


class LinkEntry(Told):
    resident_id: str
    channel: str
    account: str = Field(description="脱敏的渠道账号")
    seen_at: str
    mine: bool = Field(description="就是现在登录的账号")


class LinkList(Told):
    items: list[LinkEntry]
    hints: list[LinkEntry] = Field(description="微信认为是同一个人的其他账号：只是提示，要关联请用关联码")


class LinkCode(Told):
    code: str
    expires_at: str
    text: str


class LinkRedeem(Asked):
    code: Annotated[Line, Field(min_length=1, max_length=20, description="另一个渠道上显示的六位关联码，大小写、空格不论")]


class LinkConfirming(Confirming):
    other: LinkEntry


Purpose = Literal["apply", "licence", "pay", "delivery"]


class NewGrant(Asked):
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    id_number: Annotated[Line, Field(min_length=1, max_length=40)]
    purposes: Annotated[list[Purpose], Field(min_length=1, max_length=4)] | Literal["all"]
    until: AwareDatetime | date = Field(description="到期的时间，或最后一天；一年以内")


class GrantEntry(Told):
    id: str
    name: str = Field(description="对方的姓名，脱敏")
    purposes: list[str] | Literal["all"]
    until: str
    state: Literal["offered", "accepted", "ended"]
    created_at: str


class GrantLists(Told):
    given: list[GrantEntry]
    received: list[GrantEntry]


PolicyPurpose = Literal["privacy", "sensitive", "courier", "minor"]
Hash = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$", description="原文的 SHA-256，十六进制")]


class PolicyText(Told):
    purpose: PolicyPurpose
    version: int
    title: str
    text: str = Field(description="Markdown，第一行是标题")
    text_hash: str


class PolicyTexts(Told):
    items: list[PolicyText]


class PolicyAnswer(Asked):
    purpose: PolicyPurpose
    version: Annotated[int, Field(ge=1, le=10_000)]
    text_hash: Hash
    ward: Annotated[Line, Field(max_length=64, description="purpose 为 minor 时：被监护人编号")] | None = None


class PolicyConsent(Told):
    purpose: PolicyPurpose
    version: int
    text_hash: str
    ward: str | None
    channel: str
    at: str
    withdrawn_at: str | None
    current: bool = Field(description="没有撤回，同意的就是现行文本")


class PolicyConsentList(Told):
    items: list[PolicyConsent]


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="北京时间，如 22:00")]


class QuietHours(Asked):
    """From `from` to `to`, over midnight where `to` is earlier."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")


class Preferred(Asked):
    channels: Annotated[list[Literal["wechat", "alipay", "sms"]], Field(max_length=3)] = Field(
        default=["wechat", "alipay", "sms"], description="提醒的先后；没有写的不用"
    )
    quiet_hours: QuietHours | None = None
    kinds_off: Annotated[list[Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]], Field(max_length=50)] = Field(
        default=[], description="不要推送的消息种类；收件箱里仍然有"
    )
    recommendations: bool | None = Field(default=None, description="个人网页上的推荐：false 全部关闭；不写：不改")
    recommendations_off: Annotated[list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]], Field(max_length=200)] | None = Field(
        default=None, description="不再推荐的规则；不写：不改，[]：全部恢复"
    )

    @field_validator("channels", "kinds_off", "recommendations_off")
    @classmethod
    def _each_once(cls, given: list[str] | None) -> list[str] | None:
        if given is not None and len(set(given)) < len(given):
            raise ValueError("twice")
        return given


class KioskSigned(Asked):
    """`signature`: HMAC-SHA256 in hexadecimal, by the device's key, over timestamp, nonce, device and what is said, joined by line feeds."""

    device: Annotated[str, Field(pattern=r"^[a-z0-9_]{3,40}$")]
    timestamp: Annotated[str, Field(pattern=r"^[0-9]{10}$", description="秒")]
    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class LoginKiosk(KioskSigned):
    """What is said: name, id_number."""

    name: Annotated[Line, Field(min_length=1, max_length=80)]
    id_number: Annotated[Line, Field(min_length=1, max_length=40)]
    consent: ConsentGiven | None = None


class LoginKioskFinish(KioskSigned):
    """What is said: the challenge."""


class KioskSession(Told):
    state: Literal["pending", "signed_in"]
    text: str
    session: Session | None
    http_status: int = Field(default=200, exclude=True)


class HotlineQuery(Asked):
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    id_number: Annotated[Line, Field(min_length=1, max_length=40)]
    reason: Annotated[Line, Field(min_length=2, max_length=100, description="为什么查，写进审计；不要写号码")]


class HotlineCase(Told):
    item_name: str
    case_no: str = Field(description="只有末四位")
    state: str
    state_text: str
    next_step: str
    submitted_at: str


class HotlineCases(Told):
    name: str = Field(description="脱敏")
    items: list[HotlineCase]
