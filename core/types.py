"""Frozen types of the core platform's contract, shared by every feature.

They mirror `core/contract.yaml`. Whatever the core sends is parsed into these before anything else looks at it. Items are in core/items.py.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.bills import Bill as Bill
from core.bills import BillState as BillState
from core.bills import EBill as EBill
from core.bills import IssuedBill as IssuedBill
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

_WORD = re.compile(r"[a-z][a-z_]{1,39}")


class CaseState(StrEnum):
    """States of a case at the core. `sending` is ours alone: recorded here, not yet confirmed there.

    A word of a newer core is read as `other`: the case has moved, and the move's text says how.
    """

    SENDING = "sending"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    CORRECTIONS = "corrections"
    APPROVED = "approved"
    REJECTED = "rejected"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"
    SUPPLEMENTED = "supplemented"  # 已补正: what was asked for came in, nobody has looked at it yet
    SPECIAL_PROCEDURE = "special_procedure"  # 特别程序 (听证, 检验 …): its days do not count, 行政许可法 §45
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "CaseState | None":
        return cls.OTHER if isinstance(value, str) and _WORD.fullmatch(value) else None


class Finding(Frozen):
    """One thing to put right: what it is about, what is wrong, what to do."""

    target: str = "case"  # case | material | field; another word of a newer core is kept, not refused
    name: str = ""
    problem: Text
    fix: Text = ""


class CorrectionNotice(Frozen):
    """The numbered notice (补正通知书) behind a move to corrections. `ordinal` 1 is the first of this case (一次性告知)."""

    notice_no: Annotated[str, Field(min_length=1, max_length=64)]
    ordinal: int = Field(ge=1, le=1000)
    due_at: AwareDatetime | None = None  # None: the core set no day


class AcceptanceReceipt(Frozen):
    """The acceptance (受理通知书) behind a move to accepted; limits count from `received_at`."""

    receipt_no: Annotated[str, Field(min_length=1, max_length=64)]
    received_at: AwareDatetime


class CaseMove(Frozen):
    """One step of a case. `version` grows by one per case with every move. `notice` comes with corrections, `receipt` with accepted."""

    version: int = Field(ge=1)
    state: CaseState
    at: AwareDatetime
    text: Text = ""
    findings: tuple[Finding, ...] = ()
    notice: CorrectionNotice | None = None
    receipt: AcceptanceReceipt | None = None


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


class BillIssued(Frozen):
    """Somebody owes something new. Comes as a move does. `case_no`: of the case it is charged for; `request_id`: if that was filed through us."""

    event_id: Annotated[str, Field(min_length=1, max_length=64)]
    seq: int = Field(ge=1)
    type: Literal["bill.issued"]
    case_no: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    request_id: str | None = None
    bill: IssuedBill


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
