"""Shapes of ratings: what a resident gives and sees, what staff work with, what everybody may read."""

from typing import Annotated, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told

StageName = Literal["acceptance", "result"]
Code = Annotated[str, Field(pattern=r"^[a-z_]{2,40}$")]
Words = Annotated[Line, Field(max_length=500)]
Said = Annotated[Line, Field(min_length=2, max_length=2000)]
Revision = Annotated[int, Field(ge=1, le=1_000_000, strict=True, description="所见的 revision；已被别人处理过时回答 409")]
Cursor = Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_-]{1,64})?$")]
Limit = Annotated[int, Field(ge=1, le=100)]


class NewRating(Asked):
    stage: StageName = Field(description="acceptance：受理环节；result：办结环节")
    grade: Annotated[int, Field(ge=1, le=5, strict=True, description="5 非常满意，4 满意，3 基本满意，2 不满意，1 非常不满意")]
    indicators: list[Code] = Field(default=[], max_length=20, description="GET /v1/cases/{no}/ratings 给出的选项")
    text: Annotated[Words, Field(description="不超过 500 字")] = ""


class Declined(Asked):
    stage: StageName


class CallBack(Asked):
    satisfied: Annotated[bool, Field(strict=True)]
    text: Words = ""


class IndicatorEntry(Told):
    code: str
    topic: str = Field(description="评价指标")
    text: str


class GradeEntry(Told):
    grade: int
    text: str
    indicators: list[IndicatorEntry]


class ReplyEntry(Told):
    round: int
    text: str
    at: str


class RectificationView(Told):
    """How far the putting right is, for whoever rated."""

    state: str
    state_text: str
    opened_at: str
    due_at: str | None = Field(description="这一步的期限；已办结为空")
    replies: list[ReplyEntry]
    can_call_back: bool = Field(description="可以告诉我们对答复是否满意")
    not_counted_because: str | None = Field(description="部门申诉成立的理由")
    closed_at: str | None


class RatingEntry(Told):
    id: str
    stage: StageName
    grade: int
    grade_text: str
    indicators: list[str]
    text: str
    by_agent: bool = Field(description="由代办人评价")
    rated_at: str
    counted: bool
    rectification: RectificationView | None


class StageEntry(Told):
    stage: StageName
    stage_text: str
    may_rate: bool
    why_not: Literal["stage_not_reached", "already_rated", "rating_closed"] | None
    until: str | None
    declined: bool
    asks: bool = Field(description="页面可以请居民评价：能评价，也没有谢绝过")
    rating: RatingEntry | None


class CaseRatings(Told):
    stages: list[StageEntry]
    grades: list[GradeEntry]


class ToRate(Told):
    case_no: str
    item_name: str
    stage: StageName
    stage_text: str
    until: str


class ToRateList(Told):
    items: list[ToRate]


class StaffRatingQuery(Asked):
    at_core: Literal["", "waiting", "told", "refused"] = Field(default="", description="refused：政务平台没有接受，评价仍保留在本系统")
    cursor: Cursor = ""
    limit: Limit = 50


class StaffRating(Told):
    """Nothing says who rated; names, phones and numbers in the text are masked."""

    id: str
    case_no: str
    item_code: str
    item_name: str
    department: str | None
    stage: StageName
    grade: int
    grade_text: str
    indicators: list[IndicatorEntry]
    text: str
    by_agent: bool
    channel: str
    rated_at: str
    counted: bool
    at_core: Literal["waiting", "told", "refused"]
    core_reason: str | None


class StaffRatings(Told):
    items: list[StaffRating]
    next_cursor: str | None


class RectificationQuery(Asked):
    state: Annotated[str, Field(pattern=r"^[a-z_]{0,30}$", description="不填为没有办结的")] = ""
    overdue: bool = Field(default=False, description="只看超过期限的")
    cursor: Cursor = ""
    limit: Limit = 50


class AppealEntry(Told):
    kind: Literal["mistaken", "malicious"]
    reason: str
    at: str


class DecisionEntry(Told):
    uphold: bool
    reason: str
    at: str


class CallBackEntry(Told):
    word: Literal["satisfied", "unsatisfied", "unreached"]
    text: str
    at: str
    by_phone: bool


class RectificationEntry(Told):
    id: str
    state: str
    state_text: str
    revision: int
    round: int
    department: str | None
    opened_at: str
    due_at: str
    total_due_at: str
    overdue: bool
    escalated_at: str | None
    missed_limits: int
    note: str
    replies: list[ReplyEntry]
    appeal: AppealEntry | None
    decision: DecisionEntry | None
    call_backs: list[CallBackEntry]
    published_text: str | None
    closed_at: str | None
    rating: StaffRating


class RectificationsPage(Told):
    items: list[RectificationEntry]
    next_cursor: str | None


class Triage(Asked):
    to: Annotated[Line, Field(min_length=2, max_length=200, pattern=r"\S", description="由哪个部门整改：事项清单里的部门名称")]
    note: Words = ""
    revision: Revision


class DepartmentReply(Asked):
    text: Said
    revision: Revision


class NewAppeal(Asked):
    kind: Literal["mistaken", "malicious"] = Field(description="mistaken：误评；malicious：恶意评价")
    reason: Said
    revision: Revision


class AppealDecision(Asked):
    uphold: Annotated[bool, Field(strict=True)]
    reason: Said
    revision: Revision


class PhoneCallBack(Asked):
    by_phone: Literal[True]
    satisfied: Annotated[bool, Field(strict=True)] | None = Field(description="null：回访期限已过仍联系不上")
    note: Annotated[Line, Field(min_length=2, max_length=500)]
    revision: Revision


class Publication(Asked):
    text: Annotated[Said, Field(description="经审核可以公开的内容；不能有姓名、号码")]
    revision: Revision


class OpenRatingsQuery(Asked):
    month: Annotated[str, Field(pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$", description="如 2026-11；不填为本月（北京时间）")] = ""


class GradeCount(Told):
    grade: int
    text: str
    count: int
    share: float | None = Field(description="占全部评价的比例，0 到 1；没有评价为空")


class DepartmentRatings(Told):
    department: str | None
    count: int
    grades: list[GradeCount] = Field(description="评价数太少、不单独公布时为空")
    satisfied_share: float | None = Field(description="基本满意及以上的比例；没有评价，或评价数太少、不单独公布时为空")
    excluded: int = Field(description="申诉成立、不计入统计的")


class ItemRatings(Told):
    department: str | None
    item_code: str
    item_name: str
    count: int
    satisfied_share: float


class PublishedRectification(Told):
    """Of whom is not told: no person, no case, days instead of moments."""

    department: str | None
    item_name: str
    grade: int
    grade_text: str
    indicators: list[IndicatorEntry]
    result: str
    text: str
    rated_on: str
    closed_on: str


class OpenRatings(Told):
    month: str
    departments: list[DepartmentRatings]
    items: list[ItemRatings]
    items_suppressed: int = Field(description="评价数太少、不单独公布的事项")
    rectified: list[PublishedRectification] = Field(description="本月公布的差评整改")
