"""One list of scans out of pushes and polls, and what it says of the parcel: the same list and the same word, whatever came first or twice.

Ends (signed, returned, lost, cancelled) and a refusal at the door count only when a poll showed them: whoever pushes may be a forger.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery.couriers import TERMINAL, Scan, ScanKind
from delivery.parcels import State

CONFIRMED = TERMINAL | {ScanKind.REJECTED}
_RANK = {kind: n for n, kind in enumerate(ScanKind)}  # within one second, which is all couriers tell
_STATES = {
    ScanKind.BOOKED: State.BOOKED,
    ScanKind.COLLECTED: State.COLLECTED,
    ScanKind.IN_TRANSIT: State.IN_TRANSIT,
    ScanKind.DELIVERING: State.DELIVERING,
    ScanKind.AT_PICKUP_POINT: State.AT_PICKUP_POINT,
    ScanKind.EXCEPTION: State.EXCEPTION,
    ScanKind.REJECTED: State.REJECTED,
    ScanKind.RETURNING: State.RETURNING,
    ScanKind.RETURNED: State.RETURNED,
    ScanKind.LOST: State.LOST,
    ScanKind.CANCELLED: State.CANCELLED,
    ScanKind.SIGNED: State.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A scan as it is kept. `n`: of the parcel's n-th courier order; `polled`: the courier itself said so when asked; `text` sealed."""

    id: str
    n: int
    kind: ScanKind
    at: datetime
    code: str
    polled: bool
    text: str

    @property
    def key(self) -> tuple[int, str]:
        return self.n, self.id

    @property
    def counts(self) -> bool:
        return self.polled or self.kind not in CONFIRMED

    @property
    def place(self) -> tuple[datetime, int, str]:
        """Where it stands in the list."""
        return self.at, _RANK[self.kind], self.id


@dataclass(frozen=True, slots=True)
class Standing:
    """What the list says: the parcel's state and the scan it comes from."""

    state: State
    by: Seen


def merged(kept: Iterable[Seen], more: Iterable[Seen]) -> list[Seen]:
    """Both, each scan once, in order. Where two differ under one id, what was polled is believed, else the later one."""
    found: dict[tuple[int, str], Seen] = {}
    for one in (*kept, *more):
        known = found.get(one.key)
        if known is None or _weight(one) > _weight(known):
            found[one.key] = one
    return sorted(found.values(), key=lambda one: (one.n, one.place))


def outweighs(scan: Scan, known: Seen | None, *, polled: bool) -> bool:
    """Whether it is news beside what is kept under its id."""
    return known is None or _weight(Seen(scan.scan_id, known.n, scan.kind, scan.at, scan.code, polled, "")) > _weight(known)


def _weight(one: Seen) -> tuple[bool, datetime, int, str]:
    return one.polled, one.at, _RANK[one.kind], one.code


def standing(scans: Sequence[Seen], n: int) -> Standing | None:
    """Of the parcel's n-th order; None: nothing that counts is known of it."""
    own = sorted((one for one in scans if one.n == n), key=lambda one: one.place)
    counting = [one for one in own if one.counts]
    if not counting:
        return None
    ends = [one for one in counting if one.kind in TERMINAL]
    by = (ends or counting)[-1]
    return Standing(_state(by, counting), by)


def unconfirmed(scans: Sequence[Seen], n: int) -> frozenset[str]:
    """Ends that a push told of and no poll has shown, as far as they would say something else than what is shown."""
    said = standing(scans, n)
    last = said.by if said is not None and said.by.kind in TERMINAL else None
    return frozenset(one.id for one in scans if one.n == n and not one.counts and (last is None or one.place > last.place))


def _state(by: Seen, counting: Sequence[Seen]) -> State:
    """Signed for after it was on its way back is signed for by the sender: a licence told as delivered that is not is worse than one to look for."""
    if by.kind is ScanKind.SIGNED and any(one.kind is ScanKind.RETURNING and one.polled and one.place < by.place for one in counting):
        return State.RETURNED
    return _STATES[by.kind]


def shown(scans: Iterable[Seen], n: int) -> list[Seen]:
    """What residents and staff may see: of the order that holds, without ends nobody confirmed."""
    return [one for one in scans if one.n == n and one.counts]
