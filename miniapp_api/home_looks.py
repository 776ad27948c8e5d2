"""What the personal page and the enterprise page are made from: every source asked at once, each for a second at most, each for itself.

A source that does not answer leaves its part of the page unsaid; it never takes the page away.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from content.recommend import birthday, births
from core.bills import Bill, BillState
from core.licences import Licence
from kit.clock import now
from kit.errors import AppError, Outside
from kit.mongo import PyMongoError
from miniapp_api import case_rated
from miniapp_api.gate import Call
from miniapp_api.routes.files import owner_of
from payments.order_store import digest
from residents.changes import address
from residents.sessions import Subject

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds for each source
MOST = 20  # rows of a part
FOLLOWS = timedelta(days=365)  # how long a decision may lead to something further
MESSAGES = 500  # of the inbox, counted for unread ones
AWAY = "暂时查不到，请稍后再看"
NOT_GRANTED = "对方的授权不包括这一项"
NOT_OF_ENTERPRISES = "法人没有这一项，请换回本人查看"
REAL_NAME = "完成实名认证后显示"
OWN_ONLY = "只有本人能看，请换回本人查看"
# What an agent may look at: what the grant is for, and what belongs to it.
GRANTED: Mapping[str, frozenset[str]] = {
    "cases": frozenset({"apply", "delivery"}),
    "corrections": frozenset({"apply", "delivery"}),
    "ratings": frozenset({"apply"}),
    "licences": frozenset({"licence"}),
    "bills": frozenset({"pay"}),
    "appointments": frozenset({"apply"}),
    "parcels": frozenset({"delivery"}),
    "materials": frozenset({"apply"}),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    """What a source said. `why` it is not shown, or `away`: it did not answer."""

    value: T | None = None
    away: bool = False
    why: str | None = None


@dataclass(frozen=True, slots=True)
class OwnBills:
    bills: list[Bill]
    live: Mapping[str, Mapping[str, Any]]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Birthdays, for recommendations alone."""

    born: Any = None
    wards: tuple[Any, ...] = ()
    is_enterprise: bool = False


@dataclass(slots=True)
class Looks:
    """Everything the page is made from, by name."""

    at: datetime
    got: dict[str, Got[Any]] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        return self.got[name].value


async def look(call: Call) -> Looks:
    found = Looks(now())
    names = list(_SOURCES)
    answers = await asyncio.gather(*(_ask(call, name) for name in names))
    found.got = dict(zip(names, answers, strict=True))
    return found


async def _ask(call: Call, name: str) -> Got[Any]:
    if (why := withheld(name, call.resident.subject)) is not None:
        return Got(why=why)
    try:
        async with asyncio.timeout(PATIENCE):
            return Got(await _SOURCES[name](call))
    except (Outside, AppError, TimeoutError, PyMongoError) as exc:
        log.info("part of a page not known", extra={"part": name, "error": type(exc).__name__})
        return Got(away=True)


def withheld(name: str, subject: Subject | None) -> str | None:
    """Why a part is not for whoever asks; None: it is."""
    if name in ("unread", "wishes"):
        return None
    if subject is None:
        return None if name == "materials" else REAL_NAME
    if name == "bills" and not subject.key.startswith("person:"):
        return NOT_OF_ENTERPRISES
    if name in ("accesses", "complaints") and subject.role != "self":
        return OWN_ONLY
    if subject.role != "agent":
        return None
    if name not in GRANTED:
        return OWN_ONLY
    return None if subject.purposes is None or GRANTED[name] & subject.purposes else NOT_GRANTED


async def _cases(call: Call) -> tuple[list[dict[str, Any]], int]:
    return await call.deps.homing.cases.open_of(_key(call), MOST)


async def _corrections(call: Call) -> list[dict[str, Any]]:
    return await call.deps.homing.cases.to_correct(_key(call), MOST)


async def _decided(call: Call) -> list[dict[str, Any]]:
    return await call.deps.homing.cases.decided_of(_key(call), now() - FOLLOWS, MOST)


async def _licences(call: Call) -> Sequence[Licence]:
    found = await call.deps.applying.licensing.shelf.of(_key(call))
    if found is None:
        raise TimeoutError
    return found


async def _bills(call: Call) -> OwnBills:
    """Those to be paid. While the core is away, what was shown last, dated."""
    paying, person_id, as_of = call.deps.paying, _key(call).removeprefix("person:"), None
    seen = await paying.orders.bills_shown(person_id)
    try:
        async with asyncio.timeout(PATIENCE * 0.8):
            bills = list(await paying.core.bills(person_id, "unpaid"))
        agreed = {bill.bill_id: digest(bill) for bill, _ in seen}
        await paying.orders.shown([bill for bill in bills if agreed.get(bill.bill_id) != digest(bill)])
    except (Outside, TimeoutError):
        if not seen:
            raise
        bills, as_of = [bill for bill, _ in seen if bill.state is BillState.UNPAID], min(at for _, at in seen)
    return OwnBills(bills, await paying.orders.live_of([bill.bill_id for bill in bills]), as_of)


async def _appointments(call: Call) -> Sequence[Any]:
    return await call.deps.appointing.store.coming(_key(call), now(), MOST)


async def _parcels(call: Call) -> Sequence[Any]:
    return await call.deps.delivering.shipping.store.under_way(_key(call), MOST)


async def _complaints(call: Call) -> Sequence[Any]:
    return await call.deps.complaining.store.mine(_key(call).removeprefix("person:"), None, MOST, open_only=True)


async def _unread(call: Call) -> int:
    caller = call.resident
    return await call.deps.messages.unread(address(caller.person_id, caller.resident_id), MESSAGES)


async def _materials(call: Call) -> Sequence[Mapping[str, Any]]:
    return await call.deps.files.store.saved(owner_of(call).key, MOST)


async def _accesses(call: Call) -> Sequence[Mapping[str, Any]]:
    person_id = _key(call).removeprefix("person:")
    accounts = await call.deps.residents.residents_of(person_id)
    return await call.deps.privacy.looks([person_id, *(f"resident:{one}" for one in accounts)], None, 5)


async def _people(call: Call) -> People:
    """Whom the page is for: of a ward what its guardian knows, of an enterprise nothing."""
    subject, own = cast("Subject", call.resident.subject), str(call.resident.person_id)
    if subject.role == "enterprise":
        return People(is_enterprise=True)
    if subject.role == "guardian":
        wards = await call.deps.acting.kin.wards(own)
        return People(next((birthday(one.id_number) for one in wards if subject.key == f"person:{one.person_id}"), None))
    person, wards = await asyncio.gather(call.deps.residents.person(own), _quick_wards(call, own))
    return People(birthday(person.id_number) if person is not None else None, births(one.id_number for one in wards))


async def _quick_wards(call: Call, person_id: str) -> Sequence[Any]:
    """Without the core's word nothing is recommended for children; the rest stands."""
    try:
        async with asyncio.timeout(PATIENCE * 0.8):
            return await call.deps.acting.kin.wards(person_id)
    except (Outside, TimeoutError):
        return ()


async def _wishes(call: Call) -> Mapping[str, Any]:
    caller = call.resident
    return await call.deps.residents.preferences.read(caller.person_id, caller.resident_id) or {}


def _key(call: Call) -> str:
    return cast("Subject", call.resident.subject).key


_SOURCES: Mapping[str, Callable[[Call], Awaitable[Any]]] = {
    "cases": _cases,
    "corrections": _corrections,
    "decided": _decided,
    "ratings": case_rated.to_do,
    "licences": _licences,
    "bills": _bills,
    "appointments": _appointments,
    "parcels": _parcels,
    "complaints": _complaints,
    "unread": _unread,
    "materials": _materials,
    "accesses": _accesses,
    "people": _people,
    "wishes": _wishes,
}
