"""Shapes of what staff do with items: closing one for online handling, and how each does online."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told


class CloseItem(Asked):
    message: Annotated[Line, Field(max_length=2000, description="为什么暂停，居民会看到，最多 200 字")]
    until: Annotated[datetime | None, Field(description="预计恢复的时间，带时区；到时自动恢复；不填则到重新开通为止")] = None
    revision: Annotated[int | None, Field(ge=1, le=2**31, description="修改已有的关停时给：看到的 revision")] = None


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
