"""Shapes of several items applied for together."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from miniapp_api.shapes import Asked, CaseEntry, Line, Told

Code = Annotated[Line, Field(min_length=1, max_length=64)]


class NewJoint(Asked):
    """A package (一件事), some items of it, or items of one's own choice."""

    package_id: Annotated[Line | None, Field(max_length=64)] = None
    item_codes: Annotated[list[Code] | None, Field(min_length=2, max_length=10)] = None
    region: Annotated[Line | None, Field(max_length=20, description="套餐里的事项按这个行政区划取")] = None

    @model_validator(mode="after")
    def _something(self) -> "NewJoint":
        if self.package_id is None and self.item_codes is None:
            raise ValueError("请给出 package_id 或 item_codes")
        return self


class JointCase(CaseEntry):
    colour: Literal["green", "amber", "red"] | None
    refused: bool = Field(description="政务平台没有接受这一项，草稿里可以改好再提交")


class Joint(Told):
    project_code: str = Field(description="项目码")
    name: str
    colour: Literal["green", "amber", "red"] | None = Field(description="各办件里最紧急的")
    text: str
    decided: int = Field(description="已办出结果的件数")
    total: int
    draft_id: str
    cases: list[JointCase]
