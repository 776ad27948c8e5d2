"""Shapes of uploads."""

from typing import Literal

from pydantic import Field

from miniapp_api.shapes import Told


class File(Told):
    """`state`: scanning files cannot be used yet, refused ones never; `text` says which and what to do."""

    id: str
    name: str
    size: int = Field(description="字节")
    media_type: Literal["image/jpeg", "image/png", "application/pdf", "application/ofd"]
    state: Literal["scanning", "ready", "refused"]
    pages: int | None = Field(description="PDF、OFD 的页数")
    text: str
