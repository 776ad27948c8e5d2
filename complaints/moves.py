"""A complaint is what its moves tell, in whatever order they came. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from complaints.values import OPEN, REPLY_DAYS, Complaint, Move
from core.complaints import ComplaintKind, ComplaintMove
from kit.workdays import Calendar, day_of, end_of


def of_core(move: ComplaintMove) -> Move:
    return Move(move.version, move.state, move.at, move.text, move.department, move.due_at)


def told(one: Complaint, number: str, moves: Iterable[Move], calendar: Calendar) -> Complaint:
    """With these moves among those known. What was known of a version stands: the second telling changes nothing. Of nobody's complaint no word is kept."""
    news = [replace(move, text="") for move in moves] if one.is_nobodys else moves
    known = {move.version: move for move in news} | {move.version: move for move in one.moves}
    ordered = tuple(known[version] for version in sorted(known))
    last = ordered[-1] if ordered else None
    department = next((move.department for move in reversed(ordered) if move.department), one.department)
    changed = replace(one, number=one.number or number, moves=ordered, department=department, at_core="told")
    if last is None:
        return changed
    return replace(changed, state=last.state, version=last.version, due_at=_due(changed, calendar), late=_was_late(changed, calendar))


def first_due(kind: ComplaintKind, at: datetime, calendar: Calendar) -> datetime:
    """Our own count: the end of the last working day."""
    return end_of(calendar.add_workdays(day_of(at), REPLY_DAYS[kind]).day)


def _was_late(one: Complaint, calendar: Calendar) -> bool:
    """Whether any wait ended after its day."""
    ends = [n for n, move in enumerate(one.moves) if move.state not in OPEN and n > 0 and one.moves[n - 1].state in OPEN]
    dues = [(one.moves[n].at, _due(replace(one, moves=one.moves[:n]), calendar)) for n in ends]
    return any(due is not None and at > due for at, due in dues)


def _due(one: Complaint, calendar: Calendar) -> datetime | None:
    """By when a reply comes: the core's day, else our own count from when it last began to wait."""
    since = next((move for move in reversed(one.moves) if move.state not in OPEN), None)
    waiting = [move for move in one.moves if since is None or move.version > since.version]
    set_by_core = next((move.due_at for move in reversed(waiting) if move.due_at is not None), None)
    if set_by_core is not None or not waiting:
        return set_by_core
    return first_due(one.said.kind, waiting[0].at, calendar)
