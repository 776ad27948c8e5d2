"""What the assistant may know, as it needs it; supplied by wiring from the live catalogue. It invents nothing: what is not here is not said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`region`: a division code, or None."""

    code: str
    name: str
    department: str
    region: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """Best first. `certain`: the first is what was asked for; `topical`: the question names a matter at all, right or wrong."""

    candidates: tuple[Candidate, ...]
    certain: bool
    topical: bool


class Knowledge(Protocol):
    def find(self, question: str, region: str | None) -> Findings:
        """Raises Unavailable while the catalogue is loading."""

    def region_in(self, question: str) -> str | None:
        """The one region of the catalogue a question names."""

    async def guide(self, code: str, options: Sequence[str] = ()) -> Mapping[str, Any] | None:
        """The guide as the API gives it, with these situations; options it does not have are left out. None: there is no such item."""


@dataclass(frozen=True, slots=True)
class OwnCase:
    """A case of the resident who is asking."""

    case_no: str | None
    item_code: str
    item_version: int
    item_name: str
    state_text: str
    moved_at: str  # RFC 3339, +08:00


@dataclass(frozen=True, slots=True)
class OwnBill:
    """What the resident who is asking owes, or has paid. `amount`: in yuan, as the core has it now; `as_of`: RFC 3339, +08:00."""

    title: str
    amount: str
    state_text: str
    case_no: str | None
    as_of: str


class Lookups(Protocol):
    async def progress(self, resident_id: str) -> Sequence[OwnCase]:
        """Newest first."""

    async def bills(self, resident_id: str) -> Sequence[OwnBill] | None:
        """Those to pay first, then the newest. None: the core does not say."""
