"""kill -9 around every call to a courier, eight times each: one order at the courier, told once, and nobody has to do anything by hand."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from delivery.booking import QUIET
from kit.mongo import Mongo
from tests.api.house import House, Json, until
from tests.api.mailing import Mail, make_mail
from tests.crash.killing import TIMES, killed

pytestmark = pytest.mark.crash


async def steady(act: Callable[[], Awaitable[Json]]) -> Json:
    """As a resident does it: again, until it works."""

    async def done() -> Json:
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return await act()
        return None

    return await until(done, 60)


async def time_goes_by(database: Mongo) -> None:
    """A dead worker's lease ends, and the courier has said "nothing" for long enough."""
    back = -int((QUIET + 5) * 1000)
    earlier = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": back}}
    await database["shipments"].update_many({"state": "trying", "tried_at": {"$type": "date"}}, [{"$set": {"tried_at": earlier}}])
    rows = {"state": "waiting", "kind": {"$regex": "^(delivery[.](book|cancel)|parcel[.])"}}
    await database["outbox"].update_many(rows, [{"$set": {"due_at": "$$NOW", "held": False}}])


async def becomes(mail: Mail, database: Mongo, own: str, state: str) -> Json:
    async def there() -> Json:
        await time_goes_by(database)
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            parcel = await mail.look(own)
            return parcel if parcel["state"] == state else None
        return None

    return await until(there, 60)


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("courier", ["sf", "ems"])
@pytest.mark.parametrize("point", ["delivery.before_book", "delivery.after_book"])
async def test_a_kill_while_a_parcel_is_booked(house: House, database: Mongo, points: Path, point: str, courier: str) -> None:
    mail = await steady(lambda: make_mail(house))
    for _ in range(TIMES):
        asked = dict[str, str]()

        async def ask(asked: dict[str, str] = asked) -> None:
            asked["id"] = (await mail.asked(courier=courier))["id"]

        await killed(points, point, ask)
        parcel = await becomes(mail, database, asked["id"], "booked")
        assert [one["waybill"] for one in await mail.orders(parcel["id"], courier)] == [parcel["waybill"]]
        await steady(lambda own=parcel["id"]: _called_off(mail, own))  # type: ignore[misc]  # the licence goes out once more
        await becomes(mail, database, parcel["id"], "cancelled")


@pytest.mark.usefixtures("supervised")
async def test_a_kill_while_a_parcel_is_called_off(house: House, database: Mongo, points: Path) -> None:
    mail = await steady(lambda: make_mail(house))
    for _ in range(TIMES):
        parcel = await steady(mail.asked)
        await becomes(mail, database, parcel["id"], "booked")
        await killed(points, "delivery.after_cancel", lambda own=parcel["id"]: _called_off(mail, own))  # type: ignore[misc]
        await becomes(mail, database, parcel["id"], "cancelled")
        assert len(await mail.orders(parcel["id"])) == len(await mail.orders(parcel["id"], kind="order.cancelled")) == 1


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["callback.after_verify", "callback.before_ack"])
async def test_a_kill_while_a_push_is_taken(house: House, database: Mongo, points: Path, point: str) -> None:
    """The courier comes again: its scans are there once, and an end is believed once it was asked for."""
    await house.world("POST", "/world/clock", {"speed": 60})  # a minute until SF comes again is a second
    mail = await steady(lambda: make_mail(house))
    for _ in range(TIMES):
        asked = await steady(mail.asked)
        parcel = await becomes(mail, database, asked["id"], "booked")
        await killed(points, point, lambda parcel=parcel: mail.scan(parcel, "collect"))  # type: ignore[misc]
        await becomes(mail, database, parcel["id"], "collected")
        await mail.scan(parcel, "return", "returned")  # the licence may go out once more
        done = await becomes(mail, database, parcel["id"], "returned")
        assert [one["kind"] for one in done["scans"]] == ["collected", "returning", "returned"]
    await house.world("POST", "/world/clock", {"speed": 1})


async def _called_off(mail: Mail, own: str) -> Json:
    answer = await mail.resident.api("DELETE", f"/v1/parcels/{own}")
    assert answer.status == 200, answer.body
    return answer.json
