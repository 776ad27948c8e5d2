"""A case as its moves tell it: a pure rule, so that any order, loss and repetition of what the core sends ends in the same case.

The moves are a set, known by their version; everything else follows from the set. A version told twice with other words keeps the first
(a core does not do that, and the resident has read it). What the core says is never changed here: `deemed_…` stands beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.deeming import settled
from cases.handed_in import Content, Round, from_rows
from cases.notices import Notice, notices_of
from core.types import CaseMove, CaseState

# What ends the agency's five days (行政许可法 §32): it took the case, refused it or said what is missing. A decision or a withdrawal does so too.
_REPLIES = frozenset(CaseState) - {CaseState.SENDING, CaseState.SUBMITTED, CaseState.SUPPLEMENTED, CaseState.OTHER}


@dataclass(frozen=True, slots=True)
class Projection:
    """`open_notice` is the notice the case waits for. `gap`: a move we have not seen lies before one we have."""

    state: CaseState | None
    version: int
    timeline: tuple[CaseMove, ...]
    moved_at: datetime | None
    notices: tuple[Notice, ...]
    open_notice: Notice | None
    received_at: datetime | None
    first_reply_at: datetime | None
    gap: bool


def project(
    moves: Iterable[CaseMove], case_no: str = "", first: Content | None = None, rounds: Sequence[Round] = (), submitted_at: datetime | None = None
) -> Projection:
    """`submitted_at` is when the core took the case, where the move that says so is missing."""
    known: dict[int, CaseMove] = {}
    for move in moves:
        known.setdefault(move.version, move)
    timeline = tuple(known[version] for version in sorted(known))
    last = timeline[-1] if timeline else None
    notices = notices_of(case_no, timeline, first, rounds)
    waits = last is not None and last.state is CaseState.CORRECTIONS
    received = next((move.at for move in timeline if move.state is CaseState.SUBMITTED), submitted_at)
    return Projection(
        state=last.state if last else None,
        version=last.version if last else 0,
        timeline=timeline,
        moved_at=last.at if last else None,
        notices=notices,
        open_notice=notices[-1] if waits else None,
        received_at=received,
        first_reply_at=min((move.at for move in timeline if move.state in _REPLIES), default=None),
        gap=last is not None and len(timeline) < last.version,
    )


def projection_of(row: Mapping[str, Any], more: Iterable[CaseMove] = (), case_no: str | None = None) -> Projection:
    """Of a stored case, with moves it may not have seen."""
    told = [CaseMove.model_validate(entry) for entry in row["timeline"]]
    content = row.get("content")
    rounds = [Round(one["version"], from_rows(one["content"])) for one in row.get("rounds") or ()]
    number = row["case_no"] or case_no or ""
    return project([*told, *more], number, None if content is None else from_rows(content), rounds, row.get("submitted_at"))


def change_of(row: Mapping[str, Any], made: Projection, now: datetime) -> dict[str, Any]:
    """What to write over `row` so that it shows `made`; the row's own state stays while no move is known."""
    change: dict[str, Any] = {
        "timeline": [_entry(move) for move in made.timeline],
        "version": made.version,
        "received_at": made.received_at,
        "first_reply_at": made.first_reply_at,
        "gap": made.gap,
        "open_notice": made.open_notice.notice_no if made.open_notice else None,
        "notices_again": [{"notice_no": one.notice_no, "at": one.issued_at} for one in made.notices if one.again],
    }
    if made.state is not None:
        change |= {"state": made.state.value, "moved_at": made.moved_at}
    if row.get("first_reply_due_at") is not None and row.get("received_at") != made.received_at:
        return change | {"first_reply_due_at": None, "first_reply_edition": None}  # counted anew by the job
    return change | settled({**row, **change}, now)


def _entry(move: CaseMove) -> dict[str, Any]:
    """As Mongo gives it back, so that what changes nothing is seen to change nothing."""
    told = move.model_dump(mode="python")
    return told | {"state": move.state.value, "findings": [dict(one) for one in told["findings"]]}
