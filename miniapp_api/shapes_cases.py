"""Shapes of a case in detail: its timeline, limits and notices, and of the public progress query."""

from typing import Annotated, Any, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, CaseEntry, Line, Told


class NoticeEntry(Told):
    notice_no: str
    ordinal: int = Field(description="第几次补正通知，1 是第一次")
    due_at: str | None = Field(description="补正期限；政务平台没有定的为 null")
    findings: int = Field(description="共几处需要补正")
    again: bool = Field(description="有首次补正时就可以告知而没有告知的")


class Move(Told):
    version: int
    state: str
    state_text: str
    at: str
    text: str
    findings: list[dict[str, Any]]
    notice: NoticeEntry | None = Field(description="这一步发出的补正通知，全文用 GET /v1/cases/{case_no}/notices/{notice_no}")


class CaseLimits(Told):
    """Days are Beijing days. `days_left` is about the limit that ends first, in `unit`; negative when it is over, null when nothing runs."""

    promised_due: str | None = Field(description="承诺办结日")
    statutory_due: str | None = Field(description="法定办结日")
    days_left: int | None = Field(description="离先到的一个还有几天；负数是超了几天；未受理或已办结为 null")
    unit: str | None = Field(description="working_days 工作日，calendar_days 自然日")
    colour: Literal["green", "amber", "red"] | None = Field(description="绿、黄（剩两个工作日或最后五分之一）、红（超期）；办结后表示是否按期")
    provisional: bool = Field(description="用到了还没有公布放假安排的年份，日期是暂定的")
    paused: bool = Field(description="补正或特别程序期间不计时，日期按今天恢复计时推算")


class Deemed(Told):
    """行政许可法 §32 (4). It stands beside the state and never changes it."""

    accepted_at: str = Field(description="视为受理之日：收到申请材料之日")
    lapsed_at: str = Field(description="五个工作日届满的时刻")
    text: str


class CaseDetail(CaseEntry):
    version: int
    timeline: list[Move]
    limits: CaseLimits
    open_notice: str | None = Field(description="正在等待补正的通知编号")
    deemed_accepted: Deemed | None
    progress_secret: str | None = Field(description="公开查询进度用的查询码，印在回执上")


class NoticeFinding(Told):
    no: int
    target: str = Field(description="material 材料，field 表单项，case 整个申请")
    name: str
    title: str = Field(description="材料或表单项的名称")
    problem: str
    fix: str
    again: bool = Field(description="首次补正时就可以告知")
    again_reason: str | None


class NoticeDocument(Told):
    """补正通知书: one document with everything."""

    notice_no: str
    ordinal: int
    case_no: str
    item_name: str
    issued_at: str
    due_at: str | None
    text: str
    open: bool = Field(description="还在等待补正")
    again: bool
    findings: list[NoticeFinding]


class ProgressAsk(Asked):
    case_no: Annotated[Line, Field(min_length=1, max_length=50)]
    secret: Annotated[Line, Field(min_length=1, max_length=40, description="回执上的 8 位查询码，或申请人身份证号后六位")]


class ProgressTold(Told):
    state: str
    state_text: str
    next_step: str
