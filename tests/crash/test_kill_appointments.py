"""kill -9 around the call that books an appointment, and around a move: one appointment at the core, and no place is lost."""

import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from kit.mongo import Mongo
from tests.api.booking import Hall, look, make_hall, move_to, saturday, take
from tests.api.house import House, Json, Resident, make_resident, until
from tests.crash.killing import killed, steady

pytestmark = pytest.mark.crash
TIMES = 2
POINTS = ["appointments.held", "appointments.before_book", "appointments.after_book", "appointments.recorded"]


async def time_goes_by(database: Mongo) -> None:
    """A dead process's lease ends."""
    rows = {"state": "waiting", "kind": {"$regex": "^appointment[.]"}}
    await database["outbox"].update_many(rows, [{"$set": {"due_at": "$$NOW", "held": False}}])


async def only_one(resident: Resident, database: Mongo, slot: Json) -> str:
    """Its id, once this resident has a booked appointment in this slot."""

    async def there() -> str | None:
        await time_goes_by(database)
        row = await database["appointments"].find_one({"slot_id": slot["slot_id"], "resident_id": {"$exists": True}, "state": "booked"})
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return str(row["_id"]) if row is not None and (await look(resident, row["_id"]))["state"] == "booked" else None
        return None

    return str(await until(there, 60))


async def balanced(hall: Hall, database: Mongo, slot: Json, left: int) -> None:
    """The core, our count, and nothing held."""

    async def even() -> bool:
        await time_goes_by(database)
        row = await database["slots"].find_one({"_id": slot["slot_id"]})
        return bool(await hall.left_at_core(slot) == left and row is not None and row["holds"] == [])

    await until(even, 60)


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_while_a_place_is_booked(house: House, database: Mongo, points: Path, point: str) -> None:
    hall = await steady(lambda: make_hall(house))
    for n in range(TIMES):
        resident = await steady(lambda: make_resident(house))
        slot, key = await hall.slot(at=saturday() + timedelta(hours=n)), uuid.uuid4().hex
        await killed(points, point, lambda who=resident, slot=slot, key=key: take(who, slot, key))  # type: ignore[misc]
        own = await only_one(resident, database, slot)
        assert [one["appointment_id"] for one in await hall.at_core(slot)] == [own]
        await balanced(hall, database, slot, 0)


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", [*POINTS, "appointments.after_call_off"])
async def test_a_kill_while_somebody_moves_leaves_one_of_both(house: House, database: Mongo, points: Path, point: str) -> None:
    hall = await steady(lambda: make_hall(house))
    for n in range(TIMES):
        resident = await steady(lambda: make_resident(house))
        old, new = await hall.slot(at=saturday() + timedelta(hours=n)), await hall.slot(at=saturday() + timedelta(days=1, hours=n))

        async def first(who: Resident = resident, slot: Json = old) -> Json:
            answer = await take(who, slot)
            assert answer.status in (201, 202), answer.body
            return answer.json

        await steady(first)
        made = await only_one(resident, database, old)
        await killed(points, point, lambda who=resident, own=made, slot=new: move_to(who, own, slot))  # type: ignore[misc]
        own = await only_one(resident, database, new)
        assert [one["appointment_id"] for one in await hall.at_core(new)] == [own]
        await balanced(hall, database, old, 1)
        await balanced(hall, database, new, 0)
        assert (await steady(lambda who=resident, made=made: look(who, made)))["moved_to"] == own  # type: ignore[misc]
