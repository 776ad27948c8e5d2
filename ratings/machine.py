"""How a bad rating is put right: which act leads from which state where, and until when the next one is due. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kit.workdays import Calendar, day_of, end_of
from ratings.values import OPEN, Rectification, State, Terms

Act = Literal["triage", "reply", "appeal", "uphold", "dismiss", "satisfied", "unsatisfied", "unreached"]
ROUNDS = 2  # an unsatisfied call-back sends it back once; the second one closes it
MOVES: dict[tuple[State, Act], State] = {
    (State.TRIAGE, "triage"): State.WITH_DEPARTMENT,
    (State.WITH_DEPARTMENT, "triage"): State.WITH_DEPARTMENT,  # handed to another department: its days are not begun anew
    (State.WITH_DEPARTMENT, "reply"): State.CALL_BACK,
    (State.WITH_DEPARTMENT, "appeal"): State.APPEALED,
    (State.APPEALED, "uphold"): State.UPHELD,
    (State.APPEALED, "dismiss"): State.WITH_DEPARTMENT,
    (State.CALL_BACK, "satisfied"): State.CLOSED_SATISFIED,
    (State.CALL_BACK, "unsatisfied"): State.WITH_DEPARTMENT,  # in the last round: closed
    (State.CALL_BACK, "unreached"): State.CLOSED_UNREACHED,  # once the days for it are over
}


@dataclass(frozen=True, slots=True)
class Step:
    """Where an act leads. `due_at` None: nothing is due any more."""

    state: State
    round: int
    due_at: datetime | None

    @property
    def closes(self) -> bool:
        return self.state not in OPEN


def opening(calendar: Calendar, terms: Terms, at: datetime) -> tuple[datetime, datetime]:
    """(until when it is looked at, until when all of it is done)."""
    total = due(calendar, at, terms.total_days)
    return min(due(calendar, at, terms.triage_days), total), total


def due(calendar: Calendar, at: datetime, days: int) -> datetime:
    """The end of the last of so many working days after today."""
    return end_of(calendar.add_workdays(day_of(at), days).day)


def step(one: Rectification, act: Act, calendar: Calendar, terms: Terms, at: datetime) -> Step | None:
    """None: not from this state, not twice, or not yet."""
    state, turn = MOVES.get((one.state, act)), one.round
    if state is None or (act == "appeal" and one.appeal is not None) or (act == "unreached" and at <= one.due_at):
        return None
    if act == "unsatisfied":
        state, turn = (State.CLOSED_UNSATISFIED, turn) if turn >= ROUNDS else (state, turn + 1)
    if state not in OPEN:
        return Step(state, turn, None)
    return Step(state, turn, _next_due(one, act, calendar, terms, at))


def _next_due(one: Rectification, act: Act, calendar: Calendar, terms: Terms, at: datetime) -> datetime:
    """Nobody has longer than all of it may take, but for whoever is called back: a reply on the last evening, or after it, takes no day of theirs."""
    if act == "reply":
        return due(calendar, at, terms.call_back_days)
    if act == "unsatisfied" or one.state is State.TRIAGE:
        return min(due(calendar, at, terms.reply_days), one.total_due_at)
    return one.due_at  # an appeal stops no clock
