"""Shapes of what is told about items: guides, versions, differences."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from miniapp_api.shapes import Asked, ClosedOnline, GuideParts, Line, Told

State = Literal["in_effect", "ended", "withdrawn"]
Version = Annotated[int, Field(ge=1, le=2**53)]


class ItemsQuery(Asked):
    q: Annotated[str, Field(max_length=10_000, description="居民自己的话；只看最后 200 个字")] = ""
    theme: Annotated[Line, Field(max_length=100)] | None = None
    audience: Annotated[Line, Field(max_length=100, description="自然人、企业……也可以写个人、法人")] | None = None
    region: Annotated[Line, Field(max_length=20, description="行政区划代码；上级地区办理的事项一并列出")] | None = None
    department: Annotated[Line, Field(max_length=100)] | None = None
    list: Annotated[Literal["at_once", "online", "one_visit"] | None, Field(description="马上办、网上办、一次办")] = None
    facets: Annotated[bool, Field(description="连同各主题、部门、对象、地区、清单的事项数")] = False
    cursor: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-z._-]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class ItemEntry(Told):
    code: str
    name: str
    department: str
    region: str | None
    score: float | None = None
    can_apply: bool | None = Field(default=None, description="false：现在不能网上申请；null：看办事指南")
    closed: ClosedOnline | None = Field(default=None, description="暂停网上办理")
    marks: list[tuple[int, int]] = Field(description="名称中与所问相符的片段，按字符位置，前闭后开")


class Facet(Told):
    value: str
    total: int


class Items(Told):
    items: list[ItemEntry]
    next_cursor: str | None
    total: int
    sure: bool = Field(description="false：没有找到所问的事项，列出的只是最接近的")
    understood_as: str | None = Field(description="按这句话找的；只在所问有错字或是拼音时给出")
    facets: dict[str, list[Facet]] | None = Field(description="theme、department、audience、region、list 各有多少事项，多的在前")
    as_of: str | None


class SuggestQuery(Asked):
    q: Annotated[str, Field(max_length=200, description="已经输入的字、拼音或首字母")] = ""
    limit: Annotated[int, Field(ge=1, le=20)] = 8


class Suggested(Told):
    items: list[str]


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
    notice: str | None = Field(description="不再有效或暂停网上办理时告诉居民的话")
    replaced_by: list[str] = Field(description="替代的事项编码")
    effective_from: str | None
    effective_to: str | None
    can_apply: bool
    closed: ClosedOnline | None = Field(description="暂停网上办理")
    situations: list[dict[str, Any]]
    asked: list[str] = Field(description="还没回答、且会改变材料清单的问题 id，按顺序问即可")
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
