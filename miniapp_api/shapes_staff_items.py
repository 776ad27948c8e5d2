"""Shapes of what staff do with items: closing one for online handling, and how each does online."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, ClosedOnline, Line, Told


class CloseItem(Asked):
    message: Annotated[Line, Field(max_length=2000, description="为什么暂停，居民会看到，最多 200 字")]
    until: Annotated[datetime | None, Field(description="预计恢复的时间，带时区；到时自动恢复；不填则到重新开通为止")] = None
    revision: Annotated[int | None, Field(ge=1, le=2**31, description="修改已有的关停时给：看到的 revision")] = None


class ReopenItem(Asked):
    revision: Annotated[int | None, Field(ge=1, le=2**31, description="看到的 revision；给了，关停又被别人改过时就不会重新开通")] = None


class ItemClosure(Told):
    code: str
    name: str
    department: str
    closed: bool
    message: str | None
    since: str | None
    until: str | None
    by: str | None = Field(description="工作人员账号编号")
    revision: int | None


class ItemClosures(Told):
    items: list[ItemClosure]


class HealthQuery(Asked):
    days: Annotated[int, Field(ge=1, le=90, description="最近几天，含今天；与之前同样多的天数比")] = 7


class HealthListQuery(HealthQuery):
    department: Annotated[Line, Field(max_length=100)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class StepHealth(Told):
    step: Literal["read", "draft", "checked", "submitted", "filed", "accepted", "finished"]
    text: str
    total: int = Field(description="走到这一步的件数；看指南是次数")
    under_way: int = Field(description="还停在前一步、仍可能继续的")
    dropped: int = Field(description="停在前一步、不再继续的：草稿一天没有人动、政务平台不接受、撤回、不予受理")
    drop_off: float | None = Field(description="流失占前一步的比例，0 到 1")
    median_seconds: float | None = Field(description="从前一步到这一步的中位用时")
    p90_seconds: float | None
    previous_total: int
    previous_drop_off: float | None


class Reason(Told):
    reason: str
    text: str
    total: int


class OverLimit(Told):
    step: str | None = Field(description="null：出错率")
    value: float
    limit: float
    of: int
    text: str


class ItemHealth(Told):
    code: str
    name: str
    department: str
    steps: list[StepHealth]
    attempts: int = Field(description="预审和提交的次数")
    errors: int = Field(description="其中不怪居民的出错次数")
    error_rate: float | None
    reasons: list[Reason]
    refusals: list[Reason] = Field(description="居民可以改好的，不算出错")
    previous_attempts: int
    previous_error_rate: float | None
    over: list[OverLimit] = Field(description="超过的限值；空：正常")
    suggestion: str | None = Field(description="超过限值、还没有暂停时的建议；是否暂停由人决定")
    closed: ClosedOnline | None


class ItemsHealth(Told):
    since: str
    until: str
    days: int
    as_of: str = Field(description="今天开始填写的随时现数；以前开始的，最早的一天是这时数的")
    total: int
    items: list[ItemHealth] = Field(description="超过限值的在前，其余按预审和提交次数")
