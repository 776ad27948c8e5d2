"""Shapes of complaints, suggestions and consultation: what a resident writes and sees, what staff see."""

from typing import Annotated, Literal

from pydantic import Field

from complaints.values import MOST_FILES
from miniapp_api.shapes import Asked, Line, Told

Kind = Annotated[str, Field(max_length=40, json_schema_extra={"enum": ["complaint", "suggestion", "consultation"]})]  # told with all that is wrong
Own = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]
Cursor = Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_-]{1,64})?$")]
Free = Annotated[str, Field(max_length=500_000)]  # how much is too much is told with everything else that is wrong


class NewComplaint(Asked):
    kind: Kind = Field(description="complaint：投诉；suggestion：建议；consultation：咨询")
    title: Annotated[Free, Field(description="2 到 100 个字")]
    text: Annotated[Free, Field(description="10 到 2000 个字，纯文字")]
    item_code: Own | None = None
    case_no: Annotated[str, Field(min_length=1, max_length=50, description="自己的办件")] | None = None
    files: list[Own] = Field(default=[], max_length=100, description=f"POST /v1/files 得到的编号，最多 {MOST_FILES} 个：JPG、PNG、PDF、OFD")
    conversation_id: Annotated[Own, Field(description="跟办事助手的对话：一起带过去，不用再说一遍")] | None = None


class NewQuestion(Asked):
    text: Annotated[Free, Field(description="2 到 2000 个字")]


class NewSatisfaction(Asked):
    grade: Annotated[int, Field(ge=1, le=5, strict=True, description="5 非常满意 … 1 非常不满意")]
    text: Free = ""


class ComplaintMoveEntry(Told):
    state: str
    state_text: str
    at: str
    text: str
    department: str | None
    due_at: str | None


class ComplaintActEntry(Told):
    kind: Literal["question", "satisfaction"]
    text: str
    grade: int | None
    at: str
    registered: Literal["waiting", "told", "refused"]


class TalkLine(Told):
    at: str
    by: Literal["resident", "assistant"]
    text: str


class ComplaintEntry(Told):
    id: str
    number: str | None = Field(description="与 12345 共用的编号；还在登记时为空")
    kind: Kind
    kind_text: str
    title: str
    state: str = Field(description="政务平台的状态；not_registered：没有登记成，handed_over：没有登记成、工作人员已人工转交")
    state_text: str
    department: str | None
    due_at: str | None = Field(description="答复期限；没有登记成的为空")
    overdue: bool
    can_follow_up: bool
    can_rate: bool
    told_at: str


class ComplaintDetail(ComplaintEntry):
    text: str
    item_code: str | None
    case_no: str | None
    files: list[str]
    conversation: list[TalkLine]
    timeline: list[ComplaintMoveEntry]
    acts: list[ComplaintActEntry]
    note: str


class ComplaintsQuery(Asked):
    cursor: Cursor = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class ComplaintList(Told):
    items: list[ComplaintEntry]
    next_cursor: str | None


class StaffComplaintsQuery(Asked):
    state: Annotated[str, Field(pattern=r"^[a-z_]{0,20}$")] = ""
    kind: Literal["", "complaint", "suggestion", "consultation"] = ""
    at_core: Literal["", "waiting", "told", "refused", "handed_over"] = Field(
        default="", description="refused：政务平台没有接受，要人工转交；handed_over：已人工转交"
    )
    overdue: bool = Field(default=False, description="只看超过答复期限的")
    cursor: Cursor = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StaffComplaint(Told):
    """What was written is opened one by one, and the resident sees who opened it."""

    id: str
    number: str | None
    kind_text: str
    state: str
    state_text: str
    department: str | None
    due_at: str | None
    overdue: bool
    at_core: Literal["waiting", "told", "refused", "handed_over"] = Field(
        description="refused：政务平台没有接受，要人工转交；handed_over：已人工转交"
    )
    case_no: str | None
    item_code: str | None
    told_at: str


class StaffComplaints(Told):
    items: list[StaffComplaint]
    next_cursor: str | None


class StaffComplaintDetail(StaffComplaint):
    title: str
    text: str
    conversation: list[TalkLine]
    timeline: list[ComplaintMoveEntry]
    acts: list[ComplaintActEntry]
    handed_over: str | None = Field(description="政务平台没有接受的，人工转交到了哪里")


class HandOver(Asked):
    text: Annotated[Line, Field(min_length=2, max_length=500, description="转交到哪里，居民看得到，例如“已转 12345 热线，工单号……”")]
