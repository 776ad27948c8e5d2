"""Shapes of licences and of what was allowed with them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from miniapp_api.shapes import Asked, Line, Told


class LicenceEntry(Told):
    id: str
    type: str
    name: str
    number: str = Field(description="脱敏号码")
    issuer: str
    issued_at: str
    expires_at: str | None = Field(description="null：长期有效")
    expires_soon: bool = Field(description="三十天内到期")
    state: Literal["valid", "expired", "revoked", "other"]
    text: str


class LicenceEntries(Told):
    items: list[LicenceEntry]
    known: bool = Field(description="false：政务平台暂时没有告知，不等于没有证照")
    text: str


class Authorize(Asked):
    """For a draft, or for an item that is applied for at a window."""

    purpose: Annotated[Line, Field(min_length=1, max_length=200, description="用途，居民看得懂的话")]
    item_code: Annotated[Line, Field(min_length=1, max_length=64)] | None = None
    draft_id: Annotated[Line, Field(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def _for_one(self) -> "Authorize":
        if (self.item_code is None) == (self.draft_id is None):
            raise ValueError("请给出 item_code 或 draft_id 中的一个")
        return self


class LicenceUse(Told):
    id: str
    licence_id: str
    licence_name: str
    item_code: str
    item_name: str
    receipt_no: str | None = Field(description="随哪份申请使用")
    purpose: str
    at: str
    valid_until: str
    state: Literal["asking", "presented", "refused"]
    by_me: bool = Field(description="是否由当前登录的人授权")


class Authorization(LicenceUse):
    code: str = Field(description="出示码，交给经办部门核验")


class LicenceUseList(Told):
    items: list[LicenceUse]
    next_cursor: str | None
