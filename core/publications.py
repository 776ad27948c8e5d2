"""Frozen types of the core's publications feed: what a city makes public beside its items. Mirrors `core/contract.yaml` like core/types.py."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, field_validator, model_validator

from core.frozen import Code, Frozen, Name, Text
from core.items import Department, Region


def _of_our_days(moment: datetime) -> datetime:
    """A date no time zone can push out of the calendar, and that a resident would believe."""
    if not 1900 <= moment.year < 3000:
        raise ValueError("a year from 1900 to 2999 is needed")
    return moment


Kind = Literal["notice", "policy", "intermediary", "exposure"]  # 公告 | 政策文件 | 中介机构名录 | 曝光纠错
Body = Annotated[str, Field(min_length=1, max_length=50_000)]  # so that a page of 40 stays below the 8 MiB a reply may have
Link = Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s]+$")]
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_days)]


class Attachment(Frozen):
    name: Name
    url: Link


class Agency(Frozen):
    """An agency that residents may hire (中介机构): what it does, where it is, and what entitles it to."""

    services: tuple[Name, ...] = Field(min_length=1)
    address: Text | None = None
    phone: str | None = None
    qualification: Text | None = None


class Exposure(Frozen):
    """A problem residents raised, and what the department said. `reply` None: it has not answered yet."""

    problem: Text
    reply: Text | None = None
    replied_at: Moment | None = None
    replied_by: Name | None = None


class Publication(Frozen):
    """Something made public. `body` is plain text, paragraphs divided by line feeds, never HTML.

    Not to be shown before `published_at`; past `expires_at` it is history. Kind "intermediary" carries `intermediary`, kind "exposure" `exposure`.
    """

    id: Code
    version: int = Field(ge=1, le=2**31 - 1)
    kind: Kind
    title: Name
    summary: Text | None = None
    body: Body
    department: Department | None = None
    region: Region | None = None
    published_at: Moment
    expires_at: AwareDatetime | None = None
    document_number: Name | None = None  # 发文字号
    attachments: tuple[Attachment, ...] = ()
    item_codes: tuple[Code, ...] = ()  # the items it is about
    intermediary: Agency | None = None
    exposure: Exposure | None = None

    @field_validator("expires_at")
    @classmethod
    def _or_never(cls, moment: datetime | None) -> datetime | None:
        """9999-12-31 and its like are how some systems write 长期有效."""
        return moment if moment is None or moment.year < 3000 else None

    @model_validator(mode="after")
    def _whole(self) -> "Publication":
        for kind, part in (("intermediary", self.intermediary), ("exposure", self.exposure)):
            if (self.kind == kind) != (part is not None):
                raise ValueError(f"{kind} belongs to kind {kind}, and to no other")
        return self


class PublicationRecord(Frozen):
    """One line of the publications feed. `seq` grows with every change; a tombstone has `op` "remove" and no publication."""

    seq: int = Field(ge=1, le=2**53)
    op: Literal["upsert", "remove"]
    id: Code
    version: int = Field(ge=1, le=2**31 - 1)
    publication: dict[str, Any] | None = None  # a Publication; parsed on its own, so that the record can be parked with a reason


class PublicationPage(Frozen):
    records: tuple[PublicationRecord, ...]
    next_cursor: str
    has_more: bool
