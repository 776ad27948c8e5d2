"""Shapes of /v1/me: whom one acts for, links, grants, consents, preferences; and of the other ways in."""

from typing import Annotated, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told

Role = Literal["self", "enterprise", "agent", "guardian"]


class SubjectWish(Asked):
    kind: Role
    id: Annotated[Line, Field(max_length=64, description="取自 GET /v1/me/subjects；kind 为 self 时不用给")] | None = None


class SubjectChoice(Told):
    kind: Role
    id: str = Field(description="统一社会信用代码、被监护人编号、授权编号，或本人编号")
    name: str = Field(description="企业名称；人名脱敏")
    relation: str = Field(description="legal_representative、handler，或与被监护人的关系")
    purposes: list[str] | None = Field(description="代办授权的范围；空为全部")
    until: str | None = Field(description="授权到期的时间；企业和监护关系十五分钟后重新核对")
    current: bool


class SubjectChoices(Told):
    items: list[SubjectChoice]
