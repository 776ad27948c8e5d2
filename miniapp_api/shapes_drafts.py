"""Shapes of drafts, their pre-check and their submission."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from miniapp_api.shapes import Asked, ClosedOnline, Line, Told

FieldName = Annotated[str, Field(min_length=1, max_length=100)]
FileId = Annotated[Line, Field(min_length=1, max_length=64)]
Option = Annotated[Line, Field(min_length=1, max_length=130)]


class NewDraft(Asked):
    item_code: Annotated[Line, Field(min_length=1, max_length=64)]


class HandIn(Asked):
    """One material and how it comes."""

    name: Annotated[Line, Field(min_length=1, max_length=500)]
    hand_in: Annotated[
        Literal["window", "courier", "online"] | None, Field(description="window 到窗口，courier 寄递，online 网上；有文件或证照时为 online")
    ] = None
    files: Annotated[list[FileId], Field(max_length=50, description="上传得到的文件编号，要先可以使用", default_factory=list)]
    licence_id: Annotated[FileId | None, Field(description="用这张证照代替，提交时授权出示")] = None

    @model_validator(mode="before")
    @classmethod
    def _settled(cls, given: Any) -> Any:
        """Old clients name the material and nothing else: it is brought to the window."""
        if isinstance(given, dict) and given.get("hand_in") is None:
            return {**given, "hand_in": "online" if given.get("files") or given.get("licence_id") else "window"}
        return given


class DraftChange(Asked):
    answers: dict[FieldName, Any] = Field(default_factory=dict, max_length=200, description="只给改动的；null 删去一项")
    materials: Annotated[list[HandIn], Field(max_length=200, description="整体替换；不给则不变")] | None = None
    situations: Annotated[list[Option], Field(max_length=50, description="选择的情形（选项 id）；整体替换；不给则不变")] | None = None


class FormChanged(Told):
    field: str
    how: list[str] = Field(description="added 新增，removed 取消；仍在的：kind 类型变了，choices 选项变了，title 改名，required 是否必填变了")
    title_before: str | None
    title_after: str | None


class FormerAnswer(Told):
    """An answer whose field is gone from the form: kept, shown, never sent."""

    field: str
    title: str
    value: Any


class Covered(Told):
    """A material nobody needs to hand in: a licence of the subject stands for it when the draft is submitted."""

    material: str
    licence_id: str
    licence_type: str
    licence_name: str
    number: str = Field(description="脱敏号码")
    expires_at: str | None


class DraftItem(Told):
    code: str
    name: str
    version: int


class Draft(Told):
    id: str
    kind: Literal["single", "joint"]
    item_code: str = Field(description="几个事项一起办的，是项目码")
    item_version: int
    item_name: str
    items: list[DraftItem]
    project_code: str | None
    version: int
    state: Literal["open", "submitted"]
    answers: dict[str, Any]
    former_answers: list[FormerAnswer]
    materials: list[dict[str, Any]]
    situations: list[str]
    form: dict[str, Any] | None
    form_changes: list[FormChanged] = Field(description="从开始填写到现在，表单有哪些变化")
    wanted: list[dict[str, Any]] = Field(description="按所选情形需要的材料")
    covered: list[Covered] = Field(description="已有证照、不用提交的材料")
    licences_known: bool = Field(description="false：政务平台暂时没有告知有哪些证照，可先上传材料")
    closed: ClosedOnline | None = Field(description="其中有事项暂停网上办理：草稿保留，恢复之后再提交")
    updated_at: str


class DraftEntry(Told):
    id: str
    kind: Literal["single", "joint"]
    item_code: str
    item_name: str
    version: int
    closed: ClosedOnline | None = Field(description="暂停网上办理：草稿保留，恢复之后再提交")
    updated_at: str


class Drafts(Told):
    items: list[DraftEntry]


class FoundProblem(Told):
    field: str
    message: str
    source: Literal["form", "materials", "files", "core"]
    blocks: bool = Field(description="true：不改好不能提交；false：提交后窗口会要求")


class Prechecked(Told):
    findings: list[FoundProblem] = Field(description="全部问题，一次说清")
    core_checked: bool = Field(description="false：政务平台暂时没有回应，只按本地规则检查")


class Receipt(Told):
    receipt_no: str
    item_name: str
    submitted_at: str
    text: str
    progress_secret: str | None = Field(description="查询码：凭办件编号和它可公开查询进度")


class SubmittedPart(Told):
    """One item of several that were submitted together."""

    item_code: str
    item_name: str
    receipt_no: str
    case_no: str | None
    refused: bool = Field(description="政务平台没有接受这一项：草稿里只改它，再提交一次")
    progress_secret: str | None


class Submitted(Told):
    case_no: str | None = Field(description="null：已收到，正在提交政务平台；几个事项一起申请的看 parts")
    receipt: Receipt
    project_code: str | None = None
    parts: list[SubmittedPart] = Field(default_factory=list, description="几个事项一起申请时，每项一件")
    http_status: int = Field(default=201, exclude=True)
