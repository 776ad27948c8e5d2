"""What a complaint is made of. Frozen; states are the core's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.complaints import ComplaintKind, ComplaintState

AtCore = Literal["waiting", "told", "refused"]
Registered = Literal["waiting", "told", "refused", "handed_over"]  # handed_over: refused there, and staff passed it on in another way
NOT_THERE: frozenset[Registered] = frozenset({"refused", "handed_over"})  # the core does not have it: no state, day or reply of it comes from there
KINDS: dict[ComplaintKind, str] = {"complaint": "投诉", "suggestion": "建议", "consultation": "咨询"}
STATES: dict[ComplaintState, str] = {
    ComplaintState.RECEIVED: "已登记",
    ComplaintState.ASSIGNED: "已分派",
    ComplaintState.TRANSFERRED: "已转办",
    ComplaintState.REPLIED: "已答复",
    ComplaintState.REOPENED: "追问办理中",
    ComplaintState.CLOSED: "已办结",
    ComplaintState.NOT_ACCEPTED: "不予受理",
    ComplaintState.OTHER: "办理中",
}
OPEN = frozenset({ComplaintState.RECEIVED, ComplaintState.ASSIGNED, ComplaintState.TRANSFERRED, ComplaintState.REOPENED, ComplaintState.OTHER})
REPLY_DAYS: dict[ComplaintKind, int] = {"consultation": 5, "suggestion": 15, "complaint": 15}  # working days, where the core sets no day
MOST_A_DAY = 10  # of one person
MOST_FILES = 9
ASKED_AGAIN = timedelta(days=15)  # after it was closed


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of the talk with the assistant that led here, masked before it was kept."""

    at: datetime
    by: Literal["resident", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has to say. `files`: ids of uploads of theirs. `conversation_id`: of the talk that came along."""

    kind: ComplaintKind
    title: str
    text: str
    item_code: str | None = None
    case_no: str | None = None
    files: tuple[str, ...] = ()
    conversation: tuple[Spoken, ...] = ()
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One step as the core told it."""

    version: int
    state: ComplaintState
    at: datetime
    text: str = ""
    department: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What the resident did afterwards: a question (`grade` None), or what they thought of the reply."""

    id: str
    text: str
    at: datetime
    at_core: AtCore
    grade: int | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Where staff passed on what the core had refused, for the resident to read."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Complaint:
    """As it is held here. `number` None: the core has not given it one yet. `region`: division code of the item, or of the case's."""

    id: str
    said: Said
    person_id: str
    resident_id: str
    channel: str
    told_at: datetime
    at_core: Registered
    number: str | None
    state: ComplaintState
    version: int
    department: str | None
    due_at: datetime | None
    moves: tuple[Move, ...]
    acts: tuple[Act, ...]
    revision: int
    late: bool = False  # a reply of it came after its day
    is_nobodys: bool = False  # whoever wrote it deleted their account
    region: str | None = None
    handed: HandedOver | None = None

    @property
    def is_rated(self) -> bool:
        return any(one.grade is not None and one.at_core != "refused" for one in self.acts)

    @property
    def is_busy(self) -> bool:
        """Something the resident did is still on its way to the core."""
        return any(one.at_core == "waiting" for one in self.acts)

    @property
    def has_reply(self) -> bool:
        """One that nothing was asked about since."""
        last = next((one.state for one in reversed(self.moves) if one.state in (ComplaintState.REPLIED, ComplaintState.REOPENED)), None)
        return last is ComplaintState.REPLIED and self.state in (ComplaintState.REPLIED, ComplaintState.CLOSED)

    @property
    def asked_until(self) -> datetime | None:
        """Until when a closed one may be asked about again. None: it is not closed."""
        closed = next((one.at for one in reversed(self.moves) if one.state is ComplaintState.CLOSED), None)
        return None if self.state is not ComplaintState.CLOSED or closed is None else closed + ASKED_AGAIN

    def can_follow_up(self, at: datetime) -> bool:
        return self.has_reply and not self.is_busy and (self.asked_until is None or at <= self.asked_until)

    @property
    def can_rate(self) -> bool:
        return self.has_reply and not self.is_rated and not self.is_busy

    def is_overdue(self, at: datetime) -> bool:
        return self.due_at is not None and self.state in OPEN and self.at_core not in NOT_THERE and self.due_at < at
