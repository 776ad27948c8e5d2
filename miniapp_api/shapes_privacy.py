"""Shapes of what residents do with what is held of them: export, deletion, who looked."""

from typing import Annotated, Any, Literal

from pydantic import Field

from miniapp_api.shapes import Asked, Told


class ExportQuery(Asked):
    files: Annotated[bool, Field(description="true：连上传的文件一起，成为一个 ZIP；否则是一个 JSON")] = False


class ExportTold(Told):
    export: str
    state: Literal["waiting", "ready"]
    with_files: bool
    expires_at: str
    text: str
    http_status: int = Field(default=202, exclude=True)


class ExportDocument(Told):
    about: str
    made_at: str
    held: dict[str, dict[str, Any]] = Field(description="集合 -> {kind, what, why?, rows}")


class Goodbye(Asked):
    confirm: Annotated[Literal["注销账号"], Field(description="由居民亲手输入的四个字")]


class Remains(Told):
    what: str
    kind: str
    rows: int
    text: str = Field(description="为什么留着、留多久")


class ErasureTold(Told):
    erasure: str
    text: str
    kept: list[Remains] = Field(description="依法保留的，其中不再有您的身份")
    core: str = Field(description="核心平台保存的不受影响")


class Look(Told):
    at: str
    by: str = Field(description="工作人员用户名、核心平台，或本人")
    what: str
    reason: str


class LookList(Told):
    items: list[Look]
    next_cursor: str | None
