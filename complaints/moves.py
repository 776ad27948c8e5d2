"""A complaint is what its moves tell, in whatever order they came. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from complaints.values import OPEN, REPLY_DAYS, Complaint, Move
from core.complaints import ComplaintMove
from kit.workdays import Calendar, day_of, end_of


def of_core(move: ComplaintMove) -> Move:
    return Move(move.version, move.state, move.at, move.text, move.department, move.due_at)


def told(one: Complaint, number: str, moves: Iterable[Move], calendar: Calendar) -> Complaint:
    """With these moves among those known. What was known of a version stands: the second telling changes nothing."""
    known = {move.version: move for move in moves} | {move.version: move for move in one.moves}
    ordered = tuple(known[version] for version in sorted(known))
    last = ordered[-1] if ordered else None
    department = next((move.department for move in reversed(ordered) if move.department), one.department)
    changed = replace(one, number=one.number or number, moves=ordered, department=department, at_core="told")
    if last is None:
        return changed
    return replace(changed, state=last.state, version=last.version, due_at=_due(changed, calendar))


def _due(one: Complaint, calendar: Calendar) -> datetime | None:
    """By when a reply comes: the core's day, else our own count from when it last began to wait."""
    since = next((move for move in reversed(one.moves) if move.state not in OPEN), None)
    waiting = [move for move in one.moves if since is None or move.version > since.version]
    set_by_core = next((move.due_at for move in reversed(waiting) if move.due_at is not None), None)
    if set_by_core is not None or not waiting:
        return set_by_core
    return end_of(calendar.add_workdays(day_of(waiting[0].at), REPLY_DAYS[one.said.kind]).day)
