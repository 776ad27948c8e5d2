"""What every type of the contract is built from: read-only models and the bounded texts in them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]
Url = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$")]


class Frozen(BaseModel):
    """Read-only; a field the contract does not know yet is dropped, so that a newer core does not break us."""

    model_config = ConfigDict(frozen=True, extra="ignore")
