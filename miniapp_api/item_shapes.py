"""Shapes of what is told about items: guides, versions, differences."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from miniapp_api.shapes import Asked, GuideParts, Told

State = Literal["in_effect", "ended", "withdrawn"]
Version = Annotated[int, Field(ge=1, le=2**53)]


class Guide(Told):
    code: str
    version: int
    name: str
    kind: str | None
    department: str
    region: dict[str, Any] | None
    audience: list[str]
    themes: list[str]
    as_of: str | None
    state: State
    notice: str | None = Field(description="不再有效时告诉居民的话")
    replaced_by: list[str] = Field(description="替代的事项编码")
    effective_from: str | None
    effective_to: str | None
    can_apply: bool
    situations: list[dict[str, Any]]
    parts: GuideParts
    online: bool | None
    online_url: str | None
    mobile_url: str | None
    online_depth: str | None
    booking: bool | None
    booking_url: str | None
    handling_kind: str | None = Field(description="即办件、承诺件")
    handling_forms: list[str] | None
    legal_basis: list[dict[str, Any]] | None
    results: list[dict[str, Any]] | None
    intermediaries: list[dict[str, Any]] | None = Field(description="申请前需要的中介服务")
    reconsideration: dict[str, Any] | None
    litigation: dict[str, Any] | None
    faq: list[dict[str, Any]]


class VersionQuery(Asked):
    version: Annotated[Version | None, Field(description="旧版的版本号；不给则为现行版")] = None


class ItemVersion(Told):
    version: int
    at: str = Field(description="收到的时间")
    effective_from: str | None
    effective_to: str | None
    current: bool


class ItemVersions(Told):
    items: list[ItemVersion]


class DiffQuery(Asked):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
    since: Annotated[Version | None, Field(alias="from", description="不给则为 to 的前一版")] = None
    to: Annotated[Version | None, Field(description="不给则为现行版")] = None


class ItemChange(Told):
    path: str
    label: str = Field(description="要素的中文名称")
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


class ItemDiff(Told):
    model_config = ConfigDict(frozen=True, serialize_by_alias=True)
    since: int = Field(alias="from")
    to: int
    changes: list[ItemChange]
