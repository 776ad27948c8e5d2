"""A rating, the putting right of a bad one, and the days each step has. No store, no clock of its own."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

Stage = Literal["acceptance", "result"]
STAGES: tuple[Stage, ...] = ("acceptance", "result")
STAGE_WORDS: dict[Stage, str] = {"acceptance": "受理", "result": "办结"}
GRADES = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
BAD = frozenset({1, 2})  # 差评: to be put right, 国办发〔2019〕51号
GOOD_FROM = 3  # 基本满意 and better count as satisfied
AtCore = Literal["waiting", "told", "refused"]
AppealKind = Literal["mistaken", "malicious"]
Word = Literal["satisfied", "unsatisfied", "unreached"]
_Days = Annotated[int, Field(ge=1, le=365)]


@dataclass(frozen=True, slots=True)
class Terms:
    """A city's own limits. Days of a rectification are working days; `open_days` are calendar days after the stage.

    `total_days` bound every step but the call-back, which has its own whole.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    open_days: _Days = 30
    triage_days: _Days = 1
    reply_days: _Days = 5
    call_back_days: _Days = 3
    total_days: _Days = 15
    fewest: Annotated[int, Field(ge=2, le=100)] = 5  # figures about fewer ratings of one item or department are not published


class State(StrEnum):
    TRIAGE = "triage"
    WITH_DEPARTMENT = "with_department"
    APPEALED = "appealed"
    CALL_BACK = "call_back"
    CLOSED_SATISFIED = "closed_satisfied"
    CLOSED_UNSATISFIED = "closed_unsatisfied"
    CLOSED_UNREACHED = "closed_unreached"
    UPHELD = "upheld"  # the appeal was: the rating stays, marked, and counts no more


OPEN = frozenset({State.TRIAGE, State.WITH_DEPARTMENT, State.APPEALED, State.CALL_BACK})
CLOSED = frozenset({State.CLOSED_SATISFIED, State.CLOSED_UNSATISFIED, State.CLOSED_UNREACHED})
STATE_WORDS = {
    State.TRIAGE: "等待核实分派",
    State.WITH_DEPARTMENT: "部门整改中",
    State.APPEALED: "部门申诉，等待裁定",
    State.CALL_BACK: "部门已答复，等待回访",
    State.CLOSED_SATISFIED: "已整改，回访满意",
    State.CLOSED_UNSATISFIED: "已办结，回访仍不满意",
    State.CLOSED_UNREACHED: "已整改，未能联系上评价人",
    State.UPHELD: "申诉成立，不计入统计",
}


@dataclass(frozen=True, slots=True)
class About:
    """What is rated. `department` None: the item names none, and the supervisor decides who answers. `region`: the item's division code."""

    case_no: str
    request_id: str
    item_code: str
    item_name: str
    department: str | None
    subject_key: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What a resident said of one stage."""

    stage: Stage
    grade: int
    indicators: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """`by_agent`: given by somebody under a grant. `excluded`: an appeal was upheld. `core_reason`: why the core does not hold it."""

    id: str
    about: About
    given: Given
    person_id: str
    resident_id: str
    by_agent: bool
    channel: str
    rated_at: datetime
    at_core: AtCore = "waiting"
    core_reason: str | None = None
    excluded: bool = False
    is_nobodys: bool = False  # whoever gave it deleted their account

    @property
    def is_bad(self) -> bool:
        return self.given.grade in BAD


@dataclass(frozen=True, slots=True)
class Appeal:
    kind: AppealKind
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    uphold: bool
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    round: int
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rectification:
    """Of the rating with the same id. `revision` grows with every act. `lates`: how many limits were missed; `escalated_at`: the first time one was."""

    id: str
    department: str | None
    state: State
    revision: int
    round: int
    opened_at: datetime
    due_at: datetime
    total_due_at: datetime
    late: bool = False
    lates: int = 0
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    note: str = ""  # the supervisor's, at triage
    replies: tuple[Reply, ...] = ()
    appeal: Appeal | None = None
    decision: Decision | None = None
    words: tuple[tuple[Word, str, datetime, bool], ...] = field(default=())  # what was said at call-back: (word, text, at, by phone)
    published: Published | None = None

    def is_overdue(self, at: datetime) -> bool:
        return self.state in OPEN and self.due_at < at
