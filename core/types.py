"""Frozen types of the core platform's contract, shared by every feature.

They mirror `core/contract.yaml`. Whatever the core sends is parsed into these before anything else looks at it;
`None` always means "the core has not recorded it", never "not needed" (an empty list says that).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")]


class Frozen(BaseModel):
    """Read-only; a field the contract does not know yet is dropped, so that a newer core does not break us."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Limit(Frozen):
    """A time limit as the item states it: `days` in `unit`, and the source's own words in `text`."""

    days: int = Field(ge=0, le=3660)
    unit: Literal["working_days", "calendar_days"] = "working_days"
    text: Text = ""


class Department(Frozen):
    name: Name
    code: str | None = None


class Region(Frozen):
    """Administrative division, GB/T 2260 code."""

    code: str
    name: str


class Material(Frozen):
    """One paper or file to bring. `situations` empty: always needed; otherwise only when one of those options is chosen."""

    name: Name
    original: str | None = None  # 原件 | 复印件 | 原件和复印件 | 电子
    copies: int | None = Field(default=None, ge=0)
    source: str | None = None  # 申请人自备 | 政府部门核发 | 其他
    required: bool | None = None
    note: Text | None = None
    licence_type: str | None = None  # a licence of this type replaces it
    situations: tuple[str, ...] = ()


class SituationOption(Frozen):
    id: Code
    title: Name


class Situation(Frozen):
    """One situation question (情形) with its options."""

    id: Code
    question: Name
    options: tuple[SituationOption, ...]


class Fee(Frozen):
    """`amount_fen` is None where the standard is not one figure; `standard` then says it in words."""

    name: Name
    amount_fen: int | None = Field(default=None, ge=0)
    standard: Text | None = None
    basis: Text | None = None
    reduction: Text | None = None


class Step(Frozen):
    name: Name
    what: Text | None = None
    who: str | None = None
    days: int | None = Field(default=None, ge=0)


class Place(Frozen):
    address: Text
    name: str | None = None
    hours: str | None = None
    windows: str | None = None


class LegalBasis(Frozen):
    law: Name
    article: str | None = None
    text: Text | None = None


class Question(Frozen):
    question: Text
    answer: Text


class Result(Frozen):
    name: Name
    kind: str | None = None  # 证照 | 批文 | 其他


class Item(Frozen):
    """A service item (事项): elements of GB/T 39554.2 as far as the core has recorded them."""

    code: Code
    version: int = Field(ge=1)
    name: Name
    kind: str | None = None  # 行政许可 | 公共服务 | …
    short_name: str | None = None
    everyday_names: tuple[str, ...] = ()
    catalogue_name: str | None = None
    base_code: str | None = None
    department: Department
    co_departments: tuple[str, ...] = ()
    region: Region | None = None
    level: str | None = None  # 国家级 | 省级 | 市级 | 县级 | 镇级
    audience: tuple[str, ...] = ()  # 自然人 | 企业法人 | …
    themes: tuple[str, ...] = ()
    legal_basis: tuple[LegalBasis, ...] | None = None
    conditions: Text | None = None
    situations: tuple[Situation, ...] = ()
    materials: tuple[Material, ...] | None = None
    steps: tuple[Step, ...] | None = None
    statutory_limit: Limit | None = None
    promised_limit: Limit | None = None
    fees: tuple[Fee, ...] | None = None  # () = free of charge
    places: tuple[Place, ...] | None = None
    consult_phone: str | None = None
    complaint_phone: str | None = None
    visits: int | None = Field(default=None, ge=0)
    online: bool | None = None
    online_url: str | None = None
    delivery: bool | None = None  # result can be sent by courier
    results: tuple[Result, ...] | None = None
    faq: tuple[Question, ...] = ()
    form: dict[str, Any] | None = None  # JSON Schema 2020-12 of the application form
    source: dict[str, Any] = Field(default_factory=dict)  # what the source said that has no field above


class ItemRecord(Frozen):
    """One line of the items feed. `seq` grows with every change; a tombstone has `op` "remove" and no item."""

    seq: int = Field(ge=1)
    op: Literal["upsert", "remove"]
    code: Code
    version: int = Field(ge=1)
    batch: str
    effective_from: AwareDatetime | None = None
    effective_to: AwareDatetime | None = None
    item: dict[str, Any] | None = None  # an Item; parsed on its own, so that the record can be parked with a reason


class ItemPage(Frozen):
    records: tuple[ItemRecord, ...]
    next_cursor: str
    has_more: bool


class RawItemPage(Frozen):
    """A page as received: records are parsed one by one, so that a bad one never hides the good ones."""

    records: tuple[dict[str, Any], ...]
    next_cursor: str
    has_more: bool


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
