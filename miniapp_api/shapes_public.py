"""Shapes of what is public beside the items: publications and open data."""

from typing import Annotated, Any, Literal

from pydantic import Field

from core.publications import Kind
from miniapp_api.shapes import Asked, Line, Told


class PublicationsQuery(Asked):
    q: Annotated[str, Field(max_length=10_000)] = ""
    kind: Kind | None = None
    item_code: Annotated[Line, Field(max_length=64)] | None = None
    cursor: Annotated[Line, Field(max_length=100)] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class PublicationEntry(Told):
    id: str
    kind: Kind
    title: str
    summary: str | None
    department: str | None
    published_at: str
    score: float | None = None


class PublicationList(Told):
    """Newest first; with a query the best first."""

    items: list[PublicationEntry]
    next_cursor: str | None
    total: int
    as_of: str | None


class AttachmentTold(Told):
    name: str
    url: str


class AgencyTold(Told):
    services: list[str]
    address: str | None
    phone: str | None
    qualification: str | None


class ExposureTold(Told):
    problem: str
    reply: str | None = Field(description="null：部门还没有答复")
    replied_at: str | None
    replied_by: str | None


class PublicationDetail(Told):
    id: str
    version: int
    kind: Kind
    title: str
    summary: str | None
    body: str = Field(description="纯文本，换行分段")
    department: str | None
    region: dict[str, Any] | None
    published_at: str
    expires_at: str | None
    state: Literal["current", "expired"]
    state_text: str = Field(description="有效 | 已过期")
    document_number: str | None
    attachments: list[AttachmentTold]
    item_codes: list[str]
    intermediary: AgencyTold | None
    exposure: ExposureTold | None
    as_of: str | None


class OpenItemsQuery(Asked):
    format: Literal["jsonl", "csv"] | None = Field(default=None, description="不给则按 Accept，默认 jsonl")
    region: Annotated[Line, Field(min_length=1, max_length=20, description="行政区划代码")] | None = None


class OpenField(Told):
    name: str
    meaning: str
    type: str = Field(description="string、integer、boolean、object，或 array of …；CSV 里数组和对象写成 JSON")
    nullable: bool = Field(description="null（CSV 里为空）表示没有登记")
    fields: list["OpenField"]


class OpenFields(Told):
    licence: str
    as_of: str | None
    count: int
    fields: list[OpenField]
