"""Shapes of broadcasts. What is too long, too fast or leads elsewhere is for the rules to say, all of it at once (notify/broadcasts.py)."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told
from notify.broadcasts import FASTEST_RATE, LONGEST_BODY, LONGEST_REASON, LONGEST_TITLE, PAGES, USUAL_RATE

State = Literal["draft", "submitted", "approved", "running", "done", "stopped", "rejected"]


class SegmentWish(Asked):
    """都不填：所有有账号的人。"""

    channel: Literal["wechat", "alipay"] | None = Field(default=None, description="在这个渠道有账号；与下面的条件同填：从这个渠道申请的")
    item_code: Annotated[Line, Field(min_length=1, max_length=64)] | None = Field(default=None, description="有这个事项的办件")
    states: Literal["open", "finished"] | None = Field(default=None, description="办件还在办，或已办结")
    since: date | None = Field(default=None, description="从这一天起申请的（北京时间）")


class BroadcastWish(Asked):
    title: Annotated[str, Field(max_length=200)] = Field(description=f"最多 {LONGEST_TITLE} 个字，不能带网址和个人的号码")
    body: Annotated[str, Field(max_length=5000)] = Field(description=f"最多 {LONGEST_BODY} 个字，不能带网址和个人的号码")
    urgent: bool = Field(default=False, strict=True, description="紧急：勿扰时段也推送")
    page: Annotated[Line, Field(max_length=200)] = Field(description="点开后到哪一页：" + "、".join(PAGES))
    segment: SegmentWish = SegmentWish()
    rate: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = Field(default=USUAL_RATE, description=f"每秒多少人，1 到 {FASTEST_RATE}")


class BroadcastRejection(Asked):
    reason: Annotated[Line, Field(min_length=1, max_length=LONGEST_REASON)]


class BroadcastQuery(Asked):
    state: State | Literal[""] = ""
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9a-z_]{1,40})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Preview(Told):
    count: int = Field(description="提交时有多少人；只按渠道选时是账号数，有几个账号的人会多算")
    inbox: str = Field(description="收件箱里的全文")
    wechat: dict[str, str] = Field(description="微信订阅消息的各个值；模板编号由各城市登记，这里按通用的")
    alipay: dict[str, str]
    sms: str | None = Field(description="空：这类通知不发短信")


class Progress(Told):
    told: int = Field(description="已写入收件箱")
    already: int = Field(description="此前已经收到，没有重复写")
    left: int = Field(description="按提交时的人数，还剩多少；发完和停止之后为 0")
    pushed: dict[str, dict[str, int]] = Field(description="渠道 → 结果 → 条数")
    waiting: int = Field(description="已写入收件箱，还没有轮到推送")
    started_at: str | None
    finished_at: str | None
    estimated_end: str | None = Field(description="按现在的速度估计；只在发送时有")


class BroadcastEntry(Told):
    id: str
    state: State
    state_text: str
    title: str
    urgent: bool
    segment: dict[str, Any]
    department: str | None = Field(description="空：全市")
    told: int
    made_by: str = Field(description="工作人员编号")
    made_at: str
    approved_by: str | None


class Broadcast(BroadcastEntry):
    body: str
    page: str
    rate: int
    region: str | None
    submitted_by: str | None
    submitted_at: str | None
    approved_at: str | None
    rejected_by: str | None
    rejected_because: str | None
    stopped_by: str | None
    preview: Preview | None = Field(description="提交时定下的样子；草稿为空")
    progress: Progress | None = Field(description="批准之后才有")


class BroadcastEntries(Told):
    items: list[BroadcastEntry]
    next_cursor: str | None
