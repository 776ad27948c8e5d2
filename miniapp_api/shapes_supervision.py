"""Shapes of figures and warnings."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from miniapp_api.shapes import Asked, Line, Told

Month = Annotated[str, Field(pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$", description="YYYY-MM，北京时间；不填为本月")]
Year = Annotated[str, Field(pattern=r"^(20[0-9]{2})?$", description="YYYY，整年（到本月为止）；与 month 只填一个")]


class FiguresQuery(Asked):
    month: Month = ""
    year: Year = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> "FiguresQuery":
        if self.month and self.year:
            raise ValueError("month 和 year 只填一个")
        return self


class SupervisionQuery(FiguresQuery):
    department: Annotated[Line, Field(max_length=200, description="只看一个部门，用事项里的部门名称")] = ""


class FigureEntry(Told):
    id: str
    name: str
    definition: str
    unit: Literal["share", "visits"] = Field(description="share：比例，1 为全部；visits：次数")
    numerator: int | None
    denominator: int | None = Field(description="有登记、能计算的；null 为未知")
    unknown: int = Field(description="没有登记、不计入的")
    value: float | None = Field(description="null 为未知，原因见 text")
    text: str


class DueEntry(Told):
    department: str | None
    step: str
    step_text: str
    near: int = Field(description="临期：剩一个工作日，或时限的五分之一")
    overdue: int
    past_legal: int = Field(description="逾期的里面，超过法定时限的")


class DepartmentFigures(Told):
    department: str | None
    received: int | None
    finished: int | None
    near: int | None
    overdue: int | None
    second_notices: int | None
    figures: list[FigureEntry]


class PartEntry(Told):
    known: bool
    why: str = Field(description="不能得到时的原因")
    rows: list[dict[str, Any]]
    total: int | None


class CoreMonth(Told):
    month: str
    known: bool
    why: str
    as_of: str | None
    whole: bool = Field(description="这个月已经结束，数不再变")


class SupervisionTold(Told):
    period: str
    department: str | None
    as_of: str
    received: int = Field(description="网上提出、核心平台已收到的申请")
    finished: int
    withdrawn: int
    results: dict[str, int]
    second_notices: int = Field(description="第二次及以后的补正通知（违反一次性告知）")
    figures: list[FigureEntry]
    due: list[DueEntry]
    departments: list[DepartmentFigures]
    satisfaction: PartEntry
    complaints: PartEntry
    delivery_failures: PartEntry
    assistant_misses: PartEntry
    core: list[CoreMonth]
    facts_whole: bool = Field(description="false：办件数据还在由办件重新算出，件数可能偏少，见 facts_note")
    facts_note: str


class OpenFigures(Told):
    period: str
    as_of: str
    kept: bool = Field(description="这个月已经定稿（月末快照），不再变")
    hash: str | None = Field(description="定稿的摘要")
    licence: str
    received: int | None
    finished: int | None
    figures: list[FigureEntry]
    departments: list[DepartmentFigures]
    core: list[CoreMonth]
    facts_whole: bool = Field(description="false：办件数据还在由办件重新算出，由办件算的都是 null，见 facts_note")
    facts_note: str
    note: str


class WarningsQuery(Asked):
    level: Literal["", "yellow", "red", "escalated"] = Field(default="", description="yellow 临期；red 逾期；escalated 逾期多日，报监督")
    cursor: Annotated[str, Field(pattern=r"^([0-9]{1,14}\.[0-9A-Za-z_.-]{1,120})?$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Looked(Told):
    at: str
    mine: bool
    note: str


class WarningEntry(Told):
    id: str
    level: Literal["yellow", "red", "escalated"]
    level_text: str
    case_no: str | None
    item_code: str
    department: str | None
    region: str | None
    step: str
    step_text: str
    due_kind: Literal["reply", "promised", "legal"]
    due_kind_text: str
    due_at: str
    at: str
    is_open: bool = Field(description="现在仍没有办结")
    seen: list[Looked]


class WarningsPage(Told):
    items: list[WarningEntry]
    next_cursor: str | None


class Noted(Asked):
    note: Annotated[Line, Field(min_length=1, max_length=500, description="怎样处理；不写人的信息")]
