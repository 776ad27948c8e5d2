"""Shapes of what residents read beyond the bare item: the short guide, packages, themes, lists."""

from typing import Annotated, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, ClosedOnline, Line, Told


class GuideQuery(Asked):
    situation: Annotated[Line, Field(max_length=500, description="选中的情形 id，用逗号分开；同一个问题只能选一个")] | None = None
    form: Annotated[Literal["short"], Field(description="short：适老短版，可朗读")] | None = None


class Sentence(Told):
    part: str
    text: str


class ShortGuide(Told):
    code: str
    version: int
    name: str
    phone: str = Field(description="拨打用的号码；句子里的号码逐位念")
    sentences: list[Sentence]
    read_aloud: str
    state: Literal["in_effect", "ended", "withdrawn"]
    notice: str | None
    can_apply: bool
    closed: ClosedOnline | None
    as_of: str | None


class PackagesQuery(Asked):
    audience: Annotated[Line, Field(max_length=100)] | None = None


class PackageQuery(Asked):
    situation: Annotated[Line, Field(max_length=2000, description="情形 id，或“事项编码/情形 id”，用逗号分开")] | None = None
    region: Annotated[Line, Field(max_length=20, description="行政区划代码，取离它最近的事项")] | None = None


class PackageEntry(Told):
    id: str
    name: str
    description: str
    audience: list[str]
    steps_total: int
    items_total: int
    items_found: int


class PackageList(Told):
    items: list[PackageEntry]
    as_of: str | None


class PackageItem(Told):
    code: str | None
    name: str
    department: str | None
    found: bool = Field(description="false：本地目录没有这个事项")
    closed: ClosedOnline | None = Field(description="暂停网上办理")


class PackageStep(Told):
    title: str
    one_of: bool = Field(description="true：列出的事项选办一个")
    items: list[PackageItem]


class PackageMaterial(Told):
    name: str
    wanted_by: list[str] = Field(alias="for", description="要这份材料的事项编码")
    original: str | None
    copies: int | None = Field(description="单个事项要的最多份数")
    note: str | None
    required: bool | None
    only_if: list[str] = Field(description="只有这些情形才要；空：都要")
    times_needed: int
    issued_by: list[str] = Field(description="前面步骤会办出它的事项编码，不用另备")


class OpenQuestion(Told):
    code: str
    id: str
    question: str
    options: list[dict[str, str]]


class NamedItem(Told):
    code: str
    name: str


class PackageGuide(Told):
    id: str
    name: str
    description: str
    audience: list[str]
    steps: list[PackageStep]
    materials: list[PackageMaterial]
    materials_not_recorded: list[NamedItem]
    asked: list[OpenQuestion] = Field(description="还没回答、且会改变材料清单的问题；选项 id 可原样传回 situation")
    visits_total: int | None = Field(description="各事项最多跑的次数之和；有一项没有登记或本地没有就是 null")
    limit_text: str
    fees_text: str
    as_of: str | None


class ThemeTotal(Told):
    name: str
    total: int


class Themes(Told):
    items: list[ThemeTotal]
    as_of: str | None


class ListTotal(Told):
    id: str
    name: str
    definition: str
    total: int


class Lists(Told):
    items: list[ListTotal]
    as_of: str | None
