"""What every type of the contract is built from: read-only models, the bounded texts in them, pages of a feed."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]
Url = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$")]


class Frozen(BaseModel):
    """Read-only; a field the contract does not know yet is dropped, so that a newer core does not break us."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RawPage(Frozen):
    """A page as received: records are parsed one by one, so that a bad one never hides the good ones."""

    records: tuple[dict[str, Any], ...]
    next_cursor: str
    has_more: bool
