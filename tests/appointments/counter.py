"""A core of halls that answers as a test says, over real HTTP, and the verbs of appointments at it with the real stores."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from appointments import booking, making, slot_store, store, wait_store, waiting
from appointments.conflicts import Help
from appointments.rules import Rules
from appointments.slot_store import Slots
from appointments.store import Appointments
from appointments.values import Appointment, Hall, Line, Slot, State, Wait, Who, Wish
from appointments.wait_store import Waits
from appointments.work import Change, Work, book_key
from core.appointments import CoreAppointments
from core.appointments import Hall as CoreHall
from core.appointments import Slot as CoreSlot
from core.client import Core, CoreAccount
from kit import outbox
from kit.clock import BEIJING, at_edge, now
from kit.crypto import Keyring
from kit.errors import Conflict
from kit.http import Http
from kit.ids import new_nonce
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row
from tests.listener import listening

Json = Any
ITEM, AID = "11440300-1", Help("12345")
HALL = Hall("hall-1", "政务服务大厅", "望江路1号")
_ACT = re.compile(r"/core/v1/appointments(?:/(?P<own>[^/]+)(?:/(?P<act>\w+))?)?")
_TO = {"cancellation": "cancelled", "arrival": "arrived"}


@dataclass(slots=True)
class CoreOfHalls:
    """`no`: act (book, look, cancellation, arrival) -> (status, code or None), until taken out. `meanwhile`: happens before a booking is answered."""

    held: dict[str, Json] = field(default_factory=dict)
    no: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[str], Awaitable[None]] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        found = _ACT.fullmatch(request.path)
        assert found is not None, request.path
        act = found["act"] or ("book" if request.method == "POST" else "look")
        self.asked.append(act)
        if act in self.no:
            status, code = self.no[act]
            return web.json_response({"code": code} if code else {}, status=status)
        if act == "book":
            return await self._book(await request.json())
        if found["own"] not in self.held:
            return web.json_response({"code": "unknown_appointment"}, status=404)
        if act in _TO:
            self.moves(found["own"], _TO[act])
        return web.json_response(self.held[found["own"]])

    async def _book(self, asked: Json) -> web.StreamResponse:
        about = {"number": "A001", "hall": {"hall_id": HALL.hall_id, "name": HALL.name, "address": HALL.address}}
        begins = datetime.fromisoformat(asked["slot_id"])
        times = {"starts_at": at_edge(begins), "ends_at": at_edge(begins + timedelta(hours=1))}
        answered = {**asked, **about, **times, "state": "booked", "version": 1}
        self.held[asked["appointment_id"]] = answered
        if self.meanwhile is not None:
            await self.meanwhile(asked["appointment_id"])
        return web.json_response(answered)  # as it was when it was booked, whatever happened since

    def moves(self, own: str, to: str) -> None:
        kept = self.held[own]
        if kept["state"] != to:
            self.held[own] = {**kept, "state": to, "version": kept["version"] + 1}


@dataclass(slots=True)
class Counter:
    """`told`: (kind, problem) of what is told, in order."""

    work: Work
    core: CoreOfHalls
    mongo: Mongo
    changes: list[Change] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        return [one.kind for one in self.changes]

    async def slot(self, *, left: int = 1, at: datetime | None = None) -> Slot:
        """Its id is its beginning, so that the core knows when it is."""
        begins = at or in_days(3)
        hall = CoreHall(hall_id=HALL.hall_id, name=HALL.name, address=HALL.address)
        times = {"starts_at": begins, "ends_at": begins + timedelta(hours=1)}
        seen = CoreSlot(slot_id=slot_id(begins), item_code=ITEM, hall=hall, capacity=9, left=left, **times)
        await self.work.slots.see([seen], ITEM, (begins, begins + timedelta(seconds=1)), now())
        return await self.seen(slot_id(begins))

    async def seen(self, own: str) -> Slot:
        found = await self.work.slots.slot(own)
        assert found is not None
        return found

    async def take(self, person: str, slot: Slot, **more: Any) -> Appointment:
        return await making.make(self.work, make_wish(person, **more), await self.seen(slot.id), AID)

    async def asks_for(self, person: str, slot: Slot) -> Appointment:
        """Taken here; the core has not said yes yet."""
        self.core.no["book"] = (429, "busy")
        made = await self.take(person, slot)
        del self.core.no["book"]
        assert made.state is State.ASKING
        return made

    async def books(self, one: Appointment) -> Appointment:
        await booking.book(self.work, await self.row(book_key(one.id)))
        return await self.look(one.id)

    async def join(self, person: str, slot: Slot) -> Wait:
        day = slot.starts_at.astimezone(BEIJING).date().isoformat()
        return await waiting.join(self.work, f"aw_{new_nonce()}", make_who(person), Line(ITEM, "居住证申领", None, day, day))

    async def wait(self, own: Wait) -> Wait:
        found = await self.work.waits.wait(own.id)
        assert found is not None
        return found

    async def look(self, own: str) -> Appointment:
        found = await self.work.store.appointment(own)
        assert found is not None
        return found

    async def row(self, key: str) -> Row:
        found = await self.work.outbox.take_key(key)
        assert found is not None, f"nobody has to do {key}"
        return found

    async def is_done(self, key: str) -> bool:
        row = await self.mongo["outbox"].find_one({"_id": key})
        assert row is not None
        return bool(row["state"] == "done")


def slot_id(begins: datetime) -> str:
    return f"{begins.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def in_days(days: int) -> datetime:
    """At ten in Beijing."""
    return (now().astimezone(BEIJING) + timedelta(days=days)).replace(hour=10, minute=0, second=0, microsecond=0)


def make_who(person: str, **more: str) -> Who:
    return Who(**{"person_id": person, "visitor_id": person, "resident_id": f"r_{person}", "subject_key": f"person:{person}", **more})


def make_wish(person: str, *, who: Who | None = None, **more: Any) -> Wish:
    return Wish(**{"id": f"ap_{new_nonce()}", "who": who or make_who(person), "item_code": ITEM, "item_name": "居住证申领", **more})


@contextmanager
def refused(code: str, *words: str, without: str = "") -> Iterator[None]:
    """What happens inside is refused, in these words and not in that one."""
    with pytest.raises(Conflict) as told:
        yield
    title = told.value.title
    assert told.value.code == code and all(one in title for one in words) and not (without and without in title), title


@asynccontextmanager
async def at_the_counter(mongo: Mongo, keys: Keyring) -> AsyncIterator[Counter]:
    await mongo.create_indexes({**store.INDEXES, **slot_store.INDEXES, **wait_store.INDEXES, **outbox.INDEXES})
    halls, changes = CoreOfHalls(), list[Change]()

    async def told(tx: Tx, change: Change) -> None:
        changes.append(change)

    async with listening(halls.answer) as url:
        http = Http([url])
        door = CoreAppointments(Core(http, CoreAccount(f"{url}/core/v1", "tests", b"a secret of the tests")))
        work = Work(mongo, Appointments(mongo, keys), Slots(mongo), Waits(mongo), door, Outbox(mongo), told, Rules())
        yield Counter(work, halls, mongo, changes)
        await http.close()
