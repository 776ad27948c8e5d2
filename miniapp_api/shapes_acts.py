"""Shapes of what is done about a case that is filed."""

from typing import Annotated, Any

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told
from miniapp_api.shapes_drafts import FieldName, HandIn


class Corrections(Asked):
    """Everything a notice asks for, in one round."""

    answers: dict[FieldName, Any] = Field(default_factory=dict, max_length=200, description="改正的表单项")
    materials: Annotated[list[HandIn], Field(max_length=200, description="重新提交的材料，代替同名的")] = Field(default_factory=list)


class Withdrawal(Asked):
    reason: Annotated[Line, Field(max_length=500)] = ""


class Acted(Told):
    case_no: str
    act_id: str = Field(description="这次操作的编号；同一次补正、撤回不论提交几遍都是它")
    done: bool = Field(description="false：已收到，正在提交政务平台")
    state: str
    state_text: str
    text: str
    http_status: int = Field(default=200, exclude=True)
