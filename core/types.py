"""Frozen types of the core platform's contract, shared by every feature.

They mirror `core/contract.yaml`. Whatever the core sends is parsed into these before anything else looks at it. Items are in core/items.py.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.bills import Bill as Bill
from core.bills import BillState as BillState
from core.bills import EBill as EBill
from core.bills import Reversal as Reversal
from core.bills import Settlement as Settlement
from core.frozen import Code as Code
from core.frozen import Frozen as Frozen
from core.frozen import Name as Name
from core.frozen import RawPage as RawPage
from core.frozen import Text as Text
from core.items import Item as Item
from core.items import ItemPage as ItemPage
from core.items import ItemRecord as ItemRecord
from core.items import Material as Material
from core.items import Situation as Situation


class CaseState(StrEnum):
    """States of a case at the core. `sending` is ours alone: recorded here, not yet confirmed there."""

    SENDING = "sending"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    CORRECTIONS = "corrections"
    APPROVED = "approved"
    REJECTED = "rejected"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"


class Finding(Frozen):
    """One thing to put right: what it is about, what is wrong, what to do."""

    target: str = "case"  # case | material | field; another word of a newer core is kept, not refused
    name: str = ""
    problem: Text
    fix: Text = ""


class CaseMove(Frozen):
    """One step of a case. `version` grows by one per case with every move."""

    version: int = Field(ge=1)
    state: CaseState
    at: AwareDatetime
    text: Text = ""
    findings: tuple[Finding, ...] = ()


class Applicant(Frozen):
    """The real-name person a case is filed for. Never logged."""

    person_id: str
    name: str
    id_number: str
    phone: str | None = None


class Case(Frozen):
    """A case as the core holds it."""

    case_no: Annotated[str, Field(min_length=1, max_length=50)]
    request_id: str
    item_code: Code
    item_version: int
    item_name: str
    state: CaseState
    version: int = Field(ge=1)
    submitted_at: AwareDatetime
    timeline: tuple[CaseMove, ...]


class CoreEvent(Frozen):
    """A case moved. Comes by signed webhook and by the pull feed, possibly both, in any order."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    seq: int = Field(ge=1)
    type: Literal["case.moved"]
    case_no: Annotated[str, Field(min_length=1, max_length=50)]
    request_id: str
    move: CaseMove


class EventPage(Frozen):
    events: tuple[CoreEvent, ...]
    next_cursor: str
    has_more: bool


class RawEventPage(Frozen):
    """A page as received: events are parsed one by one."""

    events: tuple[dict[str, Any], ...]
    next_cursor: str
    has_more: bool


class ChallengeState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"


class Challenge(Frozen):
    """An identity check in progress. The core answers the same for a right and a wrong pair until it is approved."""

    challenge: str
    state: ChallengeState
    method: str
    expires_at: datetime
    person_id: str | None = None
